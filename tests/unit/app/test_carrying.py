"""What is carried to another key: what was given, and nothing that the other key has given already."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cordwatch.app.carrying.plan import Carrying, Recording, Used, carrying
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch.pathway.facts import encode_fact, fact_of
from cordwatch.watch.patients import WAKE_ROW
from tests.builders import T0, a_discharge

OLD, NEW = (References(name * 32) for name in (b"o", b"n"))
NOBODY = (frozenset[str](),) * 3
"""Left behind: patients, visits, and who of the patients has something to come."""


def used(*references: str) -> Used:
    """Return *references* as used: of patients each in a row of its own, of visits in a row of somebody's."""
    found = Used()
    for one in references:
        key = one if one.startswith("p_") else "p_somebody"
        found.note_row(f"{key}|f123".encode(), json.dumps({"k": "admitted", "e": one}).encode())
    return found


def plan(numbers: str, found: Used, present: References = NEW) -> Carrying:
    """Return what is carried of patients whose *numbers* are known."""
    return carrying([("p", one) for one in numbers], OLD, present, found)


def test_what_was_given_is_carried_and_what_was_not_is_not() -> None:
    """A number that the former key never gave a reference gets one by the present key."""
    assert plan("78", used(OLD.of("p", "7"))) == Carrying(
        {NEW.of("p", "7"): OLD.of("p", "7")}, 0, {}, *NOBODY
    )


def test_what_the_other_key_has_given_is_never_pointed_elsewhere() -> None:
    """A gateway with the other key told of the patient meanwhile: both references have clocks, and stay."""
    both = used(OLD.of("p", "7"), NEW.of("p", "7"))
    doubled = {NEW.of("p", "7"): OLD.of("p", "7")}
    assert plan("7", both) == Carrying({}, 0, doubled, *NOBODY)
    # Nor where it was carried to another one.
    elsewhere = References(NEW.key, {NEW.of("p", "7"): OLD.of("p", "9")})
    found = plan("7", used(OLD.of("p", "7"), OLD.of("p", "9")), elsewhere)
    assert (found.carry, found.doubled) == ({}, {OLD.of("p", "9"): OLD.of("p", "7")})


def test_run_again_it_carries_what_is_missing() -> None:
    """What was carried before is not written again, and somebody whom only the other key knows is nobody's concern."""
    before = References(NEW.key, {NEW.of("p", "7"): OLD.of("p", "7")})
    found = used(OLD.of("p", "7"), OLD.of("p", "8"), NEW.of("p", "9"))
    assert plan("789", found, before) == Carrying(
        {NEW.of("p", "8"): OLD.of("p", "8")}, 1, {}, *NOBODY
    )


def test_a_second_exchange_carries_on_to_the_first_reference() -> None:
    """And to that of the second key, for whom it knew first."""
    third = References(b"t" * 32)
    second = References(NEW.key, {NEW.of("p", "7"): OLD.of("p", "7")})
    found = carrying(
        [("p", "7"), ("p", "8")], second, third, used(OLD.of("p", "7"), NEW.of("p", "8"))
    )
    assert found.carry == {
        third.of("p", "7"): OLD.of("p", "7"),
        third.of("p", "8"): NEW.of("p", "8"),
    }


def test_back_to_a_key_that_was_there_before() -> None:
    """Whom it knew has its reference without a record; whom the other knew first keeps the other's."""
    second = References(NEW.key, {NEW.of("p", "7"): OLD.of("p", "7")})
    found = carrying(
        [("p", "7"), ("p", "8")], second, OLD, used(OLD.of("p", "7"), NEW.of("p", "8"))
    )
    assert found == Carrying({OLD.of("p", "8"): NEW.of("p", "8")}, 0, {}, *NOBODY)


def test_whoever_cannot_be_carried_is_named() -> None:
    """Patients of whom watch knows something, and visits in it that go on; what is only under way is not meant."""
    eight = OLD.of("p", "8")
    lost = used(OLD.of("p", "7"), eight, *(OLD.of("e", f"V{number}") for number in (1, 2, 4)))
    lost.note(OLD.of("p", "9").encode(), OLD.of("e", "V3").encode())
    discharged = encode_fact(fact_of(a_discharge(T0, OLD.of("e", "V4"))))
    lost.note_row(f"{eight}|f124".encode(), discharged)
    found = carrying([("p", "7"), ("e", "V1")], OLD, NEW, lost)
    assert len(found.carry) == 2
    left = [set(one) for one in (found.patients_left, found.visits_left, found.waiting)]
    assert left == [{eight}, {OLD.of("e", "V2")}, set()]
    lost.note_row(f"{eight}|{WAKE_ROW}".encode(), b"{}")
    assert carrying([], OLD, NEW, lost).waiting == {eight}


def test_the_synthetic_patient_and_references_of_others_are_not_missed() -> None:
    """No key of ours made them, so none can lose them."""
    assert plan("", used("synthetic.1", "p_1", "MRN-7")) == Carrying({}, 0, {}, *NOBODY)


@given(st.sets(st.text("0123456789", min_size=1, max_size=4), max_size=8))
def test_whoever_was_known_stays_who_they_are(numbers: set[str]) -> None:
    """By the present key and what was carried each number has the reference that it had."""
    found = plan_of(numbers)
    present = References(NEW.key, found.carry)
    assert {present.of("p", one) for one in numbers} == {OLD.of("p", one) for one in numbers}
    assert not found.patients_left


def plan_of(numbers: set[str]) -> Carrying:
    """Return the exchange at which all of *numbers* are known and used."""
    return carrying(
        [("p", one) for one in numbers], OLD, NEW, used(*(OLD.of("p", one) for one in numbers))
    )


def test_a_message_tells_its_numbers_by_being_read() -> None:
    """Of the patient, of the visit, and of whom else it names; nothing of it shows."""
    header = "MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^{0}|M|P|2.5\rEVN|{0}|20260302095500\r"
    merge = f"{header.format('A40')}PID|1||77^^^H^MR\rMRG|66^^^H^MR\r"
    stay = f"{header.format('A01')}PID|1||55^^^H^MR\rPV1|1|I|HAEM1{'|' * 16}V9\r"
    recording = Recording(OLD.key)
    for one in (merge, stay):
        found = translate(Item("message", "hl7v2", one.encode()), Source().by(recording), T0)
        assert found.outcome == "mapped"
    assert recording.asked == {("p", "77"), ("p", "66"), ("p", "55"), ("e", "V9")}
    assert recording == Recording(OLD.key)
    assert "77" not in repr(recording)
