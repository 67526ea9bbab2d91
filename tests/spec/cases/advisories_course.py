"""Advice on what comes after: relief, surveillance, support, and what may be missed."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import (
    CIDP,
    WHOLE_TEAM,
    T,
    a_back_pain,
    a_consultation,
    a_ct_done,
    a_discharge,
    a_pain_record,
    a_refutation,
    a_report,
    a_retraction,
    a_support_record,
    a_treatment_started,
    a_vertebroplasty,
    an_assessment,
    an_mri_done,
    known_lymphoma,
)
from tests.spec.case import DAY, SECOND, Case, Page, gone, tells

KNOWN, CONFIRMED = known_lymphoma(), a_report(T(0))


_CEMENTED = (KNOWN, a_vertebroplasty(T(0)))
VERTEBROPLASTY_FOLLOWUP = Page(
    "vertebroplasty.followup",
    (
        Case(
            "raised",
            "Three days have passed, and nobody recorded the pain",
            _CEMENTED,
            (tells(T(72) + SECOND),),
            until=T(96),
        ),
        Case(
            "raised",
            "Beside a course of radiotherapy",
            (KNOWN, a_treatment_started(T(-1)), *_CEMENTED[1:]),
            (tells(T(72) + SECOND),),
        ),
        Case(
            "not raised",
            "Pain is recorded on the second day",
            (*_CEMENTED, a_pain_record(T(40))),
            until=T(96),
        ),
        Case(
            "not raised", "For somebody without lymphoma or a clock", (_CEMENTED[1],), until=T(96)
        ),
        Case(
            "ended",
            "Pain is recorded",
            (*_CEMENTED, a_pain_record(T(96))),
            (tells(T(72) + SECOND, gone(T(96))),),
        ),
        Case(
            "taken back",
            "The procedure is withdrawn by its source",
            (*_CEMENTED, a_retraction(T(96), "treatment-started", "VP1")),
            (tells(T(72) + SECOND, gone(T(96))),),
        ),
        Case(
            "to the second",
            "Pain is recorded exactly three days after",
            (*_CEMENTED, a_pain_record(T(72))),
            until=T(96),
        ),
        Case(
            "to the second",
            "Two seconds later it has been told",
            (*_CEMENTED, a_pain_record(T(72) + 2 * SECOND)),
            (tells(T(72) + SECOND, gone(T(72) + 2 * SECOND)),),
        ),
        Case(
            "more",
            "Pain recorded before the procedure says nothing of it",
            (KNOWN, a_pain_record(T(-1)), _CEMENTED[1]),
            (tells(T(72) + SECOND),),
        ),
    ),
    starts="pain was not reassessed in more than 3 days after a vertebroplasty or kyphoplasty",
    ends="pain recorded",
    not_promised=(
        "That the procedure failed: relief is expected within one to three days, and nobody has asked.",
    ),
)

_CIDP = known_lymphoma(codes=(CIDP,))
_MASKED = (KNOWN, _CIDP, an_assessment(T(1), improved_after=("steroid",), record_id="A1"))
NEUROLYMPHOMATOSIS = Page(
    "neurolymphomatosis.masked",
    (
        Case(
            "raised",
            "Lymphoma, a neuropathy read as CIDP, and better under steroid",
            _MASKED,
            (tells(T(1)),),
            until=T(24),
        ),
        Case(
            "raised",
            "Better under immunoglobulins",
            (KNOWN, _CIDP, an_assessment(T(1), improved_after=("ivig",))),
            (tells(T(1)),),
        ),
        Case("not raised", "No lymphoma is known", _MASKED[1:], until=T(24)),
        Case("not raised", "No such neuropathy is recorded", (KNOWN, _MASKED[2]), until=T(24)),
        Case(
            "not raised",
            "No improvement is recorded",
            (KNOWN, _CIDP, an_assessment(T(1))),
            until=T(24),
        ),
        Case(
            "ended",
            "The neuropathy is found to be another",
            (*_MASKED, a_refutation(T(2), CIDP)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The assessment is withdrawn by its source",
            (*_MASKED, a_retraction(T(2), "assessed", "A1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "The neuropathy is refuted at the same instant",
            (*_MASKED, a_refutation(T(1), CIDP)),
            until=T(24),
        ),
        Case(
            "to the second",
            "Refuted a second later",
            (*_MASKED, a_refutation(T(1) + SECOND, CIDP)),
            (tells(T(1), gone(T(1) + SECOND)),),
        ),
    ),
    starts="lymphoma, a diagnosis like CIDP, and improvement after steroid or IVIG are recorded",
    ends="the diagnosis refuted, or the assessment withdrawn",
    not_promised=("That there is lymphoma in the nerves: it asks to keep suspecting it.",),
)

_ON = ("surveillance.due",)
_WATCHED = (KNOWN, an_assessment(T(0), conservative_management=True, record_id="A1"))
_NINETY = T(0) + 90 * DAY
SURVEILLANCE = Page(
    "surveillance.due",
    (
        Case(
            "raised",
            "Managed conservatively, and the spine not imaged for 90 days",
            _WATCHED,
            (tells(_NINETY),),
            until=_NINETY + DAY,
            on=_ON,
        ),
        Case(
            "raised",
            "The interval runs from the last imaging",
            (*_WATCHED, a_ct_done(T(240))),
            (tells(T(240) + 90 * DAY),),
            on=_ON,
        ),
        Case(
            "raised",
            "A second such assessment puts nothing off",
            (*_WATCHED, an_assessment(T(500), conservative_management=True)),
            (tells(_NINETY),),
            on=_ON,
        ),
        Case(
            "not raised",
            "For somebody without lymphoma or a clock",
            _WATCHED[1:],
            until=_NINETY + DAY,
            on=_ON,
        ),
        Case(
            "not raised", "As shipped: the advisory is switched off", _WATCHED, until=_NINETY + DAY
        ),
        Case(
            "not raised",
            "The spine was imaged on the 89th day",
            (*_WATCHED, an_mri_done(_NINETY - DAY)),
            until=_NINETY + DAY,
            on=_ON,
        ),
        Case(
            "ended",
            "The spine is imaged",
            (*_WATCHED, an_mri_done(_NINETY + DAY)),
            (tells(_NINETY, gone(_NINETY + DAY)),),
            on=_ON,
        ),
        Case(
            "taken back",
            "The assessment is withdrawn by its source",
            (*_WATCHED, a_retraction(_NINETY + DAY, "assessed", "A1")),
            (tells(_NINETY, gone(_NINETY + DAY)),),
            on=_ON,
        ),
        Case(
            "to the second",
            "Imaged as the 90 days end: what is heard comes first",
            (*_WATCHED, an_mri_done(_NINETY)),
            until=_NINETY + DAY,
            on=_ON,
        ),
        Case(
            "to the second",
            "Imaged a second later",
            (*_WATCHED, an_mri_done(_NINETY + SECOND)),
            (tells(_NINETY, gone(_NINETY + SECOND)),),
            on=_ON,
        ),
    ),
    starts="conservative management is recorded and the spine not imaged in the pack's interval, 90 days (switch, off)",
    ends="imaging of the spine",
    not_promised=(
        "What interval is right: the source says *frequent*; the figure is the hospital's.",
    ),
)

_SOME = (a_support_record(T(1), "physiotherapy"), a_support_record(T(2), "behavioural"))
_IN_PAIN = (KNOWN, a_back_pain(T(0), record_id="A1"), *_SOME)
_BOARD = {"severity": "info", "paged": False}
SUPPORT_OFFER = Page(
    "support.offer",
    (
        Case(
            "raised",
            "At discharge: what is not recorded is named",
            (*_IN_PAIN, a_discharge(T(30))),
            (tells(T(30), missing=("psychosocial",), **_BOARD),),
            until=T(48),
        ),
        Case(
            "raised",
            "On day 7 of the episode where nobody was discharged",
            _IN_PAIN,
            (tells(T(168), missing=("psychosocial",), **_BOARD),),
        ),
        Case(
            "raised",
            "In each of two episodes, the first of which is over",
            (
                known_lymphoma(T(-3_000)),
                a_back_pain(T(-2_000)),
                a_back_pain(T(0)),
                a_support_record(T(1), "physiotherapy"),
            ),
            (
                # The clock of the first is due after 14 days, and repeated for as long.
                tells(T(-1_832), gone(T(-2_000 + 3 * 336)), **_BOARD),
                tells(T(168), missing=("behavioural", "psychosocial"), **_BOARD),
            ),
        ),
        Case(
            "not raised",
            "All three are recorded",
            (*_IN_PAIN, a_support_record(T(3), "psychosocial"), a_discharge(T(30))),
            until=T(200),
        ),
        Case("not raised", "No clock ever ran", (KNOWN, a_discharge(T(30))), until=T(200)),
        Case(
            "ended",
            "What was missing is recorded",
            (*_IN_PAIN, a_discharge(T(30)), a_support_record(T(40), "psychosocial")),
            (tells(T(30), gone(T(40)), **_BOARD),),
        ),
        Case(
            "ended",
            "Two weeks after the episode's last clock it is over",
            (CONFIRMED, a_treatment_started(T(1)), a_consultation(T(1), WHOLE_TEAM)),
            # steroid.start is never satisfied: due T1, repeats until T25, then 14 days.
            (tells(T(168), gone(T(25) + timedelta(days=14)), **_BOARD),),
        ),
        Case(
            "taken back",
            "The assessment is withdrawn by its source",
            (*_IN_PAIN, a_discharge(T(30)), a_retraction(T(40), "assessed", "A1")),
            (tells(T(30), gone(T(40)), **_BOARD),),
        ),
        Case(
            "to the second",
            "Recorded at the instant of the start",
            (*_IN_PAIN, a_support_record(T(0), "psychosocial")),
            until=T(200),
        ),
        Case(
            "to the second",
            "Recorded a second before: not in this episode",
            (*_IN_PAIN, a_support_record(T(0) - SECOND, "psychosocial")),
            (tells(T(168), **_BOARD),),
        ),
        Case(
            "to the second",
            "Discharged at the instant of the start",
            (*_IN_PAIN, a_discharge(T(0))),
            (tells(T(0), **_BOARD),),
        ),
        Case(
            "to the second",
            "Discharged a second before: from another stay",
            (*_IN_PAIN, a_discharge(T(0) - SECOND)),
            (tells(T(168), **_BOARD),),
        ),
        Case(
            "to the second",
            "Recorded as the 7 days end: what is heard comes first",
            (*_IN_PAIN, a_support_record(T(168), "psychosocial")),
            until=T(200),
        ),
        Case(
            "to the second",
            "Recorded a second later",
            (*_IN_PAIN, a_support_record(T(168) + SECOND, "psychosocial")),
            (tells(T(168), gone(T(168) + SECOND), **_BOARD),),
        ),
    ),
    starts="physiotherapy or exercise, behavioural or psychosocial support is not recorded by discharge or day 7 of the episode",
    ends="all three recorded since the episode began, or the episode over for two weeks",
    not_promised=("That support was not offered: it was not recorded.",),
)

COURSE_ADVICE = (VERTEBROPLASTY_FOLLOWUP, NEUROLYMPHOMATOSIS, SURVEILLANCE, SUPPORT_OFFER)
