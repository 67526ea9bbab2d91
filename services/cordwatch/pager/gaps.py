"""What a pager plan leaves open: hours in which nobody is told, roles that nobody stands for, lines that never count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cordwatch.pager.asked import Place, made_up
from cordwatch.pager.hours import DAY_MIN, DAYS
from cordwatch.pager.plan import STEPS, Plan, Role, Step, StepName, Watch

_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEK_MIN = 7 * DAY_MIN
SPANS_SHOWN = 3

Span = tuple[int, int]
"""Minutes of the week from Monday, midnight: first, and the first one after."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that a plan leaves open."""

    what: str
    """`nobody`: of a step at some hours nobody at all is told. `role`: some role is not there, and
    nobody comes after it. `never`: a line of the roster never counts. `unused`: a destination; `nowhere`: one tells nobody."""
    text: str


def gaps(plan: Plan) -> list[Gap]:
    """Return what the plan leaves open, the worst first."""
    return [
        *_nobody(plan),
        *_absent(plan),
        *_never(plan),
        *_unused(plan),
    ]


def _nobody(plan: Plan) -> Iterator[Gap]:
    """Yield the steps of which at some hours nobody is told, though the plan has somebody at others."""
    local = _local(plan)
    for rule, name, _ in _steps(plan):

        def is_told(place: Place, at: datetime, rule: str = rule, name: StepName = name) -> bool:
            return any(local.rungs(made_up(name, place, at, rule=rule), at))

        for place, spans in _where_not(local, is_told):
            of = f"{rule}:{name}" if rule else name
            yield Gap("nobody", f"{of}: nobody is told {_words(place, spans)}")


def _absent(plan: Plan) -> Iterator[Gap]:
    """Yield the roles that a step tells and nobody comes after, at hours in which nobody stands for them."""
    local = _local(plan)
    telling: dict[Role, list[str]] = {}
    for rule, name, step in _steps(plan):
        if not step.then:
            for role in step.tell:
                telling.setdefault(role, []).append(f"{rule}:{name}" if rule else name)
    for role, steps in telling.items():

        def is_there(place: Place, at: datetime, role: Role = role) -> bool:
            return bool(local.destinations_of(role, made_up("due", place, at), at))

        for place, spans in _where_not(local, is_there):
            of = ", ".join(steps)
            yield Gap("role", f"{role}: nobody is there {_words(place, spans)} (told: {of})")


def _never(plan: Plan) -> Iterator[Gap]:
    for number, watch in enumerate(plan.roster):
        for before, earlier in enumerate(plan.roster[:number]):
            if _contains(earlier, watch):
                reason = f"never counts: roster.{before} stands for the same, and for more"
                yield Gap("never", f"roster.{number} ({watch.role}) {reason}")
                break


def _contains(wide: Watch, narrow: Watch) -> bool:
    return (
        wide.role == narrow.role
        and (wide.hours is None or wide.hours == narrow.hours)
        and (not wide.facilities or _within(narrow.facilities, wide.facilities))
        and (not wide.wards or _within(narrow.wards, wide.wards))
    )


def _within(some: Sequence[str], all_: Sequence[str]) -> bool:
    return bool(some) and set(some) <= set(all_)


def deaf(plan: Plan) -> frozenset[str]:
    """Return the destinations that take every page and tell nobody, as far as a line of the roster leads to them."""
    used = {name for watch in plan.roster for name in watch.by}
    return frozenset(name for name in used if plan.destinations[name].kind == "nowhere")


def _unused(plan: Plan) -> Iterator[Gap]:
    used, silent = {name for watch in plan.roster for name in watch.by}, deaf(plan)
    for name in plan.destinations:
        if name in silent:
            yield Gap("nowhere", f"destinations.{name}: accepts everything and tells nobody")
        if name not in used:
            yield Gap("unused", f"destinations.{name}: no line of the roster leads to it")


def _local(plan: Plan) -> Plan:
    """Return the plan with the clock on the wall for UTC: a week without a change of the clocks."""
    return plan.model_copy(update={"zone": "UTC"})


def _steps(plan: Plan) -> Iterator[tuple[str, StepName, Step]]:
    for name in STEPS:
        yield "", name, plan.ladder[name]
    for one in plan.by_rule:
        for name, step in one.steps.items():
            yield one.rule, name, step


def _where_not(
    plan: Plan, holds: Callable[[Place, datetime], bool]
) -> Iterator[tuple[Place, tuple[Span, ...]]]:
    """Yield the places and the spans of the week for which something does not hold; the same as elsewhere, once."""
    elsewhere: tuple[Span, ...] = ()
    for place in _places(plan):
        spans = tuple(_spans(plan, lambda at, place=place: holds(place, at)))  # type: ignore[misc]
        if place == Place():
            elsewhere = spans
        elif spans == elsewhere:
            continue
        if spans:
            yield place, spans


def _places(plan: Plan) -> list[Place]:
    facilities = dict.fromkeys(one for watch in plan.roster for one in watch.facilities)
    wards = dict.fromkeys(one for watch in plan.roster for one in watch.wards)
    return [Place(facility, ward) for facility in (None, *facilities) for ward in (None, *wards)]


def _spans(plan: Plan, holds: Callable[[datetime], bool]) -> Iterator[Span]:
    """Yield the spans of the week in which something does not hold: it changes only where hours begin or end."""
    bounds = {0, WEEK_MIN}
    for watch in plan.roster:
        for day in watch.hours.days if watch.hours else ():
            begin = day * DAY_MIN + watch.hours.begin_min if watch.hours else 0
            length = watch.hours.length_min if watch.hours else 0
            bounds |= {begin % WEEK_MIN, (begin + length) % WEEK_MIN}
    open_from: int | None = None
    for first, after in pairwise(sorted(bounds)):
        is_open = not holds(_MONDAY + timedelta(minutes=first))
        if is_open and open_from is None:
            open_from = first
        elif not is_open and open_from is not None:
            yield open_from, first
            open_from = None
        if is_open and after == WEEK_MIN and open_from is not None:
            yield open_from, after


def _words(place: Place, spans: Sequence[Span]) -> str:
    where = " ".join(one for one in (place.facility, place.ward) if one)
    where = f"on {where}" if where else "on any ward that the roster does not name"
    if spans == ((0, WEEK_MIN),):
        return f"{where}, at any time"
    said = [f"{_minute(first)} to {_minute(after)}" for first, after in spans[:SPANS_SHOWN]]
    more = f" and {len(spans) - SPANS_SHOWN} more times" if len(spans) > SPANS_SHOWN else ""
    hours = sum(after - first for first, after in spans) / 60
    return f"{where}: {', '.join(said)}{more}, {hours:g} h a week"


def _minute(of_week: int) -> str:
    day, minute = divmod(of_week, DAY_MIN)
    if day == len(DAYS):
        return "sun 24:00"
    return f"{DAYS[day]} {minute // 60:02d}:{minute % 60:02d}"
