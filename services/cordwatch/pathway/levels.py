"""Levels of a clock: which have been reached, which of them to raise now, and when the next comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from cordwatch.pathway.clocks import Clock
from cordwatch_schemas.alerts import Alert, Level
from cordwatch_schemas.pack import DeadlineRule, LevelAt

Raised = Mapping[tuple[Level, int], Alert]
"""The alerts of one clock that were published before, by level and repeat."""


@dataclass(frozen=True, slots=True)
class Step:
    """A level to raise: its place on the grid, and the instant it belongs to."""

    level: Level
    repeat: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """What to raise for a clock now, and when to look again; None: nothing more will come."""

    steps: tuple[Step, ...]
    next_at: datetime | None


def fixed_steps(clock: Clock) -> list[Step]:
    """Return the fixed levels of *clock* with their instants, in order."""
    return _steps(clock, clock.rule.levels)


def _steps(clock: Clock, levels: Iterable[LevelAt]) -> list[Step]:
    window = clock.due_at - clock.start_at
    return [Step(one.level, 0, clock.start_at + window * one.at) for one in levels]


def instant_of(alert: Alert, rules: Mapping[tuple[str, str], DeadlineRule]) -> datetime | None:
    """Return the instant at which a clock reached the level that *alert* tells; None if it tells none."""
    rule = rules.get((alert.pack, alert.rule))
    if rule is None or alert.start_at is None or alert.due_at is None:
        return None
    if alert.level == "overdue":
        return alert.due_at + rule.repeats.every * alert.repeat
    window = alert.due_at - alert.start_at
    return next(
        (alert.start_at + window * one.at for one in rule.levels if one.level == alert.level), None
    )


def progress(clock: Clock, raised: Raised, now: datetime) -> Progress:
    """
    Return what *clock*, which is open, has to tell at *now*.

    Levels that passed unseen collapse into the highest; missed repeats into
    one; repeats that fell due before a late `due` was raised are dropped
    (pathway, Levels).
    """
    levels = clock.rule.levels
    highest = max((n for n, one in enumerate(levels) if (one.level, 0) in raised), default=-1)
    waiting = _steps(clock, levels[highest + 1 :])
    passed = [step for step in waiting if step.at <= now]
    steps = passed[-1:]
    coming = [step.at for step in waiting if step.at > now]
    if coming:
        return Progress(tuple(steps), coming[0])
    due = raised.get(("due", 0))
    if due is None:
        # `due` is raised at this very look: its repeats begin after now.
        return Progress(tuple(steps), _grid_after(clock, now))
    repeat, next_at = _repeats(clock, due.raised_at, _last_repeat(raised), now)
    return Progress((repeat,) if repeat else (), next_at)


def pages_ended(clock: Clock, raised: Raised, now: datetime) -> bool:
    """Return whether the last repeat of *clock* has been: it then silences no other clock."""
    due = raised.get(("due", 0))
    return due is not None and now > due.raised_at + clock.rule.repeats.lasting


def _last_repeat(raised: Raised) -> int:
    # Only `overdue` is ever repeated.
    return max(map(itemgetter(1), raised), default=0)


def _grid_after(clock: Clock, instant: datetime) -> datetime:
    every = clock.rule.repeats.every
    passed = max(0, (instant - clock.due_at) // every)
    return clock.due_at + every * (passed + 1)


def _repeats(
    clock: Clock, due_raised_at: datetime, last: int, now: datetime
) -> tuple[Step | None, datetime | None]:
    every, until = clock.rule.repeats.every, due_raised_at + clock.rule.repeats.lasting
    newest = (min(now, until) - clock.due_at) // every
    at = clock.due_at + every * newest
    # A look comes moments after its instant; one that comes a whole step after the end is too late.
    fresh = newest > last and due_raised_at < at and now < at + every
    step = Step("overdue", newest, at) if fresh else None
    coming = _grid_after(clock, max(now, due_raised_at))
    return step, coming if coming <= until else None
