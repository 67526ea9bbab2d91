"""Every deadline rule at every fraction: nothing a second before, raised at the instant, in time at due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests.builders import (
    T0,
    WHOLE_TEAM,
    T,
    a_consultation,
    a_dose,
    a_report,
    a_suspicion,
    a_treatment_started,
    an_assessment,
    an_mri_done,
    known_lymphoma,
)

PACK = load_pack("mescc-lymphoma")
SECOND = timedelta(seconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """A rule: what starts it at T0, how long it runs, and what satisfies it."""

    rule: str
    window: timedelta
    start: Callable[[], list[Event]]
    satisfy: Callable[[datetime], Event] | None
    levels: tuple[tuple[str, float], ...] = (
        ("reminder", 0.5),
        ("warning", 0.75),
        ("urgent", 0.9),
        ("due", 1.0),
    )


def _mri(at: datetime) -> Event:
    return an_mri_done(at=at)


CASES = [
    Case("mri.back-pain", 14 * DAY, lambda: [an_assessment(at=T0, back_pain=True)], _mri),
    Case(
        "mri.radicular-pain",
        7 * DAY,
        lambda: [an_assessment(at=T0, radicular_pain="unilateral")],
        _mri,
    ),
    Case(
        "mri.deficit-slow",
        48 * HOUR,
        lambda: [an_assessment(at=T0, radicular_deficit="unilateral", developed_over_d=8)],
        _mri,
    ),
    Case(
        "mri.deficit-rapid",
        24 * HOUR,
        lambda: [an_assessment(at=T0, radicular_deficit="unilateral", developed_over_d=7)],
        _mri,
    ),
    Case("mri.mescc-suspected", 12 * HOUR, lambda: [a_suspicion(at=T0)], _mri),
    Case(
        "steroid.start",
        HOUR,
        lambda: [a_report(at=T0, finding="positive")],
        lambda at: a_dose(at=at),
        (("prompt", 0.0), ("due", 1.0)),
    ),
    Case(
        "treatment.start",
        24 * HOUR,
        lambda: [a_report(at=T0, finding="positive")],
        lambda at: a_treatment_started(at=at),
    ),
    Case(
        "mdt.consult",
        4 * HOUR,
        lambda: [a_report(at=T0, finding="positive")],
        lambda at: a_consultation(at=at, roles=WHOLE_TEAM),
    ),
    Case(
        "steroid.taper",
        14 * DAY,
        lambda: [a_suspicion(at=T0), a_dose(at=T0)],
        None,
        (("reminder", 0.5), ("urgent", 0.9), ("due", 1.0)),
    ),
]
BY_LEVEL = [(case, level, at) for case in CASES for level, at in case.levels]
SATISFIED = [case for case in CASES if case.satisfy is not None]


def alerts(case: Case, until: datetime, *more: Event) -> list[Alert]:
    """Return the alerts of the case's rule until *until*."""
    events = [known_lymphoma(), *case.start(), *more]
    return [one for one in simulate(events, PACK, until) if one.rule == case.rule]


@pytest.mark.parametrize(
    ("case", "level", "fraction"), BY_LEVEL, ids=[f"{one[0].rule}-{one[1]}" for one in BY_LEVEL]
)
def test_a_level_is_raised_at_its_instant_and_not_a_second_before(
    case: Case, level: str, fraction: float
) -> None:
    """Never early, and never late where the service runs."""
    at = T0 + case.window * fraction
    if fraction:
        assert level not in {one.level for one in alerts(case, at - SECOND)}
    [raised] = [one for one in alerts(case, at) if one.level == level]
    assert (raised.raised_at, raised.due_at, raised.late_by_s) == (at, T0 + case.window, 0)
    assert [one.alert_id for one in alerts(case, at + SECOND) if one.level == level] == [
        raised.alert_id
    ]


@pytest.mark.parametrize("case", SATISFIED, ids=[one.rule for one in SATISFIED])
@pytest.mark.parametrize(
    ("after_due", "reason"),
    [(-SECOND, "in time"), (timedelta(0), "in time"), (SECOND, "late by 0:00:01")],
    ids=["before", "at", "after"],
)
def test_done_exactly_at_due_is_in_time(case: Case, after_due: timedelta, reason: str) -> None:
    """'Within' is inclusive; facts come before levels at one instant."""
    assert case.satisfy is not None
    done_at = T0 + case.window + after_due
    found = alerts(case, done_at + HOUR, case.satisfy(done_at))
    assert {one.status for one in found} == {"resolved"}
    assert {one.reason for one in found} == {reason}
    assert ("due" in {one.level for one in found}) is (after_due > timedelta(0))


def test_repeats_end_a_day_after_due() -> None:
    """Every 15 minutes for 24 hours, inclusive; then the clock is on the board alone."""
    repeats = [one for one in alerts(CASES[4], T(100)) if one.level == "overdue"]
    assert [one.raised_at for one in repeats] == [
        T(12) + timedelta(minutes=15) * n for n in range(1, 97)
    ]
