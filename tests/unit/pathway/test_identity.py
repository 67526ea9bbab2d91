"""Whose a fact is: merges, moves of an encounter, and both."""

from __future__ import annotations

import random

import pytest

from cordwatch.pathway.facts import Fact, encode_fact, fact_of
from cordwatch.pathway.identity import may_tell_identity, owners, persons
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests.builders import T, a_merge, a_merge_cancelled, a_move, a_suspicion

V1 = {"encounter": "V1"}
THERE = a_move(T(1), "V1", "A", "B")
FARTHER = a_move(T(2), "V1", "B", "C")
BACK = a_move(T(2), "V1", "B", "A")


def owner(told: tuple[Event, ...], patient: str = "A", encounter: str | None = "V1") -> str:
    """Return whose a suspicion is that was sent for *patient*, whatever order *told* comes in."""
    facts, fact = [fact_of(one) for one in told], fact_of(_sent(patient, encounter))
    found = {persons(some).owner(fact) for some in _orders(facts)}
    assert len(found) == 1
    return found.pop()


def _sent(patient: str, encounter: str | None) -> Event:
    return a_suspicion(patient=patient, encounter=encounter)


def _orders(facts: list[Fact]) -> list[list[Fact]]:
    chance = random.Random(7)
    return [chance.sample(facts, len(facts)) for _ in range(20)]


@pytest.mark.parametrize(
    ("told", "patient", "expected"),
    [
        ((), "A", "A"),
        (THERE, "A", "B"),
        (THERE, "B", "B"),
        (THERE, "D", "D"),
        ((*THERE, *FARTHER), "A", "C"),
        ((*THERE, *FARTHER), "B", "C"),
        ((*THERE, *BACK), "A", "A"),
        ((*THERE, *BACK), "B", "A"),
        (a_move(T(1), "V1", "A", "A"), "A", "A"),
        ((*THERE, *a_merge(T(2), "S", "B")), "A", "S"),
        ((*a_merge(T(0), "S", "A"), *a_move(T(1), "V1", "S", "B")), "A", "B"),
        ((*a_merge(T(0), "S", "A"), *a_move(T(1), "V1", "S", "B")), "S", "B"),
        ((*THERE, *a_merge(T(2), "A", "B")), "A", "A"),
        ((*THERE, *a_merge(T(2), "S", "B"), *a_merge_cancelled(T(3), "S", "B")), "A", "B"),
    ],
)
def test_an_encounter_is_whose_the_last_move_says(
    told: tuple[Event, ...], patient: str, expected: str
) -> None:
    """Chains, moves back, and merges before and after; in any order of arrival."""
    assert owner(told, patient) == expected


def test_what_names_another_encounter_or_none_stays() -> None:
    """A visit moves, not a patient."""
    assert owner(THERE, encounter="V2") == "A"
    assert owner(THERE, encounter=None) == "A"


def test_of_two_moves_at_one_time_the_later_written_counts() -> None:
    """Then it is the same for every worker."""
    elsewhere = a_move(T(1), "V1", "A", "D", recorded_at=T(3))
    assert owner((*a_move(T(1), "V1", "A", "B", recorded_at=T(2)), *elsewhere)) == "D"


def test_a_move_was_written_down_when_the_first_of_its_copies_was() -> None:
    """The copies come from two partitions, and one may be sent anew: every worker must order them alike."""
    again = a_move(T(1), "V1", "B", "A", received_at=T(3))
    first = a_move(T(1), "V1", "B", "A", received_at=T(1))[:1]
    assert owner((*first, *again, *a_move(T(1), "V1", "A", "C", received_at=T(2)))) == "C"


def test_of_copies_one_of_which_says_when_it_was_written_that_counts() -> None:
    """As for any fact: what a sender says goes before when we got it."""
    silent = a_move(T(1), "V1", "A", "B", received_at=T(1))
    again = a_move(T(1), "V1", "A", "B", recorded_at=T(3), received_at=T(3))[:1]
    on = a_move(T(1), "V1", "B", "C", received_at=T(2))
    assert owner((*silent, *again, *on)) == "B"


def test_so_was_a_merge() -> None:
    """One copy came, then another merge of the retired one, then the first merge again as a pair."""
    lone = a_merge(
        T(1),
        "B",
        "A",
    )[1].model_copy(update={"received_at": T(1)})
    again = [one.model_copy(update={"received_at": T(5)}) for one in a_merge(T(1), "B", "A")]
    other = [one.model_copy(update={"received_at": T(3)}) for one in a_merge(T(1), "C", "A")]
    for facts in _orders([fact_of(one) for one in (lone, *again, *other)]):
        who = persons(facts)
        assert who.root("A") == "B"
        assert {why for _, why in who.refused} == {"already lives under another reference"}


def test_a_refused_merge_is_listed_as_sent_for_the_survivor_first() -> None:
    """Whoever of the two is told of it: the other's copy is not taken for a second refusal."""
    events = (*a_merge(T(1), "A", "B"), *a_merge(T(2), "B", "A"))
    for facts in _orders([fact_of(one) for one in events]):
        assert [fact.sent_as for fact, _ in persons(facts).refused] == ["B", "A"]


def test_the_bytes_of_a_fact_show_whether_it_may_say_who_is_who() -> None:
    """Cheaper than to read every fact; a no is never wrong."""
    for told in (a_merge(T(0), "A", "B")[0], a_merge_cancelled(T(0), "A", "B")[0], THERE[0]):
        assert may_tell_identity(encode_fact(fact_of(told)))
    assert not may_tell_identity(encode_fact(fact_of(a_suspicion())))


def test_whose_a_fact_is_while_nobody_is_tied_to_anybody() -> None:
    """That of whom it was sent for; so is an alert whose cause is not known here."""
    fact = fact_of(a_suspicion())
    alone = persons([fact])
    assert (alone.named, alone.owner_by_fact, owners(fact, alone)) == (set(), {}, {"A"})
    (alert, *_) = simulate([a_suspicion()], load_pack("mescc-lymphoma"), T(6))
    assert alone.owner_of_alert(alert) == "A"
    moved = (a_suspicion(encounter="V1"), *THERE)
    known = persons([fact_of(one) for one in moved])
    assert known.owner_by_fact[fact_of(moved[0]).id] == "B"
    assert known.owner_of_alert(alert) == "A"
    of_it = alert.model_copy(update={"cause": fact_of(moved[0]).id})
    assert known.owner_of_alert(of_it) == "B"
    merged = persons([fact_of(one) for one in a_merge(T(1), "S", "A")])
    assert merged.owner_of_alert(alert) == "S"


def test_what_says_who_is_who_concerns_everybody_it_ever_tied() -> None:
    """Undone or refused: each must know that it is; others are not concerned."""
    undone = (
        *a_merge(T(1), "S", "A"),
        *a_merge_cancelled(T(2), "S", "A"),
        *a_merge(T(3), "X", "Y"),
    )
    facts = [fact_of(one) for one in undone]
    who = persons(facts)
    assert [owners(fact, who) for fact in facts] == [{"S", "A"}] * 4 + [{"X", "Y"}] * 2
    assert (who.root("A"), who.root("Y")) == ("A", "X")


def test_of_one_pair_the_latest_word_counts() -> None:
    """By when it was written down, then by when it happened."""
    merged = a_merge(T(1), "S", "A")
    for back, lives in ((0, "S"), (2, "A")):
        undone = a_merge_cancelled(T(back), "S", "A")
        for facts in _orders([fact_of(one) for one in (*merged, *undone)]):
            assert persons(facts).root("A") == lives


def test_everybody_whom_a_move_concerns_knows_of_it() -> None:
    """Or the former patient's worker would hand back what the other's hands over."""
    facts = [fact_of(one) for one in (*THERE, *FARTHER, *a_merge(T(3), "S", "C"))]
    who = persons(facts)
    assert {frozenset(owners(fact, who)) for fact in facts} == {frozenset("ABCS")}
