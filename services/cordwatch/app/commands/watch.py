"""`cordwatch watch`: run one worker."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from cordwatch.app.commands.options import kafka_of, pack_option
from cordwatch.runtime.wall_clock import WallClock
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
@click.option("--clock-speed", default=1.0, hidden=True)
@click.option("--clock-start", hidden=True)
@click.option("--clock-anchor", hidden=True)
@click.option("--embedded", is_flag=True, hidden=True)
@click.pass_context
def watch(
    ctx: click.Context,
    pack: str,
    group: str,
    metrics_host: str,
    metrics_port: int,
    session_timeout: float,
    hold: float,
    clock_speed: float,
    clock_start: str | None,
    clock_anchor: str | None,
    *,
    embedded: bool,
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
    kafka = kafka_of(ctx)
    starts_at = datetime.fromisoformat(clock_start) if clock_start else None
    anchor = datetime.fromisoformat(clock_anchor) if clock_anchor else None
    settings = WatchSettings(
        kafka=kafka.address,
        group=group,
        pack=pack,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        session_timeout_s=session_timeout,
        hold_s=hold,
        broker_timeout_s=kafka.timeout_s,
        api_version=(2, 0) if embedded else None,
        clock=WallClock(clock_speed, starts_at, anchor),
    )
    sys.exit(run(settings))
