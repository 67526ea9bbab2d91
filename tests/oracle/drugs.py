"""Dexamethasone and its like: what was given, what is ordered, how much a day."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

from cordwatch_schemas.code_table import meaning
from tests.oracle.known import Fact, Known, by_hearing, by_time, of_kinds, remembered, said
from tests.oracle.studies import meanings

DAY = timedelta(hours=24)
NEVER_SYSTEMIC = {"OP", "OT", "TP", "IH", "IT", "NEB", "NS"} | {
    "OPHTHALMIC",
    "OTIC",
    "TOPICAL",
    "INHALATION",
    "INHALED",
    "INTRATHECAL",
    "NASAL",
}
MINIMUM_MG = 16
MAXIMUM_MG = 100
_TIMES = {
    "QD": 1.0,
    "DAILY": 1.0,
    "OD": 1.0,
    "QAM": 1.0,
    "QPM": 1.0,
    "QHS": 1.0,
    "BID": 2.0,
    "TID": 3.0,
    "QID": 4.0,
    "QOD": 0.5,
}
_ONCE = {"ONCE", "STAT", "1X", "ONE TIME"}
_MG = {"MG": 1.0, "G": 1000.0, "UG": 0.001, "MCG": 0.001}


def _is_systemic(fact: Fact) -> bool:
    return (fact.event.route or "").strip().upper() not in NEVER_SYSTEMIC


def is_dexamethasone(fact: Fact) -> bool:
    """Return whether the drug is dexamethasone by a route that reaches the whole body."""
    return bool(meanings(fact, "dexamethasone")) and _is_systemic(fact)


@remembered
def doses(facts: list[Fact]) -> list[Fact]:
    """Return the systemic dexamethasone doses given, earliest first."""
    given = [f for f in of_kinds(facts, "medication-given") if is_dexamethasone(f)]
    return sorted(given, key=by_hearing)


@remembered
def other_steroids(facts: list[Fact]) -> list[Fact]:
    """Return the doses of another systemic corticosteroid, earliest first."""
    given = [
        fact
        for fact in of_kinds(facts, "medication-given")
        if meanings(fact, "corticosteroid")
        and not meanings(fact, "dexamethasone")
        and _is_systemic(fact)
    ]
    return sorted(given, key=by_time)


@remembered
def standing(facts: list[Fact], at: datetime) -> list[Fact]:
    """Return the orders of any drug in force at *at*, the longest standing first."""
    timeline = [
        f for f in of_kinds(facts, "medication-ordered", "medication-stopped") if f.at <= at
    ]
    timeline.sort(key=lambda f: (f.at, f.recorded_at, f.kind == "medication-stopped", f.key))
    found: dict[str, Fact] = {}
    for fact in timeline:
        if fact.kind == "medication-ordered":
            # Orders without a number are things of their own.
            found[fact.thing or fact.key] = fact
        elif fact.thing:
            found.pop(fact.thing, None)
        else:
            # A stop that names no order is meant for every order of the drug.
            found = {name: f for name, f in found.items() if not _is_meant(f, fact)}
    ends = {f.key: f.event.ends_at for f in found.values()}
    return [f for f in found.values() if ends[f.key] is None or at < ends[f.key]]


def _is_meant(order: Fact, stop: Fact) -> bool:
    """Return whether a stop that names no order means this one: the stop of eye drops means no tablets."""
    return _same_drug(order, stop) and (_is_systemic(stop) or not _is_systemic(order))


def _same_drug(one: Fact, other: Fact) -> bool:
    concepts = [
        {what.concept for code in fact.event.codes if (what := meaning(code.system, code.code))}
        for fact in (one, other)
    ]
    return bool(concepts[0] & concepts[1])


@remembered
def in_force(facts: list[Fact], at: datetime) -> list[Fact]:
    """Return the systemic dexamethasone orders in force at *at*, the longest standing first."""
    return [order for order in standing(facts, at) if is_dexamethasone(order)]


@remembered
def ever_in_force(facts: list[Fact]) -> list[Fact]:
    """Return the systemic dexamethasone orders that were in force for any time at all."""
    return [f for f in of_kinds(facts, "medication-ordered") if f in in_force(facts, f.at)]


def first_told(facts: Known, order: Fact) -> Fact:
    """Return what first told of the order: what changes it later is no new cause."""
    same = [f for f in facts.ever if f.kind == order.kind and f.thing and f.thing == order.thing]
    return min(same or [order], key=lambda fact: (fact.received_at, fact.key))


def in_use(facts: list[Fact], at: datetime, *concepts: str) -> list[Fact]:
    """Return the orders of a drug of one of *concepts* that goes on being given at *at*."""
    return [
        order
        for order in standing(facts, at)
        if not is_single(order) and any(meanings(order, concept) for concept in concepts)
    ]


def course(facts: list[Fact], now: datetime, *concepts: str) -> Fact | None:
    """Return the order with which the course that is in use now began: a gap of a day ends none."""
    begun: Fact | None = None
    over_at: datetime | None = None
    for at in [*(at for at in changes(facts) if at < now), now]:
        used = in_use(facts, at, *concepts)
        if not used:
            over_at = over_at or at
        elif begun is None or (over_at is not None and at - over_at > DAY):
            begun, over_at = used[0], None
        else:
            over_at = None
    return begun if over_at is None else None


def times_a_day(order: Fact) -> float | None:
    """Return how often a day it is to be given, None where that is not known."""
    frequency = (order.event.frequency or "").strip().upper()
    every = re.fullmatch(r"Q(\d+)H", frequency)
    return 24 / int(every[1]) if every and int(every[1]) else _TIMES.get(frequency)


def is_single(order: Fact) -> bool:
    """Return whether the order is for one dose."""
    return (order.event.frequency or "").strip().upper() in _ONCE


def mg(fact: Fact) -> float | None:
    """Return the amount of one dose in mg, at its upper end; None where it is not known."""
    unit = _MG.get((fact.event.dose_unit or "").strip().upper())
    amount = fact.event.dose_max or fact.event.dose
    return None if unit is None or amount is None else amount * unit


def daily_mg(order: Fact) -> float | None:
    """Return dose times frequency, None where the order cannot be judged."""
    one, times = mg(order), times_a_day(order)
    return None if one is None or times is None else one * times


def ordered_mg(facts: list[Fact], at: datetime) -> float | None:
    """Return the daily dose of all orders in force at *at*, None where there is none or one cannot be judged."""
    amounts = [daily_mg(order) for order in in_force(facts, at)]
    if not amounts or any(amount is None for amount in amounts):
        return None
    return sum(amount for amount in amounts if amount is not None)


@remembered
def changes(facts: list[Fact]) -> list[datetime]:
    """Return the instants at which the orders in force can change."""
    touched = of_kinds(facts, "medication-ordered", "medication-stopped")
    ends = {said(f.event, "ends_at") for f in touched}
    return sorted({f.at for f in touched} | {end for end in ends if end is not None})


def falls(facts: list[Fact], since: datetime, before: datetime) -> int:
    """Return how often the daily dose was lowered in between: the ordered, else the given."""
    instants = [since, *(at for at in changes(facts) if since < at < before)]
    amounts = [ordered_mg(facts, at) for at in instants]
    if not ever_in_force(facts):
        # A day that was cut short by the stop is no smaller dose.
        days = range((before - since) // DAY)
        amounts = [given_mg(facts, since + day * DAY) for day in days]
    known = [amount for amount in amounts if amount]
    return sum(now < was for was, now in pairwise(known))


def given_mg(facts: list[Fact], since: datetime) -> float | None:
    """Return the sum of the doses given in the 24 h from *since*, None where one is not known."""
    amounts = [mg(fact) for fact in doses(facts) if since <= fact.at < since + DAY]
    return None if None in amounts else sum(amount or 0 for amount in amounts)


def was_lowered_after_a_full_day(facts: list[Fact], now: datetime) -> bool:
    """Return whether the ordered dose fell after 24 h at the minimum or more: a taper has begun."""
    was, enough_since = 0.0, None
    for at in changes(facts):
        if at > now:
            break
        amount = ordered_mg(facts, at) or 0.0
        if enough_since is not None and amount < was and at - enough_since >= DAY:
            return True
        if amount < MINIMUM_MG:
            enough_since = None
        elif enough_since is None:
            enough_since = at
        was = amount
    return False
