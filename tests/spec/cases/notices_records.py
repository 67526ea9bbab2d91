"""Notices about stays, deaths and merges."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import (
    LUMBAR_MRI,
    T,
    a_death,
    a_death_cancelled,
    a_discharge,
    a_discharge_cancelled,
    a_dose,
    a_merge,
    a_merge_cancelled,
    a_report,
    a_retraction,
    a_suspicion,
    a_treatment_started,
    an_admission,
    an_admission_cancelled,
    an_mri_done,
)
from tests.spec.case import MINUTE, SECOND, Case, Page, gone, tells

SUSPECTED = a_suspicion(T(0), record_id="A1")

_LEFT = (an_admission(T(-2)), SUSPECTED, a_discharge(T(2)))
DISCHARGED_OPEN = Page(
    "discharged-open",
    (
        Case(
            "raised",
            "At once, to the discharging unit; the clock goes on",
            _LEFT,
            (tells(T(2), ward="HAEM-4"),),
            until=T(12),
        ),
        Case("not raised", "No clock runs", (_LEFT[0], _LEFT[2]), until=T(12)),
        Case(
            "not raised",
            "The whole spine was imaged before",
            (*_LEFT[:2], an_mri_done(T(1)), _LEFT[2]),
            until=T(12),
        ),
        Case(
            "ended",
            "The discharge is cancelled",
            (*_LEFT, a_discharge_cancelled(T(3))),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "ended",
            "The clock ends: the whole spine was imaged",
            (*_LEFT, an_mri_done(T(3))),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_LEFT, a_retraction(T(3), "assessed", "A1")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "to the second",
            "Discharged a second before the clock ends",
            (*_LEFT, an_mri_done(T(2) + SECOND)),
            (tells(T(2), gone(T(2) + SECOND)),),
        ),
        Case(
            "to the second",
            "Discharged at the instant at which the clock ends",
            (*_LEFT, an_mri_done(T(2))),
            until=T(12),
        ),
        Case(
            "to the second",
            "Discharged at the instant at which the clock starts",
            (_LEFT[0], a_discharge(T(0)), SUSPECTED),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Discharged a second before",
            (_LEFT[0], a_discharge(T(0) - SECOND), SUSPECTED),
            until=T(12),
        ),
    ),
    starts="a patient is discharged while a clock runs",
    ends="a cancelled discharge, or the end of the clocks that ran",
    not_promised=(
        "That the patient can be reached: it tells the unit that discharged, and the responsible physician.",
        "That discharge to another hospital moves the deadline there.",
    ),
)

_ERASED = (an_admission(T(-2)), SUSPECTED, an_admission_cancelled(T(2), record_id="X1"))
ADMISSION_CANCELLED = Page(
    "admission-cancelled",
    (
        Case("raised", "At once; the clock stays", _ERASED, (tells(T(2)),), until=T(12)),
        Case("not raised", "No clock runs", (_ERASED[0], _ERASED[2]), until=T(12)),
        Case(
            "ended",
            "The patient is admitted after all",
            (*_ERASED, an_admission(T(3))),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "ended",
            "The clock ends: the whole spine was imaged",
            (*_ERASED, an_mri_done(T(5))),
            (tells(T(2), gone(T(5))),),
        ),
        Case(
            "taken back",
            "The cancellation is withdrawn by its source",
            (*_ERASED, a_retraction(T(3), "admission-cancelled", "X1")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_ERASED, a_retraction(T(3), "assessed", "A1")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "to the second",
            "Cancelled at the instant at which the clock starts",
            (_ERASED[0], an_admission_cancelled(T(0)), SUSPECTED),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Cancelled a second before",
            (_ERASED[0], an_admission_cancelled(T(0) - SECOND), SUSPECTED),
            until=T(12),
        ),
    ),
    starts="an admission is cancelled while a clock runs",
    ends="a new admission under the same number, or the end of the clocks that ran",
    not_promised=(
        "That the clocks go with the admission: they are the patient's, not the stay's.",
    ),
)


HOUR_AND = T(3) + SECOND
_DEATH = (SUSPECTED, a_death(T(2)))
_LIVING = (*_DEATH, an_mri_done(HOUR_AND, LUMBAR_MRI, record_id="S1"))


def _contradicts(says: str, told: object) -> Case:
    return Case("raised", says, (*_DEATH, told), (tells(T(4)),))  # type: ignore[arg-type]


DEATH_CONTRADICTED = Page(
    "death-contradicted",
    (
        Case(
            "raised",
            "A scan made more than an hour after the death: nothing is withdrawn",
            _LIVING,
            (tells(HOUR_AND),),
            until=T(6),
        ),
        _contradicts("A dose given", a_dose(T(4))),
        _contradicts("An assessment", a_suspicion(T(4))),
        _contradicts("A treatment started", a_treatment_started(T(4))),
        Case(
            "not raised",
            "A discharge and a report's sign-off need no living patient",
            (*_DEATH, a_discharge(T(4)), a_report(T(5), "negative")),
            until=T(12),
        ),
        Case(
            "not raised",
            "The scan is dated before the death, however late it is told",
            (*_DEATH, an_mri_done(T(1), received_at=T(8))),
            until=T(12),
        ),
        Case("not raised", "No clock ran", (_DEATH[1], _LIVING[2]), until=T(12)),
        Case(
            "ended",
            "The death was entered in error",
            (*_LIVING, a_death_cancelled(T(4))),
            (tells(HOUR_AND, gone(T(4))),),
        ),
        Case(
            "taken back",
            "The scan is withdrawn by its source",
            (*_LIVING, a_retraction(T(4), "imaging-done", "S1")),
            (tells(HOUR_AND, gone(T(4))),),
        ),
        Case(
            "to the second",
            "Exactly an hour after the death contradicts nothing",
            (*_DEATH, an_mri_done(T(3), LUMBAR_MRI)),
            until=T(12),
        ),
        Case(
            "to the second",
            "A second later it does",
            (*_DEATH, an_mri_done(T(3) + SECOND, LUMBAR_MRI)),
            (tells(T(3) + SECOND),),
        ),
        Case(
            "more",
            "Told late: when it is heard",
            (*_DEATH, an_mri_done(T(4), LUMBAR_MRI, received_at=T(5) + MINUTE)),
            (tells(T(5) + timedelta(minutes=1)),),
        ),
    ),
    starts=(
        "an assessment, a dose, a scan or the start of a treatment is dated more than 60 min after the "
        "recorded death of a patient with clocks"
    ),
    ends="the death corrected, or the contradicting record withdrawn",
    not_promised=(
        "Which of the two is right: it asks. Until it is answered no clock is withdrawn.",
    ),
)

_SELF = "merged with itself"
_CIRCLE = "would close a circle of merges"
_TWICE = "already lives under another reference"
_INVERSE = (SUSPECTED, *a_merge(T(1), "A", "B"), *a_merge(T(2), "B", "A"))
MERGE_REFUSED = Page(
    "merge-refused",
    (
        Case(
            "raised",
            "A patient merged with itself",
            (SUSPECTED, *a_merge(T(1), "A", "A")),
            (tells(T(1), flags=(_SELF,)),),
        ),
        Case(
            "raised",
            "The inverse of a merge that is in force",
            _INVERSE,
            (tells(T(2), flags=(_CIRCLE,)),),
        ),
        Case(
            "raised",
            "A circle of three",
            (
                SUSPECTED,
                *a_merge(T(1), "A", "B"),
                *a_merge(T(2), "B", "C"),
                *a_merge(T(3), "C", "A"),
            ),
            (tells(T(3), flags=(_CIRCLE,)),),
        ),
        Case(
            "raised",
            "A second merge of a reference that already lives elsewhere",
            (SUSPECTED, *a_merge(T(1), "A", "B"), *a_merge(T(2), "C", "B")),
            (tells(T(2), flags=(_TWICE,)),),
        ),
        Case("not raised", "Neither of the two has a clock", _INVERSE[1:], until=T(5)),
        Case(
            "not raised",
            "A merge, and a chain of merges",
            (SUSPECTED, *a_merge(T(1), "A", "B"), *a_merge(T(2), "C", "A")),
            until=T(5),
        ),
        Case(
            "not raised",
            "The same merge again changes nothing",
            (SUSPECTED, *a_merge(T(1), "A", "B"), *a_merge(T(2), "A", "B")),
            until=T(5),
        ),
        Case(
            "ended",
            "The refused merge is undone",
            (*_INVERSE, *a_merge_cancelled(T(3), "B", "A")),
            (tells(T(2), gone(T(3)), flags=(_CIRCLE,)),),
        ),
        Case(
            "taken back",
            "The merge that stood against it is undone: now the other one is in force",
            (*_INVERSE, *a_merge_cancelled(T(3), "A", "B")),
            (tells(T(2), gone(T(3)), flags=(_CIRCLE,)),),
        ),
        Case(
            "to the second",
            "Of two inverse merges the one a second later is refused",
            (SUSPECTED, *a_merge(T(1), "A", "B"), *a_merge(T(1) + SECOND, "B", "A")),
            (tells(T(1) + SECOND, flags=(_CIRCLE,)),),
        ),
    ),
    starts="a merge with itself, a circle of merges, or a second merge of a reference that lives elsewhere",
    ends="the refused merge, or the one that stands against it, undone",
    not_promised=(
        "Which of two contradicting merges is right: the earlier stands, the later is asked about.",
    ),
)
