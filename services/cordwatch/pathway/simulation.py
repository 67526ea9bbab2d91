"""The pathway on a virtual clock: what would have been told, when, and why, without a broker."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import decide
from cordwatch.pathway.facts import Fact, fact_of, fact_of_answer, merge_tellings
from cordwatch.pathway.identity import IDENTITY, owners, persons
from cordwatch.pathway.relevance import is_kept
from cordwatch.pathway.telling import rules_over
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import Packs

AFTER_LAST = timedelta(hours=48)
"""How long a simulation goes on after its last message, unless told otherwise."""

Told = Event | Answer
Stops = Sequence[tuple[datetime, datetime]]


class Ward:
    """The patients of a simulation: their facts, their alerts, and whom to look at when."""

    def __init__(self, packs: Packs) -> None:
        """Begin with no patients, under the rules of *packs*."""
        self._packs = packs
        self.facts: dict[str, dict[str, Fact]] = defaultdict(dict)
        self.alerts: dict[str, dict[str, Alert]] = defaultdict(dict)
        """What the owner of each patient knows to be published."""
        self.told: dict[str, Alert] = {}
        """What a listener has heard: of each alert the highest revision, with its first raising."""
        self._charts: dict[str, Chart] = {}
        self._wakes: list[tuple[datetime, str]] = []
        self._wake_of: dict[str, datetime] = {}

    def learn(self, patient: str, fact: Fact) -> bool:
        """Take in *fact* for *patient*; return whether it told anything new."""
        known = self.facts[patient].get(fact.id)
        merged = fact if known is None else merge_tellings(known, fact)
        if merged is known:
            return False
        self.facts[patient][fact.id] = merged
        self._charts.pop(patient, None)
        return True

    def look(self, patient: str, now: datetime) -> None:
        """Decide about *patient* at *now*, and remember what was told."""
        chart = self._charts.get(patient)
        if chart is None:
            facts, alerts = self.facts[patient].values(), self.alerts[patient].values()
            chart = self._charts[patient] = Chart(patient, list(facts), list(alerts), self._packs)
        decision = decide(chart, now)
        chart.note(decision.alerts)
        for alert in decision.alerts:
            self.alerts[patient][alert.alert_id] = alert
            known = self.told.get(alert.alert_id)
            if known is None or alert.revision >= known.revision:
                first_at = alert.raised_at if known is None else known.raised_at
                self.told[alert.alert_id] = alert.model_copy(update={"raised_at": first_at})
        self._wake(patient, decision.wake_at)

    def hand_over(self, patient: str) -> set[str]:
        """
        Give what *patient* knows of others, by merges and moves, to whom it belongs; return who learned of it.

        Facts and alerts of a retired reference go to the survivor, and back when the merge is undone; so do those of a moved encounter.
        """
        facts = list(self.facts[patient].values())
        if not any(fact.kind in IDENTITY for fact in facts):
            return set()
        who, news = persons(facts), set[str]()
        for fact in facts:
            others = owners(fact, who) - {patient}
            news |= {owner for owner in others if self.learn(owner, fact)}
        for alert_id, alert in self.alerts[patient].items():
            owner = who.owner_of_alert(alert)
            known = self.alerts[owner].get(alert_id)
            if owner != patient and (known is None or rules_over(alert, known)):
                self.alerts[owner][alert_id] = alert
                self._charts.pop(owner, None)
                news.add(owner)
        return news

    def due_before(self, instant: datetime) -> tuple[datetime, str] | None:
        """Return and remove the next patient to look at before *instant*."""
        while self._wakes and self._wakes[0][0] < instant:
            at, patient = heapq.heappop(self._wakes)
            if self._wake_of.get(patient) == at:
                del self._wake_of[patient]
                return at, patient
        return None

    def postpone(self, patient: str, at: datetime) -> None:
        """Look at *patient* at *at* instead: the service does not run before."""
        self._wake(patient, at)

    def _wake(self, patient: str, at: datetime | None) -> None:
        if at is None:
            self._wake_of.pop(patient, None)
        elif self._wake_of.get(patient) != at:
            self._wake_of[patient] = at
            heapq.heappush(self._wakes, (at, patient))


def _fact(told: Told) -> Fact | None:
    fact = fact_of(told) if isinstance(told, Event) else fact_of_answer(told)
    return fact if fact is not None and is_kept(fact) else None


def _not_stopped(instant: datetime, stopped: Stops) -> datetime:
    """Return when something that falls on *instant* is really looked at."""
    for begin_at, end_at in stopped:
        if begin_at <= instant < end_at:
            return end_at
    return instant


def simulate_ward(
    events: Iterable[Told],
    packs: Packs,
    until: datetime | None = None,
    stopped: Stops = (),
    ward: Ward | None = None,
) -> Ward:
    """
    Return the patients as they stand at *until*, after *events* and everything that fell due.

    They begin as they stand in *ward*, where one is given.
    """
    ward = ward or Ward(packs)
    arrivals: dict[datetime, list[Told]] = defaultdict(list)
    last: datetime | None = None
    for told in events:
        arrivals[_not_stopped(told.received_at, stopped)].append(told)
        last = told.received_at if last is None else max(last, told.received_at)
    if last is None:
        return ward
    end_at = until or last + AFTER_LAST
    for now in sorted(at for at in arrivals if at <= end_at):
        _tick(ward, now, stopped)
        _arrive(ward, arrivals[now], now)
    # What falls on the end itself still counts.
    _tick(ward, end_at + timedelta(microseconds=1), stopped)
    return ward


def simulate(
    events: Iterable[Told], packs: Packs, until: datetime | None = None, stopped: Stops = ()
) -> list[Alert]:
    """
    Return every alert that *events* give until *until*, each as it stood at the end, by raising.

    Time runs along `received_at`; at one instant facts come before levels.
    *stopped* are spans [from, to) in which the service did not run.
    """
    return alerts_of(simulate_ward(events, packs, until, stopped))


def alerts_of(ward: Ward) -> list[Alert]:
    """Return every alert of *ward* once, as it stands, by raising."""
    return sorted(ward.told.values(), key=lambda one: (one.raised_at, one.rule, one.alert_id))


def _arrive(ward: Ward, events: Iterable[Told], now: datetime) -> None:
    patients: dict[str, None] = {}
    for told in events:
        fact = _fact(told)
        if fact is not None and ward.learn(told.patient, fact):
            patients[told.patient] = None
    coming = list(patients)
    while coming:
        for owner in sorted(ward.hand_over(coming.pop())):
            patients[owner] = None
            coming.append(owner)
    for patient in patients:
        ward.look(patient, now)


def _tick(ward: Ward, before: datetime, stopped: Stops) -> None:
    while (due := ward.due_before(before)) is not None:
        at, patient = due
        looked_at = _not_stopped(at, stopped)
        if looked_at >= before:
            ward.postpone(patient, looked_at)
        else:
            ward.look(patient, looked_at)
