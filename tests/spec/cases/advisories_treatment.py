"""Advice on definitive treatment and on the course of the illness."""

from __future__ import annotations

from tests.builders import (
    T,
    a_consultation,
    a_dose,
    a_plan,
    a_refutation,
    a_report,
    a_retraction,
    a_surgery_planned,
    a_treatment_booked,
    a_treatment_cancelled,
    a_treatment_started,
    an_assessment,
    known_lymphoma,
)
from tests.spec.case import SECOND, Case, Page, gone, tells, with_beside

KNOWN, CONFIRMED = known_lymphoma(), a_report(T(0))

_PLANNED = (KNOWN, a_surgery_planned(T(2)))


def _against(says: str, aspect: str = "raised", words: str = "", **found: float) -> Case:
    """Return the story of an operation planned for a patient without lymphoma, assessed so."""
    heard = (an_assessment(T(0), suspected_mescc=True, **found), a_surgery_planned(T(2)))
    raised = (tells(T(2), words=words),) if words else ()
    return Case(aspect, says, heard, raised, until=T(4))  # type: ignore[arg-type]


_TOO_LONG, _TOO_SHORT = "paraplegia for too long", "life expectancy too short"
SURGERY_CONTRAINDICATED = Page(
    "surgery.contraindicated",
    (
        Case(
            "raised",
            "An operation on the spine is planned, and lymphoma is known",
            _PLANNED,
            (tells(T(2), words=": lymphoma"),),
            until=T(24),
        ),
        _against("Paraplegia for more than 24 h", paraplegia_h=30, words=_TOO_LONG),
        _against("Less than three months to live", life_expectancy_months=2, words=_TOO_SHORT),
        Case(
            "raised",
            "A recorded absolute indication is named beside it",
            (KNOWN, an_assessment(T(0), surgical_indications=("instability",)), _PLANNED[1]),
            (tells(T(2), words="recorded as indication: spinal instability"),),
        ),
        Case(
            "raised",
            "Planned and booked, it is told once",
            (*_PLANNED, a_treatment_booked(T(3), T(30), "OP1", modality="surgery")),
            (tells(T(2)),),
        ),
        Case(
            "raised",
            "Planned before the lymphoma is known: when it is",
            (_PLANNED[1], known_lymphoma(T(5))),
            (tells(T(5)),),
        ),
        Case(
            "not raised",
            "Nothing speaks against it",
            (an_assessment(T(0), suspected_mescc=True), _PLANNED[1]),
            until=T(24),
        ),
        Case("not raised", "Radiotherapy is planned", (KNOWN, a_plan(T(2))), until=T(24)),
        Case(
            "ended",
            "The operation is cancelled",
            (*_PLANNED, a_treatment_cancelled(T(3), "OP1", modality="surgery")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "ended",
            "The operation has begun: it is no longer planned",
            (*_PLANNED, a_treatment_started(T(3), "OP1", modality="surgery")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "taken back",
            "The lymphoma is refuted",
            (*_PLANNED, a_refutation(T(3))),
            (tells(T(2), gone(T(3))),),
        ),
        _against("Paraplegia for exactly 24 h", "to the second", paraplegia_h=24),
        _against(
            "Paraplegia for a minute more", "to the second", paraplegia_h=24.02, words=_TOO_LONG
        ),
        _against("Exactly three months to live", "to the second", life_expectancy_months=3),
        _against(
            "Less, be it by days", "to the second", life_expectancy_months=2.9, words=_TOO_SHORT
        ),
    ),
    starts="surgery of the spine is planned with lymphoma, paraplegia over 24 h, or life expectancy under 3 months",
    ends="the operation cancelled or begun, or what speaks against it withdrawn",
    not_promised=(
        "That the operation is wrong: an absolute indication may outweigh it, and is named where recorded.",
    ),
)

_UNSTABLE = (KNOWN, an_assessment(T(1), surgical_indications=("instability",), record_id="A1"))
SURGERY_INDICATION = Page(
    "surgery.indication",
    (
        Case(
            "raised",
            "Spinal instability is recorded, and no surgeon was heard",
            _UNSTABLE,
            (tells(T(1), words="spinal instability"),),
            until=T(24),
        ),
        *(
            Case(
                "raised",
                says,
                (KNOWN, an_assessment(T(1), surgical_indications=(name,))),
                (tells(T(1), words=words),),
            )
            for says, name, words in (
                (
                    "Recurrence or progression after radiotherapy",
                    "recurrence-after-radiotherapy",
                    "recurrence or progression after radiotherapy",
                ),
                (
                    "Deterioration under radiotherapy and steroids",
                    "deterioration-under-treatment",
                    "deterioration under radiotherapy and steroids",
                ),
            )
        ),
        Case(
            "not raised",
            "An operation is planned already",
            (*_UNSTABLE, a_surgery_planned(T(1))),
            until=T(24),
        ),
        Case(
            "not raised", "For somebody without lymphoma or a clock", (_UNSTABLE[1],), until=T(24)
        ),
        Case(
            "ended",
            "A spinal surgeon is consulted",
            (*_UNSTABLE, a_consultation(T(2), ("spinal-surgeon",))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "An operation is planned",
            (*_UNSTABLE, a_surgery_planned(T(2))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The assessment is withdrawn by its source",
            (*_UNSTABLE, a_retraction(T(2), "assessed", "A1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "The surgeon is consulted at the same instant",
            (*_UNSTABLE, a_consultation(T(1), ("spinal-surgeon",))),
            until=T(24),
        ),
        Case(
            "to the second",
            "Consulted a second before: not since",
            (*_UNSTABLE, a_consultation(T(1) - SECOND, ("spinal-surgeon",))),
            (tells(T(1)),),
        ),
        Case(
            "more",
            "Another of the three is consulted: no surgical opinion",
            (*_UNSTABLE, a_consultation(T(2), ("radiation-oncologist",))),
            (tells(T(1)),),
        ),
    ),
    starts="an absolute indication for surgery is recorded and no surgical opinion since",
    ends="a consultation with the spinal surgeon, or an operation planned, booked or begun",
    not_promised=(
        "That an operation is advised: lymphoma itself speaks against one. A surgeon is asked for.",
    ),
)

_UNPLANNED = (KNOWN, CONFIRMED)
_CHOICE = "hypofractionated is the approach of choice"
_LONGER = "5x4 or 10x3 Gy come into question"


def _to_live(says: str, aspect: str, months: float, words: str = "", unsaid: str = "") -> Case:
    heard = (KNOWN, an_assessment(T(-1), life_expectancy_months=months), CONFIRMED)
    return Case(aspect, says, heard, (tells(T(12), words=words, unsaid=unsaid),))  # type: ignore[arg-type]


RT_REGIMEN = with_beside(
    Page(
        "rt.regimen",
        (
            Case(
                "raised",
                "Half of the 24 h have passed, surgery is contraindicated, no radiotherapy is planned",
                _UNPLANNED,
                (tells(T(12), words=_CHOICE),),
                until=T(24),
            ),
            Case(
                "raised",
                "Surgery is planned and no radiotherapy: at once, for surgery is followed by it",
                (CONFIRMED, a_surgery_planned(T(1))),
                (tells(T(1)),),
            ),
            Case(
                "raised",
                "One operation is cancelled, another planned: at once, each time",
                (
                    CONFIRMED,
                    a_surgery_planned(T(1)),
                    a_treatment_cancelled(T(2), "OP1", modality="surgery"),
                    a_surgery_planned(T(3), "OP2"),
                ),
                (tells(T(1), gone(T(2))), tells(T(3))),
            ),
            Case(
                "raised",
                "An operation has begun, and nobody planned it before: for the 14 days that it counts",
                (CONFIRMED, a_treatment_started(T(1), "OP1", modality="surgery")),
                (tells(T(1), gone(T(337))),),
            ),
            _to_live(
                "Longer regimens are named where life expectancy is prolonged",
                "raised",
                12,
                _LONGER,
            ),
            Case(
                "raised",
                "Stereotactic treatment is named where it is offered",
                _UNPLANNED,
                (tells(T(12), words="stereotactic is offered"),),
                policy={"stereotactic_offered": True},
            ),
            Case(
                "not raised",
                "Radiotherapy is planned before",
                (*_UNPLANNED, a_plan(T(11))),
                until=T(24),
            ),
            Case(
                "not raised",
                "Radiotherapy is booked",
                (*_UNPLANNED, a_treatment_booked(T(11), T(20))),
                until=T(24),
            ),
            Case(
                "not raised",
                "Surgery is neither planned nor contraindicated",
                (CONFIRMED,),
                until=T(24),
            ),
            Case(
                "not raised",
                "Both are planned",
                (CONFIRMED, a_plan(T(0.5)), a_surgery_planned(T(1))),
                until=T(11),
            ),
            Case(
                "ended",
                "Radiotherapy is planned",
                (*_UNPLANNED, a_plan(T(13))),
                (tells(T(12), gone(T(13))),),
            ),
            Case(
                "ended",
                "Radiotherapy starts",
                (*_UNPLANNED, a_treatment_started(T(13))),
                (tells(T(12), gone(T(13))),),
            ),
            Case(
                "taken back",
                "The report is corrected to negative",
                (*_UNPLANNED, a_report(T(13), "negative", status="corrected")),
                (tells(T(12), gone(T(13))),),
            ),
            Case(
                "taken back",
                "The lymphoma is refuted: surgery is not contraindicated any more",
                (*_UNPLANNED, a_refutation(T(13))),
                (tells(T(12), gone(T(13))),),
            ),
            Case(
                "to the second",
                "Planned as half of the time passes: what is heard comes first",
                (*_UNPLANNED, a_plan(T(12))),
                until=T(24),
            ),
            Case(
                "to the second",
                "Planned a second later",
                (*_UNPLANNED, a_plan(T(12) + SECOND)),
                (tells(T(12), gone(T(12) + SECOND)),),
            ),
            _to_live("Exactly six months is prolonged", "to the second", 6, _LONGER),
            _to_live("A little less is not", "to the second", 5.9, unsaid=_LONGER),
        ),
        starts=(
            "no radiotherapy is planned: at once where surgery is planned, at half of "
            "[`treatment.start`](treatment.start.md) where surgery is contraindicated"
        ),
        ends="radiotherapy planned, booked or started, or the treatment clock's own end",
        not_promised=(
            "Which regimen is right: it names what the source names. The dose is the oncologist's.",
        ),
    ),
    a_dose(T(0)),
    a_consultation(T(0), ("responsible-physician", "radiation-oncologist", "spinal-surgeon")),
)

TREATMENT_ADVICE = (SURGERY_CONTRAINDICATED, SURGERY_INDICATION, RT_REGIMEN)
