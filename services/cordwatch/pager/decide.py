"""
Who is told what, and why not: one list of stages, each with a name that goes to log, metric and ledger.

Pure: an entry of the ledger, what stands beside it, the plan and the time in;
the entry as it should be out. Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cordwatch.pager.lane import dedup_key, is_at_least, wanting
from cordwatch.pager.plan import PRESSING, STEPS, Plan, Step, step_of
from cordwatch.pager.rounds import anew, current_of, is_untold, replaced
from cordwatch_schemas.pages import Delivery, LedgerEntry, Matter

Reason = Literal[
    "over",
    "replayed",
    "board-only",
    "outranked",
    "history",
    "acknowledged",
    "muted",
    "settling",
    "calm",
    "nobody",
    "told",
]
"""
Why it is as it is: it ended; told again from a file; for the board alone; a
higher level of the same clock stands; raised too long ago; somebody has seen
it; quiet hours; told a moment ago; the recipient had enough for now; nobody
stands for any role of the step; told.
"""

BREACHED = frozenset({"due", "overdue"})
"""One step to those who are told: an acknowledgement of one holds for the other."""

FOR_GOOD = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a decision looks at beside the entry itself."""

    plan: Plan
    siblings: tuple[LedgerEntry, ...] = ()
    """Open entries of the same group."""
    group_told_at: datetime | None = None
    """When something of the group was last told, whatever became of it."""
    free_at: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """Recipients (role, destination) that had enough, and until when."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The entry as it should be, and when to look at it again (None: when something happens)."""

    entry: LedgerEntry
    look_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    reason: Reason
    until: datetime | None = None


def rank(matter: Matter) -> tuple[int, int]:
    """Return how pressing a level is among those of one clock."""
    return (STEPS.index(step_of(matter)), matter.repeat)


def decide(entry: LedgerEntry, beside: Beside, now: datetime) -> Decision:
    """Return what is to be done about a matter now."""
    if entry.matter.status != "open":
        return Decision(_closed(entry, entry.matter.reason, "over"))
    entry = replaced(entry)
    for stage in STAGES:
        held = stage(entry, beside, now)
        if held is not None:
            if held.reason == "outranked":
                return Decision(_outranked(entry, beside))
            return Decision(_because(entry, held.reason), held.until)
    return _told(entry, beside, now)


# The stages, in order. Each returns why the matter is held back, or None to let it pass.


def _replayed(entry: LedgerEntry, _: Beside, __: datetime) -> _Held | None:
    return _Held("replayed") if entry.matter.replayed else None


def _board_only(entry: LedgerEntry, _: Beside, __: datetime) -> _Held | None:
    return None if entry.matter.paged else _Held("board-only")


def _lower(entry: LedgerEntry, beside: Beside, now: datetime) -> _Held | None:
    # One that reaches nobody at this hour must not silence one that does.
    is_lower = any(_reaches(one, beside.plan, now) for one in _above(entry, beside))
    return _Held("outranked") if is_lower else None


def _history(entry: LedgerEntry, beside: Beside, now: datetime) -> _Held | None:
    age = now - entry.matter.raised_at
    return _Held("history") if not entry.round and age > beside.plan.tell_of_the_last else None


def _seen(entry: LedgerEntry, beside: Beside, now: datetime) -> _Held | None:
    alike = [entry]
    if step_of(entry.matter) in BREACHED:
        alike += [one for one in beside.siblings if step_of(one.matter) in BREACHED]
    until = max((one.quiet_until for one in alike if one.quiet_until is not None), default=now)
    return _Held("acknowledged", until) if until > now else None


def _muted(entry: LedgerEntry, beside: Beside, now: datetime) -> _Held | None:
    until = beside.plan.muted_until(entry.matter, now)
    return _Held("muted", until) if until is not None else None


def _settling(entry: LedgerEntry, beside: Beside, now: datetime) -> _Held | None:
    if entry.matter.kind == "clock" or not is_untold(entry):
        return None
    if any(_is_like(one, entry, beside.plan) for one in beside.siblings):
        # The same about the same patient is being told; when that ends, this is looked at again.
        return _Held("settling")
    if beside.group_told_at is None:
        return None
    until = beside.group_told_at + beside.plan.settle
    return _Held("settling", until) if until > now else None


def _calm(entry: LedgerEntry, beside: Beside, now: datetime) -> _Held | None:
    if not is_untold(entry) or step_of(entry.matter) in PRESSING:
        return None
    first = [(role, by) for rung, role, by in beside.plan.rungs(entry.matter, now) if rung == 0]
    # Whoever of them is free is not told alone: the step is told together, a little later.
    until = max((beside.free_at.get(one, now) for one in first), default=now)
    return _Held("calm", until) if until > now else None


Stage = Callable[[LedgerEntry, Beside, datetime], "_Held | None"]
STAGES: tuple[Stage, ...] = (
    _replayed,
    _board_only,
    _lower,
    _history,
    _seen,
    _muted,
    _settling,
    _calm,
)


# What passes all of them is told.


def _told(entry: LedgerEntry, beside: Beside, now: datetime) -> Decision:
    step = beside.plan.step(entry.matter)
    planned = list(beside.plan.rungs(entry.matter, now))
    if not planned:
        return Decision(_because(entry, "nobody"), now + step.answer_within)
    entry = _relabelled(entry, planned)
    if _begins_anew(entry, step, now):
        reached = _climbed(entry, beside, planned, now)
        entry = anew(entry, now)
        planned_now = [one for one in planned if one[0] <= reached]
    else:
        planned_now = [*_moved(entry, planned), *_passed_on(entry, beside.plan, planned, now)]
        entry = _passed_over(entry, beside.plan, now)
        if not planned_now:
            planned_now = _next_rung(entry, step, planned, now)
    entry = _because(_with(entry, planned_now, now), "told")
    return Decision(entry, _look_again_at(entry, beside.plan, step, planned, now))


def _begins_anew(entry: LedgerEntry, step: Step, now: datetime) -> bool:
    if entry.round_at is None or is_untold(entry):
        return True
    if entry.quiet_until is not None:
        # An acknowledgement that has run out, and nothing was done.
        return True
    return step.again_after is not None and now - entry.round_at >= step.again_after


Planned = tuple[int, str, str]


def _is_like(told: LedgerEntry, entry: LedgerEntry, plan: Plan) -> bool:
    """Return whether *told* is told so shortly before that *entry* says nothing new; a later repeat does."""
    if is_untold(told) or told.round_at is None or told.matter.repeat < entry.matter.repeat:
        return False
    return told.round_at >= entry.matter.raised_at - plan.settle


def _climbed(entry: LedgerEntry, beside: Beside, planned: list[Planned], now: datetime) -> int:
    """
    Return up to which rung it is told at once: a repeat goes on where the one before was.

    Repeats may come more often than anybody is given time to answer: begun at the
    bottom each time, the ladder would never reach those who stand higher. Where
    it had come to its end, or somebody had answered, it begins at the bottom.
    """
    own = rank(entry.matter)
    before = [
        one
        for one in beside.siblings
        if rank(one.matter)[0] == own[0] and rank(one.matter) < own and one.round
    ]
    if entry.round or not before:
        return 0
    last = max(before, key=lambda one: rank(one.matter))
    current = current_of(last)
    if not current or last.quiet_until is not None:
        return 0
    waited = now - max(one.decided_at for one in current)
    reached = max(one.rung for one in current)
    if waited >= beside.plan.step(entry.matter).answer_within:
        reached += 1
    return reached if reached <= planned[-1][0] else 0


def _next_rung(
    entry: LedgerEntry, step: Step, planned: list[Planned], now: datetime
) -> list[Planned]:
    """Return the next one to be told because nobody answered in time."""
    current = current_of(entry)
    last_at = max((one.decided_at for one in current), default=now)
    unopened = _unopened(current, planned)
    is_time = now - last_at >= step.answer_within or not current
    return unopened[:1] if is_time else []


def _unopened(current: Iterable[Delivery], planned: Iterable[Planned]) -> list[Planned]:
    known = {(one.role, one.destination) for one in current}
    return [one for one in planned if one[1:] not in known]


def _has_failed(delivery: Delivery, entry: LedgerEntry, plan: Plan, now: datetime) -> bool:
    """Return whether another one must be told in its place: it refuses, or does not take what presses."""
    if delivery.passed_over or delivery.accepted != "nothing" or delivery.wanted != "told":
        return False
    is_late = now - delivery.decided_at >= plan.fallback_after
    return delivery.refused or (is_late and step_of(entry.matter) in PRESSING)


def _passed_on(
    entry: LedgerEntry, plan: Plan, planned: list[Planned], now: datetime
) -> list[Planned]:
    """Return who is told in place of those that failed: the same role's next channel, else the next one at all."""
    current, found = current_of(entry), list[Planned]()
    for failed in (one for one in current if _has_failed(one, entry, plan, now)):
        free = [one for one in _unopened(current, planned) if one not in found]
        same_role = [one for one in free if one[1] == failed.role]
        found += (same_role or free)[:1]
    return found


def _passed_over(entry: LedgerEntry, plan: Plan, now: datetime) -> LedgerEntry:
    marked = tuple(
        one.model_copy(update={"passed_over": True})
        if one.round == entry.round and _has_failed(one, entry, plan, now)
        else one
        for one in entry.deliveries
    )
    return entry.model_copy(update={"deliveries": marked})


def _moved(entry: LedgerEntry, planned: list[Planned]) -> list[Planned]:
    """Return who is told because the patient is on another ward now: the same rungs there."""
    current = current_of(entry)
    if not current or all(one.ward == entry.matter.ward for one in current):
        return []
    reached = max(one.rung for one in current)
    return [one for one in _unopened(current, planned) if one[0] <= reached]


def _relabelled(entry: LedgerEntry, planned: Iterable[Planned]) -> LedgerEntry:
    """Whoever is told on the new ward too need not be told again."""
    there = {one[1:] for one in planned}
    ward = entry.matter.ward
    changed = tuple(
        one.model_copy(update={"ward": ward})
        if one.round == entry.round and (one.role, one.destination) in there and one.ward != ward
        else one
        for one in entry.deliveries
    )
    return (
        entry if changed == entry.deliveries else entry.model_copy(update={"deliveries": changed})
    )


def _with(entry: LedgerEntry, planned: Iterable[Planned], now: datetime) -> LedgerEntry:
    added = tuple(
        Delivery(
            dedup_key=dedup_key(entry.matter.alert_id, entry.round, role, destination),
            destination=destination,
            role=role,
            round=entry.round,
            rung=rung,
            ward=entry.matter.ward,
            decided_at=now,
        )
        for rung, role, destination in planned
    )
    # A role may stand twice in a step: it is one page all the same.
    once = {one.dedup_key: one for one in reversed(added)}
    deliveries = (*entry.deliveries, *reversed(once.values()))
    return entry.model_copy(update={"deliveries": deliveries}) if added else entry


def _look_again_at(
    entry: LedgerEntry, plan: Plan, step: Step, planned: list[Planned], now: datetime
) -> datetime | None:
    current = current_of(entry)
    times = []
    if _unopened(current, planned):
        times.append(max(one.decided_at for one in current) + step.answer_within)
        if step_of(entry.matter) in PRESSING:
            times += [
                one.decided_at + plan.fallback_after
                for one in current
                if one.accepted == "nothing" and one.wanted == "told" and not one.passed_over
            ]
    if step.again_after is not None and entry.round_at is not None:
        times.append(entry.round_at + step.again_after)
    # Never this very instant again: what could be done now is done.
    return max(min(times), now + timedelta(seconds=1)) if times else None


# How deliveries end, or are quietened.


def _outranked(entry: LedgerEntry, beside: Beside) -> LedgerEntry:
    is_told = any(
        is_at_least(delivery.accepted, "told") and delivery.wanted != "closed"
        for one in _above(entry, beside)
        for delivery in one.deliveries
    )
    changed = tuple(
        wanting(one, "closed", "a higher level of the same clock is told")
        if is_told or one.accepted == "nothing"
        else one
        for one in entry.deliveries
    )
    return _because(entry.model_copy(update={"deliveries": changed}), "outranked")


def _closed(entry: LedgerEntry, why: str, reason: Reason) -> LedgerEntry:
    changed = tuple(wanting(one, "closed", why) for one in entry.deliveries)
    return _because(entry.model_copy(update={"deliveries": changed}), reason)


def _above(entry: LedgerEntry, beside: Beside) -> Iterator[LedgerEntry]:
    """Yield what takes its place: the higher levels of its clock, the later repeats of its notice."""
    own = entry.matter
    for one in beside.siblings:
        is_later = own.kind == "clock" or one.matter.raised_at > own.raised_at
        is_paged = one.matter.paged and not one.matter.replayed
        if is_later and is_paged and rank(one.matter) > rank(own):
            yield one


def _reaches(entry: LedgerEntry, plan: Plan, now: datetime) -> bool:
    if any(one.wanted != "closed" for one in entry.deliveries):
        return True
    return next(plan.rungs(entry.matter, now), None) is not None


def _because(entry: LedgerEntry, reason: Reason) -> LedgerEntry:
    return entry if entry.reason == reason else entry.model_copy(update={"reason": reason})
