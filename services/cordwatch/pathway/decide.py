"""The one way into the core: a chart of facts and of what was published, to what must be told now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain

from cordwatch.pathway.advisories import advisories
from cordwatch.pathway.chart import Chart
from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import Ended
from cordwatch.pathway.notices import ONE_AT_A_TIME, Condition, notices
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.telling import ConditionKey, Telling, closed, pack_for
from cordwatch_schemas.alerts import Alert, AlertStatus
from cordwatch_schemas.pack import Policy

CAN_MATTER = frozenset(
    {
        "assessed",
        "diagnosed",
        "imaging-ordered",
        "imaging-reported",
        "report-classified",
        "merged",
    }
)
"""Without one of these no clock or advisory can exist (a drug alone concerns nobody)."""


@dataclass(frozen=True, slots=True)
class OpenClock:
    """A clock that runs: what metrics and the heap check count."""

    clock: str
    rule: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows from a patient's facts at an instant.

    `alerts` are new ones, and known ones whose status changed (a higher
    `revision` under the same id). `wake_at` is when the patient must be looked
    at again although nothing arrives; None: not before something does.
    """

    alerts: tuple[Alert, ...] = ()
    wake_at: datetime | None = None
    open_clocks: tuple[OpenClock, ...] = ()
    expired: bool = False
    """Nothing here can matter any more: every row may be dropped."""

    def without_endings(self) -> Decision:
        """Return it without what ends or forgets anything: not all facts were there to be seen."""
        opened = tuple(alert for alert in self.alerts if alert.status == "open")
        return replace(self, alerts=opened, expired=False)


def decide(chart: Chart, now: datetime, *, stale: bool = False) -> Decision:
    """
    Return what to tell at *now* about the patient of *chart*.

    Pure and idempotent: once its own alerts are noted in the chart, it returns
    none. *stale* marks what is raised although a source could not be read up
    to now.
    """
    if chart.is_elsewhere:
        return Decision()
    if not chart.was_told_of and not any(fact.kind in CAN_MATTER for fact in chart.facts):
        return _quiet(chart.facts, [pack.policy for pack in chart.packs.each], now)
    picture = chart.picture
    telling = Telling(picture, chart.ledger, now, stale)
    alerts: list[Alert] = []
    wakes: list[datetime] = picture.changes_after(now)
    alerts += _clocks(telling, wakes)
    alerts += _conditions(telling, wakes)
    running = tuple(
        OpenClock(clock.id, clock.rule.id, clock.due_at) for clock in picture.open_clocks(now)
    )
    if running or wakes:
        return Decision(tuple(alerts), min(wakes, default=None), running)
    policies = [picture.where.policy_of(fact) for fact in chart.facts]
    quiet = _quiet(chart.facts, policies, now, picture.clocks)
    if not alerts:
        return quiet
    # Who is to be told of is not forgotten in the same breath, and not looked at never again.
    return Decision(tuple(alerts), now if quiet.expired else quiet.wake_at)


def _quiet(
    facts: Sequence[Fact], policies: Sequence[Policy], now: datetime, clocks: Sequence[Clock] = ()
) -> Decision:
    """Return the decision for a patient without an open clock: when to forget, if ever."""
    if any(fact.kind in {"diagnosed", "merged"} for fact in facts) or not facts:
        # Who has lymphoma must be known years later; who was merged as well.
        return Decision()
    last = max([*(fact.received_at for fact in facts), *(clock.quiet_at for clock in clocks)])
    forget_at = last + max(policy.keep_facts for policy in policies)
    if now >= forget_at:
        return Decision(expired=True)
    return Decision(wake_at=forget_at)


def _clocks(telling: Telling, wakes: list[datetime]) -> Iterator[Alert]:
    picture, now = telling.picture, telling.now
    derived = {clock.id for clock in picture.clocks}
    for clock in picture.clocks:
        raised = telling.ledger.raised(clock)
        if clock.is_open(now):
            new, progress = telling.clock(clock)
            yield from new
            wanting = partial(telling.wanting, clock)
            yield from telling.reopened(raised.values(), clock.cause, wanting, clock)
            if progress.next_at is not None:
                wakes.append(progress.next_at)
        elif clock.start_at > now:
            wakes.append(clock.start_at)
        else:
            assert clock.end is not None  # noqa: S101 - it has begun, and is not open
            status: AlertStatus = "resolved" if clock.end.status == "satisfied" else "withdrawn"
            yield from closed(
                raised.values(), status, clock.end.at, clock.end.reason, clock.end.flags
            )
    for clock_id, gone in telling.ledger.by_clock.items():
        if clock_id not in derived:
            alerts = list(gone.values())
            status, reason = _why_gone(picture, alerts[0])
            yield from closed(alerts, status, now, reason, ())


def _why_gone(picture: Picture, alert: Alert) -> tuple[AlertStatus, str]:
    """Return how a clock that was alerted ended, now that the facts no longer give it."""
    same_rule = [clock for clock in picture.clocks if clock.rule.id == alert.rule]
    ended = picture.history.ended.get(alert.cause)
    chain = _fates(picture, ended) if ended is not None else []
    if (chain[-1].by.id if chain else alert.cause) in _readings_that_turned(picture):
        return "withdrawn", "the report no longer reads positive"
    if chain:
        # The retraction of what replaced it retracts the thing itself.
        stands = chain[-1].fate == "replaced"
        if stands and any(_follows(clock, chain) for clock in same_rule):
            return "superseded", "its start was re-timed"
        return "withdrawn", f"its cause was {chain[-1].fate}"
    cause = picture.history.by_id.get(alert.cause)
    if cause is not None and not picture.pack_of(cause).has(alert.rule):
        return "withdrawn", "the pathway pack that holds has no such rule"
    if cause is not None and any(not clock.is_mri for clock in same_rule):
        return "superseded", "its start was re-timed"
    return "withdrawn", "the facts no longer give it"


def _readings_that_turned(picture: Picture) -> set[str]:
    """Return the readings that a later one of the same study contradicts by being negative."""
    turned: set[str] = set()
    for study in picture.endings.studies:
        negatives = [
            place
            for place, reading in enumerate(study.readings)
            if reading.values.get("finding") == "negative"
        ]
        turned |= {reading.id for reading in study.readings[: max(negatives, default=0)]}
    return turned


def _fates(picture: Picture, ended: Ended) -> list[Ended]:
    """Return what became of a fact, and of what replaced it in turn; a circle of corrections is walked once."""
    chain, seen = [ended], {ended.by.id}
    while chain[-1].fate == "replaced":
        later = picture.history.ended.get(chain[-1].by.id)
        if later is None or later.by.id in seen:
            break
        chain.append(later)
        seen.add(later.by.id)
    return chain


def _follows(clock: Clock, chain: Sequence[Ended]) -> bool:
    """Return whether *clock* took the place of another: the episode has it once, or a successor in *chain* starts it."""
    return not clock.is_mri or any(clock.cause is ended.by for ended in chain)


def _conditions(telling: Telling, wakes: list[datetime]) -> Iterator[Alert]:
    picture, now = telling.picture, telling.now
    holding: set[ConditionKey] = set()
    for condition in _one_at_a_time(telling, wakes):
        told = pack_for(picture, condition).told(condition.rule)
        if told is None or condition.key in holding:
            continue
        holding.add(condition.key)
        new, next_at = telling.condition(condition, told)
        yield from new
        raised = telling.ledger.by_condition.get(condition.key, {})
        worded = partial(condition.worded, told)
        yield from telling.reopened(raised.values(), condition.cause, worded)
        wakes += [at for at in (next_at, condition.until) if at is not None]
    for key, gone in telling.ledger.by_condition.items():
        if key not in holding:
            yield from closed(gone.values(), "resolved", now, "no longer applies", ())


def _one_at_a_time(telling: Telling, wakes: list[datetime]) -> Iterator[Condition]:
    """Give the conditions that hold now; of those that hold as a whole the one that is open, else the first."""
    picture, now = telling.picture, telling.now
    rivals: dict[str, list[Condition]] = {}
    for condition in chain(notices(picture, now), advisories(picture, now)):
        if condition.since > now:
            wakes.append(condition.since)
        elif condition.rule in ONE_AT_A_TIME:
            rivals.setdefault(condition.rule, []).append(condition)
        else:
            yield condition
    for conditions in rivals.values():
        yield next((one for one in conditions if telling.ledger.is_open(one.key)), conditions[0])
