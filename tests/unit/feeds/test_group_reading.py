"""A group with messages that came before: published once, answered alike, in order, and never lost."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated, from_fhir
from cordwatch.feeds.group_reading import GroupReading, Settled
from cordwatch.feeds.hl7.acknowledge import answers
from cordwatch.feeds.hl7.framing import Piece, PieceKind
from cordwatch.feeds.intake import understand
from cordwatch.feeds.receipts import Memory
from cordwatch.feeds.source import Source
from cordwatch_schemas.records import FeedPosition, RawMessage
from cordwatch_schemas.topics import ADMISSIONS, POSITIONS, QUARANTINE, RAW

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 9, tzinfo=UTC)


def a_message(control_id: object, patient: str = "7", encounter: str = "I") -> bytes:
    """Return an admission; without *patient* it is one that cannot be understood."""
    return (
        f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|{control_id}|P|2.5\r"
        f"PID|1||{patient}\rPV1|1|{encounter}|HAEM1\rEVN|A01|20260302095500\r"
    ).encode()


class Desk:
    """Reads groups as a gateway would that has a broker which takes everything."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        self.memory = Memory()
        self.read = 0
        self.source = Source()
        self.records: list[tuple[str, bytes, bytes]] = []

    def understand(self, piece: Piece, received_at: datetime) -> Translated:
        """Read a message, and count that it was."""
        self.read += 1
        return understand(piece, self.source, received_at)

    def take(
        self,
        *messages: bytes,
        refused: Sequence[int] = (),
        at: datetime = NOW,
        kind: PieceKind = "message",
    ) -> list[Settled]:
        """Read a group, publish it except what is *refused*, and remember it."""
        reading = GroupReading(self.understand, self.memory)
        for data in messages:
            reading.take(Piece(kind, data), at)
        self.records += (record for number, record in reading.records if number not in refused)
        self.memory.learn(reading.receipts(set(refused)), at)
        return list(reading.settled(set(refused)))

    def values(self, topic: str) -> list[bytes]:
        """Return what was published on a topic."""
        return [value for name, _, value in self.records if name == topic]

    def flags(self) -> list[tuple[str, bool]]:
        """Return the control ids of the raw messages, and whether they are flagged."""
        raw = (RawMessage.model_validate_json(value) for value in self.values(RAW.name))
        return [(one.source_message_id, one.control_id_reused) for one in raw]


def answer(settled: Settled, data: bytes) -> list[bytes]:
    """Return MSA and ERR of what is answered."""
    (told,) = answers(data, settled.found.faults, LATER, lambda: "A1")
    return told.message.split(b"\r")[1:]


def test_the_same_bytes_are_answered_again_and_not_published_again() -> None:
    """Nor even read."""
    desk, message = Desk(), a_message(1)
    (first,) = desk.take(message)
    published = list(desk.records)
    (again,) = desk.take(message, at=LATER)
    assert (first.repeated, again.repeated, again.stored) == (False, True, True)
    assert answer(first, message) == answer(again, message) == [b"MSA|AA|1", b""]
    assert desk.records == published
    assert desk.read == 1


def test_an_error_is_answered_again_as_it_was() -> None:
    """MSA and ERR; the quarantine has it once."""
    desk, message = Desk(), a_message(1, patient="")
    (first,), (again,) = desk.take(message), desk.take(message, at=LATER)
    assert answer(first, message)[0] == b"MSA|AE|1"
    assert answer(first, message) == answer(again, message)
    assert (again.repeated, len(desk.values(RAW.name)), len(desk.values(QUARANTINE.name))) == (
        True,
        1,
        1,
    )


def test_an_error_that_is_none_any_longer_is_published() -> None:
    """The profile was mended, and the sender sends again what it was refused."""
    desk, message = Desk(), a_message(1)
    desk.source = Source(authority="ANOTHER")
    (first,) = desk.take(message)
    assert first.found.faults
    desk.source = Source()
    (again,) = desk.take(message, at=LATER)
    assert (again.repeated, answer(again, message)[0]) == (False, b"MSA|AA|1")
    assert len(desk.values(ADMISSIONS.name)) == 1
    # And from then on it is known.
    (third,) = desk.take(message, at=LATER)
    assert (third.repeated, answer(third, message)[0]) == (True, b"MSA|AA|1")


def test_the_same_id_with_other_bytes_is_kept_and_flagged() -> None:
    """It may be a correction, by a sender that numbers them alike."""
    desk = Desk()
    desk.take(a_message(1), a_message(2))
    (other,) = desk.take(a_message(1, encounter="O"))
    assert (other.repeated, other.found.control_id_reused) == (False, True)
    assert desk.flags() == [("1", False), ("2", False), ("1", True)]
    assert len(desk.values(ADMISSIONS.name)) == 3
    assert [one.repeated for one in desk.take(a_message(1), a_message(1, encounter="O"))] == [
        True,
        True,
    ]


def test_within_one_group_it_is_the_same() -> None:
    """Pipelined repetitions come together."""
    desk = Desk()
    settled = desk.take(a_message(1), a_message(1), a_message(1, encounter="O"), a_message(2))
    assert [one.repeated for one in settled] == [False, True, False, False]
    assert desk.flags() == [("1", False), ("1", True), ("2", False)]


def test_what_the_broker_did_not_take_is_not_known() -> None:
    """Nor is its repetition in the same group accepted: nothing of it is kept."""
    desk, message = Desk(), a_message(1)
    settled = desk.take(message, message, a_message(2), refused=[0])
    assert [(one.stored, one.repeated) for one in settled] == [
        (False, False),
        (False, False),
        (True, False),
    ]
    (again,) = desk.take(message)
    assert (again.stored, again.repeated, desk.flags()) == (
        True,
        False,
        [("2", False), ("1", False)],
    )


@pytest.mark.parametrize("kind", ["unreadable", "oversized"])
def test_what_is_no_whole_message_is_never_known(kind: PieceKind) -> None:
    """Of two that are too large the beginnings may be the same."""
    desk = Desk()
    settled = desk.take(a_message(1), a_message(1), kind=kind)
    assert [one.repeated for one in settled] == [False, False]
    assert len(desk.values(RAW.name)) == 2


def test_without_a_receipt_all_of_it_comes_again_under_the_same_ids() -> None:
    """A crash between the flush and the receipts: raw is there, perhaps the events are not."""
    desk, message = Desk(), a_message(1)
    desk.take(message)
    desk.memory = Memory()
    (again,) = desk.take(message, at=LATER)
    ids = [json.loads(value)["event_id"] for value in desk.values(ADMISSIONS.name)]
    assert (again.repeated, len(ids), len(set(ids))) == (False, 2, 1)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("IO")), max_size=30), st.data())
def test_whatever_is_repeated_the_order_is_that_of_the_first_times(
    sent: list[tuple[int, str]], data: st.DataObject
) -> None:
    """However it falls into groups: each message once, in the order in which each first came."""
    desk, messages = Desk(), [a_message(number, encounter=kind) for number, kind in sent]
    rest = list(messages)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        group, rest = rest[:size], rest[size:]
        settled = desk.take(*group)
        assert [answer(one, m)[0] for one, m in zip(settled, group, strict=True)] == [
            b"MSA|AA|" + m.split(b"|")[9] for m in group
        ]
    first_times = list(dict.fromkeys(messages))
    contents = [json.loads(value)["content_sha256"] for value in desk.values(RAW.name)]
    assert contents == [sha256(message).hexdigest() for message in first_times]
    told = [json.loads(value) for value in desk.values(ADMISSIONS.name)]
    assert [one["event_id"][:32] for one in told] == [one[:32] for one in contents]


@pytest.mark.parametrize(("trigger", "kind"), [("A40", "merged"), ("A37", "merge-cancelled")])
def test_a_merge_is_published_under_both_and_known_afterwards(trigger: str, kind: str) -> None:
    """Each owner of one of the two must hear of it; a repetition tells neither again."""
    desk, source = Desk(), Source()
    second = "PID|2||8^^^H^MR\r" if trigger == "A37" else "MRG|8^^^H^MR\r"
    message = (
        f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^{trigger}|1|P|2.5\r"
        f"EVN||20260302095500\rPID|1||7^^^H^MR\r{second}"
    ).encode()
    (first,), (again,) = desk.take(message), desk.take(message)
    told = [
        (key.decode(), json.loads(value)["kind"])
        for topic, key, value in desk.records
        if topic == ADMISSIONS.name
    ]
    assert set(told) == {(source.reference("p", number), kind) for number in "78"}
    assert (first.repeated, again.repeated) == (False, True)


def test_a_fhir_text_that_comes_again_is_known_too() -> None:
    """A server notifies twice; two versions of a resource are two, and no id is used again."""
    memory, names = Memory(), [f'"versionId":"{number}"' for number in (1, 2)]
    encounter = (
        b'{"resourceType":"Encounter","id":"e1","meta":{%b,"lastUpdated":"2026-03-02T08:00:00Z"},'
        b'"status":"in-progress","class":{"code":"IMP"},"subject":{"identifier":{"value":"7"}},'
        b'"period":{"start":"2026-03-02T08:00:00Z"}}'
    )
    texts = [encounter % name.encode() for name in names]
    reading = GroupReading(understand_nothing, memory)
    for text in (*texts, *texts):
        found = from_fhir(Item("message", "fhir", text), Source(), NOW)
        reading.take(Piece("message", text), NOW, found)
    settled = list(reading.settled(set()))
    assert [one.repeated for one in settled] == [False, False, True, True]
    assert {one.found.outcome for one in settled} == {"mapped"}
    assert not any(one.found.control_id_reused for one in settled)
    raw = [record for _, record in reading.records if record[0] == RAW.name]
    assert len(raw) == 2


def test_a_position_is_always_kept() -> None:
    """It has no text, and the next one is no repetition of it."""
    reading = GroupReading(understand_nothing, Memory())
    for number in (1, 2):
        position = FeedPosition(feed="f", event_number=number, received_at=NOW)
        nothing = Item("message", "fhir", b"")
        found = Translated(nothing, "irrelevant", "-", "-", None, position=position)
        reading.take(Piece("message", b""), NOW, found)
    assert [record[0] for _, record in reading.records] == [POSITIONS.name] * 2
    assert reading.receipts(set()) == []


def understand_nothing(piece: Piece, at: datetime) -> Translated:
    """Fail: what these tests take in was read before."""
    raise AssertionError(f"{piece.kind} at {at}")


def a_condition(version: str, code: str, meta: str = "") -> bytes:
    """Return a version of one Condition."""
    return (
        f'{{"resourceType":"Condition","id":"c1","meta":{{"versionId":"{version}","lastUpdated":'
        f'"2026-03-02T08:00:00Z"{meta}}},"subject":{{"identifier":{{"value":"7"}}}},"code":{{"coding":'
        f'[{{"system":"http://hl7.org/fhir/sid/icd-10","code":"{code}"}}]}}}}'
    ).encode()


@pytest.mark.parametrize("falls_into", ["one group", "two groups", "two at once"])
def test_one_version_of_a_resource_with_another_content_is_kept_and_flagged(
    falls_into: str,
) -> None:
    """As another message under one control id; what a server adds to `meta` is no content."""
    memory, before = Memory(), list[GroupReading]()
    texts = [
        a_condition("1", "C83.3"),
        a_condition("1", "C83.3", ',"source":"#1"'),
        a_condition("1", "G95.2"),
        a_condition("1", "G95.2", ',"source":"#2"'),
        a_condition("2", "C85.9"),
        a_condition("2", "C85.1", ',"tag":[{"code":"SUBSETTED"}]'),
    ]
    flags = []
    for text in texts:
        found = from_fhir(Item("message", "fhir", text), Source(), NOW)
        fresh = not before or falls_into != "one group"
        reading = GroupReading(understand_nothing, memory, None, before) if fresh else before[-1]
        reading.take(Piece("message", text), NOW, found)
        before = [*before, reading] if fresh else before
        if falls_into == "two groups":
            memory.learn(reading.receipts(set()), NOW)
            before = []
        flags.append(list(reading.settled(set()))[-1].found.control_id_reused)
    assert flags == [False, False, True, False, False, False]


def test_a_version_in_a_text_that_was_not_taken_is_not_known() -> None:
    """What comes under its name is the first of it."""
    memory = Memory()
    text, other = a_condition("1", "C83.3"), a_condition("1", "G95.2")
    reading = GroupReading(understand_nothing, memory)
    reading.take(
        Piece("message", text), NOW, from_fhir(Item("message", "fhir", text), Source(), NOW)
    )
    memory.learn(reading.receipts({0}), NOW)
    again = GroupReading(understand_nothing, memory)
    again.take(
        Piece("message", other), NOW, from_fhir(Item("message", "fhir", other), Source(), NOW)
    )
    (settled,) = again.settled(set())
    assert not settled.found.control_id_reused
    assert memory.size == 0


def test_what_is_settled_is_let_go_at_once() -> None:
    """A group that held itself would leave all its messages to the garbage collector, which holds up answers for it."""
    desk = Desk()
    first = GroupReading(desk.understand, desk.memory)
    later = GroupReading(desk.understand, desk.memory, before=[first])
    for reading in (first, later):
        reading.take(Piece("message", a_message(1)), NOW)
        reading.take(Piece("message", a_message(1)), NOW)
    gc.collect()
    gc.disable()
    try:
        told = [list(reading.settled(set())) for reading in (first, later)]
        left = [ref(first), ref(later)]
        del first, later, reading
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()
    assert [[one.repeated for one in group] for group in told] == [[False, True], [True, True]]
