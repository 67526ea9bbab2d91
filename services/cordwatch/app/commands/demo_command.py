"""`cordwatch demo`: a day on the wards, on an embedded broker."""

from __future__ import annotations

import sys

import click

from cordwatch.app.demo import run_demo


@click.command()
@click.option("--once", is_flag=True, help="End by itself, with a summary; 0 only if all is right.")
def demo(*, once: bool) -> None:
    """
    Replay a day of invented messages on an embedded broker, and show the alerts live.

    Nothing to install, nothing kept: the broker lives in this process. The
    clock runs faster and says so. Ctrl-C ends it.

    \b
    Example:  cordwatch demo --once
    Exit codes: 0 done; 1 the expected alerts did not come.
    """
    sys.exit(run_demo(once=once))
