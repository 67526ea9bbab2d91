"""Dosage: how much of a drug an order means a day, and from when to when it is in force."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cordwatch.pathway.facts import Fact

_MG = {"MG": 1.0, "G": 1000.0, "GM": 1000.0, "MCG": 0.001, "UG": 0.001, "MICROGRAM": 0.001}
_PER_DAY = {
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
_EVERY = re.compile(r"Q(\d{1,3})([MHDW])")
_TIMES = re.compile(r"(\d{1,2})(?:ID|XD)")
_UNITS_PER_DAY = {"M": 1_440.0, "H": 24.0, "D": 1.0, "W": 1 / 7}
_ONCE = frozenset({"ONCE", "STAT", "X1", "1X", "1XONLY"})


def dose_mg(fact: Fact) -> float | None:
    """Return the amount of one dose in mg (the upper end of a range), None if it cannot be told."""
    amount = fact.values.get("dose_max") or fact.values.get("dose")
    unit = _MG.get((fact.values.get("dose_unit") or "").upper())
    return None if amount is None or unit is None else amount * unit


def doses_per_day(frequency: str | None) -> float | None:
    """
    Return how often a day a frequency code means; None: as needed, once, or not readable.

    Nothing is guessed: what cannot be computed is not judged (pathway, Advisories).
    """
    code = re.sub(r"[^A-Z0-9]", "", (frequency or "").upper())
    if "PRN" in code:
        return None
    if (every := _EVERY.fullmatch(code)) and int(every[1]):
        return _UNITS_PER_DAY[every[2]] / int(every[1])
    if (times := _TIMES.fullmatch(code)) and int(times[1]):
        return float(times[1])
    return _PER_DAY.get(code)


def is_once(fact: Fact) -> bool:
    """Return whether the order is for a single dose, to be judged with the doses given."""
    return re.sub(r"[^A-Z0-9]", "", (fact.values.get("frequency") or "").upper()) in _ONCE


@dataclass(frozen=True, slots=True)
class Dosage:
    """A dosage in force: from its start until changed, stopped or run out."""

    fact: Fact
    begins_at: datetime
    ends_at: datetime | None
    daily_mg: float | None

    def is_active(self, at: datetime) -> bool:
        """Return whether this dosage is in force at *at*."""
        return self.begins_at <= at and (self.ends_at is None or at < self.ends_at)


def stops_of(number: str, stops: Sequence[Fact]) -> list[Fact]:
    """Return the stops that may end the order *number*: its own, and those that name no order."""
    return [stop for stop in stops if stop.values.get("order_number") in {number, None}]


def _ends(stop: Fact, order: Fact) -> bool:
    """Return whether *stop* comes after *order*; of two at one instant the later record counts."""
    return (stop.start_at, stop.known_at) >= (order.start_at, order.known_at)


def timeline(facts: Sequence[Fact], stops: Sequence[Fact]) -> list[Dosage]:
    """Lay the dosages of one order end to end; of two with one start the later record counts."""
    by_start: dict[datetime, Fact] = {}
    for fact in sorted(facts, key=lambda one: (one.known_at, one.id)):
        by_start[fact.start_at] = fact
    starts = sorted(by_start)
    dosages = []
    for begins_at, next_at in zip(starts, [*starts[1:], None], strict=True):
        fact = by_start[begins_at]
        stated_end = fact.values.get("ends_at")
        ends = [next_at, datetime.fromisoformat(stated_end) if stated_end else None]
        ends += [stop.start_at for stop in stops if _ends(stop, fact)]
        end = min((at for at in ends if at is not None), default=None)
        if end is not None and end <= begins_at:
            continue
        per_day, amount = doses_per_day(fact.values.get("frequency")), dose_mg(fact)
        daily = None if per_day is None or amount is None else per_day * amount
        dosages.append(Dosage(fact, begins_at, end, daily))
    return dosages
