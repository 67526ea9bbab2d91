"""
The whole story of a set of events, told naively: what is raised when, and what became of it.

In scope: the nine deadline rules with episodes; fixed levels, their collapse
when they passed unseen, the grid of repeats and its end; severity, paging;
retractions, corrections, replaced readings, day precision, late and future
facts, stand-downs, deaths; all thirteen notices; all advisories of the default
pack with its switches as shipped; merges; visits that move.

Not in scope: texts, flags, `missing`, routing, acknowledgements (they stop
nothing), switches other than the default (so neither `steroid.before-biopsy`
nor `surveillance.due`), dropping of old facts.

Readings of our own, where the text leaves a choice: `mri.wrong-modality`,
`mri.partial-coverage` and others (`ONE_AT_A_TIME`) hold or not as a whole, so a
second cause of one that is open raises nothing, and a study's order and scan
are one cause. A clock that is for the board only silences none.
A notice or advisory about a fact older than 30 days at receipt, or replayed,
is not paged. A clock whose lymphoma was refuted is withdrawn. A taper stop is
the instant after which no dexamethasone order is in force any more, `ends_at`
included; one that comes into force later takes it back. Conditions are never
late, only repeats of `report-unclassified` are. An alert keeps the due instant
that it was raised with. A refused merge is told to each patient concerned who
has an episode. All readings are in ADR 2 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from cordwatch_schemas.acknowledgements import Acknowledged, Classified, StoodDown, Unacknowledged
from cordwatch_schemas.base import Event
from tests.oracle.advisories import ONE_AT_A_TIME, advisories
from tests.oracle.clocks import ONCE_AN_EPISODE, Clock, Episode, episodes, quiet_at
from tests.oracle.conditions import Case, Condition, notice
from tests.oracle.known import (
    Delivery,
    Fact,
    Known,
    delivered,
    ever_known,
    known_at,
    remembered,
    said,
)
from tests.oracle.notices import deaths, notices
from tests.oracle.people import concerned, merged, persons
from tests.oracle.starts import is_dead, is_refuted, readings
from tests.oracle.tellings import (
    BOARD_ONLY_AFTER,
    Name,
    instants,
    is_board_only,
    is_paged,
    next_step,
    severity,
)

Told: TypeAlias = Event | StoodDown | Classified | Acknowledged | Unacknowledged
Stops: TypeAlias = Sequence[tuple[datetime, datetime]]

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DELAYS = (timedelta(0), timedelta(minutes=2), 24 * HOUR)
LONG_DELAYS = {
    "medication-ordered": (168 * HOUR + SECOND,),
    "pain-recorded": (168 * HOUR + SECOND,),
    "treatment-started": (72 * HOUR + SECOND, 336 * HOUR, 336 * HOUR + SECOND),
}
BOARD_ONLY = {"pain.inflammatory", "support.offer"}
_SEVERITY = dict.fromkeys(BOARD_ONLY, "info") | {"report-unclassified": "urgent"}


@dataclass(frozen=True)
class Expected:
    """An alert as the pathway has it, with its status at the end."""

    kind: str
    rule: str
    level: str | None
    repeat: int
    raised_at: datetime
    start_at: datetime | None
    due_at: datetime | None
    late_by_s: int
    severity: str
    paged: bool
    status: str = "open"
    patient: str = ""
    """Whose it is while it is open, by the reference that the person lives under now."""


@dataclass
class _Teller:
    """What was told so far; nothing else is remembered from one instant to the next."""

    deliveries: list[Delivery]
    clocks: dict[tuple[Name, str, int], Expected] = field(default_factory=dict)
    conditions: dict[tuple[str, str, int], Expected] = field(default_factory=dict)
    holding: dict[tuple[str, str], str] = field(default_factory=dict)
    """Rule and cause of what holds, and for whom."""
    raised: dict[Name, dict[tuple[str, int], datetime]] = field(default_factory=dict)
    worked_out: dict[tuple[int, ...], tuple[Known, list[Episode]]] = field(default_factory=dict)
    """By the deliveries that were heard of one person."""
    derived: dict[int, dict[str, tuple[Known, list[Episode]]]] = field(default_factory=dict)
    refused: dict[int, list[tuple[str, Condition]]] = field(default_factory=dict)
    number: int = 0

    def _derived(self, now: datetime) -> dict[str, Case]:
        """Return each person's case, worked out anew whenever anything was heard."""
        number = sum(delivery.event.received_at <= now for delivery in self.deliveries)
        if number not in self.derived:
            heard = persons(self.deliveries, now)
            self.derived[number] = {who: self._worked_out(told, now) for who, told in heard.items()}
        cases = {who: Case(*found, now) for who, found in self.derived[number].items()}
        if number not in self.refused:
            self.refused[number] = list(_refused_merges(self.deliveries, cases, now))
        self.number = number
        return cases

    def _worked_out(self, told: list[Delivery], now: datetime) -> tuple[Known, list[Episode]]:
        key = tuple(map(id, told))
        if key not in self.worked_out:
            facts = known_at(told, now)
            self.worked_out[key] = (facts, episodes(facts))
        return self.worked_out[key]

    def look(self, now: datetime) -> dict[str, Case]:
        """Raise everything that is to be raised at *now*."""
        cases = self._derived(now)
        held: dict[tuple[str, str], str] = {}
        for who, case in cases.items():
            for clock in case.clocks:
                if clock.is_open(now):
                    self._raise_level(clock, case)
            for condition in self._holding_now(case):
                held[condition.rule, condition.cause] = who
                self._raise_condition(condition, now)
        for who, condition in self.refused[self.number]:
            if condition.fact.at > now:
                continue
            held[condition.rule, condition.cause] = who
            self._raise_condition(condition, now)
        self.holding = held
        return cases

    def _raise_level(self, clock: Clock, case: Case) -> None:
        step = next_step(clock, self.raised, case.now)
        if step is None:
            return
        key = (clock.name, step.level, step.repeat)
        is_loud = is_paged(clock, case.clocks, self.raised, case.now)
        self.raised.setdefault(clock.name, {})[step.level, step.repeat] = case.now
        self.clocks[key] = Expected(
            kind="clock",
            rule=clock.rule,
            level=step.level,
            repeat=step.repeat,
            raised_at=case.now,
            start_at=clock.start_at,
            due_at=clock.due_at,
            late_by_s=(case.now - step.own_at) // timedelta(seconds=1),
            severity=severity(clock, step.level, case.facts, case.now),
            paged=is_loud,
        )

    def _holding_now(self, case: Case) -> Iterator[Condition]:
        found = list(deaths(case))
        if not is_dead(case.facts, case.now):
            found += [*notices(case), *advisories(case)]
        found = [one for one in found if (one.since or one.fact.at) <= case.now]
        once: dict[tuple[str, str], Condition] = {}
        for one in found:
            once.setdefault((one.rule, one.cause), one)
        for key, one in once.items():
            rivals = [k for k in once if k[0] == one.rule]
            chosen = [k for k in rivals if k in self.holding] or rivals
            if one.rule not in ONE_AT_A_TIME or key == chosen[0]:
                yield one

    def _raise_condition(self, condition: Condition, now: datetime) -> None:
        name = (condition.rule, condition.cause)
        first = self.conditions.get((*name, 0))
        is_report = condition.rule == "report-unclassified"
        number = 0
        if first is not None:
            hours = (now - first.raised_at) // HOUR
            told = max(n for *one, n in self.conditions if tuple(one) == name)
            if not is_report or min(hours, 24) <= told or hours > 24:
                return
            number = hours
        own_at = now if first is None else first.raised_at + number * HOUR
        fact = condition.fact
        is_quiet = condition.rule in BOARD_ONLY or (
            bool(condition.clocks) and all(map(is_board_only, condition.clocks))
        )
        is_old = fact.at < fact.received_at - BOARD_ONLY_AFTER
        self.conditions[(*name, number)] = Expected(
            kind=condition.kind,
            rule=condition.rule,
            level=None,
            repeat=number,
            raised_at=now,
            start_at=None,
            due_at=None,
            late_by_s=(now - own_at) // timedelta(seconds=1),
            severity=_SEVERITY.get(condition.rule, "warning"),
            paged=not (is_old or fact.replayed or condition.behind or is_quiet),
        )

    def next_look(self, cases: Iterable[Case], now: datetime) -> datetime | None:
        """Return the next instant at which anything could change."""
        found = {d.event.received_at for d in self.deliveries if d.event.received_at > now}
        for case in cases:
            found |= _instants_of(case.facts)
            found |= {at for episode in case.episodes for at in _instants_in(episode)}
            for clock in case.clocks:
                if not clock.has_ended(now):
                    found |= set(instants(clock, self.raised, now))
        for (*name, number), alert in self.conditions.items():
            if alert.rule == "report-unclassified" and number == 0 and tuple(name) in self.holding:
                hours = (now - alert.raised_at) // HOUR + 1
                found |= {alert.raised_at + hours * HOUR} if hours <= 24 else set()
        return min((at for at in found if at > now), default=None)

    def told(self, cases: dict[str, Case], now: datetime) -> list[Expected]:
        """Return every alert with its status as the *cases* stand, and whose it is while it is open."""
        known = ever_known(self.deliveries, now)
        whose = {
            delivery.key: who
            for who, told in persons(self.deliveries, now).items()
            for delivery in told
        }
        found = []
        for (name, _, _), alert in self.clocks.items():
            who = whose[name[1]]
            found.append(_standing(alert, _status(name, cases[who], known), who))
        for (rule, cause, _), alert in self.conditions.items():
            holder = self.holding.get((rule, cause))
            found.append(_standing(alert, "open" if holder else "resolved", holder or ""))
        return found


def _standing(alert: Expected, status: str, who: str) -> Expected:
    return replace(alert, status=status, patient=who if status == "open" else "")


@remembered
def _instants_of(facts: list[Fact]) -> set[datetime]:
    return {at for fact in facts for at in _instants_about(fact)}


def _instants_about(fact: Fact) -> Iterator[datetime]:
    for at in (fact.at, fact.latest_at, fact.received_at):
        for delay in (*DELAYS, *LONG_DELAYS.get(fact.kind, ())):
            yield at + delay
    ends_at = said(fact.event, "ends_at")
    if ends_at is not None:
        yield ends_at


def _instants_in(episode: Episode) -> Iterator[datetime]:
    yield episode.first_at + 168 * HOUR
    for clock in episode.clocks:
        yield quiet_at([clock]) + 336 * HOUR


def _refused_merges(
    deliveries: list[Delivery], cases: dict[str, Case], now: datetime
) -> Iterator[tuple[str, Condition]]:
    """Yield the notices of refused merges, one for each person concerned who has an episode."""
    survivor_of, refused = merged(deliveries, now)
    for fact in refused:
        for place, person in enumerate(concerned(fact, survivor_of)):
            if person in cases and cases[person].clocks:
                yield person, notice("merge-refused", fact, place)


def _status(name: Name, case: Case, known: dict[str, Any]) -> str:
    """Return how the alerts of a clock stand, by the clock as it is now."""
    for clock in case.clocks:
        if clock.name == name:
            if not clock.has_ended(case.now):
                return "open"
            return "resolved" if clock.how == "satisfied" else "withdrawn"
    rule, key = name
    facts = {fact.key: fact for fact in case.facts}
    # What stands in its place: itself, else what corrected it.
    stands = list(_corrections(key, facts, known, {key}))
    stands = [fact for fact in stands if not _is_undone(fact, case.facts)]
    same_rule = [clock.fact for clock in case.clocks if clock.rule == rule]
    for fact in stands:
        if any(one.key == fact.key or _is_later_reading(one, fact) for one in same_rule):
            return "superseded"
    # The one clock of its kind in an episode starts from another fact now.
    return "superseded" if rule in ONCE_AN_EPISODE and same_rule and stands else "withdrawn"


def _is_later_reading(later: Fact, fact: Fact) -> bool:
    reports = {"imaging-reported", "report-classified"}
    if fact.kind in reports:
        same = later.kind in reports and later.thing == fact.thing
    elif fact.kind == "diagnosed":
        same = later.kind == "diagnosed" and (
            (later.event.codes, later.event.status, later.event.encounter)
            == (fact.event.codes, fact.event.status, fact.event.encounter)
        )
        # Of repeats the earliest onset rules, whichever was written down last.
        return same and later.key != fact.key and later.at <= fact.at
    else:
        same = later.kind == fact.kind == "imaging-ordered" and later.thing == fact.thing
    return same and later.key != fact.key and later.recorded_at >= fact.recorded_at


def _is_undone(fact: Fact, facts: list[Fact]) -> bool:
    """Return whether a diagnosis was refuted, or a later reading of the same study says otherwise."""
    if fact.kind not in {"imaging-reported", "report-classified"}:
        return is_refuted(fact, facts)
    said = readings(facts, fact.thing)
    later = said[said.index(fact) + 1 :]
    return any(one.event.finding == "negative" for one in later)


def _corrections(
    key: str, facts: dict[str, Fact], known: dict[str, Any], seen: set[str]
) -> Iterator[Fact]:
    """Yield the fact *key* where it stands, else those that stand of what corrected it, and so on."""
    if key in facts:
        yield facts[key]
        return
    event = known[key]
    for later, one in known.items():
        corrects = said(one, "corrects")
        is_correction = one.kind == event.kind and corrects and corrects == said(event, "record_id")
        if is_correction and later not in seen:
            seen.add(later)
            yield from _corrections(later, facts, known, seen)


def _awake(at: datetime, stopped: Stops) -> datetime:
    for begun, ended in stopped:
        if begun <= at < ended:
            return ended
    return at


def story(events: Sequence[Told], until: datetime, stopped: Stops = ()) -> list[Expected]:
    """
    Return every alert of the events up to *until*, as it stands then, in order of raising.

    While the worker is *stopped* nobody looks; at the end of it everything is looked at at once.
    """
    teller = _Teller(delivered(events))
    cases: dict[str, Case] = {}
    looked_at = until
    now = min((d.event.received_at for d in teller.deliveries), default=None)
    while now is not None and (now := _awake(now, stopped)) <= until:
        looked_at = now
        cases = teller.look(now)
        now = teller.next_look(cases.values(), now)
    if _awake(until, stopped) == until:
        looked_at, cases = until, teller.look(until)
    return sorted(teller.told(cases, looked_at), key=lambda alert: alert.raised_at)
