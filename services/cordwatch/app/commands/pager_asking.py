"""`cordwatch pager who` and `preview`: who would be told, when, and in which words; no broker, nobody is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import click
from pydantic import TypeAdapter, ValidationError

from cordwatch.app.commands.options import pack_option
from cordwatch.pager.asked import NotAsked, asked, rules_of
from cordwatch.pager.lane import dedup_key
from cordwatch.pager.plan import Plan, load_plan
from cordwatch.pager.preview import preview
from cordwatch.pager.text import span
from cordwatch.pager.transports.build import wording_of
from cordwatch.pager.transports.settings import Nowhere
from cordwatch.pager.transports.transport import Page
from cordwatch.pager.who import Answer
from cordwatch.pager.who import who as who_is_told
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.pack_choice import load_packs
from cordwatch_schemas.pack_data import Span
from cordwatch_schemas.pages import Matter

EXIT_NOBODY = 1
_SPAN: TypeAdapter[timedelta] = TypeAdapter(Span)
F = TypeVar("F", bound=Callable[..., Any])

_REASONS = {
    "muted": "waits: quiet hours",
    "nobody": "nobody stands for any role of the step",
    "board-only": "for the board only: nobody is told",
    "replayed": "told again from a file: nobody is told",
    "over": "it is over: nobody is told",
    "history": "raised too long ago: nobody is told",
}


def plan_option(command: F) -> F:
    """Add the option that names the pager plan."""
    return click.option(
        "--plan",
        "plan_file",
        required=True,
        envvar="CORDWATCH_PAGER_PLAN",
        type=click.Path(path_type=Path),
        help="File with the pager plan. [CORDWATCH_PAGER_PLAN]",
    )(command)


def at_option(command: F) -> F:
    """Add the option that says when."""
    return click.option(
        "--at",
        "at_text",
        metavar="TIME",
        help="ISO 8601; without an offset in the plan's zone. [now]",
    )(command)


@click.command(short_help="Who would be told, when and by which step.")
@click.argument("event")
@plan_option
@pack_option
@at_option
@click.option("--within", default="24 h", show_default=True, help="How far to look ahead.")
@click.option("--every-round", is_flag=True, help="Also what is told anew, round after round.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a telling.")
@click.pass_context
def who(
    ctx: click.Context,
    event: str,
    plan_file: Path,
    pack: str,
    at_text: str | None,
    within: str,
    *,
    every_round: bool,
    as_json: bool,
) -> None:
    """
    Say who would be told of EVENT, when and by which step, if nobody answers.

    EVENT is RULE:LEVEL@WARD, RULE:LEVEL@FACILITY/WARD, or a notice's or
    advisory's name without level; or a file with an alert as JSON (`-`: standard
    input), as `cordwatch alerts --json` gives it. It is the pager's own decision,
    on a clock that runs ahead, and every destination accepts.

    \b
    Example:  cordwatch pager who --plan our-plan.yaml steroid.start:prompt@HAEM-4
              cordwatch pager who --plan our-plan.yaml --at 2026-03-07T03:00 \\
                mri.mescc-suspected:due@NORTH/HAEM-4
              cordwatch alerts --json | tail -1 | cordwatch pager who --plan our-plan.yaml -
    Exit codes: 0 somebody is told; 1 nobody is; 2 wrong use; 5 a bad plan or pack.
    """
    packs = load_packs(pack)
    plan = load_plan(plan_file, rules_of(packs))
    at = _at(at_text, plan)
    answer = who_is_told(plan, _matter(event, packs, at), at, _span(within))
    lines = _as_data(answer) if as_json else _told(answer, plan, every_round=every_round)
    for line in lines:
        click.echo(line)
    ctx.exit(0 if answer.tellings else EXIT_NOBODY)


def _told(answer: Answer, plan: Plan, *, every_round: bool) -> Iterator[str]:
    zone = ZoneInfo(plan.zone)
    matter, step = answer.matter, answer.step
    where = " ".join(one for one in (matter.facility, matter.ward) if one)
    yield f"{matter.rule} {answer.name}{f' on {where}' if where else ''}, times in {plan.zone}"
    for_good = "until the next level" if matter.kind == "clock" else "for good"
    quiet = for_good if step.quiet_for is None else f"for {span(step.quiet_for)}"
    yield (
        f"answer within {span(step.answer_within)}; an acknowledgement quietens it {quiet}, and "
        "stops no clock"
    )
    for role in answer.absent:
        yield f"nobody stands for {role} at that time"
    for held in answer.held:
        yield f"{_when(held.at, zone)}  {_REASONS.get(held.reason, held.reason)}"
    widths = [
        max((len(text) for text in column), default=0)
        for column in zip(*_rows(answer), strict=True)
    ]
    for telling, row in zip(answer.tellings, _rows(answer), strict=True):
        if telling.round > 1 and not every_round:
            every = f", every {span(step.again_after)}" if step.again_after else ""
            yield f"{_when(telling.at, zone)}  from the top{every}, while nothing is done"
            return
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield f"{_when(telling.at, zone)}  {'  '.join(cells)}".rstrip()


def _rows(answer: Answer) -> list[tuple[str, str, str]]:
    return [(one.why, one.role, one.destination) for one in answer.tellings]


def _as_data(answer: Answer) -> Iterator[str]:
    for one in answer.tellings:
        told = {"at": one.at.isoformat(), "round": one.round, "step": answer.name}
        yield json.dumps(told | {"role": one.role, "destination": one.destination, "why": one.why})
    for held in answer.held:
        yield json.dumps({"at": held.at.isoformat(), "step": answer.name, "held": held.reason})


def _when(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %d %b %H:%M}"


@click.command("preview", short_help="The words of a page, and what a destination would get.")
@click.argument("event")
@plan_option
@pack_option
@at_option
@click.option(
    "--action",
    type=click.Choice(["tell", "acknowledge", "close"]),
    default="tell",
    show_default=True,
)
@click.option("--note", default="", help="Who has seen it, or why it is over.")
@click.option("--to", "only", multiple=True, help="Destinations to show; default: the words alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a destination.")
def preview_(
    event: str,
    plan_file: Path,
    pack: str,
    at_text: str | None,
    action: Literal["tell", "acknowledge", "close"],
    note: str,
    only: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """
    Show the words of a page about EVENT (see `who`), and with --to what a destination would get.

    \b
    Example:  cordwatch pager preview --plan our-plan.yaml mri.mescc-suspected:due@HAEM-4
              cordwatch pager preview --plan our-plan.yaml --to haem-nurse --to room \\
                steroid.start:prompt@HAEM-4
    Exit codes: 0; 2 wrong use; 5 a bad plan or pack.
    """
    packs = load_packs(pack)
    plan = load_plan(plan_file, rules_of(packs))
    at, wording = _at(at_text, plan), wording_of(plan)
    matter = _matter(event, packs, at)
    role = next((role for _, role, _ in plan.rungs(matter, at)), "nobody")
    for name in only:
        if name not in plan.destinations:
            raise click.BadParameter(f"{name} is none of the plan's", param_hint="--to")
    # Without a destination: the words alone.
    for name in only or ("",):
        destination = plan.destinations[name] if name else Nowhere(kind="nowhere")
        sent = preview(_page(matter, action, role, name, at, note), destination, wording)
        if as_json:
            told = {"destination": name or None, "kind": destination.kind, "sent": sent}
            click.echo(json.dumps(told))
        else:
            click.echo(f"--- {name} ({destination.kind})\n{sent}" if name else sent)


def _page(
    matter: Matter,
    action: Literal["tell", "acknowledge", "close"],
    role: str,
    destination: str,
    at: datetime,
    note: str,
) -> Page:
    key = dedup_key(matter.alert_id, 1, role, destination)
    return Page(action, key, matter, role, round=1, attempt=1, at=at, note=note)


def _at(text: str | None, plan: Plan) -> datetime:
    if text is None:
        return WallClock().now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("is no time like 2026-03-02T03:00", param_hint="--at") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(plan.zone))


def _span(text: str) -> timedelta:
    try:
        return _SPAN.validate_python(text)
    except ValidationError:
        raise click.BadParameter(
            "is a number and a unit, like '2 h'", param_hint="--within"
        ) from None


def _matter(event: str, packs: Packs, at: datetime) -> Matter:
    if event == "-":
        return _from_json(sys.stdin.read())
    if Path(event).is_file():
        return _from_json(Path(event).read_text(encoding="utf-8"))
    try:
        return asked(event, packs, at)
    except NotAsked as error:
        raise click.BadParameter(str(error), param_hint="EVENT") from None


def _from_json(text: str) -> Matter:
    try:
        return Matter.of_alert(Alert.model_validate_json(text))
    except ValidationError as error:
        try:
            return Matter.of_operation(OperationalAlert.model_validate_json(text))
        except ValidationError:
            where = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "not JSON"
            raise click.BadParameter(f"is no alert ({where})", param_hint="EVENT") from None
