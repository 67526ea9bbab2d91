"""Every advisory: raised at its instant and once, not a second before, ended by what mends or undoes it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests.builders import (
    MORPHINE,
    WHOLE_TEAM,
    T,
    a_consultation,
    a_death,
    a_drug_order,
    a_drug_stop,
    a_pain_record,
    a_plan,
    a_report,
    a_support_record,
    a_surgery_planned,
    a_treatment_started,
    an_assessment,
    known_lymphoma,
)
from tests.spec.advisory_cases import CASES, PARAPLEGIC, SECOND, SHORT_OF_TIME, Case

SHIPPED = load_pack("mescc-lymphoma")
PACK = SHIPPED.model_copy(
    update={
        "advisories": tuple(one.model_copy(update={"enabled": True}) for one in SHIPPED.advisories)
    }
)
"""The default pack with every switch on."""
HOUR = timedelta(hours=1)
EACH = pytest.mark.parametrize(
    "case", CASES, ids=[f"{number}-{case.advisory}" for number, case in enumerate(CASES)]
)


def told(rule: str, events: tuple[Event, ...], until: datetime) -> list[Alert]:
    """Return the alerts of *rule* that *events* give until *until*."""
    return [one for one in simulate(events, PACK, until) if one.rule == rule]


def test_every_advisory_of_the_pack_has_a_case() -> None:
    """None goes unproven, and none is proven that is not shipped."""
    assert {case.advisory for case in CASES} == {one.id for one in SHIPPED.advisories}


@EACH
def test_it_is_raised_at_its_instant(case: Case) -> None:
    """Not early, not late, as the pack words it, and never above warning."""
    found = told(case.advisory, case.events, case.at)
    assert [(one.raised_at, one.status, one.kind) for one in found] == [
        (case.at, "open", "advisory")
    ]
    shipped = next(one for one in SHIPPED.advisories if one.id == case.advisory)
    assert found[0].severity == ("info" if shipped.board_only else "warning")
    assert found[0].paged is not shipped.board_only
    assert found[0].reason.startswith(shipped.text)
    assert found[0].clause == shipped.clause


@EACH
def test_it_is_not_raised_a_second_before(case: Case) -> None:
    """What has not happened yet raises nothing."""
    assert told(case.advisory, case.events, case.at - SECOND) == []


@EACH
def test_it_is_raised_once(case: Case) -> None:
    """An hour and a day later it is the same alert, still open."""
    for later in (HOUR, 24 * HOUR):
        found = told(case.advisory, case.events, case.at + later)
        assert [one.status for one in found] == ["open"]


@EACH
@pytest.mark.parametrize("how", ["mended", "undone"])
def test_it_ends_with_what_mends_or_undoes_it(case: Case, how: str) -> None:
    """Open a second before, `no longer applies` at the instant."""
    ending: tuple[Event, ...] = getattr(case, how)
    at = ending[-1].received_at
    before = told(case.advisory, (*case.events, *ending), at - SECOND)
    after = told(case.advisory, (*case.events, *ending), at)
    assert [one.status for one in before] == ["open"]
    assert [(one.status, one.ended_at, one.reason) for one in after] == [
        ("resolved", at, "no longer applies")
    ]


@EACH
def test_it_spares_who_needs_no_advice(case: Case) -> None:
    """The story that is nearly the same raises nothing, then or later."""
    assert told(case.advisory, case.silent, case.at + 2 * HOUR) == []


@EACH
def test_it_ends_with_death(case: Case) -> None:
    """There is nothing to advise for the dead."""
    at = case.at + HOUR
    found = told(case.advisory, (*case.events, a_death(at=at)), at)
    assert [one.status for one in found] == ["resolved"]


@pytest.mark.parametrize(
    ("assessment", "words"),
    [(PARAPLEGIC, "paraplegia for too long"), (SHORT_OF_TIME, "life expectancy too short")],
)
def test_each_contraindication_counts_without_lymphoma(assessment: Event, words: str) -> None:
    """Paraplegia over 24 h, or less than 3 months to live, and the alert says which."""
    found = told("surgery.contraindicated", (assessment, a_surgery_planned(at=T(1))), T(2))
    assert [one.reason.partition(": ")[2] for one in found] == [words]


def test_a_contraindicated_operation_names_its_recorded_indication() -> None:
    """Whoever reads the advice sees what speaks for the operation beside what speaks against it."""
    unstable = an_assessment(at=T(0), surgical_indications=("instability",))
    found = told(
        "surgery.contraindicated", (known_lymphoma(), unstable, a_surgery_planned(at=T(1))), T(2)
    )
    assert [one.reason.endswith("indication: spinal instability") for one in found] == [True]


def test_a_planned_operation_answers_its_indication() -> None:
    """Surgeons that plan to operate have been heard."""
    unstable = an_assessment(at=T(0), surgical_indications=("instability",))
    events = (known_lymphoma(), unstable, a_surgery_planned(at=T(1)))
    assert [one.status for one in told("surgery.indication", events, T(1))] == ["resolved"]


def test_radiotherapy_is_asked_for_at_once_when_surgery_is_planned() -> None:
    """Surgery is followed by radiotherapy: who plans the one without the other hears of it."""
    found = told("rt.regimen", (a_report(at=T(0)), a_surgery_planned(at=T(1))), T(1))
    assert [(one.raised_at, one.status) for one in found] == [(T(1), "open")]
    both = (a_report(at=T(0)), a_plan(at=T(0.5)), a_surgery_planned(at=T(1)))
    assert told("rt.regimen", both, T(20)) == []


def test_radiotherapy_is_not_asked_for_where_surgery_may_be_the_answer() -> None:
    """Without lymphoma or another contraindication the clock alone speaks."""
    assert told("rt.regimen", (a_report(at=T(0)),), T(20)) == []


def test_longer_regimens_are_named_for_a_prolonged_life_only() -> None:
    """5x4 or 10x3 Gy from six months on; without a figure only the approach of choice."""
    for months, named in ((6, True), (5.9, False)):
        expected = an_assessment(at=T(-1), life_expectancy_months=months)
        found = told("rt.regimen", (known_lymphoma(), expected, a_report(at=T(0))), T(12))
        assert ["5x4 or 10x3 Gy" in one.reason for one in found] == [named]
        assert "hypofractionated" in found[0].reason


def test_a_reassessment_begins_a_new_week() -> None:
    """Each missed week is told once, under an id of its own."""
    events = (known_lymphoma(), a_drug_order(T(0), MORPHINE), a_pain_record(T(5 * 24)))
    assert told("opioid.reassess", events, T(12 * 24)) == []
    found = told("opioid.reassess", events, T(12 * 24) + SECOND)
    assert [one.raised_at for one in found] == [T(12 * 24) + SECOND]


def test_an_order_renewed_within_a_day_goes_on_with_the_old_one() -> None:
    """Re-ordering every few days does not hide that nobody asked about the pain."""
    renewed = (
        known_lymphoma(),
        a_drug_order(T(0), MORPHINE, order="RX1"),
        a_drug_stop(T(90), MORPHINE, order="RX1"),
        a_drug_order(T(100), MORPHINE, order="RX2"),
    )
    assert [one.raised_at for one in told("opioid.reassess", renewed, T(200))] == [T(168) + SECOND]


def test_a_drug_for_somebody_without_lymphoma_or_clock_concerns_nobody() -> None:
    """Most opioids of a hospital are none of our business."""
    assert simulate([a_drug_order(T(0), MORPHINE)], PACK, T(300)) == []


def test_support_is_asked_for_a_week_on_where_nobody_was_discharged() -> None:
    """Day 7 of the episode; what is not recorded is named."""
    events = (a_report(at=T(0)), a_support_record(T(3), "physiotherapy"))
    found = told("support.offer", events, T(168))
    assert [(one.raised_at, one.missing) for one in found] == [
        (T(168), ("behavioural", "psychosocial"))
    ]


def test_support_is_not_asked_for_when_the_episode_is_long_over() -> None:
    """Two weeks after its last clock an episode needs nothing more."""
    done = (
        a_report(at=T(0)),
        a_treatment_started(at=T(1)),
        a_consultation(at=T(1), roles=WHOLE_TEAM),
    )
    open_then = told("support.offer", done, T(168))
    assert [one.status for one in open_then] == ["open"]
    over = told("support.offer", done, T(24 * 40))
    assert [one.status for one in over] == ["resolved"]
