"""Who would be told: the pager's own decision, on a clock that runs ahead while nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cordwatch.pager.decide import Beside, Reason, decide
from cordwatch.pager.plan import Plan, Step, StepName, step_of
from cordwatch_schemas.pages import Delivery, LedgerEntry, Matter

LOOKS_MAX = 1_000
"""Decisions of one question: a plan that repeats every second is not told for a whole day."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One destination that is told, and why just then."""

    at: datetime
    round: int
    role: str
    destination: str
    why: str
    """`at once`, `next channel`: of the same role; `next role`; `told anew`."""


@dataclass(frozen=True, slots=True)
class Held:
    """From when on nobody is told, and why."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is told of a matter if nobody answers."""

    matter: Matter
    name: StepName
    step: Step
    tellings: tuple[Telling, ...]
    held: tuple[Held, ...]
    absent: tuple[str, ...]
    """Roles of the step that nobody stands for at that time."""


def who(plan: Plan, matter: Matter, at: datetime, within: timedelta) -> Answer:
    """Return who is told of *matter* from *at* on, if every destination accepts and nobody answers."""
    entry = LedgerEntry(matter=matter, first_seen_at=at, reason="new")
    tellings: list[Telling] = []
    held: list[Held] = []
    beside, now, until = Beside(plan), at, at + within
    for _ in range(LOOKS_MAX):
        decision = decide(entry, beside, now)
        tellings += _new(entry, decision.entry, now)
        reason = decision.entry.reason
        if reason != "told" and (not held or held[-1].reason != reason):
            held.append(Held(now, reason))  # type: ignore[arg-type]
        entry = _accepted(decision.entry, now)
        if decision.look_again_at is None or decision.look_again_at > until:
            break
        now = decision.look_again_at
    step = plan.step(matter)
    absent = [
        role for role in (*step.tell, *step.then) if not plan.destinations_of(role, matter, at)
    ]
    return Answer(
        matter, step_of(matter), step, tuple(tellings), tuple(held), tuple(dict.fromkeys(absent))
    )


def _new(before: LedgerEntry, after: LedgerEntry, now: datetime) -> Iterator[Telling]:
    known = list(before.deliveries)
    for one in after.deliveries[len(before.deliveries) :]:
        yield Telling(now, one.round, one.role, one.destination, _why(one, known))
        known.append(one)


def _why(delivery: Delivery, known: list[Delivery]) -> str:
    if delivery.rung == 0:
        return "at once" if delivery.round == 1 else "told anew"
    is_second = any(one.role == delivery.role and one.round == delivery.round for one in known)
    return "next channel" if is_second else "next role"


def _accepted(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """Return the entry as if every destination had accepted what it was told."""
    told = tuple(
        one.model_copy(update={"accepted": one.wanted, "told_at": one.told_at or now})
        for one in entry.deliveries
    )
    return entry.model_copy(update={"deliveries": told})
