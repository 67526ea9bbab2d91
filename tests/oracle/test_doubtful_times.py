"""What a wide search told apart about times that are vague, or minutes ahead: both sides tell it as written here."""

from datetime import timedelta
from typing import Any

import pytest

from cordwatch_schemas.base import Event
from tests import builders as b
from tests.builders import T
from tests.oracle.test_differences import SUSPECTED, both

MINUTE = timedelta(minutes=1)


def test_a_time_told_again_less_exactly_is_no_other_scan() -> None:
    """The oracle made two scans of it, and let the vague one close the clock."""
    vague: dict[str, Any] = {"occurred_latest_at": T(2), "occurred_basis": "ambiguous"}
    events = [
        b.a_suspicion(T(1.5)),
        b.an_mri_done(T(1), received_at=T(2)),
        b.an_mri_done(T(1), received_at=T(3), **vague),
    ]
    assert both(events, 7.5) == [(SUSPECTED, "reminder", 7.5, "open")]


def test_who_was_asked_at_an_unsure_hour_was_asked_at_its_end() -> None:
    """To ask about the pain satisfies, so its latest instant counts; the oracle reckoned from the earliest."""
    unsure: dict[str, Any] = {
        "occurred_latest_at": T(2),
        "occurred_basis": "ambiguous",
        "received_at": T(9),
    }
    events = [
        b.known_lymphoma(),
        b.a_risk_screen(T(0), "ORT"),
        b.a_drug_order(T(0), b.MORPHINE),
        b.a_pain_record(T(1), **unsure),
    ]
    week = 7 * 24
    assert both(events, week + 2) == []
    second = 1 / 3600
    assert both(events, week + 2 + second) == [("opioid.reassess", None, week + 2, "open")]


def test_of_two_records_of_pain_the_one_that_was_made_last_counts() -> None:
    """A whole day that began before another record may have ended after it; the core took the other."""
    whole_day: dict[str, Any] = {
        "occurred_latest_at": T(20),
        "occurred_precision": "day",
        "received_at": T(30),
    }
    events = [
        b.known_lymphoma(),
        b.a_risk_screen(T(0), "ORT"),
        b.a_drug_order(T(-9), b.MORPHINE),
        b.a_pain_record(T(-8), **whole_day),
        b.a_pain_record(T(10)),
    ]
    assert {one for one in both(events, 7 * 24 + 12) if one[0] == "opioid.reassess"} == set()


def test_a_diagnosis_of_the_next_minutes_masks_nothing_yet() -> None:
    """A clock that is four minutes fast is believed: advice waits for it; the oracle told it at once."""
    events = [
        b.known_lymphoma(),
        b.an_assessment(T(0), improved_after=("steroid",)),
        b.known_lymphoma(T(1) + 4 * MINUTE, codes=(b.CIDP,), received_at=T(1)),
    ]
    assert both(events, 1) == []
    assert both(events, 2) == [("neurolymphomatosis.masked", None, 1.07, "open")]


def test_an_old_problem_dated_in_the_future_is_an_old_problem() -> None:
    """It is read as of its receipt, which was before the admission: the core read the wrong date."""
    listed: dict[str, Any] = {"codes": (b.CORD_COMPRESSION,), "problem_list": True}
    events = [
        b.known_lymphoma(T(99), received_at=T(0), encounter="V1", **listed),
        b.an_admission(T(0.5), "V1"),
    ]
    assert both(events, 0.5) == [("steroid.start", "prompt", 0, "withdrawn")]


def test_an_operation_that_is_told_to_begin_in_minutes_answers_already() -> None:
    """Advice errs towards silence: the oracle asked for a surgeon until the fast clock's minute had come."""
    events = [
        b.known_lymphoma(),
        b.a_treatment_started(
            T(1) + 4 * MINUTE, "OP1", modality="surgery", received_at=T(1), recorded_at=T(1)
        ),
        b.an_assessment(T(1), surgical_indications=("instability",)),
    ]
    assert [one for one in both(events, 1) if one[0] == "surgery.indication"] == []


@pytest.mark.parametrize(
    "told",
    [
        b.a_treatment_started(T(2) + 5 * MINUTE, "RT1", received_at=T(2)),
        b.a_treatment_booked(T(2) + 5 * MINUTE, T(9), "RT1", received_at=T(2)),
        b.a_plan(T(2) + 5 * MINUTE, "RT1", received_at=T(2)),
    ],
    ids=lambda one: one.kind,
)
def test_radiotherapy_that_is_told_by_a_fast_clock_is_planned(told: Event) -> None:
    """It is known, though it is dated five minutes ahead: the oracle asked for a plan until that minute had come."""
    events = [
        b.a_suspicion(),
        b.a_treatment_booked(T(1), T(3), "OP1", modality="surgery"),
        told,
    ]
    assert [one for one in both(events, 2) if one[0] == "rt.regimen"] == [
        ("rt.regimen", None, 1, "resolved")
    ]


def test_an_operation_that_is_told_to_begin_in_minutes_still_wants_radiotherapy() -> None:
    """Between plan and begin nothing changes: for these minutes the oracle took the advice back."""
    surgery: dict[str, Any] = {"number": "OP1", "modality": "surgery"}
    events = [
        b.a_suspicion(),
        b.a_plan(T(1), **surgery),
        b.a_treatment_started(T(2) + 4 * MINUTE, received_at=T(2), **surgery),
    ]
    assert [one for one in both(events, 2) if one[0] == "rt.regimen"] == [
        ("rt.regimen", None, 1, "open")
    ]


def test_a_scan_is_known_from_its_exam_time_though_the_report_is_minutes_fast() -> None:
    """The part that was imaged is not stated: the oracle waited for the report's own minute."""
    report = b.a_report(
        T(2) + 4 * MINUTE, "negative", b.SPINE_MRI_PART_UNSTATED, exam_at=T(1), received_at=T(2)
    )
    told = [one for one in both([b.a_suspicion(), report], 2) if one[0] == "region-unstated"]
    assert told == [("region-unstated", None, 2, "open")]


def test_what_a_fast_clock_says_of_pain_and_screening_is_known() -> None:
    """It answers though it is dated minutes ahead; the oracle went on asking until that minute had come."""
    ahead: dict[str, Any] = {"received_at": T(2)}
    at = T(2) + 4 * MINUTE
    events = [
        b.known_lymphoma(),
        b.a_drug_order(T(0), b.MORPHINE),
        b.a_pain_record(T(0), "neuropathic"),
    ]
    assert {(rule, status) for rule, _, _, status in both(events, 1)} == {
        ("opioid.risk-screen", "open"),
        ("pain.first-line", "open"),
    }
    events += [b.a_risk_screen(at, "ORT", **ahead), b.a_pain_record(at, score=0, **ahead)]
    assert {(rule, status) for rule, _, _, status in both(events, 2)} == {
        ("opioid.risk-screen", "resolved"),
        ("pain.first-line", "resolved"),
    }


def test_pain_that_a_fast_clock_tells_of_waits_for_its_minute() -> None:
    """Advice waits for its cause, a bone agent's too; the two had to agree about the instant."""
    events = [
        b.known_lymphoma(),
        b.a_dental_record(T(0)),
        b.a_drug_order(T(0), b.ZOLEDRONIC_ACID, frequency="ONCE"),
        b.a_pain_record(T(2) + 4 * MINUTE, "skeletal", received_at=T(2)),
    ]
    assert both(events, 2) == []
    assert sorted(both(events, 3)) == [
        ("bone-agent.no-analgesic", None, 2.07, "open"),
        ("pain.inflammatory", None, 2.07, "open"),
    ]


@pytest.mark.parametrize(
    ("before", "hours", "told"),
    [
        (48, 30, [(1, "open")]),
        (48, 0, [(1, "resolved")]),
        (0, 48, []),
    ],
)
def test_what_a_fast_clock_says_against_surgery_is_the_last_word(
    before: float, hours: float, told: list[tuple[float, str]]
) -> None:
    """Said again it still holds: the core took the advice back for these minutes, the oracle let the old word stand."""
    events = [
        b.an_assessment(T(0), suspected_mescc=True, paraplegia_h=before),
        b.a_surgery_planned(T(1)),
        b.an_assessment(T(2) + 4 * MINUTE, paraplegia_h=hours, received_at=T(2)),
    ]
    found = [one for one in both(events, 2) if one[0] == "surgery.contraindicated"]
    assert [(raised_h, status) for _, _, raised_h, status in found] == told
    later = [one for one in both(events, 3) if one[0] == "surgery.contraindicated"]
    assert {status for *_, status in later} == ({"open"} if hours else {"resolved"})
