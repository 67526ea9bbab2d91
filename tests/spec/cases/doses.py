"""How much dexamethasone a day an order means, and what cannot be computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.builders import (
    T,
    a_consultation,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_dose,
    a_report,
)
from tests.spec.case import SHIPPED, Case, Page, Raised, gone, tells, with_beside

LOW = ("steroid.low-dose",)
CONFIRMED = a_report(T(0))


@dataclass(frozen=True)
class Dosage:
    """A dosage as ordered, and what it means a day in mg; None: it cannot be computed."""

    dose: float
    unit: str | None
    frequency: str | None
    daily_mg: float | None
    dose_max: float | None = None
    is_single: bool = False
    """One dose only: judged with the doses given."""


DOSAGES = (
    Dosage(4, "mg", "Q6H", 16),
    Dosage(4, "mg", "q 6 h", 16),
    Dosage(8, "mg", "BID", 16),
    Dosage(5, "mg", "TID", 15),
    Dosage(4, "mg", "QID", 16),
    Dosage(16, "mg", "QD", 16),
    Dosage(12, "mg", "DAILY", 12),
    Dosage(16, "mg", "QAM", 16),
    Dosage(8, "mg", "QHS", 8),
    Dosage(8, "mg", "Q8H", 24),
    Dosage(1, "mg", "Q30M", 48),
    Dosage(16, "mg", "QOD", 8),
    Dosage(20, "mg", "Q2D", 10),
    Dosage(70, "mg", "Q1W", 10),
    Dosage(4, "mg", "2XD", 8),
    Dosage(0.008, "g", "BID", 16),
    Dosage(4000, "mcg", "Q6H", 16),
    Dosage(2000, "ug", "Q6H", 8),
    Dosage(2, "mg", "Q6H", 16, dose_max=4),
    Dosage(60, "mg", "BID", 120),
    Dosage(120, "mg", "QD", 120),
    Dosage(4, "mg", "PRN", None),
    Dosage(4, "mg", "Q6H PRN", None),
    Dosage(4, "mg", None, None),
    Dosage(4, "mg", "AS DIRECTED", None),
    Dosage(4, "mg", "Q0H", None),
    Dosage(1, "tablet", "QID", None),
    Dosage(4, None, "QID", None),
    Dosage(8, "mg", "ONCE", None, is_single=True),
    Dosage(8, "mg", "STAT", None, is_single=True),
)


def _table() -> str:
    lines = [
        "## Dosages",
        "",
        "| ordered | a day | below 16 mg? | above 100 mg? |",
        "|---|---|---|---|",
    ]
    low, high = SHIPPED.policy.low_dose_mg, SHIPPED.policy.high_dose_mg
    for one in DOSAGES:
        top = "" if one.dose_max is None else f" to {one.dose_max:g}"
        ordered = f"{one.dose:g}{top} {one.unit or '(no unit)'} {one.frequency or '(no frequency)'}"
        if one.daily_mg is None:
            said = "a single dose" if one.is_single else "cannot be computed"
            judged = "with the doses given" if one.is_single else "not judged"
            lines.append(f"| {ordered} | {said} | {judged} | {judged} |")
        else:
            below, above = one.daily_mg < low, one.daily_mg > high
            words = [" | ".join("yes" if is_so else "no" for is_so in (below, above))]
            lines.append(f"| {ordered} | {one.daily_mg:g} mg | {words[0]} |")
    return "\n".join(lines)


def _more(says: str, *heard: Any, raised: tuple[Raised, ...] = (), until: float = 8) -> Case:
    return Case("more", says, (CONFIRMED, *heard), raised, T(until), LOW)


DOSES = with_beside(
    Page(
        "doses",
        (
            _more(
                "Of a range the upper end counts", a_dexamethasone_order(T(1), 2, "Q6H", dose_max=4)
            ),
            _more(
                "Active orders add up; when one runs out, what is left is judged",
                a_dexamethasone_order(T(1), 4),
                a_dexamethasone_order(T(1), 4, order="RX2", ends_at=T(5)),
                raised=(tells(T(5)),),
            ),
            _more(
                "When one is stopped, too",
                a_dexamethasone_order(T(1), 4),
                a_dexamethasone_order(T(1), 4, order="RX2"),
                a_dexamethasone_stop(T(6), "RX2"),
                raised=(tells(T(6)),),
            ),
            _more(
                "A new dosage under the same number takes the place of the old one from its own time on",
                a_dexamethasone_order(T(1), 4),
                a_dexamethasone_order(T(3), 8),
                raised=(tells(T(1), gone(T(3))),),
            ),
            _more(
                "One of two orders cannot be computed: the sum is not judged",
                a_dexamethasone_order(T(1), 4),
                a_dexamethasone_order(T(1), 4, "PRN", order="RX2"),
            ),
            _more(
                "A dose given in a unit that cannot be read: the sum is not judged",
                a_dose(T(1), 1, dose_unit="ampoule"),
                a_dose(T(5), 4),
                until=26,
            ),
            _more(
                "Doses given count where nothing is on order: the sum of 24 h from the first",
                a_dose(T(1), 4),
                a_dose(T(7), 4),
                a_dose(T(13), 4),
                raised=(tells(T(25)),),
                until=26,
            ),
            _more(
                "Four of them make 16 mg",
                *(a_dose(T(at), 4) for at in (1, 7, 13, 19)),
                until=26,
            ),
            _more(
                "A taper after a day at 16 mg: each step is lower, none is low",
                a_dexamethasone_order(T(1), 8),
                a_dexamethasone_order(T(48), 6),
                a_dexamethasone_order(T(96), 4),
                a_dexamethasone_order(T(144), 2),
                until=150,
            ),
        ),
        title="Doses",
        intro=(
            "An order means its dose times how often a day its frequency code says; units are mg, g and mcg. What "
            "cannot be computed is not guessed: nothing is judged, and `cordwatch explain` says so for the patient."
        ),
        appendix=_table(),
        not_promised=(
            "That a text such as *as directed* is understood.",
            "That tablets are counted: their strength is not read.",
        ),
    ),
    a_consultation(T(0)),
)
