"""`cordwatch operations`: what is wrong with the feeds, and what is usual for each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.feeds.trouble.operations import operational_alerts, remembered
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.operations import GatewayState, OperationalAlert

STALE_S = 180.0
"""A gateway tells where it stands every minute; one that did not is not there."""


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also what is over, of the last 60 days.")
@click.option(
    "--feeds", is_flag=True, help="Each feed instead: last message, silence, and its limit now."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def operations(ctx: click.Context, *, everything: bool, feeds: bool, as_json: bool) -> None:
    """
    Show operational alerts: silent feeds, more in quarantine than usual, a gateway that was away.

    \b
    Example:  cordwatch operations
              cordwatch operations --feeds
              cordwatch operations --all --json | jq 'select(.kind == "feed-silent")'
    Exit codes: 0 nothing is wrong; 1 an alert is open (with --feeds: a gateway does not
    tell where it stands); 3 topics are missing; 4 no broker answers.
    """
    kafka = kafka_of(ctx)
    if feeds:
        records = remembered(kafka).records
        states = [one for one in records if isinstance(one, GatewayState)]
        lines, is_wrong = _feeds(states, WallClock().now(), as_json=as_json)
    else:
        alerts = operational_alerts(kafka)
        is_wrong = any(one.status == "open" for one in alerts)
        shown = (one for one in alerts if everything or one.status == "open")
        lines = [one.model_dump_json() if as_json else line_of(one) for one in shown]
    for line in lines:
        click.echo(line)
    ctx.exit(1 if is_wrong else 0)


def line_of(one: OperationalAlert) -> str:
    """Return an operational alert in a line."""
    what = " ".join(part for part in (one.gateway, one.source, one.message_type) if part)
    over = f" until {one.over_at:%Y-%m-%dT%H:%M:%SZ}" if one.over_at else ""
    return f"{one.status:5} {one.kind:15} {what} since {one.since:%Y-%m-%dT%H:%M:%SZ}{over}: {one.reason}"


def _feeds(
    states: Sequence[GatewayState], now: datetime, *, as_json: bool
) -> tuple[list[str], bool]:
    """Return a line for each feed, and whether a gateway is not there."""
    lines, gone = [], False
    for state in states:
        is_gone = (now - state.saved_at).total_seconds() > STALE_S
        gone = gone or is_gone
        for name, limit_s in sorted(state.limit_s.items()):
            last_at = state.last_message_at.get(name)
            told = {
                "gateway": state.gateway,
                "feed": name,
                "last_message_at": last_at.isoformat() if last_at else None,
                "quiet_s": state.quiet_s.get(name),
                "limit_s": limit_s,
                "learnt": name not in state.learning,
                "as_of": state.saved_at.isoformat(),
                "gateway_gone": is_gone,
            }
            lines.append(json.dumps(told) if as_json else _feed_line(told))
    return lines, gone


def _feed_line(told: Mapping[str, object]) -> str:
    learnt = "" if told["learnt"] else " (not learnt yet)"
    gone = f"; gateway not heard of since {told['as_of']}" if told["gateway_gone"] else ""
    return (
        f"{told['gateway']} {told['feed']}: last {told['last_message_at'] or 'never'}, "
        f"quiet {told['quiet_s']} s of {told['limit_s']} s{learnt}{gone}"
    )
