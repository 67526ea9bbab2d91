"""What a replay would change for the patients: their clocks and alerts as they stand, and as they would stand after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cordwatch.app.rereading.plan import Plan, Planned
from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.difference import Standing, alerts_once_on, standing
from cordwatch.pathway.facts import Fact, fact_of, merge_tellings
from cordwatch.pathway.identity import persons
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.relevance import is_kept
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs


@dataclass(slots=True)
class Known:
    """What is known of some patients: facts by reference and id, and the alerts that were published."""

    facts: dict[str, dict[str, Fact]] = field(default_factory=lambda: defaultdict(dict))
    alerts: dict[str, list[Alert]] = field(default_factory=dict)

    def learn(self, patient: str, fact: Fact | None) -> None:
        """Take in a fact, as watch does."""
        if fact is not None and is_kept(fact):
            known = self.facts[patient].get(fact.id)
            self.facts[patient][fact.id] = merge_tellings(known, fact) if known else fact

    def linked(self, patients: Iterable[str]) -> frozenset[str]:
        """Return *patients*, and everybody whom a merge ever tied to them."""
        found = set(patients)
        for patient in patients:
            found |= persons(self.facts.get(patient, {}).values()).linked(patient)
        return frozenset(found)

    def together(self) -> dict[str, list[Fact]]:
        """Return the facts of every reference; those whom merges tie together know the same."""
        everything: dict[str, list[Fact]] = {}
        for patient in self.facts:
            if patient in everything:
                continue
            tied = self._tied(patient)
            facts = {id_: one for other in tied for id_, one in self.facts[other].items()}
            everything |= {other: list(facts.values()) for other in tied}
        return everything

    def alerts_of(self, patient: str) -> list[Alert]:
        """Return the alerts about a reference, and about those whom merges tie to it."""
        tied = self._tied(patient)
        found = {one.alert_id: one for other in tied for one in self.alerts.get(other, ())}
        return list(found.values())

    def _tied(self, patient: str) -> set[str]:
        found, grown = set[str](), {patient}
        while found != grown:
            found = grown
            grown = found.union(*(self.linked([one]) for one in found if one in self.facts))
        return {one for one in found if one in self.facts}


@dataclass(frozen=True, slots=True)
class Outlook:
    """Clocks and alerts without the replay and with it, and how many clocks would run with nobody paged."""

    before: Standing
    after: Standing
    silent_clocks: int


def judge(plan: Plan, known: Known, packs: Packs, now: datetime) -> Outlook:
    """
    Return what *plan* comes to for the patients in *known*; silence in it what was told to its end.

    A clock of which the last repeat has been, under the reading that is put
    right, would begin anew under its new id. All other clocks that are open run.
    """
    opened = _open_clocks(_after(known, plan).together(), packs, now)
    told = _told(known.alerts.values(), plan.taken())
    for planned in plan.planned():
        if not planned.event.replayed and _is_over(planned, opened, told, now):
            plan.silence(planned)
    alerts = {one: known.alerts_of(one) for one in known.facts}
    facts = _after(known, plan).together()
    causes = {fact_of(planned.event).id for planned in plan.planned()}
    return Outlook(
        _stand(known.together(), alerts, packs, now),
        _stand(facts, alerts, packs, now),
        _silent(_open_clocks(facts, packs, now), causes),
    )


def _after(known: Known, plan: Plan) -> Known:
    """Return what will be known once *plan* is published."""
    after = Known(defaultdict(dict, {one: dict(facts) for one, facts in known.facts.items()}))
    for planned in plan.planned():
        after.learn(planned.event.patient, fact_of(planned.event))
    for mark in plan.marks():
        after.learn(mark.patient, fact_of(mark))
    return after


def _stand(
    facts: Mapping[str, Sequence[Fact]],
    alerts: Mapping[str, Sequence[Alert]],
    packs: Packs,
    now: datetime,
) -> Standing:
    return standing(facts, alerts_once_on(facts, alerts, packs, now), packs, now)


def _open_clocks(
    facts: Mapping[str, Sequence[Fact]], packs: Packs, now: datetime
) -> dict[str, list[Clock]]:
    """Return the clocks that run now, by every reference that they concern."""
    found: dict[str, list[Clock]] = {}
    for patient, all_ in facts.items():
        who = persons(all_)
        mine = [one for one in all_ if who.owner(one) == who.root(patient)]
        found[patient] = Picture(mine, who, packs).open_clocks(now) if mine else []
    return found


def _told(alerts: Iterable[Sequence[Alert]], taken: frozenset[str]) -> frozenset[tuple[str, str]]:
    """Return the patients and rules that were told as due for a reading that is taken back."""
    return frozenset(
        (one.patient, one.rule)
        for some in alerts
        for one in some
        if one.level in {"due", "overdue"} and one.cause in taken
    )


def _is_over(
    planned: Planned,
    opened: Mapping[str, Sequence[Clock]],
    told: frozenset[tuple[str, str]],
    now: datetime,
) -> bool:
    fact = fact_of(planned.event)
    started = [one for one in opened.get(fact.sent_as, ()) if one.cause.id == fact.id]
    over = (one.quiet_at <= now and (fact.sent_as, one.rule.id) in told for one in started)
    return bool(started) and all(over)


def _silent(clocks: Mapping[str, Sequence[Clock]], causes: set[str]) -> int:
    """Return how many open clocks page nobody only because a replay told their causes."""
    return len(
        {
            one.id
            for some in clocks.values()
            for one in some
            if one.cause.replayed and one.cause.id in causes and not one.board_only
        }
    )
