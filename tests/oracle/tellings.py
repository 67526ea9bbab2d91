"""How far a clock has run: its levels and repeats, how loudly they are said, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from tests.oracle.clocks import WINDOW, Clock, is_spinal_treatment, treatments_begun
from tests.oracle.drugs import in_force
from tests.oracle.known import Fact, by_thing, current, numbers, remembered
from tests.oracle.studies import MR, active_orders

SEVERITIES = ("info", "warning", "urgent", "critical")
_SEVERITY = {
    "reminder": "info",
    "warning": "warning",
    "urgent": "urgent",
    "prompt": "urgent",
    "due": "critical",
    "overdue": "critical",
}
_PERCENT = {"prompt": 0, "reminder": 50, "warning": 75, "urgent": 90, "due": 100}
_LEVELS_OF = {
    "steroid.start": ("prompt", "due"),
    "steroid.taper": ("reminder", "urgent", "due"),
}
_LEVELS = ("reminder", "warning", "urgent", "due")
BOARD_ONLY_AFTER = timedelta(days=30)

Name = tuple[str, str]
Raised = Mapping[Name, Mapping[tuple[str, int], datetime]]
"""Of each clock, when which level and repeat was raised before."""


@dataclass(frozen=True)
class Step:
    """A level or repeat that is to be raised, and the instant that it belongs to."""

    level: str
    repeat: int
    own_at: datetime


@lru_cache(maxsize=1_000)
def _fixed_levels(rule: str, start_at: datetime, due_at: datetime) -> tuple[Step, ...]:
    span = due_at - start_at
    return tuple(
        Step(level, 0, start_at + span * _PERCENT[level] // 100)
        for level in _LEVELS_OF.get(rule, _LEVELS)
    )


def fixed_levels(clock: Clock) -> tuple[Step, ...]:
    """Return the fixed levels of the clock with their instants."""
    return _fixed_levels(clock.rule, clock.start_at, clock.due_at)


def due_raised_at(clock: Clock, raised: Raised) -> datetime | None:
    """Return when the clock was told to be due, None if it was not yet."""
    return raised.get(clock.name, {}).get(("due", 0))


def next_step(clock: Clock, raised: Raised, now: datetime) -> Step | None:
    """Return the one thing to raise for an open clock: all that passed unseen collapses into it."""
    steps, before = fixed_levels(clock), raised.get(clock.name, {})
    told = [place for place, s in enumerate(steps) if (s.level, 0) in before]
    passed = [place for place, s in enumerate(steps) if s.own_at <= now]
    if passed and passed[-1] > max(told, default=-1):
        return steps[passed[-1]]
    due_told_at = due_raised_at(clock, raised)
    if due_told_at is None:
        return None
    end_at = due_told_at + clock.lasting
    number = max((min(now, end_at) - clock.due_at) // clock.every, 0)
    own_at = clock.due_at + number * clock.every
    # The last one may be told until the next would have come.
    if now >= own_at + clock.every:
        return None
    # Repeats from before `due` was raised (late) are dropped.
    # A plan that came later may have moved the grid: what was told under a higher number was told.
    is_told = any(level == "overdue" and n >= number for level, n in before)
    if number and not is_told and own_at > due_told_at:
        return Step("overdue", number, own_at)
    return None


def instants(clock: Clock, raised: Raised, now: datetime) -> list[datetime]:
    """Return when there may be something to raise for the clock."""
    number = max((now - clock.due_at) // clock.every, 0) + 1
    due_told_at = due_raised_at(clock, raised)
    found = [step.own_at for step in fixed_levels(clock)]
    if due_told_at is not None and now <= due_told_at + clock.lasting:
        found.append(clock.due_at + number * clock.every)
    return [*found, *([clock.end_at] if clock.end_at is not None else [])]


def severity(clock: Clock, level: str, facts: list[Fact], now: datetime) -> str:
    """Return how loudly to say it: a step up while nothing is ordered or planned."""
    place = SEVERITIES.index(_SEVERITY[level])
    return SEVERITIES[min(place + _is_unprovided(clock, facts, now), 3)]


def _is_unprovided(clock: Clock, facts: list[Fact], now: datetime) -> bool:
    if clock.is_mri:
        return not active_orders(facts, MR)
    if clock.rule == "steroid.start":
        return not in_force(facts, now)
    return clock.rule == "treatment.start" and not plans(facts) and not booked(facts)


def meant_to_treat(facts: list[Fact]) -> list[Fact]:
    """Return the plans and bookings of spinal treatment that nobody cancelled, begun or not."""
    kinds = ("treatment-booked", "treatment-no-show", "treatment-cancelled")
    planned = current(facts, "treatment-planned", "treatment-cancelled", by=by_thing)
    latest = [*planned, *current(facts, *kinds, by=by_thing)]
    wanted = {"treatment-planned", "treatment-booked"}
    return [f for f in latest if f.kind in wanted and is_spinal_treatment(f)]


@remembered
def plans(facts: list[Fact]) -> list[Fact]:
    """Return the plans of spinal treatment that stand and have not begun."""
    return [f for f in _not_begun(facts) if f.kind == "treatment-planned"]


@remembered
def booked(facts: list[Fact]) -> list[Fact]:
    """Return the bookings of spinal treatment that stand and have not begun."""
    return [f for f in _not_begun(facts) if f.kind == "treatment-booked"]


def _not_begun(facts: list[Fact]) -> list[Fact]:
    begun = {f.thing for f in treatments_begun(facts) if f.thing}
    return [f for f in meant_to_treat(facts) if f.thing not in begun]


def is_board_only(clock: Clock) -> bool:
    """Return whether the clock never pages: old news at first receipt, or told again from a file."""
    return clock.fact.replayed or clock.start_at < clock.fact.received_at - BOARD_ONLY_AFTER


def is_paged(clock: Clock, clocks: list[Clock], raised: Raised, now: datetime) -> bool:
    """Return whether the clock pages now: of the open MRI clocks only the most pressing does."""
    if is_board_only(clock):
        return False
    if not clock.is_mri:
        return True
    rivals = [
        other
        for other in clocks
        if other.is_mri
        and other.name != clock.name
        and other.episode == clock.episode
        and other.is_open(now)
        and not is_board_only(other)
        and not _pages_have_ended(other, raised, now)
    ]
    # A repeat that comes after the end of its clock's pages takes nobody's place.
    is_over = _pages_have_ended(clock, raised, now)
    return not any(is_over or _pressing(other) < _pressing(clock) for other in rivals)


def _pages_have_ended(clock: Clock, raised: Raised, now: datetime) -> bool:
    due_told_at = due_raised_at(clock, raised)
    return due_told_at is not None and now > due_told_at + clock.lasting


def _pressing(clock: Clock) -> tuple[object, ...]:
    fact = clock.fact
    heard = (fact.received_at, fact.event.patient, numbers(fact), fact.kind, fact.key)
    return (WINDOW[clock.rule], clock.due_at, -clock.start_at.timestamp(), *heard)
