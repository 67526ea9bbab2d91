"""What the oracle tells of small stories, each derived by hand from the pathway text."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests import builders as b
from tests.builders import T
from tests.oracle.story import Expected, story

SUSPECTED = "mri.mescc-suspected"


def _told(events: Sequence[Any], until: datetime) -> list[Expected]:
    return story([b.known_lymphoma(), *events], until)


def _short(alerts: list[Expected]) -> list[tuple[str, str | None, float, str]]:
    return [
        (a.rule, a.level, round((a.raised_at - b.T0) / timedelta(hours=1), 2), a.status)
        for a in alerts
    ]


def test_no_events_tell_no_story() -> None:
    """Nothing happened, so nobody is told anything."""
    assert story([], T(10)) == []


def test_a_retracted_suspicion_withdraws_its_alerts() -> None:
    """The assessment was an error of the source."""
    events = [b.a_suspicion(record_id="R1"), b.a_retraction(T(7), "assessed", "R1")]
    assert _short(_told(events, T(14))) == [(SUSPECTED, "reminder", 6, "withdrawn")]


def test_a_retimed_suspicion_supersedes() -> None:
    """The corrected assessment starts the same rule an hour later: a new clock, with its own alerts."""
    events = [
        b.a_suspicion(record_id="R1"),
        b.a_suspicion(T(1), received_at=T(8), record_id="R2", corrects="R1"),
    ]
    told = _told(events, T(9))
    assert _short(told) == [
        (SUSPECTED, "reminder", 6, "superseded"),
        (SUSPECTED, "reminder", 8, "open"),
    ]
    assert told[1].late_by_s == 3_600


def test_an_earlier_confirmation_supersedes_the_later() -> None:
    """One `steroid.start` an episode, from the earliest confirmation that is known."""
    events = [b.a_confirmed_diagnosis(T(2)), b.a_report(T(1), received_at=T(2.5))]
    assert _short(_told(events, T(2.6))) == [
        ("steroid.start", "prompt", 2, "superseded"),
        ("steroid.start", "due", 2.5, "open"),
    ]


def test_a_negative_final_report_withdraws() -> None:
    """What a preliminary report had confirmed is not confirmed any more."""
    events = [b.a_report(T(3), status="preliminary"), b.a_report(T(3.5), "negative")]
    assert _short(_told(events, T(6))) == [("steroid.start", "prompt", 3, "withdrawn")]


def test_an_unclassified_report_is_told_hourly_until_classified() -> None:
    """The classification confirms from the report's own time: the breach is there at once."""
    events = [
        b.a_suspicion(),
        b.an_mri_done(T(2)),
        b.a_report(T(3), None),
        b.a_classification(T(5.5), "positive"),
    ]
    told = _told(events, T(5.5))
    assert [(a.rule, a.repeat) for a in told][:3] == [("report-unclassified", n) for n in range(3)]
    assert {a.status for a in told[:3]} == {"resolved"}
    assert [(a.rule, a.level, a.late_by_s) for a in told[3:]] == [
        ("steroid.start", "due", 5_400),
        ("mdt.consult", "reminder", 1_800),
    ]


def test_old_news_is_for_the_board_only() -> None:
    """An assessment of 31 days ago opens its clock and pages nobody."""
    told = _told([b.a_suspicion(T(-31 * 24), received_at=T(0))], T(1))
    assert _short(told[:1]) == [(SUSPECTED, "due", 0, "open")]
    assert not any(alert.paged for alert in told)


def test_a_contradicted_death_withdraws_nothing() -> None:
    """The scan dated two hours after the death says that the patient lives."""
    events = [b.a_suspicion(), b.a_death(T(1)), b.an_mri_done(T(3), b.LUMBAR_MRI)]
    assert _short(_told(events, T(6))) == [
        ("death-contradicted", None, 3, "open"),
        ("mri.partial-coverage", None, 3, "open"),
        (SUSPECTED, "reminder", 6, "open"),
    ]


def test_orders_of_single_regions_have_two_minutes_to_gather() -> None:
    """Lumbar alone would be too little, but the rest follows within 72 s; then it is cancelled."""
    rest = b.CERVICAL_AND_THORACIC_MRI
    events = [
        b.a_suspicion(),
        b.an_mri_ordered(T(1), b.LUMBAR_MRI),
        b.an_mri_ordered(T(1.02), rest, "O2"),
        b.an_mri_cancelled(T(3), rest, "O2"),
    ]
    assert sorted(_short(_told(events, T(5)))) == [
        ("mri.partial-coverage", None, 3, "open"),
        ("order-cancelled", None, 3, "open"),
    ]


def test_a_late_booking_is_told_when_the_clock_opens() -> None:
    """The booking was there first; the no-show ends that notice and is ended by a new order."""
    events = [
        b.an_mri_booked(T(-1), T(20)),
        b.a_suspicion(),
        b.an_mri_no_show(T(4)),
        b.an_mri_ordered(T(5), order="O2"),
    ]
    told = _told(events, T(6))
    assert _short(told) == [
        ("booked-late", None, 0, "resolved"),
        ("no-show", None, 4, "resolved"),
        (SUSPECTED, "reminder", 6, "open"),
    ]
    assert told[2].severity == "info"


@pytest.mark.parametrize(("lowered", "ends"), [((72, 144), "resolved"), ((), "withdrawn")])
def test_a_taper_is_two_falls_and_a_stop(lowered: tuple[int, ...], ends: str) -> None:
    """Stopped after 16, 8 and 4 mg a day: tapered. Stopped from 16: abruptly."""
    events = [
        b.a_confirmed_diagnosis(),
        b.a_dexamethasone_order(T(0)),
        b.a_dose(T(0)),
        b.a_treatment_started(T(1)),
        b.a_consultation(T(1)),
        *(b.a_dexamethasone_order(T(at), 4 / n) for n, at in enumerate(lowered, 1)),
        b.a_dexamethasone_stop(T(240)),
    ]
    told = _told(events, T(300))
    assert _short(told)[0] == ("steroid.taper", "reminder", 168, ends)
    expected = ["support.offer"] + ["steroid.abrupt-stop"] * (not lowered)
    assert [alert.rule for alert in told[1:]] == expected


def test_an_unmerge_gives_the_clock_back() -> None:
    """Merged and unmerged, the suspicion is one clock all the time, told once per level."""
    events = [
        b.a_suspicion(),
        b.a_back_pain(T(-24), patient="B"),
        *b.a_merge(T(7), "B", "A"),
        *b.a_merge_cancelled(T(9), "B", "A"),
    ]
    levels = [(alert.level, alert.status) for alert in _told(events, T(12))]
    assert levels == [(level, "open") for level in ("reminder", "warning", "urgent", "due")]
