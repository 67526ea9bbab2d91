"""Dexamethasone: what was ordered and given, the daily dose over time, and how it was stopped."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cordwatch.pathway.dosage import Dosage, dose_mg, stops_of, timeline
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History
from cordwatch_schemas.code_table import meaning

_NOT_SYSTEMIC = frozenset(
    [
        "OP",
        "OPH",
        "OPHTH",
        "OPHTHALMIC",
        "EYE",
        "OT",
        "OTIC",
        "EAR",
        "TOP",
        "TOPICAL",
        "TP",
        "INH",
        "INHL",
        "INHALATION",
        "IH",
        "NEB",
        "NS",
        "NASAL",
        "IT",
        "INTRATHECAL",
        "EP",
        "EPIDURAL",
        "IA",
        "INTRAARTICULAR",
        "INTRAVITREAL",
        "DENTAL",
    ]
)
_SYSTEMIC = frozenset(
    [
        "PO",
        "ORAL",
        "MOUTH",
        "NG",
        "NGT",
        "NJ",
        "GT",
        "PEG",
        "JT",
        "ENTERAL",
        "IV",
        "IVP",
        "IVPB",
        "INTRAVENOUS",
        "IM",
        "INTRAMUSCULAR",
        "SC",
        "SQ",
        "SUBCUT",
        "SUBCUTANEOUS",
    ]
)
DAY = timedelta(days=1)


def concept_of(fact: Fact) -> str | None:
    """Return `dexamethasone` or `corticosteroid` if *fact* is about one."""
    for system, code in fact.codes:
        found = meaning(system, code)
        if found is not None and found.concept in {"dexamethasone", "corticosteroid"}:
            return found.concept
    return None


def _route(fact: Fact) -> str | None:
    route = fact.values.get("route")
    return re.sub(r"[^A-Z]", "", route.upper()) if route else None


def is_systemic(fact: Fact) -> bool:
    """Return whether the drug reaches the whole body; a route not stated counts."""
    return _route(fact) not in _NOT_SYSTEMIC


def route_flags(fact: Fact) -> tuple[str, ...]:
    """Return the doubt about the route of *fact*, if there is one."""
    route = _route(fact)
    if route is None:
        return ("route-unstated",)
    return () if route in _SYSTEMIC else ("route-unread",)


@dataclass(frozen=True, slots=True)
class Dexamethasone:
    """The systemic dexamethasone of one patient."""

    dosages: Sequence[Dosage]
    doses: Sequence[Fact]
    stops: Sequence[Fact]
    others_given: Sequence[Fact]
    """Doses of other corticosteroids."""

    def is_ordered(self, at: datetime) -> bool:
        """Return whether a systemic order is active at *at*."""
        return any(dosage.is_active(at) for dosage in self.dosages)

    def daily_mg(self, at: datetime) -> float | None:
        """Return what the active orders add up to, None if one of them cannot be computed."""
        amounts = [dosage.daily_mg for dosage in self.dosages if dosage.is_active(at)]
        if not amounts or None in amounts:
            return None
        return sum(amount for amount in amounts if amount is not None)

    def changes(self) -> list[datetime]:
        """Return the instants at which the ordered dose may change, in order."""
        edges = {dosage.begins_at for dosage in self.dosages}
        edges |= {dosage.ends_at for dosage in self.dosages if dosage.ends_at is not None}
        return sorted(edges)

    def given_mg(self, begin_at: datetime, end_at: datetime) -> float | None:
        """Return the sum of doses in [begin, end), None if one cannot be told."""
        amounts = [dose_mg(dose) for dose in self.doses if begin_at <= dose.start_at < end_at]
        if None in amounts:
            return None
        return sum(amount for amount in amounts if amount is not None)

    def plan_ends_at(self) -> datetime | None:
        """Return the end of the latest recorded taper plan."""
        plans = [
            dosage.fact for dosage in self.dosages if dosage.fact.values.get("taper_plan_ends_at")
        ]
        if not plans:
            return None
        plan = max(plans, key=lambda fact: (fact.known_at, fact.id))
        return datetime.fromisoformat(plan.values["taper_plan_ends_at"])

    def stopped_after(self, begun_at: datetime) -> tuple[datetime, Fact] | None:
        """
        Return when the last order ended for good after *begun_at*, and by which fact.

        A stop while another order goes on, or is followed by one at once, is a
        change of dose, not a stop.
        """
        edges = [(stop.start_at, stop) for stop in self.stops]
        edges += [(one.ends_at, one.fact) for one in self.dosages if one.ends_at is not None]
        for at, fact in sorted(edges, key=_stop_first):
            resumed = any(dosage.begins_at >= at for dosage in self.dosages)
            if at > begun_at and not self.is_ordered(at) and not resumed:
                return at, fact
        return None

    def falls(self, begin_at: datetime, end_at: datetime) -> list[datetime]:
        """Return when the daily dose fell (to something) between the two: ordered, else given."""
        if self.dosages:
            changes = [begin_at, *(at for at in self.changes() if begin_at < at < end_at)]
            points = [(at, self.daily_mg(at)) for at in changes]
        else:
            # A day that was cut short by the stop is no smaller dose.
            bounds = [begin_at + DAY * n for n in range((end_at - begin_at) // DAY)]
            points = [(at, self.given_mg(at, at + DAY) or None) for at in bounds]
        falls: list[datetime] = []
        before: float | None = None
        for at, dose in points:
            if dose is None:
                continue
            if before is not None and dose < before:
                falls.append(at)
            before = dose
        return falls


_NONE = Dexamethasone((), (), (), ())


def _stop_first(edge: tuple[datetime, Fact]) -> tuple[datetime, bool, datetime, str]:
    at, fact = edge
    return (at, fact.kind != "medication-stopped", fact.received_at, fact.id)


def _ends_systemic(stop: Fact, ordered: Collection[str], systemic: Collection[str]) -> bool:
    """Return whether *stop* may end systemic dexamethasone: what ends eye drops is no stop of tablets."""
    number = stop.values.get("order_number")
    if number in ordered:
        return number in systemic
    return concept_of(stop) == "dexamethasone" and is_systemic(stop)


def dexamethasone(history: History) -> Dexamethasone:
    """Return the systemic steroid history of a patient, what is not systemic left out."""
    if not history.standing("medication-ordered", "medication-given", "medication-stopped"):
        return _NONE
    ordered: dict[str, list[Fact]] = defaultdict(list)
    for fact in history.standing("medication-ordered"):
        if concept_of(fact) == "dexamethasone":
            ordered[fact.values.get("order_number") or fact.id].append(fact)
    systemic = {number for number, facts in ordered.items() if any(map(is_systemic, facts))}
    stops = [
        stop
        for stop in history.standing("medication-stopped")
        if _ends_systemic(stop, ordered, systemic)
    ]
    given = [fact for fact in history.standing("medication-given") if is_systemic(fact)]
    return Dexamethasone(
        dosages=[
            dosage
            for number, facts in sorted(ordered.items())
            for dosage in timeline(facts, stops_of(number, stops))
            # An order that is changed to eye drops has ended as what it was.
            if is_systemic(dosage.fact)
        ],
        doses=sorted(
            (fact for fact in given if concept_of(fact) == "dexamethasone"),
            key=lambda dose: (dose.start_at, dose.received_at, dose.id),
        ),
        stops=stops,
        others_given=[fact for fact in given if concept_of(fact) == "corticosteroid"],
    )
