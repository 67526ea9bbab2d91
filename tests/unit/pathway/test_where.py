"""The pack of a clock is that of the place where its start was told."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from cordwatch.pathway.explain import explain
from cordwatch.pathway.simulation import Told, simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.pack_choice import PackTable
from tests.builders import (
    T,
    a_confirmed_diagnosis,
    a_discharge,
    a_merge,
    a_retraction,
    a_suspicion,
    a_transfer,
    an_admission,
    an_admission_cancelled,
    known_lymphoma,
)

NL, UK = load_pack("mescc-lymphoma"), load_pack("nice-ng234")
PACKS = PackTable(NL, {("LON", None): UK})
"""London has the UK figures, everybody else the default."""

LONDON = an_admission(T(-2), facility="LON")
H12, H24 = timedelta(hours=12), timedelta(hours=24)


def windows(alerts: list[Alert], rule: str = "mri.mescc-suspected") -> set[tuple[timedelta, str]]:
    """Return window and pack of the clocks of *rule* that told anything."""
    return {
        (one.due_at - one.start_at, one.pack)
        for one in alerts
        if one.rule == rule and one.due_at and one.start_at
    }


@pytest.mark.parametrize(
    ("story", "window", "pack"),
    [
        ([a_suspicion()], H12, NL),
        ([LONDON, a_suspicion(encounter="V1")], H24, UK),
        ([LONDON, a_suspicion()], H24, UK),
        ([LONDON, a_suspicion(encounter="V9")], H24, UK),
        ([an_admission(T(-2), facility="AMS"), a_suspicion(encounter="V1")], H12, NL),
        ([an_admission(T(-2), facility="lon"), a_suspicion(encounter="V1")], H12, NL),
        # Assessed in the emergency room, admitted afterwards.
        ([a_suspicion(encounter="V1"), an_admission(T(1), facility="LON")], H24, UK),
        # Moved later: no second window, and no longer one.
        ([LONDON, a_suspicion(encounter="V1"), a_transfer(T(1), "H1", facility="AMS")], H24, UK),
        ([LONDON, a_transfer(T(-1), "H1", facility="AMS"), a_suspicion(encounter="V1")], H12, NL),
        # A transfer that names the ward alone stays in the house.
        ([LONDON, a_transfer(T(-1), "H1"), a_suspicion(encounter="V1")], H24, UK),
        # No visit is named: the house of the reference counts, and only for it.
        (
            [
                an_admission(T(-2), facility="LON").model_copy(update={"encounter": None}),
                a_suspicion(),
            ],
            H24,
            UK,
        ),
        (
            [
                an_admission(T(-2), facility="LON", patient="B"),
                *a_merge(T(-1), "A", "B"),
                a_suspicion(),
            ],
            H12,
            NL,
        ),
        # Nor does one that was taken back, or that another record has replaced.
        (
            [
                LONDON,
                a_transfer(T(-1), "H1", facility="AMS", record_id="X1"),
                a_retraction(T(-0.5), "transferred", "X1"),
                a_suspicion(encounter="V1"),
            ],
            H24,
            UK,
        ),
        # The admission was an error, the patient was there all the same.
        ([LONDON, a_suspicion(encounter="V1"), an_admission_cancelled(T(1))], H24, UK),
    ],
)
def test_a_clock_has_the_pack_of_the_place_of_its_start(
    story: list[Told], window: timedelta, pack: object
) -> None:
    """Facility and ward at the time of the fact, in its own encounter."""
    assert isinstance(pack, type(NL))
    assert windows(simulate(story, PACKS, T(30))) == {(window, pack.label)}


def test_another_encounter_elsewhere_has_its_own_pack() -> None:
    """Two starts, two houses, two clocks; each under its own."""
    story = [
        LONDON,
        an_admission(T(-2), "V2", facility="AMS"),
        a_suspicion(encounter="V1"),
        a_suspicion(T(1), encounter="V2"),
    ]
    assert windows(simulate(story, PACKS, T(30))) == {(H24, UK.label), (H12, NL.label)}


def test_a_merge_moves_no_clock_to_another_pack() -> None:
    """Nor changes its id: nobody is paged again for what was merged."""
    story: list[Told] = [
        an_admission(T(-2), "V1", facility="LON", patient="A"),
        a_suspicion(T(0), patient="A"),
        an_admission(T(-2), "V2", facility="AMS", patient="B"),
    ]
    apart = simulate(story, PACKS, T(30))
    merged = simulate([*story, *a_merge(T(13), "B", "A")], PACKS, T(30))
    assert windows(merged) == windows(apart) == {(H24, UK.label)}
    assert {one.alert_id for one in merged} == {one.alert_id for one in apart}


def test_a_goal_is_asked_for_once_whatever_the_packs_call_it() -> None:
    """Confirmed here and there: one clock for the treatment, under the pack of the first."""
    renamed = UK.model_copy(
        update={
            "name": "ours",
            "rules": tuple(
                rule.model_copy(update={"id": f"uk.{rule.id.replace('.', '-')}"})
                for rule in UK.rules
            ),
        }
    )
    story = [
        known_lymphoma(),
        LONDON,
        an_admission(T(-2), "V2", facility="AMS"),
        a_confirmed_diagnosis(T(0), encounter="V1"),
        a_confirmed_diagnosis(T(1), encounter="V2"),
    ]
    alerts = simulate(story, PackTable(NL, {("LON", None): renamed}), T(30))
    clocks = {one.clock: one.rule for one in alerts if one.kind == "clock"}
    assert sorted(clocks.values()) == ["uk.mdt-consult", "uk.steroid-start", "uk.treatment-start"]
    assert {one.pack for one in alerts if one.kind == "clock"} == {"ours@1.0.0"}


def test_neither_order_nor_repetition_of_the_facts_changes_the_choice() -> None:
    """The same alerts under the same ids, with the same packs."""
    story = [
        known_lymphoma(),
        LONDON,
        a_suspicion(encounter="V1"),
        a_transfer(T(1), "H1", facility="AMS"),
        a_suspicion(T(2), encounter="V1"),
        a_confirmed_diagnosis(T(3), encounter="V1"),
        *a_merge(T(4), "B", "A"),
    ]
    first = simulate(story, PACKS, T(40))
    assert {one.pack for one in first} == {NL.label, UK.label}
    shuffler = random.Random(9)
    for _ in range(10):
        again = [*story, *shuffler.choices(story, k=4)]
        shuffler.shuffle(again)
        assert simulate(again, PACKS, T(40)) == first


def test_an_admission_that_is_told_late_moves_what_is_due() -> None:
    """The open alert is told again with its new due and pack, under its id, and then no more."""
    late = an_admission(T(-2), facility="LON", received_at=T(7))
    (reminder, *more) = simulate([a_suspicion(encounter="V1"), late], PACKS, T(11))
    assert more == []
    assert (reminder.level, reminder.raised_at, reminder.revision) == ("reminder", T(6), 1)
    assert (reminder.due_at, reminder.pack) == (T(24), UK.label)


def test_a_due_that_another_pack_moves_is_told_with_its_clause() -> None:
    """Whoever reads the alert sees the rule by which it is due now."""
    late = an_admission(T(-2), facility="LON", received_at=T(7))
    (reminder,) = simulate([a_suspicion(encounter="V1"), late], PACKS, T(8))
    rules = {one.id: one for one in UK.rules}
    assert reminder.clause == rules["mri.mescc-suspected"].clause
    assert reminder.clause != {one.id: one for one in NL.rules}["mri.mescc-suspected"].clause
    assert reminder.start_at == T(0)


def test_a_ward_may_have_a_pack_of_its_own() -> None:
    """Of the house the default, of one ward another; and the ward may be all that a sender tells."""
    table = PackTable(NL, {("LON", "N1"): UK})
    house = an_admission(T(-2), facility="LON", ward="N2")
    story = [house, a_transfer(T(-1), "N1"), a_suspicion(encounter="V1")]
    assert windows(simulate(story, table, T(30))) == {(H24, UK.label)}
    assert windows(simulate([house, a_suspicion(encounter="V1")], table, T(30))) == {
        (H12, NL.label)
    }
    anywhere = an_admission(T(-2), facility="LON", ward=None)
    story = [anywhere, a_suspicion(encounter="V1")]
    assert windows(simulate(story, PACKS, T(30))) == {(H24, UK.label)}


def test_a_notice_is_told_in_the_words_of_its_clocks_pack() -> None:
    """Switched off in London: not told there, though the default would."""
    quiet = UK.model_copy(
        update={
            "notices": tuple(
                one.model_copy(update={"enabled": one.id != "discharged-open"})
                for one in UK.notices
            )
        }
    )
    story = [LONDON, a_suspicion(encounter="V1"), a_discharge(T(1))]
    loud = simulate(story, PACKS, T(2))
    assert [(one.rule, one.pack) for one in loud if one.kind == "notice"] == [
        ("discharged-open", UK.label)
    ]
    silent = simulate(story, PackTable(NL, {("LON", None): quiet}), T(2))
    assert [one.rule for one in silent if one.kind == "notice"] == []


def test_explain_names_the_pack_of_each_clock() -> None:
    """Which figures were taken, and whose."""
    lines = list(explain("A", [LONDON, a_suspicion(encounter="V1")], PACKS, T(1)))
    assert f"under {NL.label}, {UK.label}" in lines[0]
    assert any(line.endswith(f"(second-hand, {UK.label})") for line in lines)


def test_what_was_over_when_a_pack_came_pages_nobody() -> None:
    """A rule that is new in a pack is shown for old patients, and paged for those whom it can still help."""
    pack = NL.model_copy(update={"in_force_from": T(40)})
    old = simulate([a_suspicion(T(0))], pack, T(60))
    assert {one.paged for one in old if one.kind == "clock"} == {False}
    at_hand = simulate([a_suspicion(T(10))], pack, T(60))
    assert {one.paged for one in at_hand if one.kind == "clock"} == {True}
    on_the_spot = simulate([a_suspicion(T(4))], pack, T(60))  # Its last repeat falls on T40.
    assert {one.paged for one in on_the_spot if one.kind == "clock"} == {True}
    just_over = simulate([a_suspicion(T(4) - timedelta(seconds=1))], pack, T(60))
    assert {one.paged for one in just_over if one.kind == "clock"} == {False}
