"""How a clock stands for the report: from the core, and from its alerts alone."""

from __future__ import annotations

import pytest

from cordwatch.app.demo_day import DAY_FILE
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import Told
from cordwatch.report.reading import (
    NEEDS,
    UNKNOWN_WARD,
    ClockOutcome,
    Need,
    clocks_of_alerts,
    ward_name,
)
from cordwatch_schemas.admissions import Transferred
from tests.builders import (
    T,
    a_back_pain,
    a_death,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_dose,
    a_merge,
    a_move,
    a_retraction,
    a_stand_down,
    a_suspicion,
    an_admission,
    an_mri_done,
    known_lymphoma,
)
from tests.unit.report.histories import PACK, known_of

RULE_NEEDS: dict[str, Need] = {rule.id: NEEDS[rule.satisfied_by] for rule in PACK.rules}
SUSPECTED = "mri.mescc-suspected"
REMINDER_H = 6

HISTORIES: dict[str, tuple[list[Told], str, float]] = {
    # What happened; how the 12 h clock stands; the hour at which that is asked.
    "scanned-before-the-first-level": ([an_mri_done(T(1))], "in-time", 30),
    "scanned-in-time": ([an_mri_done(T(11))], "in-time", 30),
    "scanned-exactly-at-due": ([an_mri_done(T(12))], "in-time", 30),
    "scanned-in-time-told-late": ([an_mri_done(T(11), received_at=T(20))], "documented-late", 30),
    "scanned-late": ([an_mri_done(T(13))], "late", 30),
    "never-scanned": ([], "overdue", 30),
    "asked-exactly-at-due": ([], "running", 12),
    "asked-before-due": ([], "running", 5),
    "died-before-due": ([a_death(T(7))], "withdrawn", 30),
    "died-exactly-at-due": ([a_death(T(12))], "withdrawn", 30),
    "died-after-the-breach": ([a_death(T(13))], "ended-overdue", 30),
    "stood-down-before-due": ([a_stand_down(T(7), SUSPECTED)], "withdrawn", 30),
    "stood-down-after-the-breach": ([a_stand_down(T(13), SUSPECTED)], "ended-overdue", 30),
}
with_history = pytest.mark.parametrize(
    ("events", "outcome", "hour"), HISTORIES.values(), ids=HISTORIES
)


def the_clock(clocks: list[ClockOutcome]) -> ClockOutcome:
    """Return the 12 h clock, the only one."""
    (found,) = (clock for clock in clocks if clock.rule == SUSPECTED)
    return found


@with_history
def test_the_core_says_how_a_clock_stands(events: list[Told], outcome: str, hour: float) -> None:
    """In time, late, overdue or withdrawn; a breach before death or stand-down stays."""
    found = known_of([a_suspicion(T(0)), *events], T(hour))
    assert the_clock(list(found.clocks)).outcome == outcome


@with_history
def test_alerts_alone_say_the_same_of_every_clock_that_was_alerted(
    events: list[Told], outcome: str, hour: float
) -> None:
    """The records hold enough, except of a clock that reached no level: of that they know nothing."""
    found = known_of([a_suspicion(T(0)), *events], T(hour))
    told = list(clocks_of_alerts(found.alerts, RULE_NEEDS, T(hour)))
    by_core = {clock.clock: (clock.outcome, clock.ended_at) for clock in found.clocks}
    never_alerted = events == [an_mri_done(T(1))] or hour < REMINDER_H
    assert {clock.clock: (clock.outcome, clock.ended_at) for clock in told} == (
        {} if never_alerted else by_core
    )


def test_alerts_alone_say_the_same_of_the_bundled_day() -> None:
    """Every rule, merges, a death and late messages; five clocks of the day were never alerted."""
    told = [one for item in read_file(DAY_FILE) for one in translate(item, Source(), None).told]
    found = known_of(told, max(one.received_at for one in told))
    by_core = {clock.clock: (clock.outcome, clock.ended_at) for clock in found.clocks}
    by_alerts = {
        clock.clock: (clock.outcome, clock.ended_at)
        for clock in clocks_of_alerts(found.alerts, RULE_NEEDS, found.at)
    }
    assert by_alerts.items() <= by_core.items()
    # MRI clocks that ended before half of their 12 h: patients 7 (at 5.1 h, from 2), 10 (done when it
    # was told), 11 (died at 9 h, from 5) and 13 (at 11.4 h, from 6). And the taper of patient 2,
    # two weeks long and just begun.
    assert len(by_core) - len(by_alerts) == 5


def test_a_retracted_cause_is_no_breach() -> None:
    """What was never true was never late, though its alerts were raised and closed after due."""
    told = [
        a_suspicion(T(0), record_id="AS1"),
        a_retraction(T(20), "assessed", "AS1"),
    ]
    found = known_of(told, T(30))
    assert the_clock(list(found.clocks)).outcome == "withdrawn"
    assert "due" in {alert.level for alert in found.alerts}


def test_a_retimed_start_leaves_one_clock_to_judge() -> None:
    """The corrected assessment counts; what was alerted of the first reading is superseded."""
    told = [
        a_suspicion(T(0), record_id="AS1"),
        a_suspicion(T(2), record_id="AS2", corrects="AS1", received_at=T(8)),
        an_mri_done(T(13)),
    ]
    found = known_of(told, T(30))
    assert sorted(clock.outcome for clock in found.clocks) == ["in-time", "superseded"]


def test_a_taper_broken_off_late_stays_a_breach() -> None:
    """Stopped abruptly on day 20 of 14: it had been overdue for six days."""
    day = 24
    told = [
        a_suspicion(T(0)),
        a_dexamethasone_order(T(1)),
        a_dose(T(1)),
        a_dexamethasone_stop(T(20 * day)),
    ]
    found = known_of(told, T(21 * day))
    (taper,) = (clock for clock in found.clocks if clock.need == "taper")
    assert taper.outcome == "ended-overdue"


def test_a_merge_leaves_one_person_and_loses_no_clock() -> None:
    """Both histories count once, under the reference that lives on."""
    told: list[Told] = [
        known_lymphoma(patient="B"),
        a_back_pain(T(0), patient="B"),
        a_suspicion(T(1), patient="A"),
        *a_merge(T(2), survivor="B", retired="A"),
        an_mri_done(T(5), patient="A"),
    ]
    found = known_of(told, T(30))
    assert sorted((clock.rule, clock.outcome) for clock in found.clocks) == [
        ("mri.back-pain", "in-time"),
        (SUSPECTED, "in-time"),
    ]
    assert {found.person_of[one] for one in ("A", "B")} == {"B"}


def test_a_moved_encounter_counts_for_whose_it_is() -> None:
    """The former patient is no part of it, and the two stay two."""
    told: list[Told] = [
        a_back_pain(T(0), patient="A"),
        a_suspicion(T(1), patient="A", encounter="V1"),
        known_lymphoma(patient="A"),
        *a_move(T(2), "V1", "A", "B"),
        an_mri_done(T(5), patient="B"),
    ]
    found = known_of(told, T(30))
    assert [(clock.rule, clock.outcome) for clock in found.clocks if clock.rule == SUSPECTED] == [
        (SUSPECTED, "in-time")
    ]
    assert found.person_of["A"] == "A"
    assert found.person_of["B"] == "B"


def a_transfer(hour: float, ward: str) -> Transferred:
    """The patient moved to *ward*."""
    return Transferred.model_validate(
        {
            **an_admission(T(hour)).model_dump(exclude={"kind"}),
            "event_id": f"e_{ward}",
            "ward": ward,
        }
    )


@pytest.mark.parametrize(
    ("moves", "ward"),
    [
        ([an_admission(T(-2), ward="ONC"), a_transfer(3, "ICU")], "ONC"),
        ([an_admission(T(-2), ward="ONC"), a_transfer(-1, "ICU")], "ICU"),
        ([an_admission(T(1), ward="ONC"), a_transfer(3, "ICU")], "ONC"),
        ([], UNKNOWN_WARD),
    ],
    ids=["moved-later", "moved-before", "assessed-before-admission", "never-admitted"],
)
def test_the_ward_is_that_of_the_start(moves: list[Told], ward: str) -> None:
    """A transfer moves alerts, but no breach to the ward that took the patient over."""
    found = known_of([*moves, a_suspicion(T(0))], T(30))
    assert the_clock(list(found.clocks)).ward == ward


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (None, UNKNOWN_WARD),
        ("  ", UNKNOWN_WARD),
        ("HAEM-4", "HAEM-4"),
        ("A\x1b[31mB\n", "A?[31mB"),
        ("x" * 200, "x" * 24),
    ],
)
def test_a_ward_is_short_and_printable(written: str | None, shown: str) -> None:
    """Whatever a source puts into the field."""
    assert ward_name(written) == shown
