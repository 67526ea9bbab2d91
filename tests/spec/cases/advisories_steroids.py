"""Advice on steroids: too little, too much, the wrong drug, the wrong end, the wrong time."""

from __future__ import annotations

from tests.builders import (
    PREDNISOLONE,
    T,
    a_consultation,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_dose,
    a_drug_order,
    a_report,
    a_retraction,
    a_suspicion,
    a_treatment_started,
    known_lymphoma,
)
from tests.spec.case import OPEN_AGAIN, SECOND, Case, Page, gone, tells, with_beside

CONFIRMED, SUSPECTED = a_report(T(0)), a_suspicion(T(0))

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
    ),
    starts="a single or daily dose of dexamethasone above 100 mg is ordered or given, for a patient with known lymphoma or a clock",
    ends="the order lowered or ended; a dose given is spoken of for 24 h",
    not_promised=("That the dose is wrong: it lies above what the source knows evidence for.",),
)

_OTHER = (CONFIRMED, a_dose(T(1), codes=(PREDNISOLONE,), record_id="G1"))
OTHER_DRUG = with_beside(
    Page(
        "steroid.other-drug",
        (
            Case(
                "raised",
                "Prednisolone is given, and no dexamethasone",
                _OTHER,
                (tells(T(1)),),
                until=T(24),
            ),
            Case(
                "raised",
                "Given before the confirmation: at the confirmation",
                (a_dose(T(-2), codes=(PREDNISOLONE,)), CONFIRMED),
                (tells(T(0)),),
            ),
            Case("not raised", "MESCC is suspected only", (SUSPECTED, _OTHER[1]), until=T(24)),
            Case(
                "not raised",
                "Ordered, not given",
                (CONFIRMED, a_drug_order(T(1), PREDNISOLONE)),
                until=T(24),
            ),
            Case(
                "not raised",
                "On the skin",
                (CONFIRMED, a_dose(T(1), codes=(PREDNISOLONE,), route="TOP")),
                until=T(24),
            ),
            Case(
                "ended",
                "Dexamethasone is given",
                (*_OTHER, a_dose(T(2))),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "taken back",
                "The dose was entered in error",
                (*_OTHER, a_retraction(T(2), "medication-given", "G1")),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "taken back",
                "The report is corrected to negative",
                (*_OTHER, a_report(T(2), "negative", status="corrected")),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "to the second",
                "Given exactly 24 h before the confirmation",
                (a_dose(T(-24), codes=(PREDNISOLONE,)), CONFIRMED),
                (tells(T(0)),),
            ),
            Case(
                "to the second",
                "Given a second earlier",
                (a_dose(T(-24) - SECOND, codes=(PREDNISOLONE,)), CONFIRMED),
                until=T(24),
            ),
            Case(
                "to the second",
                "Dexamethasone at the same instant answers it",
                (*_OTHER, a_dose(T(1))),
                until=T(24),
            ),
            Case(
                "to the second",
                "Dexamethasone a second before does not",
                (*_OTHER, a_dose(T(1) - SECOND)),
                (tells(T(1)),),
            ),
        ),
        starts="MESCC is confirmed and another corticosteroid was given from 24 h before on, and no dexamethasone since",
        ends="dexamethasone given, or the confirmation withdrawn",
        not_promised=(
            "That the other drug was given for the spine: it may have been for something else.",
        ),
    ),
    a_consultation(T(0)),
)

_STOPPED = (CONFIRMED, a_dexamethasone_order(T(1), 8), a_dose(T(1)), a_dexamethasone_stop(T(30)))
_LOWERED = (a_dexamethasone_order(T(10), 6), a_dexamethasone_order(T(20), 4))
ABRUPT_STOP = with_beside(
    Page(
        "steroid.abrupt-stop",
        (
            Case(
                "raised", "Stopped, the dose never lowered", _STOPPED, (tells(T(30)),), until=T(48)
            ),
            Case(
                "raised", "Lowered once", (*_STOPPED[:3], _LOWERED[0], _STOPPED[3]), (tells(T(30)),)
            ),
            Case(
                "raised",
                "The order runs out, and none follows",
                (CONFIRMED, a_dexamethasone_order(T(1), 8, ends_at=T(30)), a_dose(T(1))),
                (tells(T(30)),),
            ),
            Case(
                "not raised",
                "Lowered twice before",
                (*_STOPPED[:3], *_LOWERED, _STOPPED[3]),
                until=T(48),
            ),
            Case(
                "not raised",
                "Never given: there is nothing to taper",
                (CONFIRMED, _STOPPED[1], _STOPPED[3]),
                until=T(48),
            ),
            Case(
                "not raised",
                "Another order goes on",
                (*_STOPPED, a_dexamethasone_order(T(20), 8, order="RX2")),
                until=T(48),
            ),
            Case(
                "ended",
                "Dexamethasone is ordered again",
                (*_STOPPED, a_dexamethasone_order(T(31), 8)),
                (tells(T(30), gone(T(31))),),
            ),
            Case(
                "taken back",
                "The stop is withdrawn by its source",
                (*_STOPPED, a_retraction(T(31), "medication-stopped", "RX1")),
                (tells(T(30), gone(T(31))),),
            ),
            Case(
                "taken back",
                "The withdrawal of the stop is withdrawn in its turn: told again",
                (
                    *_STOPPED,
                    a_retraction(T(31), "medication-stopped", "RX1", record_id="W1"),
                    a_retraction(T(32), "record-retracted", "W1"),
                ),
                (tells(T(30), gone(T(31)), (T(32), OPEN_AGAIN)),),
            ),
            Case(
                "to the second",
                "The second fall comes a second before the stop",
                (*_STOPPED[:3], _LOWERED[0], a_dexamethasone_order(T(30) - SECOND, 4), _STOPPED[3]),
                until=T(48),
            ),
            Case(
                "to the second",
                "Ordered anew at the instant of the stop: a change of dose, not a stop",
                (*_STOPPED, a_dexamethasone_order(T(30), 4, order="RX2")),
                until=T(48),
            ),
            Case(
                "to the second",
                "Ordered anew a second later: told, and ended",
                (*_STOPPED, a_dexamethasone_order(T(30) + SECOND, 4, order="RX2")),
                (tells(T(30), gone(T(30) + SECOND)),),
            ),
        ),
        starts="dexamethasone is stopped without two reductions before; this closes the taper clock",
        ends="dexamethasone ordered again, or the stop withdrawn",
        not_promised=("That the stop was wrong: a reason for it is not looked for.",),
    ),
    a_consultation(T(0)),
    a_treatment_started(T(1)),
)

_ON = ("steroid.before-biopsy",)
_UNPROVEN = (known_lymphoma(status="suspected"), a_dexamethasone_order(T(1)))
BEFORE_BIOPSY = Page(
    "steroid.before-biopsy",
    (
        Case(
            "raised",
            "Lymphoma is suspected, and dexamethasone ordered",
            _UNPROVEN,
            (tells(T(1)),),
            until=T(24),
            on=_ON,
        ),
        Case(
            "raised",
            "Any corticosteroid",
            (_UNPROVEN[0], a_drug_order(T(1), PREDNISOLONE)),
            (tells(T(1)),),
            on=_ON,
        ),
        Case("not raised", "As shipped: the advisory is switched off", _UNPROVEN, until=T(24)),
        Case(
            "not raised",
            "Lymphoma is proven",
            (known_lymphoma(), _UNPROVEN[1]),
            until=T(24),
            on=_ON,
        ),
        Case("not raised", "Lymphoma is not suspected", (_UNPROVEN[1],), until=T(24), on=_ON),
        Case(
            "ended",
            "Lymphoma is proven later",
            (*_UNPROVEN, known_lymphoma(T(2))),
            (tells(T(1), gone(T(2))),),
            on=_ON,
        ),
        Case(
            "taken back",
            "The order is withdrawn by its source",
            (*_UNPROVEN, a_retraction(T(2), "medication-ordered", "RX1")),
            (tells(T(1), gone(T(2))),),
            on=_ON,
        ),
        Case(
            "to the second",
            "Proven at the instant of the order",
            (*_UNPROVEN, known_lymphoma(T(1))),
            until=T(24),
            on=_ON,
        ),
        Case(
            "to the second",
            "Proven a second later",
            (*_UNPROVEN, known_lymphoma(T(1) + SECOND)),
            (tells(T(1), gone(T(1) + SECOND)),),
            on=_ON,
        ),
    ),
    starts="a steroid is ordered while lymphoma is suspected and not proven (switch, off)",
    ends="lymphoma proven, or the order withdrawn",
    not_promised=("That the steroid should wait: with a threatened cord it should not.",),
)

STEROID_ADVICE = (LOW_DOSE, HIGH_DOSE, OTHER_DRUG, ABRUPT_STOP, BEFORE_BIOPSY)
