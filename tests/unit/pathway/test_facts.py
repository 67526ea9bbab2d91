"""What is told becomes a fact, with one identity, and one row that holds all of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from cordwatch.pathway.facts import (
    decode_fact,
    encode_fact,
    fact_of,
    fact_of_answer,
    merge_tellings,
)
from cordwatch_schemas.acknowledgements import Acknowledged, Classified
from tests import builders as b
from tests.builders import T

ANSWER = {"event_id": "a1", "patient": "A", "by": "Dr Example", "channel": "command-line"}


def test_to_have_seen_an_alert_is_no_fact() -> None:
    """It changes nothing of what the rules say."""
    seen = Acknowledged(alert_id="x", occurred_at=T(1), received_at=T(2), **ANSWER)
    assert fact_of_answer(seen) is None


def test_who_stood_a_clock_down_is_kept_with_the_reason() -> None:
    """A named person's word is a fact of its own instant, however late it arrives."""
    told = b.a_stand_down(T(1), "mri.back-pain", received_at=T(2))
    fact = fact_of_answer(told)
    assert fact is not None
    assert (fact.kind, fact.sent_as, fact.record_id) == ("stood-down", "A", told.event_id)
    assert fact.values == {"rule": "mri.back-pain", "by": told.by, "reason": told.reason}
    assert (fact.at, fact.latest_at, fact.recorded_at) == (T(1), T(1), T(1))
    assert (fact.recorded_last_at, fact.received_at) == (T(1), T(2))
    assert (fact.precision, fact.basis, fact.replayed, fact.codes) == ("second", "field", False, ())


def test_what_a_person_says_a_report_shows_is_kept_under_its_number() -> None:
    """It stands beside the classifications that a source sends, and is a fact like them."""
    told = Classified(
        occurred_at=T(1),
        received_at=T(1),
        report_number="O1",
        finding="positive",
        **ANSWER,
    )
    fact = fact_of_answer(told)
    assert fact is not None
    assert fact.kind == "report-classified"
    assert fact.values == {"order_number": "O1", "finding": "positive", "by": "Dr Example"}


@pytest.mark.parametrize(
    "more",
    [
        {"occurred_at": T(1)},
        {"patient": "B"},
        {"encounter": "V1"},
        {"record_id": "R1"},
        {"corrects": "R1"},
        {"suspected_mescc": False, "back_pain": True},
    ],
)
def test_another_content_is_another_fact(more: dict[str, Any]) -> None:
    """Patient, instant, visit, record and values are what a fact is."""
    assert fact_of(b.a_suspicion(**more)).id != fact_of(b.a_suspicion()).id


NEVER, EARLY, LATE = None, T(1), T(2)


@pytest.mark.parametrize(
    ("one", "other", "first", "last"),
    [
        (EARLY, LATE, EARLY, LATE),
        (EARLY, EARLY, EARLY, EARLY),
        (NEVER, LATE, LATE, LATE),
        (NEVER, NEVER, NEVER, NEVER),
    ],
)
def test_what_is_told_twice_keeps_its_first_and_last_record(
    one: datetime | None, other: datetime | None, first: datetime | None, last: datetime | None
) -> None:
    """Whichever comes first; and it was heard when the first of the two came."""
    told = [
        fact_of(b.a_suspicion(recorded_at=at, received_at=T(5 + n)))
        for n, at in enumerate((one, other))
    ]
    for known, again in (told, told[::-1]):
        merged = merge_tellings(known, again)
        assert (merged.recorded_at, merged.recorded_last_at) == (first, last)
        assert merged.received_at == T(5)


def test_what_is_told_twice_is_from_a_file_only_if_both_are() -> None:
    """Heard live once, it pages; and as exact as the more exact of the two."""
    live, again = (fact_of(b.a_suspicion(replayed=one)) for one in (False, True))
    assert [merge_tellings(*pair).replayed for pair in ((live, again), (again, live))] == [
        False
    ] * 2
    assert merge_tellings(again, again).replayed
    vague: dict[str, Any] = {"occurred_precision": "hour", "occurred_latest_at": T(1)}
    rough = fact_of(b.a_suspicion(**vague, occurred_basis="ambiguous"))
    for merged in (merge_tellings(live, rough), merge_tellings(rough, live)):
        assert (merged.latest_at, merged.precision, merged.basis) == (T(0), "second", "field")


def test_the_envelope_is_no_part_of_the_fact() -> None:
    """The same thing in two messages, however late and by whomever, is one fact."""
    once = b.a_suspicion()
    again = once.model_copy(
        update={
            "event_id": "e2",
            "source": "OTHER",
            "source_message_id": "M2",
            "received_at": T(5),
            "recorded_at": T(4),
            "replayed": True,
            "occurred_basis": "ambiguous",
        }
    )
    assert fact_of(again).id == fact_of(once).id


def test_a_fact_has_the_id_that_every_version_before_gave_it() -> None:
    """Or all that is known would be heard anew after an upgrade, and paged for again."""
    undated = b.known_lymphoma(T(0), occurred_precision="unstated", recorded_at=T(1))
    of_a_visit = b.a_suspicion(T(0), encounter="V1", record_id="R2", corrects="R1")
    assert [fact_of(one).id for one in (b.a_suspicion(), undated, of_a_visit)] == [
        "f3723f9cf5072c4142b6823a",
        "3135cdc0620f1e0bdf1b8a6d",
        "afa85da3c911050c2155a344",
    ]


def test_an_undated_diagnosis_is_one_fact_from_its_record_on() -> None:
    """Updates repeat it daily, each with another time; it began when it was written down, else when it was told."""
    undated: dict[str, Any] = {"occurred_precision": "unstated", "occurred_latest_at": T(9)}
    first = fact_of(b.known_lymphoma(T(0), recorded_at=T(1), **undated))
    later = fact_of(b.known_lymphoma(T(24), **undated))
    assert first.id == later.id
    assert (first.at, first.latest_at) == (T(1), T(1))
    assert (later.at, later.latest_at) == (T(24), T(24))


def test_a_time_is_clamped_after_five_minutes_only() -> None:
    """At five minutes it is believed, a second later read as the receipt, and said to be."""
    at, second = T(1) + timedelta(minutes=5), timedelta(seconds=1)
    believed = fact_of(b.a_suspicion(at, received_at=T(1)))
    assert (believed.start_at, believed.done_at, believed.flags) == (at, at, ())
    clamped = fact_of(b.a_suspicion(at + second, received_at=T(1)))
    assert (clamped.start_at, clamped.done_at) == (T(1), T(1))
    assert clamped.flags == ("future-clamped",)


@pytest.mark.parametrize(
    ("more", "flags"),
    [
        ({"occurred_precision": "hour"}, ("hour-precision",)),
        ({"occurred_precision": "day"}, ("day-precision",)),
        ({"occurred_precision": "minute"}, ()),
        ({"occurred_basis": "ambiguous"}, ("local-time-ambiguous",)),
        ({"occurred_basis": "nonexistent"}, ("local-time-nonexistent",)),
    ],
)
def test_a_doubtful_time_is_said_to_be(more: dict[str, Any], flags: tuple[str, ...]) -> None:
    """Whoever reads the alert sees how sure the instant is."""
    assert fact_of(b.a_suspicion(**more)).flags == flags


def test_a_row_holds_all_of_a_fact() -> None:
    """Whatever is not as usual is written down, and read again."""
    told = b.an_mri_done(
        T(0),
        encounter="V1",
        record_id="R1",
        corrects="R0",
        replayed=True,
        occurred_latest_at=T(3),
        occurred_precision="hour",
        occurred_basis="ambiguous",
        recorded_at=T(4),
        received_at=T(5),
    )
    fact = fact_of(told)
    assert decode_fact(fact.id, encode_fact(fact)) == fact


def test_a_row_says_only_what_is_not_as_usual() -> None:
    """A hospital sends millions: the row of a plain fact is short, and stays as it is for what reads it."""
    row = encode_fact(fact_of(b.a_suspicion()))
    assert row == (
        b'{"v":1,"k":"assessed","p":"A","o":1772438400000000,"r":1772438400000000,'
        b'"u":{"suspected_mescc":true}}'
    )


def test_a_fact_without_values_is_read_as_one() -> None:
    """An admission without a ward has nothing else to say: its row has no values, and it none."""
    fact = fact_of(b.an_admission(T(0), facility=None, ward=None))
    assert decode_fact(fact.id, encode_fact(fact)).values == {}


def test_what_a_newer_version_added_to_a_row_is_kept() -> None:
    """Also when the fact is told again and the row is written anew: an upgrade may be rolled back and forth."""
    fact = fact_of(b.a_suspicion(at=T(2)))
    newer = encode_fact(fact)[:-1] + b',"z":{"a":1},"A":2}'
    read = decode_fact(fact.id, newer)
    assert read.unknown == (("A", 2), ("z", {"a": 1}))
    assert replace(read, unknown=()) == fact
    told_again = replace(fact, received_at=T(1))
    row = encode_fact(merge_tellings(read, told_again))
    assert row == encode_fact(told_again)[:-1] + b',"A":2,"z":{"a":1}}'
    assert merge_tellings(fact, read).unknown == read.unknown
