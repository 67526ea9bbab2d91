"""
The pager without its connections: alerts, answers and outcomes in; ledger rows and attempts out.

Time is an argument. Every change of the ledger goes out as a row; an attempt
may be made once the row that announces it is durable (`Work`), so that a crash
at any point repeats a page under its own key at most, and loses none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cordwatch.pager.alarms import Alarms
from cordwatch.pager.answers import answered
from cordwatch.pager.burden import Burden
from cordwatch.pager.decide import Beside, decide
from cordwatch.pager.lane import after, attempted, next_action
from cordwatch.pager.outbox import Attempt, Outbox
from cordwatch.pager.plan import Plan
from cordwatch.pager.transports.transport import Outcome, Page, Transport
from cordwatch_schemas.acknowledgements import (
    Acknowledged,
    Answer,
    Classified,
    StoodDown,
    Unacknowledged,
)
from cordwatch_schemas.pages import Delivery, LedgerEntry, Matter

FORGOTTEN_AFTER = timedelta(days=61)
"""Longer than alerts are kept on their topic: one read anew is always known."""

NOBODY_FORGOTTEN_AFTER = timedelta(hours=1)
"""A synthetic patient's: there are some every minute, and to be told of one anew wakes nobody."""

EARLY_MAX = 1_000
"""So many alerts may have been answered before they are read."""

DELIVERIES_MAX = 100
OLD_AFTER = timedelta(hours=1)
"""Longer than any destination is told of an end."""

ACCEPTED = Outcome("accepted", "accepted")


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered of a matter that is over: enough to know it again."""

    revision: int
    round: int
    forget_at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done: rows to write, and then, once they are durable, attempts to make."""

    rows: Mapping[str, LedgerEntry | None] = field(default_factory=dict)
    """By alert id; None: forgotten."""
    attempts: tuple[tuple[Attempt, Page], ...] = ()
    decisions: tuple[tuple[str, str], ...] = ()
    """Alert id and reason, of each that is new."""
    fallbacks: int = 0
    """Deliveries in whose place another one is told."""


class Machine:
    """Every matter that is open, who was told of it, and what is to be said next."""

    def __init__(
        self, plan: Plan, transports: Mapping[str, Transport], ledger: Iterable[LedgerEntry] = ()
    ) -> None:
        """Take up the *ledger* as it was left; nothing is decided before `begin`."""
        self.plan, self._transports = plan, transports
        self.entries: dict[str, LedgerEntry] = {}
        self._past: dict[str, Past] = {}
        self._groups: dict[str, set[str]] = defaultdict(set)
        self._keys: dict[str, str] = {}
        self.burden = Burden(plan.calm)
        self._alarms = Alarms()
        self._early: dict[str, list[Acknowledged | Unacknowledged | StoodDown]] = {}
        self._unsure: set[str] = set()
        self._dirty: dict[str, LedgerEntry | None] = {}
        self._decisions: list[tuple[str, str]] = []
        self._fallbacks = 0
        self._outbox = Outbox(transports)
        for entry in ledger:
            self._index(entry)
            for delivery in () if entry.matter.is_synthetic else entry.deliveries:
                self.burden.note(entry.matter, delivery)

    # In.

    def begin(self, now: datetime) -> None:
        """Decide everything that is open, after a start: all that had come is known."""
        self._outbox.remember(self.entries.values(), now)
        self._unsure |= set(self.entries)
        for entry in list(self.entries.values()):
            changed = without_destinations_gone(entry, self._transports)
            if changed is not entry:
                self._put(changed)

    def hear(self, matter: Matter, now: datetime) -> None:
        """Take in an alert, new or told again; an older word on it changes nothing."""
        known, past = self.entries.get(matter.alert_id), self._past.get(matter.alert_id)
        revision = known.matter.revision if known else past.revision if past else -1
        if matter.revision <= revision:
            return
        if known is not None:
            holds_again = known.matter.status != "open" and matter.status == "open"
            # What somebody had seen then was over; what is there now they have not seen.
            quiet_until = None if holds_again else known.quiet_until
            self._put(known.model_copy(update={"matter": matter, "quiet_until": quiet_until}))
        else:
            round_ = past.round if past else 0
            self._put(LedgerEntry(matter=matter, first_seen_at=now, reason="new", round=round_))
        for answer in self._early.pop(matter.alert_id, ()):
            self.answer(answer, now)

    def answer(self, answer: Answer, now: datetime) -> None:
        """Take in what somebody answered, wherever they did."""
        if isinstance(answer, Classified):
            return
        entry = self.entries.get(answer.alert_id)
        if entry is None and answer.alert_id not in self._past:
            self._keep_early(answer)
        if entry is not None:
            changed = answered(entry, answer, self.plan, now)
            if changed is not entry:
                self._put(changed)

    def done(self, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
        """Take in what became of an attempt."""
        self._outbox.done(attempt, outcome, now)
        entry = self.entries.get(attempt.alert_id)
        if entry is not None:
            before = _delivery(entry, attempt.dedup_key)
            changed = after(
                before, attempt.action, outcome, was_uncertain=attempt.was_uncertain, now=now
            )
            self._put(_with(entry, changed))

    # Out.

    def work(self, now: datetime, *, decides: bool = True, attempts: bool = True) -> Work:
        """
        Return what is to be done now.

        Without *decides*, as long as what has come is not all read, nothing new
        is decided: what is open in the part already read may be over in the rest.
        Without *attempts* nothing is begun: the process is about to stop.
        """
        if decides:
            self._decide(now)
        begun = tuple(self._begin_attempts(now)) if attempts else ()
        if decides:
            self._decide(now)
        rows, self._dirty = self._dirty, {}
        decisions, self._decisions = self._decisions, []
        fallbacks, self._fallbacks = self._fallbacks, 0
        return Work(rows, begun, tuple(decisions), fallbacks)

    def _begin_attempts(self, now: datetime) -> Iterator[tuple[Attempt, Page]]:
        while taken := self._outbox.take(now):
            for one in taken:
                if one.action in self._transports[one.destination].actions:
                    yield one, self._begun(one, now)
                else:
                    self.done(one, ACCEPTED, now)

    def next_at(self, now: datetime) -> datetime | None:
        """Return when there is something to do that only needs time to pass."""
        times = [self._outbox.next_at(now), self._alarms.next_at]
        return min((one for one in times if one is not None), default=None)

    def find(self, dedup_key: str) -> Matter | None:
        """Return the matter that a destination knows under this key."""
        entry = self.entries.get(self._keys.get(dedup_key, ""))
        return entry.matter if entry else None

    def forget(self, now: datetime) -> None:
        """Drop what ended so long ago that nobody can tell it again."""
        for alert_id, past in list(self._past.items()):
            if now > past.forget_at:
                del self._past[alert_id]
                self._dirty[alert_id] = None

    # Within.

    def _keep_early(self, answer: Acknowledged | Unacknowledged | StoodDown) -> None:
        """Keep what is read before its alert: they stand on different topics."""
        self._early.setdefault(answer.alert_id, []).append(answer)
        if len(self._early) > EARLY_MAX:
            del self._early[next(iter(self._early))]

    def _put(self, whole: LedgerEntry) -> None:
        entry = without_old(whole)
        for one in whole.deliveries[: len(whole.deliveries) - len(entry.deliveries)]:
            self._keys.pop(one.dedup_key, None)
            self._outbox.drop(one)
        alert_id = entry.matter.alert_id
        self._dirty[alert_id] = entry
        self._unsure |= self._groups.get(entry.matter.group, set()) | {alert_id}
        self._index(entry)

    def _index(self, entry: LedgerEntry) -> None:
        alert_id, group = entry.matter.alert_id, entry.matter.group
        known = self.entries.get(alert_id)
        if known is not None and known.matter.group != group:
            self._leave(known)
        self._outbox.note(entry)
        is_over = entry.matter.status != "open" and entry.reason == "over"
        if not is_over or self._outbox.holds(entry):
            self.entries[alert_id] = entry
            self._past.pop(alert_id, None)
            self._groups[group].add(alert_id)
            self._keys |= {one.dedup_key: alert_id for one in entry.deliveries}
            return
        self.entries.pop(alert_id, None)
        self._alarms.drop(alert_id)
        ended_at = entry.matter.ended_at or entry.matter.raised_at
        kept = NOBODY_FORGOTTEN_AFTER if entry.matter.is_synthetic else FORGOTTEN_AFTER
        self._past[alert_id] = Past(entry.matter.revision, entry.round, ended_at + kept)
        for one in entry.deliveries:
            self._keys.pop(one.dedup_key, None)
        self._leave(entry)

    def _leave(self, entry: LedgerEntry) -> None:
        group = self._groups.get(entry.matter.group, set())
        group.discard(entry.matter.alert_id)
        if not group:
            self._groups.pop(entry.matter.group, None)

    def _decide(self, now: datetime) -> None:
        self._unsure |= set(self._alarms.due(now))
        while self._unsure:
            alert_id = self._unsure.pop()
            entry = self.entries.get(alert_id)
            if entry is None:
                continue
            decision = decide(entry, self._beside(entry, now), now)
            self._alarms.set(alert_id, decision.look_again_at)
            if decision.entry != entry:
                self._note(entry, decision.entry)
                self._put(decision.entry)
                self._unsure.discard(alert_id)

    def _note(self, before: LedgerEntry, after_: LedgerEntry) -> None:
        """Keep what was decided, to be counted and logged; a synthetic patient burdens nobody."""
        if before.matter.is_synthetic:
            return
        for delivery in after_.deliveries[len(before.deliveries) :]:
            self.burden.note(before.matter, delivery)
        if after_.reason != before.reason or len(after_.deliveries) > len(before.deliveries):
            self._decisions.append((before.matter.alert_id, after_.reason))
        passed = [sum(one.passed_over for one in each.deliveries) for each in (before, after_)]
        self._fallbacks += passed[1] - passed[0]

    def _beside(self, entry: LedgerEntry, now: datetime) -> Beside:
        matter = entry.matter
        siblings = (self.entries[one] for one in self._groups[matter.group])
        return Beside(
            plan=self.plan,
            siblings=tuple(
                one
                for one in siblings
                if one.matter.alert_id != matter.alert_id and one.matter.status == "open"
            ),
            group_told_at=self.burden.group_told_at(matter.group, now),
            free_at=self.burden.free_at(now),
        )

    def _begun(self, attempt: Attempt, now: datetime) -> Page:
        """Put on record that an attempt is made, and return what it says."""
        entry = self.entries[attempt.alert_id]
        delivery = attempted(_delivery(entry, attempt.dedup_key), attempt.action, now)
        self._put(_with(entry, delivery))
        return Page(
            action=attempt.action,
            dedup_key=attempt.dedup_key,
            matter=entry.matter,
            role=delivery.role,
            round=delivery.round,
            attempt=delivery.failures + 1,
            at=now,
            note=delivery.note,
        )


def _delivery(entry: LedgerEntry, key: str) -> Delivery:
    return next(one for one in entry.deliveries if one.dedup_key == key)


def _with(entry: LedgerEntry, changed: Delivery) -> LedgerEntry:
    deliveries = tuple(
        changed if one.dedup_key == changed.dedup_key else one for one in entry.deliveries
    )
    return entry.model_copy(update={"deliveries": deliveries})


def without_old(entry: LedgerEntry) -> LedgerEntry:
    """Return the entry with its last deliveries, where there are many: a row must stay one that a broker takes."""
    if len(entry.deliveries) <= DELIVERIES_MAX:
        return entry
    newest = entry.deliveries[-1].decided_at
    first = next(
        place
        for place, one in enumerate(entry.deliveries)
        if not _is_old(one, entry.round, newest) or place >= len(entry.deliveries) // 2
    )
    return entry.model_copy(update={"deliveries": entry.deliveries[first:]})


def _is_old(delivery: Delivery, round_: int, now: datetime) -> bool:
    if delivery.round == round_ or delivery.wanted != "closed" or next_action(delivery) is not None:
        return False
    return now - (delivery.settled_at or delivery.decided_at) > OLD_AFTER


def without_destinations_gone(
    entry: LedgerEntry, transports: Mapping[str, Transport]
) -> LedgerEntry:
    """
    Return the entry without hope for destinations that the plan no longer has: others are told instead.

    What such a one was told stays open there, and is closed if it comes back.
    """
    changed = tuple(
        one.model_copy(update={"refused": True, "outcome": "gone from the plan"})
        if one.destination not in transports and next_action(one) == "tell"
        else one
        for one in entry.deliveries
    )
    return (
        entry if changed == entry.deliveries else entry.model_copy(update={"deliveries": changed})
    )
