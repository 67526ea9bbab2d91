"""`cordwatch demo`: a day on the wards, on an embedded broker."""

from __future__ import annotations

import sys

import click

from cordwatch.app.demo import run_demo


@click.command()
@click.option("--once", is_flag=True, help="End by itself, with a summary; 0 only if all is right.")
def demo(*, once: bool) -> None:
    """
    Replay a day of invented messages on an embedded broker: the board live with its pages, the alerts here.

    Nothing to install, nothing kept: the broker lives in this process. The
    clock runs faster and says so; the pager tells destinations that are nobody.
    Ctrl-C ends it.

    \b
    Example:  cordwatch demo --once
    Exit codes: 0 done; 1 the expected alerts did not come.
    """
    sys.exit(run_demo(once=once))
