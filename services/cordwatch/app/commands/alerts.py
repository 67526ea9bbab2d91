"""`cordwatch alerts`: what is published, folded by alert id, live where asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.runtime.kafka import read_topic
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.synthetic import is_synthetic
from cordwatch_schemas.topics import ALERTS

if TYPE_CHECKING:
    from rich.table import Table

_ROWS = 40
_SEVERITIES = {"critical": "bold red", "urgent": "red", "warning": "yellow", "info": "cyan"}


def countdown(due_at: datetime | None, now: datetime) -> str:
    """Return the time left to *due_at*, `+` in front when it has passed."""
    if due_at is None:
        return "-"
    left = due_at - now
    late = left < timedelta(0)
    seconds = int(abs(left).total_seconds())
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{'+' if late else ''}{hours}:{minutes:02}:{seconds % 60:02}"


def alert_table(alerts: Iterable[Alert], now: datetime) -> Table:
    """Return the latest alerts as a table, the newest last, with time left."""
    from rich.table import Table  # noqa: PLC0415 - heavy, and not for --json

    shown = sorted(alerts, key=lambda one: one.raised_at)[-_ROWS:]
    table = Table(title=f"alerts at {now:%Y-%m-%d %H:%M:%S} UTC", title_justify="left")
    for name in ("raised", "patient", "ward", "rule", "level", "severity", "left", "status", "why"):
        table.add_column(name, no_wrap=name != "why")
    for one in shown:
        level = f"{one.level or '-'}{f' {one.repeat}' if one.repeat else ''}"
        table.add_row(
            f"{one.raised_at:%m-%d %H:%M:%S}",
            one.patient[:10],
            one.ward or "-",
            one.rule,
            level,
            one.severity if one.paged else f"{one.severity} (board)",
            countdown(one.due_at, now) if one.status == "open" else "-",
            one.status,
            one.reason,
            style=_SEVERITIES[one.severity] if one.status == "open" else "dim",
        )
    return table


@click.command()
@click.option("--follow", is_flag=True, help="Go on, live, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as published.")
@click.option("--open", "only_open", is_flag=True, help="Only alerts that still hold.")
@click.pass_context
def alerts(ctx: click.Context, *, follow: bool, as_json: bool, only_open: bool) -> None:
    """
    Show what watch has published; nothing of synthetic patients.

    \b
    Example:  cordwatch alerts --follow
              cordwatch alerts --json | jq 'select(.paged)'
    Exit codes: 0; 3 topics are missing; 4 no broker answers.
    """
    from rich.console import Console  # noqa: PLC0415 - heavy
    from rich.live import Live  # noqa: PLC0415

    kafka, clock = kafka_of(ctx), WallClock()
    # Into a file or a pipe as wide as its columns need.
    console = Console(width=None if sys.stdout.isatty() else 160)
    latest: dict[str, Alert] = {}

    def shown() -> Table:
        kept = (one for one in latest.values() if not only_open or one.status == "open")
        return alert_table(kept, clock.now())

    is_live = follow and not as_json and console.is_terminal
    with Live(console=console, auto_refresh=False, screen=False) as live:
        for record in read_topic(kafka, ALERTS.name, follow=follow):
            if record is not None and record[1] is not None and not _is_nobodys(record[0]):
                alert = Alert.model_validate_json(record[1])
                known = latest.get(alert.alert_id)
                if known is None or alert.revision >= known.revision:
                    latest[alert.alert_id] = alert
                    if as_json and (not only_open or alert.status == "open"):
                        click.echo(alert.model_dump_json())
                    elif follow and not is_live:
                        click.echo(line_of(alert))
            elif is_live:
                live.update(shown(), refresh=True)
        if not as_json and not follow:
            live.update(shown(), refresh=True)


def _is_nobodys(key: bytes | None) -> bool:
    return is_synthetic((key or b"").decode("ascii", "replace"))


def line_of(alert: Alert) -> str:
    """Return an alert in a line, for terminals that are none."""
    level = f"{alert.level or alert.kind}{f' {alert.repeat}' if alert.repeat else ''}"
    return (
        f"{alert.raised_at:%Y-%m-%dT%H:%M:%SZ} {alert.severity:8} {alert.status:10} "
        f"{alert.patient[:12]} {alert.rule} {level}: {alert.reason}"
    )
