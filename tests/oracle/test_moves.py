"""Visits that were another patient's (ADR 19), each story derived by hand: both sides tell it as written here."""

from __future__ import annotations

from typing import Any

import pytest

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.acknowledgements import Classified
from tests import builders as b
from tests.builders import T
from tests.oracle.story import story
from tests.oracle.test_differences import PACK, SUSPECTED, Story, both

SUSPECTED_IN_V1 = b.a_suspicion(encounter="V1")
MOVED = b.a_move(T(1), "V1", "A", "B")
AT_SIX: Story = [(SUSPECTED, "reminder", 6, "open")]


def scanned(who: str, **details: Any) -> Story:
    """Return nothing where a scan of *who* at T4 ends what was suspected at T0, else what is told until T7."""
    return both([*details.pop("told"), b.an_mri_done(T(4), patient=who, **details)], 7)


def test_a_clock_goes_on_for_the_other_patient() -> None:
    """Raised for A, it is not raised anew for B; A's scan is nothing to it, B's ends it."""
    events = [
        SUSPECTED_IN_V1,
        *b.a_move(T(7), "V1", "A", "B"),
        b.an_mri_done(T(8), patient="A"),
        b.an_mri_done(T(10), patient="B"),
    ]
    assert both(events, 9.5) == [*AT_SIX, (SUSPECTED, "warning", 9, "open")]
    assert {status for *_, status in both(events, 12)} == {"resolved"}
    assert len(both(events, 12)) == 2


def test_an_open_alert_is_told_anew_for_the_other_patient() -> None:
    """Under its id, so that nobody is paged again."""
    events = [SUSPECTED_IN_V1, *b.a_move(T(7), "V1", "A", "B")]
    (before,) = simulate(events, PACK, T(6.9))
    (after,) = simulate(events, PACK, T(7))
    assert (before.alert_id, before.patient) == (after.alert_id, "A")
    assert (after.patient, after.status, after.raised_at) == ("B", "open", T(6))
    assert after.revision == before.revision + 1
    assert [one.patient for one in story(events, T(6.9)) + story(events, T(7))] == ["A", "B"]


def test_what_names_no_visit_or_another_one_stays() -> None:
    """Of three suspicions the one in the visit alone is ended by B's scan; its reminder would be at T8."""
    events = [
        b.a_suspicion(T(0)),
        b.a_suspicion(T(1), encounter="V2"),
        b.a_suspicion(T(2), encounter="V1"),
        *b.a_move(T(3), "V1", "A", "B"),
        b.an_mri_done(T(5), patient="B"),
    ]
    assert both(events, 8.5) == [*AT_SIX, (SUSPECTED, "reminder", 7, "open")]


@pytest.mark.parametrize(("who", "told"), [("A", AT_SIX), ("B", [])])
def test_a_move_may_come_before_what_it_moves(who: str, told: Story) -> None:
    """The suspicion of T0 is heard of at T2, an hour after the visit turned out to be B's."""
    late = b.a_suspicion(encounter="V1", received_at=T(2))
    assert scanned(who, told=[*MOVED, late]) == told


@pytest.mark.parametrize(("visit", "told"), [("V1", []), ("V2", AT_SIX), (None, AT_SIX)])
def test_what_is_sent_for_the_former_patient_later_goes_along(
    visit: str | None, told: Story
) -> None:
    """A scan that still comes under A ends B's clock, if it names the visit."""
    assert scanned("A", encounter=visit, told=[SUSPECTED_IN_V1, *MOVED]) == told


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("who", "told"), [("A", AT_SIX), ("B", AT_SIX), ("C", [])])
def test_a_chain_ends_with_the_last(first: int, who: str, told: Story) -> None:
    """A's, then B's, then C's, whichever of the two moves is heard of first."""
    moves = [
        b.a_move(T(1), "V1", "A", "B", received_at=T(3 - first)),
        b.a_move(T(2), "V1", "B", "C", received_at=T(2 + first)),
    ]
    assert scanned(who, told=[SUSPECTED_IN_V1, *moves[first], *moves[1 - first]]) == told


@pytest.mark.parametrize("back_at", [T(1), T(2)])
@pytest.mark.parametrize(("who", "told"), [("A", []), ("B", AT_SIX)])
def test_a_move_back_undoes(back_at: Any, who: str, told: Story) -> None:
    """Of two at one instant that of the later `moved_from` is the last: here the way back."""
    back = b.a_move(back_at, "V1", "B", "A")
    assert scanned(who, told=[SUSPECTED_IN_V1, *MOVED, *back]) == told


def test_a_move_that_happened_before_the_last_one_moves_nothing_when_it_is_heard_of() -> None:
    """B had given it to C before A gave it to B: told last, it is not the last."""
    before = b.a_move(T(0), "V1", "B", "C", received_at=T(2))
    assert scanned("B", told=[SUSPECTED_IN_V1, *MOVED, *before]) == []


def test_of_two_at_one_instant_the_one_that_was_written_down_later_counts() -> None:
    """Sent again with a later record, the first keeps its first one."""
    to_c = b.a_move(T(1), "V1", "A", "C", recorded_at=T(1.2), received_at=T(1.2))
    to_b = b.a_move(T(1), "V1", "A", "B", recorded_at=T(1.5), received_at=T(1.5))
    again = b.a_move(T(1), "V1", "A", "C", recorded_at=T(3), received_at=T(3))
    assert scanned("B", told=[SUSPECTED_IN_V1, *to_c, *to_b, *again]) == []


@pytest.mark.parametrize("merged_at", [T(0.5), T(2)])
@pytest.mark.parametrize(("who", "told"), [("A", AT_SIX), ("B", []), ("C", [])])
def test_a_visit_goes_to_whoever_the_other_is_now(merged_at: Any, who: str, told: Story) -> None:
    """B is merged into C, before the move or after it: whatever is sent for either of them counts."""
    merge = b.a_merge(merged_at, "C", "B")
    assert scanned(who, told=[SUSPECTED_IN_V1, *MOVED, *merge]) == told


def test_a_move_of_the_survivor_takes_along_what_was_sent_for_the_retired() -> None:
    """A lives as C when C's visit turns out to be B's; undone, what was sent for A is A's again."""
    events = [
        SUSPECTED_IN_V1,
        *b.a_merge(T(1), "C", "A"),
        *b.a_move(T(2), "V1", "C", "B"),
    ]
    assert scanned("B", told=events) == []
    assert scanned("C", told=events) == AT_SIX
    apart = [*events, *b.a_merge_cancelled(T(5), "C", "A")]
    assert scanned("B", told=apart) == AT_SIX
    assert scanned("A", told=apart) == []


@pytest.mark.parametrize(("who", "told"), [("B", AT_SIX), ("C", [])])
def test_a_visit_of_that_number_that_no_move_ties_is_another(who: str, told: Story) -> None:
    """Hospitals may number the visits of each patient from 1: C's first is not A's."""
    assert scanned(who, told=[b.a_suspicion(patient="C", encounter="V1"), *MOVED]) == told


def test_who_was_never_there_did_not_die_there() -> None:
    """The death withdrew A's clock of T0; with the visit it goes to B, whose clock of T1 ends."""
    events = [
        b.a_suspicion(),
        b.a_suspicion(T(1), patient="B"),
        b.a_death(T(2), encounter="V1"),
    ]
    assert both(events, 7.5) == [(SUSPECTED, "reminder", 7, "open")]
    moved = [*events, *b.a_move(T(4), "V1", "A", "B")]
    assert both(moved, 7.5) == AT_SIX
    alive = [*moved, b.a_back_pain(T(5), patient="B")]
    assert both(alive, 7.5) == [
        ("death-contradicted", None, 5, "open"),
        *AT_SIX,
        (SUSPECTED, "reminder", 7, "open"),
    ]


@pytest.mark.parametrize(("answered_at", "who"), [(T(0.5), "A"), (T(5), "B"), (T(5), "A")])
def test_a_stand_down_goes_along(answered_at: Any, who: str) -> None:
    """Said for the visit, before the move or after it, under either reference; and back with it."""
    stood_down = b.a_stand_down(answered_at, SUSPECTED, patient=who, encounter="V1")
    events = [SUSPECTED_IN_V1, *MOVED, stood_down]
    assert both(events, 7) == []
    assert both([*events, *b.a_move(T(5.5), "V1", "B", "A")], 7) == []


def test_a_stand_down_that_names_no_visit_stays() -> None:
    """It ends what B had at T5; when the visit is A's again, it ended nothing of A."""
    events = [SUSPECTED_IN_V1, *MOVED, b.a_stand_down(T(5), SUSPECTED, patient="B")]
    assert both(events, 7) == []
    assert both([*events, *b.a_move(T(5.5), "V1", "B", "A")], 7) == AT_SIX


@pytest.mark.parametrize(("visit", "told"), [("V1", ("due", 3)), (None, ("prompt", 3.2))])
def test_a_persons_answer_about_a_report_goes_along(
    visit: str | None, told: tuple[str, float]
) -> None:
    """Asked about B's report, somebody answers for the visit, and all of it is A's again; else the answer is left with B."""
    answer = Classified(
        event_id="a_1",
        patient="B",
        encounter=visit,
        by="Dr Example",
        occurred_at=T(3),
        received_at=T(3),
        channel="board",
        report_number="O1",
        finding="positive",
    )
    events = [b.a_report(T(1), None, encounter="V1"), *b.a_move(T(2), "V1", "A", "B"), answer]
    back = b.a_move(T(3.2), "V1", "B", "A")
    found = [one for one in both([*events, *back], 3.2) if one[0] == "steroid.start"]
    assert [one for one in found if one[3] == "open"] == [("steroid.start", *told, "open")]


@pytest.mark.parametrize(("b_has_a_clock", "status"), [(True, "open"), (False, "resolved")])
def test_a_notice_belongs_to_whom_its_cause_belongs(b_has_a_clock: bool, status: str) -> None:
    """A left with an open clock; the discharge was B's, and matters if B has one."""
    events = [
        b.a_suspicion(),
        b.a_discharge(T(1), "V1"),
        *b.a_move(T(2), "V1", "A", "B"),
    ]
    if b_has_a_clock:
        events.append(b.a_suspicion(T(0.5), patient="B"))
    told = [one for one in both(events, 3) if one[0] == "discharged-open"]
    assert told == [("discharged-open", None, 1, status)]


def test_a_retraction_goes_with_its_visit_or_stays() -> None:
    """The assessment of the visit is withdrawn for the visit; for nobody's visit it is none of B's."""
    assessed = b.a_suspicion(encounter="V1", record_id="R1")
    gone = b.a_retraction(T(2), "assessed", "R1", encounter="V1")
    assert both([assessed, *MOVED, gone], 7) == []
    unnamed = b.a_retraction(T(2), "assessed", "R1")
    assert both([assessed, *MOVED, unnamed], 7) == AT_SIX


def test_a_move_is_not_retracted() -> None:
    """The way back is a move back."""
    moved = b.a_move(T(1), "V1", "A", "B", record_id="R1")
    gone = b.a_retraction(T(2), "encounter-moved", "R1")
    assert scanned("B", told=[SUSPECTED_IN_V1, *moved, gone]) == []


def test_the_two_copies_of_a_move_are_one_that_was_recorded_when_the_first_was() -> None:
    """One copy came before its sender broke down and sent the message again: the move to C is the last all the same."""
    lone, _ = b.a_move(T(1), "V1", "B", "A", received_at=T(1))
    again = b.a_move(T(1), "V1", "B", "A", received_at=T(3))
    on = b.a_move(T(1), "V1", "A", "C", received_at=T(3))
    suspected = b.a_suspicion(patient="B", encounter="V1")
    assert scanned("C", told=[suspected, lone, *again, *on]) == []
