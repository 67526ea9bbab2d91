"""Advice on steroids: the wrong drug, the wrong end, the wrong time."""

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
    a_treatment_started,
    known_lymphoma,
)
from tests.spec.case import OPEN_AGAIN, SECOND, Case, Page, gone, tells, with_beside
from tests.spec.cases.advisories_dose import AN_EARLIER_EPISODE, CONFIRMED, SUSPECTED

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
            Case(
                "raised",
                "In a later episode than one that was a suspicion only",
                (*AN_EARLIER_EPISODE, *_OTHER),
                (tells(T(1)),),
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

STEROID_ADVICE = (OTHER_DRUG, ABRUPT_STOP, BEFORE_BIOPSY)
