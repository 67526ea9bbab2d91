"""Advice on steroids: too little, and too much."""

from __future__ import annotations

from tests.builders import (
    T,
    a_consultation,
    a_dexamethasone_order,
    a_dose,
    a_report,
    a_retraction,
    a_suspicion,
    a_treatment_started,
    an_mri_done,
)
from tests.spec.case import SECOND, Case, Page, gone, tells, with_beside

CONFIRMED, SUSPECTED = a_report(T(0)), a_suspicion(T(0))
AN_EARLIER_EPISODE = (a_suspicion(T(-1_000)), an_mri_done(T(-999), order="O9"))

_LOW = (CONFIRMED, a_dexamethasone_order(T(1), 4))
LOW_DOSE = with_beside(
    Page(
        "steroid.low-dose",
        (
            Case(
                "raised",
                "4 mg twice a day is ordered: 8 mg a day",
                _LOW,
                (tells(T(1)),),
                until=T(6),
            ),
            Case(
                "raised",
                "Ordered before the confirmation: at the confirmation",
                (a_dexamethasone_order(T(-1), 4), CONFIRMED),
                (tells(T(0)),),
            ),
            Case(
                "raised",
                "Nothing is on order: the doses of the 24 h from the first are added up then",
                (CONFIRMED, a_dose(T(1), 8), a_dose(T(9), 4)),
                (tells(T(25)),),
            ),
            Case(
                "raised",
                "A single dose on order is judged with the doses given",
                (CONFIRMED, a_dexamethasone_order(T(1), 10, "ONCE"), a_dose(T(1), 10)),
                (tells(T(25)),),
            ),
            Case(
                "raised",
                "Two orders that together are too low: told once",
                (
                    CONFIRMED,
                    a_dexamethasone_order(T(1), 2),
                    a_dexamethasone_order(T(1), 2, order="RX2"),
                ),
                (tells(T(1)),),
            ),
            Case(
                "raised",
                "In a later episode than one that was a suspicion only",
                (*AN_EARLIER_EPISODE, *_LOW),
                (tells(T(1)),),
            ),
            Case(
                "not raised",
                "4 mg every six hours",
                (CONFIRMED, a_dexamethasone_order(T(1), 4, "Q6H")),
                until=T(6),
            ),
            Case(
                "not raised",
                "Two orders of 8 mg a day add up",
                (
                    CONFIRMED,
                    a_dexamethasone_order(T(1), 4),
                    a_dexamethasone_order(T(1), 4, order="RX2"),
                ),
                until=T(6),
            ),
            Case(
                "not raised",
                "As needed: not judged, and said by `cordwatch explain`",
                (CONFIRMED, a_dexamethasone_order(T(1), 4, "PRN")),
                until=T(6),
            ),
            Case(
                "not raised",
                "A frequency that cannot be read: not judged",
                (CONFIRMED, a_dexamethasone_order(T(1), 4, "AS DIRECTED")),
                until=T(6),
            ),
            Case("not raised", "MESCC is suspected only", (SUSPECTED, _LOW[1]), until=T(6)),
            Case(
                "not raised",
                "Treatment has started",
                (CONFIRMED, a_treatment_started(T(0.5)), _LOW[1]),
                until=T(6),
            ),
            Case(
                "not raised",
                "Lowered after more than a day at 16 mg: that is a taper",
                (CONFIRMED, a_dexamethasone_order(T(1), 8), a_dexamethasone_order(T(30), 4)),
                until=T(31),
            ),
            Case(
                "ended",
                "The dose is raised to 16 mg a day",
                (*_LOW, a_dexamethasone_order(T(2), 8)),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "ended",
                "Treatment starts",
                (*_LOW, a_treatment_started(T(3))),
                (tells(T(1), gone(T(3))),),
            ),
            Case(
                "taken back",
                "The order is withdrawn by its source",
                (*_LOW, a_retraction(T(2), "medication-ordered", "RX1")),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "taken back",
                "The report is corrected to negative",
                (*_LOW, a_report(T(2), "negative", status="corrected")),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "to the second",
                "16 mg a day is not below 16",
                (CONFIRMED, a_dexamethasone_order(T(1), 8)),
                until=T(6),
            ),
            Case(
                "to the second",
                "15.8 mg a day is",
                (CONFIRMED, a_dexamethasone_order(T(1), 7.9)),
                (tells(T(1)),),
            ),
            Case(
                "to the second",
                "Lowered after exactly 24 h at 16 mg a day",
                (CONFIRMED, a_dexamethasone_order(T(1), 8), a_dexamethasone_order(T(25), 4)),
                until=T(31),
            ),
            Case(
                "to the second",
                "Lowered a second sooner",
                (
                    CONFIRMED,
                    a_dexamethasone_order(T(1), 8),
                    a_dexamethasone_order(T(25) - SECOND, 4),
                ),
                (tells(T(25) - SECOND),),
            ),
        ),
        starts=(
            "MESCC is confirmed and dexamethasone ordered (dose times frequency, active orders added up), or "
            "given where nothing is ordered (the sum of 24 h from the first dose), stays below 16 mg a day"
        ),
        ends="16 mg a day, the start of treatment, or the confirmation withdrawn",
        not_promised=(
            "That an order which cannot be computed is judged: it is said that it was not.",
            "That 16 mg is right for this patient: it is the minimum of the source.",
        ),
    ),
    a_consultation(T(0)),
)

_HIGH = (SUSPECTED, a_dexamethasone_order(T(1), 60))
HIGH_DOSE = Page(
    "steroid.high-dose",
    (
        Case(
            "raised",
            "60 mg twice a day is ordered: 120 mg a day",
            _HIGH,
            (tells(T(1)),),
            until=T(24),
        ),
        Case(
            "raised",
            "A single dose above 100 mg is ordered",
            (SUSPECTED, a_dexamethasone_order(T(1), 120, "ONCE")),
            (tells(T(1)),),
        ),
        Case(
            "raised",
            "Doses given add up to more within a day",
            (SUSPECTED, a_dose(T(1), 60), a_dose(T(5), 60)),
            (tells(T(5)),),
        ),
        Case(
            "not raised",
            "50 mg twice a day",
            (SUSPECTED, a_dexamethasone_order(T(1), 50)),
            until=T(24),
        ),
        Case("not raised", "For somebody without lymphoma or a clock", (_HIGH[1],), until=T(24)),
        Case(
            "ended",
            "The dose is lowered",
            (*_HIGH, a_dexamethasone_order(T(2), 8)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "A dose given is spoken of for a day",
            (SUSPECTED, a_dose(T(1), 120)),
            (tells(T(1), gone(T(25))),),
        ),
        Case(
            "taken back",
            "The order is withdrawn by its source",
            (*_HIGH, a_retraction(T(2), "medication-ordered", "RX1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The dose was entered in error",
            (
                SUSPECTED,
                a_dose(T(1), 120, record_id="G1"),
                a_retraction(T(2), "medication-given", "G1"),
            ),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "100 mg in one dose is not above 100",
            (SUSPECTED, a_dose(T(1), 100)),
            until=T(24),
        ),
        Case("to the second", "100.1 mg is", (SUSPECTED, a_dose(T(1), 100.1)), (tells(T(1)),)),
        Case(
            "to the second",
            "Doses of exactly 24 h are added up",
            (SUSPECTED, a_dose(T(1), 60), a_dose(T(25), 60)),
            (tells(T(25)),),
        ),
        Case(
            "to the second",
            "Not what was given a second before that",
            (SUSPECTED, a_dose(T(1), 60), a_dose(T(25) + SECOND, 60)),
            until=T(48),
        ),
        Case(
            "to the second",
            "Another such dose as the day ends goes on with it",
            (SUSPECTED, a_dose(T(1), 120), a_dose(T(25), 120)),
            (tells(T(1), gone(T(49))),),
        ),
        Case(
            "to the second",
            "A second later it is told anew",
            (SUSPECTED, a_dose(T(1), 120), a_dose(T(25) + SECOND, 120)),
            (tells(T(1), gone(T(25))), tells(T(25) + SECOND)),
        ),
        Case(
            "more",
            "Ordered and given, it is told once",
            (*_HIGH, a_dose(T(2), 120)),
            (tells(T(1)),),
        ),
    ),
    starts="a single or daily dose of dexamethasone above 100 mg is ordered or given, for a patient with known lymphoma or a clock",
    ends="the order lowered or ended; a dose given is spoken of for 24 h",
    not_promised=("That the dose is wrong: it lies above what the source knows evidence for.",),
)

DOSE_ADVICE = (LOW_DOSE, HIGH_DOSE)
