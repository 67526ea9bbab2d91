"""Confirmed compression: the treatment and the consultation."""

from __future__ import annotations

from datetime import datetime, timedelta

from cordwatch.pathway.simulation import Told
from cordwatch_schemas.treatments import TreatmentStarted
from tests.builders import (
    CORD_COMPRESSION,
    T,
    a_confirmed_diagnosis,
    a_consultation,
    a_deficit,
    a_dose,
    a_plan,
    a_radicular_pain,
    a_refutation,
    a_report,
    a_retraction,
    a_stand_down,
    a_surgery_planned,
    a_suspicion,
    a_treatment_booked,
    a_treatment_ended,
    a_treatment_started,
    a_vertebroplasty,
)
from tests.spec.case import (
    HOUR,
    MINUTE,
    OPEN_AGAIN,
    SECOND,
    Case,
    Page,
    Raised,
    Turn,
    level,
    with_beside,
)
from tests.spec.cases.confirmed import CONFIRMED, PRELIMINARY, REFUTED, TURNED
from tests.spec.cases.mri import AROUND_DUE, DOCUMENTED_LATE, IN_TIME, RETRACTED, STOOD_DOWN, levels

TREATMENT_HOURS = (12, 18, 21.6, 24)


def _treated(says: str, started: Told, *flags: str) -> Case:
    return Case(
        "ended",
        says,
        (CONFIRMED, started),
        tuple(levels([12], (T(13), IN_TIME)))
        if not flags
        else (level(T(12), "reminder", (T(13), IN_TIME), up=True, ends_flagged=flags),),
        until=T(24),
    )


def _begun_on_a_day(ends_at: datetime) -> TreatmentStarted:
    """Return a course of which only the day is known on which it began."""
    return a_treatment_started(
        ends_at - 24 * HOUR + SECOND,
        occurred_precision="day",
        occurred_latest_at=ends_at,
        received_at=ends_at + HOUR,
    )


def _untreated(says: str, *heard: Told, up: bool = True) -> Case:
    return Case("more", says, (*heard, CONFIRMED), tuple(levels([12], up=up)))


TREATMENT_START = with_beside(
    Page(
        "treatment.start",
        (
            Case(
                "raised",
                "Nothing is planned: each level comes, one step more severe",
                (CONFIRMED,),
                tuple(levels(TREATMENT_HOURS)),
            ),
            Case(
                "raised",
                "Radiotherapy is planned: the same levels at their plain severity",
                (CONFIRMED, a_plan(T(1))),
                tuple(levels(TREATMENT_HOURS, up=False)),
            ),
            Case(
                "raised",
                "An operation is planned: plain severity too",
                (CONFIRMED, a_surgery_planned(T(1))),
                tuple(levels([12], up=False)),
            ),
            Case(
                "raised",
                "After due it is repeated for a day, and then no more",
                (CONFIRMED,),
                (
                    *levels(TREATMENT_HOURS),
                    *(
                        level(T(24) + 15 * MINUTE * n, "overdue", repeat=n, up=True)
                        for n in range(1, 97)
                    ),
                ),
                until=T(49),
            ),
            Case(
                "not raised",
                "The first fraction is given before half of the time has passed",
                (CONFIRMED, a_treatment_started(T(12) - SECOND)),
                until=T(24),
            ),
            Case(
                "not raised",
                "Radiotherapy of the spine is already running at the start",
                (a_treatment_started(T(-48)), CONFIRMED),
                until=T(24),
            ),
            Case("not raised", "MESCC is suspected only", (a_suspicion(T(0)),), until=T(24)),
            _treated("The first fraction on the spine", a_treatment_started(T(13))),
            _treated(
                "An operation on the spine begins",
                a_treatment_started(T(13), modality="surgery", number="OP1"),
            ),
            _treated(
                "The site is not stated: counts, and is flagged",
                a_treatment_started(T(13), site=None),
                "site-unstated",
            ),
            Case(
                "ended",
                "Radiotherapy and an operation are recorded as begun at one instant",
                (
                    CONFIRMED,
                    a_treatment_started(T(13)),
                    a_treatment_started(T(13), modality="surgery", number="OP1"),
                ),
                tuple(levels([12], (T(13), IN_TIME))),
                until=T(24),
            ),
            Case(
                "ended",
                "Begun in time and told after due",
                (CONFIRMED, a_treatment_started(T(23), received_at=T(24) + MINUTE)),
                tuple(levels(TREATMENT_HOURS, (T(24) + MINUTE, DOCUMENTED_LATE))),
            ),
            Case(
                "ended",
                "A named person stands the rule down",
                (CONFIRMED, a_stand_down(T(13), "treatment.start")),
                tuple(levels([12], (T(13), STOOD_DOWN))),
                until=T(24),
            ),
            Case(
                "taken back",
                "The final report is negative where the preliminary one was positive",
                (PRELIMINARY, a_report(T(13), "negative")),
                tuple(levels([12], (T(13), TURNED))),
                until=T(24),
            ),
            Case(
                "taken back",
                "The diagnosis is refuted",
                (a_confirmed_diagnosis(T(0)), a_refutation(T(13), CORD_COMPRESSION)),
                tuple(levels([12], (T(13), REFUTED))),
                until=T(24),
            ),
            Case(
                "taken back",
                "The start of the treatment was an error: the clock is open again",
                (
                    CONFIRMED,
                    a_treatment_started(T(13), record_id="F1"),
                    a_retraction(T(14), "treatment-started", "F1"),
                ),
                tuple(levels([12], (T(13), IN_TIME), (T(14), OPEN_AGAIN))),
            ),
            *(
                Case(
                    "to the second",
                    f"Begun {said} due: {how}",
                    (CONFIRMED, a_treatment_started(T(24) + after)),
                    tuple(
                        levels(
                            TREATMENT_HOURS[: 4 if after > timedelta(0) else 3],
                            (T(24) + after, how),
                        )
                    ),
                )
                for said, after, how in AROUND_DUE
            ),
            Case(
                "to the second",
                "Radiotherapy begun exactly 14 days before counts as running",
                (a_treatment_started(T(-336)), CONFIRMED),
                until=T(24),
            ),
            Case(
                "to the second",
                "Begun a second earlier it does not",
                (a_treatment_started(T(-336) - SECOND), CONFIRMED),
                tuple(levels([12])),
            ),
            Case(
                "to the second",
                "Begun some time on a day of which the last instant is within 14 days it counts",
                (_begun_on_a_day(T(-336)), CONFIRMED),
                until=T(24),
            ),
            Case(
                "to the second",
                "On a day that ends a second before that it does not",
                (_begun_on_a_day(T(-336) - SECOND), CONFIRMED),
                tuple(levels([12])),
            ),
            Case(
                "to the second",
                "A course that ended at the very second of the start was still running then",
                (a_treatment_started(T(-48)), a_treatment_ended(T(0)), CONFIRMED),
                until=T(24),
            ),
            Case(
                "to the second",
                "Ended a second earlier it does not count",
                (a_treatment_started(T(-48)), a_treatment_ended(T(0) - SECOND), CONFIRMED),
                tuple(levels([12])),
            ),
            _untreated(
                "A course that ended before the start does not count",
                a_treatment_started(T(-48)),
                a_treatment_ended(T(-1)),
            ),
            _untreated("A booking is not enough", a_treatment_booked(T(-1), T(10)), up=False),
            _untreated(
                "Radiotherapy of another site does not count",
                a_treatment_started(T(-1), site="other"),
            ),
            _untreated("A vertebroplasty does not count", a_vertebroplasty(T(-1))),
        ),
        starts="MESCC confirmed: a positive report of any modality, or a confirmed diagnosis, the earlier of the two",
        ends=(
            "radiotherapy to the spine or spinal surgery started, or already running at the start "
            "(begun in the 14 days before, not recorded as ended)"
        ),
        not_promised=(
            "That the treatment is the right one, or that the field holds the level that is compressed.",
            "That a plan or a booking stops the clock.",
            "That chemotherapy alone stops it.",
        ),
    ),
    a_dose(T(0)),
    a_consultation(T(0)),
)

ALL_THREE = ("responsible-physician", "radiation-oncologist", "spinal-surgeon")
PHYSICIAN, ONCOLOGIST, SURGEON = (
    a_consultation(T(n), (who,)) for n, who in enumerate(ALL_THREE, 1)
)
MDT_HOURS = (2, 3, 3.6, 4)


def _mdt(hours: tuple[float, ...], *then: Turn) -> tuple[Raised, ...]:
    return tuple(levels(hours, *then, up=False))


MDT_CONSULT = Page(
    "mdt.consult",
    (
        Case(
            "raised",
            "Compression is confirmed and nobody consulted: each level names all three",
            (CONFIRMED,),
            tuple(
                level(T(at), name, missing=ALL_THREE)
                for at, name in zip(
                    MDT_HOURS, ("reminder", "warning", "urgent", "due"), strict=True
                )
            ),
        ),
        Case(
            "raised",
            "A progressive deficit is enough, whatever else is known of the patient",
            (a_deficit(T(0)),),
            _mdt((2,)),
        ),
        Case(
            "raised",
            "Progression not stated counts as progressive",
            (a_deficit(T(0), progressive=None),),
            _mdt((2,)),
        ),
        Case(
            "raised",
            "Two of the three are not enough: the third is named",
            (CONFIRMED, PHYSICIAN, ONCOLOGIST),
            (
                level(T(2), "reminder", missing=("spinal-surgeon",)),
                level(T(3), "warning", missing=("spinal-surgeon",)),
            ),
        ),
        Case(
            "raised",
            "Deficit first, confirmation later: one clock, from the deficit",
            (a_deficit(T(0)), a_report(T(1))),
            _mdt(MDT_HOURS),
        ),
        Case(
            "raised",
            "After due it is repeated for a day, and then no more",
            (CONFIRMED,),
            (
                *_mdt(MDT_HOURS),
                *(level(T(4) + 15 * MINUTE * n, "overdue", repeat=n) for n in range(1, 97)),
            ),
            until=T(29),
        ),
        Case(
            "not raised",
            "The three are consulted together before half of the time has passed",
            (CONFIRMED, a_consultation(T(2) - SECOND)),
            until=T(4),
        ),
        Case("not raised", "Pain without a deficit", (a_radicular_pain(T(0)),), until=T(4)),
        Case(
            "not raised",
            "A deficit stated as not progressive",
            (a_deficit(T(0), progressive=False),),
            until=T(4),
        ),
        Case(
            "ended",
            "Consultations that together had the three: with the last of them",
            (CONFIRMED, PHYSICIAN, ONCOLOGIST, SURGEON),
            _mdt((2,), (T(3), IN_TIME)),
            until=T(4),
        ),
        Case(
            "ended",
            "Held in time and told after due",
            (CONFIRMED, a_consultation(T(3.5), received_at=T(4.1))),
            _mdt(MDT_HOURS, (T(4.1), DOCUMENTED_LATE)),
        ),
        Case(
            "ended",
            "A named person stands the rule down",
            (CONFIRMED, a_stand_down(T(2.5), "mdt.consult")),
            _mdt((2,), (T(2.5), STOOD_DOWN)),
            until=T(4),
        ),
        Case(
            "taken back",
            "The assessment is withdrawn by its source",
            (a_deficit(T(0), record_id="A1"), a_retraction(T(2.5), "assessed", "A1")),
            _mdt((2,), (T(2.5), RETRACTED)),
            until=T(4),
        ),
        Case(
            "taken back",
            "The final report is negative where the preliminary one was positive",
            (PRELIMINARY, a_report(T(2.5), "negative")),
            _mdt((2,), (T(2.5), TURNED)),
            until=T(4),
        ),
        Case(
            "taken back",
            "The deficit is withdrawn, and the confirmation after it carries a clock of its own",
            (
                a_deficit(T(0), record_id="A1"),
                a_report(T(1)),
                a_retraction(T(2.5), "assessed", "A1"),
            ),
            (level(T(2), "reminder", (T(2.5), RETRACTED)), level(T(3), "reminder")),
        ),
        *(
            Case(
                "to the second",
                f"Held {said} due: {how}",
                (CONFIRMED, a_consultation(T(4) + after)),
                _mdt(MDT_HOURS[: 4 if after > timedelta(0) else 3], (T(4) + after, how)),
            )
            for said, after, how in AROUND_DUE
        ),
        Case(
            "to the second",
            "A consultation at the very start counts",
            (CONFIRMED, a_consultation(T(0))),
            until=T(4),
        ),
        Case(
            "to the second",
            "One a second before it does not",
            (a_consultation(T(0) - SECOND), CONFIRMED),
            _mdt((2,)),
        ),
    ),
    starts=(
        "a progressive neurological deficit recorded, or MESCC confirmed, whichever is first in the "
        "episode; in any patient; one clock"
    ),
    ends=(
        "consultations recorded since the start that together had the responsible physician, the "
        "radiation oncologist and the spinal surgeon"
    ),
    not_promised=(
        "That the three spoke with each other: only who was consulted is known.",
        "That a telephone call which nobody recorded is seen.",
    ),
)
