"""`cordwatch pager check` and `test`: whether the plan holds, and whether its destinations are there."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cordwatch.app.commands.faults import faults_told
from cordwatch.app.commands.options import pack_option
from cordwatch.app.commands.pager_asking import plan_option
from cordwatch.pager.asked import Place, made_up, rules_of
from cordwatch.pager.gaps import gaps
from cordwatch.pager.plan import Plan, load_plan
from cordwatch.pager.transports.build import transport_of, wording_of
from cordwatch.pager.transports.transport import Action, Outcome, Page, Transport
from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.pack_choice import load_packs

CHECK_S = 10.0
EXIT_FINDING = 1
TEST = "TEST of the pager. Nobody needs to do anything."


@click.command(short_help="Faults of a plan, hours without anybody, and every destination tried.")
@plan_option
@pack_option
@click.option("--offline", is_flag=True, help="Look at the plan only: no destination, no secret.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each finding.")
@click.pass_context
def check(ctx: click.Context, plan_file: Path, pack: str, *, offline: bool, as_json: bool) -> None:
    """
    Say every fault of the plan, the hours in which it leaves somebody out, and try every destination.

    A destination is tried without telling anybody anything: whether it can be
    reached, and would take us; ten seconds at most.

    \b
    Example:  cordwatch pager check --plan our-plan.yaml
              cordwatch pager check --plan our-plan.yaml --offline --json | jq .text
    Exit codes: 0 good, warnings perhaps; 1 at some hours nobody is told of something, or
    a destination would not take us; 2 no such file; 5 faults, each as file:line:column.
    """
    configure_logging("error")
    with faults_told(as_json=as_json):
        plan = load_plan(plan_file, rules_of(load_packs(pack)))
    found = [_gap(one.what, one.text) for one in gaps(plan)]
    if not offline:
        found += asyncio.run(tried(plan))
    for one in found:
        shown = f"{one['kind']}: {one['text']}"
        click.echo(json.dumps(one) if as_json else shown)
    if not as_json:
        click.echo(_summary(plan_file, plan, offline=offline))
    ctx.exit(EXIT_FINDING if any(one["kind"] == "finding" for one in found) else 0)


def _gap(what: str, text: str) -> dict[str, str]:
    return {"kind": "finding" if what == "nobody" else "warning", "what": what, "text": text}


def _summary(plan_file: Path, plan: Plan, *, offline: bool) -> str:
    tried = "not tried" if offline else "tried"
    return (
        f"{plan_file}: {len(plan.destinations)} destinations ({tried}), {len(plan.roster)} lines of"
        " the roster, no fault"
    )


async def tried(plan: Plan) -> list[dict[str, str]]:
    """Return what came of trying every destination, all at once."""
    outcomes = await asyncio.gather(*(_try(plan, name) for name in plan.destinations))
    return [
        {
            "kind": "good" if outcome.verdict == "accepted" else "finding",
            "what": "destination",
            "destination": name,
            "outcome": outcome.reason,
            "text": f"destinations.{name} ({plan.destinations[name].kind}): {outcome.reason}",
        }
        for name, outcome in zip(plan.destinations, outcomes, strict=True)
    ]


async def _try(plan: Plan, name: str) -> Outcome:
    try:
        transport = transport_of(name, plan.destinations[name], wording_of(plan))
    except OSError:
        return Outcome("refused", "untrusted")
    try:
        async with asyncio.timeout(CHECK_S):
            return await transport.check()
    except TimeoutError:
        return Outcome("unknown", "timeout")
    finally:
        await transport.close()


@click.command("test", short_help="Send one test page, and close it again.")
@click.argument("destination")
@plan_option
@click.option(
    "--hold",
    default=60.0,
    show_default=True,
    help="Seconds until it is closed again, so that it rings before.",
)
@click.pass_context
def test_(ctx: click.Context, destination: str, plan_file: Path, hold: float) -> None:
    """
    Send one page to DESTINATION that says it is a test, and close it again.

    It really rings. Ctrl-C closes it at once.

    \b
    Example:  cordwatch pager test --plan our-plan.yaml haem-nurse
    Exit codes: 0 told and closed; 1 the destination did not take it; 2 wrong use; 5 a bad plan.
    """
    configure_logging("error")
    plan = load_plan(plan_file)
    if destination not in plan.destinations:
        known = ", ".join(plan.destinations)
        raise click.BadParameter(f"is none of {known}", param_hint="DESTINATION")
    transport = transport_of(destination, plan.destinations[destination], wording_of(plan))
    accepted = asyncio.run(_tested(transport, hold, secrets.token_hex(8)))
    ctx.exit(0 if accepted else EXIT_FINDING)


async def _tested(transport: Transport, hold_s: float, number: str) -> bool:
    """Tell it, wait, and close it, whatever comes in between; return whether both were accepted."""
    told = await _say(transport, "tell", number)
    closed = False
    try:
        if told:
            await asyncio.sleep(hold_s)
    finally:
        # What may have arrived although nobody said so is closed too.
        closed = await asyncio.shield(_say(transport, "close", number))
        await transport.close()
    return told and closed


async def _say(transport: Transport, action: Action, number: str) -> bool:
    if action not in transport.actions:
        click.echo(f"{transport.name}: {action}: not told there")
        return True
    outcome = await transport.send(_page(action, number, WallClock().now()))
    click.echo(f"{transport.name}: {action}: {outcome.reason}")
    return outcome.verdict == "accepted"


def _page(action: Action, number: str, at: datetime) -> Page:
    over: dict[str, Any] = {"status": "resolved", "ended_at": at} if action == "close" else {}
    matter = made_up(
        "operational",
        Place(),
        at,
        alert_id=f"test-{number}",
        rule="pager-test",
        severity="info",
        reason=TEST,
        **over,
    )
    note = TEST if action == "close" else ""
    return Page(action, f"cw1:test-{number}", matter, "test", 1, 1, at, note)
