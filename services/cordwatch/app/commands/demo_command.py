"""`cordwatch demo`: a day on the wards, on an embedded broker."""

from __future__ import annotations

import sys

import click

from cordwatch.app.commands.options import environment_of
from cordwatch.app.demo import run_demo


@click.command()
@click.option("--once", is_flag=True, help="End by itself, with a summary; 0 only if all is right.")
@click.pass_context
def demo(ctx: click.Context, /, *, once: bool) -> None:
    """
    Replay a day of invented messages on an embedded broker: the board live with its pages, the alerts here.

    Nothing to install, nothing kept: the broker lives in this process. The
    clock runs faster and says so; the pager tells destinations that are nobody.
    Ctrl-C ends it. A production refuses it.

    \b
    Example:  cordwatch demo --once
    Exit codes: 0 done; 1 the expected alerts did not come; 2 the environment is production.
    """
    environment_of(ctx.find_root().obj).require_patients("cordwatch demo")
    sys.exit(run_demo(once=once))
