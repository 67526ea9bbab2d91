"""Each figure of the outcome report against a history counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cordwatch.report.outcome import Share, ShiftBurden, ninetieth, shift_of
from cordwatch_schemas.acknowledgements import StoodDown
from tests.builders import T0, T, a_stand_down
from tests.unit.report.histories import AMSTERDAM, UTC_ZONE, a_clock, a_report, an_alert, seen


def overall(*shares: Share) -> Share:
    """Return the row over everything, of the only need there is."""
    (found,) = (one for one in shares if one.cut == "all")
    return found


def values(shares: tuple[Share, ...], cut: str) -> dict[str, tuple[int, int]]:
    """Return met and judged by the value of *cut*."""
    return {one.value: (one.in_time, one.judged) for one in shares if one.cut == cut}


def test_every_outcome_is_counted_once() -> None:
    """
    One clock of each kind, and the share over those that can be judged.

    Met: in-time and documented-late, 2. Judged: these and late, overdue and
    ended-overdue, 5. What still runs or was never true judges nobody.
    """
    outcomes = ("in-time", "documented-late", "late", "overdue", "ended-overdue")
    others = ("running", "withdrawn", "superseded")
    found = overall(*a_report([a_clock(one, outcome=one) for one in (*outcomes, *others)]).shares)
    assert (found.in_time, found.judged, found.share) == (2, 5, 0.4)
    assert found.documented_late == found.late == found.overdue == found.ended_overdue == 1
    assert found.running == found.withdrawn == found.superseded == 1


def test_minutes_late_are_those_of_every_breach() -> None:
    """
    Due is T12. Done T12.5: 30 min. Died T13: 60. Open at T16: 240 so far. Met: none.

    Median of 30, 60, 240 is 60; nine tenths of three are three: 240.
    """
    clocks = [
        a_clock("done", outcome="late", ended_at=T(12.5)),
        a_clock("died", outcome="ended-overdue", ended_at=T(13)),
        a_clock("open", outcome="overdue", ended_at=None),
        a_clock("met"),
    ]
    found = overall(*a_report(clocks, at=T(16)).shares)
    assert (found.minutes_late_median, found.minutes_late_p90) == (60, 240)


def test_nobody_late_gives_no_minutes() -> None:
    """Nothing, not zero: there is no one to be late by no minutes."""
    found = overall(*a_report([a_clock()]).shares)
    assert (found.minutes_late_median, found.minutes_late_p90) == (None, None)


@pytest.mark.parametrize(
    ("some", "expected"),
    [
        ([], None),
        ([7.0], 7.0),
        ([float(n) for n in range(1, 11)], 9.0),
        ([float(n) for n in range(11, 0, -1)], 10.0),
    ],
)
def test_the_90th_percentile_is_a_value_that_occurred(
    some: list[float], expected: float | None
) -> None:
    """Nearest rank: nine tenths of ten are nine, of eleven ten."""
    assert ninetieth(some) == expected


def test_shares_are_cut_by_need_rule_and_ward() -> None:
    """Three clocks: two MRI on two wards, one steroid."""
    report = a_report(
        [
            a_clock("1", ward="ONC"),
            a_clock("2", ward="ICU", rule="mri.back-pain", outcome="late", ended_at=T(13)),
            a_clock("3", ward="ICU", rule="steroid.start", need="steroid"),
        ]
    )
    assert [(one.need, one.in_time, one.judged) for one in report.shares if one.cut == "all"] == [
        ("MRI", 1, 2),
        ("steroid", 1, 1),
    ]
    assert values(report.shares, "rule") == {
        "mri.mescc-suspected": (1, 1),
        "mri.back-pain": (0, 1),
        "steroid.start": (1, 1),
    }
    assert [(one.value, one.need, one.in_time) for one in report.shares if one.cut == "ward"] == [
        ("ICU", "MRI", 0),
        ("ONC", "MRI", 1),
        ("ICU", "steroid", 1),
    ]


def test_weekday_and_hour_are_those_on_the_hospitals_wall() -> None:
    """Sunday 22:30 UTC in July is Monday 00:30 in Amsterdam."""
    clock = a_clock(start_at=datetime(2026, 7, 5, 22, 30, tzinfo=UTC))
    there, here = a_report([clock], zone=AMSTERDAM), a_report([clock])
    assert (*values(there.shares, "weekday"), *values(there.shares, "hour")) == ("Monday", "00")
    assert (*values(here.shares, "weekday"), *values(here.shares, "hour")) == ("Sunday", "22")


def test_weekdays_come_in_the_order_of_the_week() -> None:
    """Not by the alphabet: a coordinator reads Monday first."""
    clocks = [a_clock(str(day), start_at=T0 + timedelta(days=day)) for day in (6, 4, 0, 2)]
    found = values(a_report(clocks).shares, "weekday")
    assert list(found) == ["Monday", "Wednesday", "Friday", "Sunday"]


@pytest.mark.parametrize(
    ("since", "until", "judged"),
    [
        (None, None, 1),
        (T(0), None, 1),
        (T(0) + timedelta.resolution, None, 0),
        (None, T(0), 0),
        (None, T(0) + timedelta.resolution, 1),
        (T(0), T(0) + timedelta.resolution, 1),
    ],
    ids=["no-limit", "from-start", "from-later", "to-start", "to-later", "just-that"],
)
def test_a_clock_belongs_to_the_period_of_its_start(
    since: datetime | None, until: datetime | None, judged: int
) -> None:
    """The beginning is part of the period, its end is not; due and end of the clock mean nothing."""
    shares = a_report([a_clock(start_at=T(0))], since=since, until=until).shares
    assert sum(one.judged for one in shares if one.cut == "all") == judged


@pytest.mark.parametrize(
    ("since", "until", "alerts"),
    [(T(12), None, 1), (T(12.01), None, 0), (None, T(12), 0), (None, T(12.01), 1)],
)
def test_an_alert_belongs_to_the_period_of_its_raising(
    since: datetime | None, until: datetime | None, alerts: int
) -> None:
    """A shift carries what is raised in it, whenever the clock began."""
    assert a_report((), [an_alert()], since=since, until=until).patients.alerts == alerts


def test_alerts_a_patient_are_counted_by_person() -> None:
    """A has 3 and, since the merge, B's 1: 4. C has 2, D 1 on the board only. Of 4, 2, 1: median 2."""
    alerts = [
        an_alert(str(n), patient=patient, paged=patient != "D")
        for n, patient in enumerate("AAABCCD")
    ]
    found = a_report((), alerts, person_of={"A": "A", "B": "A"}).patients
    assert (found.patients, found.alerts, found.paged) == (3, 7, 6)
    assert (found.median, found.p90, found.most) == (2, 4, 4)


@pytest.mark.parametrize(
    ("local", "day", "name"),
    [
        ("06:59", 1, "night"),
        ("07:00", 2, "day"),
        ("14:59", 2, "day"),
        ("15:00", 2, "evening"),
        ("22:59", 2, "evening"),
        ("23:00", 2, "night"),
    ],
)
def test_shifts_change_at_7_15_and_23(local: str, day: int, name: str) -> None:
    """A night belongs to the day on which it began."""
    instant = datetime.fromisoformat(f"2026-07-02T{local}").replace(tzinfo=AMSTERDAM)
    shift = shift_of(instant.astimezone(UTC), AMSTERDAM)
    assert (shift[0].isoformat(), shift[1]) == (f"2026-07-0{day}", name)


def test_alerts_a_shift_count_the_quiet_shifts_too() -> None:
    """
    From Monday 08:00 to Wednesday 08:00: day shifts of three dates, two evenings, two nights.

    Monday day: 2 alerts, Tuesday day: 1, Tuesday evening: 1 on the board. Mean
    of the days: 3 over 3.
    """
    hours = {"1": 0, "2": 1, "3": 24, "4": 33}
    alerts = [an_alert(n, raised_at=T(hour), paged=n != "4") for n, hour in hours.items()]
    found = a_report((), alerts, since=T(0), until=T(48), at=T(100)).shifts
    assert found == (
        ShiftBurden("day", 3, 3, 3, 2),
        ShiftBurden("evening", 2, 1, 0, 1),
        ShiftBurden("night", 2, 0, 0, 0),
    )
    assert [one.mean for one in found] == [1.0, 0.5, 0.0]


def test_shifts_that_are_still_to_come_are_not_quiet() -> None:
    """A period that reaches beyond what is known counts as far as is known: one day shift."""
    found = a_report((), [an_alert(raised_at=T(1))], since=T(0), until=T(480), at=T(2)).shifts
    assert [one.shifts for one in found] == [1, 0, 0]


def a_stood_down(alert_id: str, at: datetime) -> StoodDown:
    """A stand-down that names the alert which it answers."""
    return a_stand_down(at, "mri.mescc-suspected").model_copy(update={"alert_id": alert_id})


def test_acknowledged_within_a_quarter_of_an_hour() -> None:
    """
    Raised T12, known at T24: exactly 15 min counts, a second more is later, one is never seen.

    The earliest answer decides, and a stand-down is an answer. What the board
    alone shows asks for none; raised at T23.9, an alert may still be answered.
    """
    quarter, second = timedelta(minutes=15), timedelta(seconds=1)
    alerts = [an_alert(name) for name in ("exact", "late", "never", "twice", "stood-down")]
    alerts += [an_alert("board", paged=False), an_alert("new", raised_at=T(23.9))]
    alerts += [an_alert("quick", raised_at=T(23.9), severity="info")]
    answers: list[Any] = [
        seen("exact", T(12) + quarter),
        seen("late", T(12) + quarter + second),
        seen("twice", T(20)),
        seen("twice", T(12.1)),
        seen("board", T(12.1)),
        seen("quick", T(23.95)),
        a_stood_down("stood-down", T(12.2)),
    ]
    found = {one.severity: one for one in a_report((), alerts, answers, at=T(24)).acknowledged}
    critical = found["critical"]
    assert (critical.judged, critical.within, critical.share) == (5, 3, 0.6)
    assert (critical.later, critical.never, critical.waiting) == (1, 1, 1)
    assert (found["all"].judged, found["all"].within) == (6, 4)
    assert found.keys() == {"all", "critical", "info"}


@pytest.mark.parametrize(
    ("clock", "came_of"),
    [
        ({"outcome": "in-time", "ended_at": T(11)}, "followed"),
        ({"outcome": "late", "ended_at": T(13)}, "followed"),
        ({"outcome": "documented-late", "ended_at": T(5)}, "already_done"),
        ({"outcome": "in-time", "ended_at": T(6)}, "already_done"),
        ({"outcome": "withdrawn", "ended_at": T(7)}, "ended_otherwise"),
        ({"outcome": "ended-overdue", "ended_at": T(14)}, "ended_otherwise"),
        ({"outcome": "superseded", "ended_at": T(7)}, "ended_otherwise"),
        ({"outcome": "running", "ended_at": None}, "open"),
        ({"outcome": "overdue", "ended_at": None}, "open"),
    ],
)
def test_what_came_of_an_alert(clock: dict[str, Any], came_of: str) -> None:
    """Followed: done after the reminder at T6; at one instant facts come before levels."""
    reminder = an_alert(level="reminder", raised_at=T(6))
    (found,) = a_report([a_clock("c1", **clock)], [reminder]).followed
    counted = {"followed", "already_done", "ended_otherwise", "open"}
    assert {name: getattr(found, name) for name in counted} == {
        name: int(name == came_of) for name in counted
    }
    assert (found.level, found.share) == ("reminder", float(came_of == "followed"))


def test_a_notice_is_never_counted_as_followed() -> None:
    """It ends with its cause or with its clock: which, its record does not say."""
    notice: dict[str, Any] = {"kind": "notice", "rule": "order-cancelled", "level": None}
    alerts = [an_alert("1", **notice), an_alert("2", status="resolved", ended_at=T(14), **notice)]
    (found,) = a_report([a_clock("c1", ended_at=T(14))], alerts).followed
    assert (found.level, found.followed, found.ended_otherwise, found.open) == ("-", 0, 1, 1)


def test_a_clock_from_before_the_period_still_says_what_came_of_its_alerts() -> None:
    """The alert was raised in the period, its clock began before."""
    clock = a_clock("c1", outcome="late", ended_at=T(13))
    (found,) = a_report([clock], [an_alert()], since=T(6)).followed
    assert (found.alerts, found.followed) == (1, 1)


def test_nothing_gives_a_report_of_nothing() -> None:
    """Zeros and no share; no division by none."""
    found = a_report()
    assert (*found.shares, *found.followed) == ()
    assert (found.patients.patients, found.patients.median, found.patients.most) == (0, None, 0)
    assert [one.shifts for one in found.shifts] == [0, 0, 0]
    assert [(one.severity, one.judged, one.share) for one in found.acknowledged] == [
        ("all", 0, None)
    ]
    assert found.zone is UTC_ZONE
