"""`cordwatch watch`: run one worker."""

from __future__ import annotations

import sys
from typing import Any

import click

from cordwatch.app.commands.options import demo_of, demo_options, pack_option
from cordwatch.runtime.starting import leaving_is_fine
from cordwatch.watch.service import run
from cordwatch.watch.settings import WatchSettings


@click.command()
@pack_option
@click.option("--group", envvar="CORDWATCH_GROUP", default="cordwatch-watch", show_default=True)
@click.option(
    "--metrics-host", envvar="CORDWATCH_METRICS_HOST", default="127.0.0.1", show_default=True
)
@click.option(
    "--metrics-port",
    envvar="CORDWATCH_METRICS_PORT",
    default=9464,
    show_default=True,
    help="/metrics and /healthz; 0 takes a free port and logs it.",
)
@click.option(
    "--session-timeout",
    envvar="CORDWATCH_SESSION_TIMEOUT",
    default=10.0,
    show_default=True,
    help="Seconds until another worker takes over after a crash.",
)
@click.option(
    "--hold",
    envvar="CORDWATCH_HOLD",
    default=60.0,
    show_default=True,
    help="Seconds that alerts wait for a source that cannot be read, before they go out marked.",
)
@demo_options
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    pack: str,
    group: str,
    metrics_host: str,
    metrics_port: int,
    session_timeout: float,
    hold: float,
    **demo: Any,
) -> None:
    """
    Keep the clocks, and publish what they say. Scale out by running more of these.

    SIGTERM finishes what is in hand, commits and leaves. After a crash another
    worker takes over within the session timeout; nothing is lost or doubled.

    \b
    Example:  cordwatch --kafka broker:9092 watch
    Exit codes: 0 told to stop; 3 topics are missing; 4 no broker answers; 5 a
    bad pack; 70 ended itself (a supervisor starts it again).
    """
    leaving_is_fine()
    kafka, clock = demo_of(ctx, demo)
    settings = WatchSettings(
        kafka=kafka,
        group=group,
        pack=pack,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        session_timeout_s=session_timeout,
        hold_s=hold,
        clock=clock,
    )
    sys.exit(run(settings))
