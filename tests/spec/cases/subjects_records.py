"""Corrections of what was recorded, stays, deaths, merges, and what belongs to one episode."""

from __future__ import annotations

from typing import Any

from cordwatch.pathway.simulation import Told
from cordwatch_schemas.acknowledgements import Classified
from cordwatch_schemas.base import Code
from tests.builders import (
    CORD_COMPRESSION,
    T,
    a_back_pain,
    a_classification,
    a_confirmed_diagnosis,
    a_consultation,
    a_death,
    a_death_cancelled,
    a_deficit,
    a_discharge,
    a_dose,
    a_merge,
    a_merge_cancelled,
    a_move,
    a_report,
    a_retraction,
    a_stand_down,
    a_suspicion,
    a_transfer,
    a_treatment_started,
    an_admission,
    an_admission_cancelled,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import DAY, HOUR, MINUTE, OPEN_AGAIN, SECOND, Case, Page, Raised, Turn, level
from tests.spec.cases.confirmed import TURNED
from tests.spec.cases.mri import IN_TIME, RETRACTED, STOOD_DOWN

TWELVE, STEROID, TREATMENT, MDT = (
    "mri.mescc-suspected",
    "steroid.start",
    "treatment.start",
    "mdt.consult",
)
DIED = "withdrawn: the patient died"
SUSPECTED = a_suspicion(T(0), record_id="A1")


def _more(
    says: str,
    rules: tuple[str, ...],
    heard: tuple[Told, ...],
    *raised: Raised,
    until: float | None = None,
    **details: Any,
) -> Case:
    return Case("more", says, heard, raised, None if until is None else T(until), rules, **details)


def _reminder(*then: Turn, **details: Any) -> Raised:
    return level(T(6), "reminder", *then, up=True, **details)


def _undated(at: float) -> Told:
    return a_confirmed_diagnosis(T(at), occurred_precision="unstated", recorded_at=T(at))


_AN_HOUR_LATE = (T(14), "late by 1:00:00")
_DIFFER = ("readings-differ",)
_REASON = f"{CORD_COMPRESSION.system}|{CORD_COMPRESSION.code}"
_NEGATIVE = a_report(T(0), "negative")
_READ_ON_THE_BOARD = Classified(
    event_id="a_1",
    patient="A",
    by="Dr Example",
    channel="board",
    occurred_at=T(5.5),
    received_at=T(5.5),
    report_number="O1",
    finding="positive",
)
_FROM_T3 = (
    level(T(5.5), "due", rule=STEROID, late_by=90 * MINUTE),
    level(T(5.5), "reminder", rule=MDT, late_by=30 * MINUTE),
)
CORRECTIONS = Page(
    "corrections",
    (
        _more(
            "A positive report turns negative: steroid, treatment and consultation are withdrawn, with the reason",
            (STEROID, TREATMENT, MDT),
            (a_report(T(0)), a_dose(T(0.5)), a_report(T(13), "negative", status="corrected")),
            level(T(0), "prompt", (T(0.5), IN_TIME), (T(13), TURNED), up=True, rule=STEROID),
            *(
                level(T(at), name, (T(13), TURNED), rule=MDT)
                for at, name in ((2, "reminder"), (3, "warning"), (3.6, "urgent"), (4, "due"))
            ),
            *(
                level(T(4) + 15 * MINUTE * n, "overdue", (T(13), TURNED), rule=MDT, repeat=n)
                for n in range(1, 36)
            ),
            level(T(12), "reminder", (T(13), TURNED), up=True, rule=TREATMENT),
        ),
        _more(
            "A negative report is corrected to positive: from the time that the correction carries",
            (STEROID,),
            (_NEGATIVE, a_report(T(5), status="corrected")),
            level(T(5), "prompt", up=True),
            level(T(6), "due", up=True),
        ),
        _more(
            "The correction is dated back to the first report: from there, and due is past",
            (STEROID,),
            (_NEGATIVE, a_report(T(0), status="corrected", received_at=T(5), recorded_at=T(5))),
            level(T(5), "due", late_by=4 * HOUR),
        ),
        _more(
            "An unclassified report is read as positive by a person: from the report's own time",
            (STEROID, MDT),
            (SUSPECTED, a_report(T(3), None), a_classification(T(5.5), "positive")),
            *_FROM_T3,
        ),
        _more(
            "The same where the person answers on the board",
            (STEROID, MDT),
            (SUSPECTED, a_report(T(3), None), _READ_ON_THE_BOARD),
            *_FROM_T3,
        ),
        _more(
            "Read as negative: nothing starts",
            (STEROID, MDT),
            (SUSPECTED, a_report(T(3), None), a_classification(T(5.5), "negative")),
            until=12,
        ),
        _more(
            "A later report with the same finding replaces nothing: the start stays",
            (STEROID,),
            (a_report(T(0), status="preliminary"), a_report(T(0.5))),
            level(T(0), "prompt", up=True),
            level(T(1), "due"),
        ),
        _more(
            "A later report without a coded conclusion does not undo a positive one",
            (STEROID,),
            (a_report(T(0), status="preliminary"), a_report(T(0.5), None)),
            level(T(0), "prompt", up=True),
            level(T(1), "due"),
        ),
        _more(
            "A diagnosis without a time of its own, repeated every day, is one diagnosis",
            (STEROID,),
            (_undated(0), a_dose(T(0.5)), _undated(24), _undated(48)),
            level(T(0), "prompt", (T(0.5), IN_TIME), up=True),
            until=72,
        ),
        _more(
            "The retraction of a retraction brings the original back",
            (TWELVE,),
            (
                SUSPECTED,
                a_retraction(T(7), "assessed", "A1", record_id="W1"),
                a_retraction(T(8), "record-retracted", "W1"),
            ),
            _reminder((T(7), RETRACTED), (T(8), OPEN_AGAIN)),
            until=8.5,
        ),
        _more(
            "A retraction that arrives before what it retracts: nothing is told",
            (TWELVE,),
            (
                a_retraction(T(1), "assessed", "A1"),
                a_suspicion(T(0), record_id="A1", received_at=T(2), recorded_at=T(0)),
            ),
            until=12,
        ),
        _more(
            "An earlier deficit is told late: the consultation counts from there",
            (MDT,),
            (a_report(T(1)), a_deficit(T(0), received_at=T(3.5))),
            level(T(3), "reminder", (T(3.5), "superseded: its start was re-timed")),
            level(T(3.5), "warning", late_by=30 * MINUTE),
            level(T(3.6), "urgent"),
        ),
        _more(
            "The scan's time is corrected, from in time to late",
            (TWELVE,),
            (
                SUSPECTED,
                an_mri_done(T(7)),
                an_mri_done(T(13), received_at=T(14), recorded_at=T(14)),
            ),
            _reminder((T(7), IN_TIME), (T(14), "late by 1:00:00")),
        ),
        _more(
            "The scan belonged to somebody else and is withdrawn: the clock is open again",
            (TWELVE,),
            (SUSPECTED, an_mri_done(T(7)), a_retraction(T(8), "imaging-done", "O1")),
            _reminder((T(7), IN_TIME), (T(8), OPEN_AGAIN)),
            until=8.5,
        ),
        _more(
            "Two times of one scan, recorded at the same time: the later one counts, and is flagged",
            (TWELVE,),
            (
                SUSPECTED,
                an_mri_done(T(11), received_at=T(14), recorded_at=T(14)),
                an_mri_done(T(13), received_at=T(14), recorded_at=T(14)),
            ),
            *(
                level(T(at), name, _AN_HOUR_LATE, up=True, ends_flagged=_DIFFER)
                for at, name in ((6, "reminder"), (9, "warning"), (10.8, "urgent"), (12, "due"))
            ),
            *(
                level(
                    T(12) + 15 * MINUTE * n,
                    "overdue",
                    _AN_HOUR_LATE,
                    repeat=n,
                    ends_flagged=_DIFFER,
                )
                for n in range(1, 8)
            ),
        ),
        _more(
            "Two times of one order whose reason is cord compression: the earlier one starts the clock",
            (TWELVE,),
            (
                an_mri_ordered(T(0), reason_codes=(_REASON,), received_at=T(2), recorded_at=T(2)),
                an_mri_ordered(T(1), reason_codes=(_REASON,), received_at=T(2), recorded_at=T(2)),
            ),
            level(T(6), "reminder", flags=_DIFFER),
        ),
        _more(
            "The same message twice is one fact",
            (TWELVE,),
            (SUSPECTED, SUSPECTED, a_suspicion(T(0), record_id="A1", received_at=T(1))),
            _reminder(),
        ),
    ),
    title="Corrections",
    intro=(
        "Facts are not edited: a correction is a fact that retracts or replaces another. An alert that was "
        "told is never unsaid; it is told anew, with how it stands and why."
    ),
)

_ADMITTED = an_admission(T(-2))
_OF_B = a_back_pain(T(-24), patient="B")
_VISIT = (_ADMITTED, a_suspicion(T(0), encounter="V1"))
"""A visit that was registered for the wrong patient."""
STAYS = Page(
    "stays-deaths-merges",
    (
        _more(
            "Discharge stops no clock",
            (TWELVE,),
            (_ADMITTED, SUSPECTED, a_discharge(T(2))),
            _reminder(),
        ),
        _more(
            "A cancelled admission stops none either",
            (TWELVE,),
            (_ADMITTED, SUSPECTED, an_admission_cancelled(T(2))),
            _reminder(),
        ),
        _more(
            "A transfer moves the alerts to the new ward",
            (TWELVE,),
            (_ADMITTED, SUSPECTED, a_transfer(T(7), "ICU")),
            _reminder((T(7), "moved to ICU"), ward="HAEM-4"),
            level(T(9), "warning", up=True, ward="ICU"),
        ),
        _more(
            "Death withdraws every clock; its correction brings them back as they were",
            (TWELVE,),
            (SUSPECTED, a_death(T(7)), a_death_cancelled(T(8))),
            _reminder((T(7), DIED), (T(8), OPEN_AGAIN)),
            level(T(9), "warning", up=True),
        ),
        _more(
            "Death at the instant of a level: what is heard comes first, and the level is told late once corrected",
            (TWELVE,),
            (SUSPECTED, a_death(T(6)), a_death_cancelled(T(7))),
            level(T(7), "reminder", up=True, late_by=HOUR),
        ),
        _more(
            "A breach before the death was told, and is withdrawn with the clock",
            (TWELVE,),
            (SUSPECTED, a_death(T(12.1))),
            *(
                level(T(at), name, (T(12.1), DIED), up=True)
                for at, name in ((6, "reminder"), (9, "warning"), (10.8, "urgent"), (12, "due"))
            ),
            until=24,
        ),
        _more(
            "What is dated after the death opens nothing",
            (TWELVE,),
            (a_death(T(-0.5)), SUSPECTED),
            until=12,
        ),
        _more(
            "A merge: facts sent for the retired reference are the survivor's",
            (TWELVE,),
            (SUSPECTED, _OF_B, *a_merge(T(2), "B", "A"), an_mri_done(T(7))),
            _reminder((T(7), IN_TIME)),
            until=12,
        ),
        _more(
            "And those of the survivor count for the retired one's clock",
            (TWELVE,),
            (SUSPECTED, *a_merge(T(2), "B", "A"), an_mri_done(T(7), patient="B")),
            _reminder((T(7), IN_TIME)),
            until=12,
        ),
        _more(
            "A merge of what was raised before raises nothing twice",
            (TWELVE,),
            (SUSPECTED, *a_merge(T(7), "B", "A"), *a_merge(T(7.5), "B", "A")),
            _reminder(),
            until=8.5,
        ),
        _more(
            "Chains resolve to the root",
            (TWELVE,),
            (SUSPECTED, *a_merge(T(1), "B", "A"), *a_merge(T(2), "C", "B"), an_mri_done(T(7))),
            _reminder((T(7), IN_TIME)),
            until=12,
        ),
        _more(
            "Un-merged: facts return to the reference that they were sent for",
            (TWELVE,),
            (
                SUSPECTED,
                *a_merge(T(2), "B", "A"),
                an_mri_done(T(7), patient="B"),
                *a_merge_cancelled(T(8), "B", "A"),
            ),
            _reminder((T(7), IN_TIME), (T(8), OPEN_AGAIN)),
            until=8.5,
        ),
        _more(
            "A moved encounter: its clock is the other patient's, and told anew as theirs, not raised twice",
            (TWELVE,),
            (*_VISIT, *a_move(T(7), "V1", "A", "B"), an_mri_done(T(8), patient="B")),
            _reminder((T(7), "now of B"), (T(8), IN_TIME)),
            until=12,
        ),
        _more(
            "What still comes for the visit under the former patient counts for the other",
            (TWELVE,),
            (*_VISIT, *a_move(T(7), "V1", "A", "B"), an_mri_done(T(8), encounter="V1")),
            _reminder((T(7), "now of B"), (T(8), IN_TIME)),
            until=12,
        ),
        _more(
            "What names no visit stays with the former patient",
            (TWELVE,),
            (*_VISIT, *a_move(T(7), "V1", "A", "B"), an_mri_done(T(8))),
            _reminder((T(7), "now of B")),
            until=8.5,
        ),
        _more(
            "A death in the moved visit is the other patient's: what the former one has of their own goes on",
            (TWELVE,),
            (SUSPECTED, a_death(T(3), encounter="V1"), *a_move(T(4), "V1", "A", "B")),
            _reminder(),
            until=8.5,
        ),
        _more(
            "A move back undoes a move",
            (TWELVE,),
            (*_VISIT, *a_move(T(7), "V1", "A", "B"), *a_move(T(8), "V1", "B", "A")),
            _reminder((T(7), "now of B"), (T(8), "now of A")),
            until=8.5,
        ),
        _more(
            "A stand-down goes with the encounter that it was given for",
            (TWELVE,),
            (
                *_VISIT,
                a_stand_down(T(7), TWELVE, encounter="V1"),
                *a_move(T(8), "V1", "A", "B"),
            ),
            _reminder((T(7), STOOD_DOWN)),
            until=12,
        ),
    ),
    title="Stays, deaths, merges and moves",
    intro="A clock is the patient's: no stay, ward or reference takes it away. Only death does, until it is corrected.",
    not_promised=(
        "That facts which were sent for the wrong patient are found: only a merge undone or a moved encounter moves them.",
    ),
)

_ONCE = (a_deficit(T(0)), a_consultation(T(1)))
_AFTER_14_DAYS = T(1) + 14 * DAY
_TREATED = (a_report(T(0)), a_dose(T(0)), a_treatment_started(T(1)), a_consultation(T(1)))
MYELOMA = Code(system="I10", code="C90.0")


def _counts(code: str, said: str) -> Case:
    diagnosis = known_lymphoma(codes=(Code(system="I10", code=code),))
    reminder = level(T(168), "reminder", up=True)
    return _more(said, ("mri.back-pain",), (diagnosis, a_back_pain(T(0))), reminder)


EPISODES = Page(
    "episodes",
    (
        _more(
            "One consultation an episode: a second deficit opens no second clock",
            (MDT,),
            (*_ONCE, a_deficit(T(24))),
            until=48,
        ),
        _more(
            "Exactly 14 days after its last clock closed it is the same episode",
            (MDT,),
            (*_ONCE, a_deficit(_AFTER_14_DAYS)),
            until=400,
        ),
        _more(
            "A second later it is the next one",
            (MDT,),
            (*_ONCE, a_deficit(_AFTER_14_DAYS + SECOND)),
            level(_AFTER_14_DAYS + SECOND + 2 * HOUR, "reminder"),
        ),
        _more(
            "A second confirmation opens no second steroid clock",
            (STEROID,),
            (*_TREATED, a_report(T(200), order="O2")),
            until=240,
        ),
        _more(
            "Exactly 14 days after treatment started it still does not",
            (STEROID,),
            (*_TREATED, a_report(_AFTER_14_DAYS, order="O2")),
            until=400,
        ),
        _more(
            "A second later it opens the next episode",
            (STEROID,),
            (*_TREATED, a_report(_AFTER_14_DAYS + SECOND, order="O2")),
            level(_AFTER_14_DAYS + SECOND, "prompt", up=True),
        ),
        _counts("C81.9", "Hodgkin lymphoma counts"),
        _counts("C86.1", "T- and NK-cell lymphoma counts"),
        _counts("C88.0", "Macroglobulinaemia counts"),
        _more(
            "Myeloma does not",
            ("mri.back-pain",),
            (known_lymphoma(codes=(MYELOMA,)), a_back_pain(T(0))),
            until=336,
        ),
        _more(
            "Myeloma counts by switch",
            ("mri.back-pain",),
            (known_lymphoma(codes=(MYELOMA,)), a_back_pain(T(0))),
            level(T(168), "reminder", up=True),
            policy={"myeloma_counts": True},
        ),
        _more(
            "Suspected or confirmed compression starts its clocks whatever else is known",
            (TWELVE, STEROID),
            (SUSPECTED, a_confirmed_diagnosis(T(7))),
            _reminder(),
            level(T(7), "prompt", up=True, rule=STEROID),
        ),
    ),
    title="Whom it concerns, and what belongs together",
    intro=(
        "The milder presentations count for patients known to have lymphoma; suspected or confirmed "
        "compression counts for everybody. An episode opens with a patient's first clock."
    ),
)
