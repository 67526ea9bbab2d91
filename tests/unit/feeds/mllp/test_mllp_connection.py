"""One connection without a socket: frames in any chunking, answers in the order of the frames."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.mllp.connection import (
    COMMIT_ACK,
    COMMIT_NAK,
    MllpConnection,
    Received,
    UnknownNumber,
)

ONE = b"MSH|^~\\&|A|B|||20260302||ADT^A01|1|P|2.5\rPID|1||7\r"


def numbered(count: int) -> list[bytes]:
    """Return *count* messages that differ in MSH-10."""
    return [ONE.replace(b"|1|P", b"|%d|P" % number) for number in range(count)]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_two_hundred_pipelined_frames_are_answered_in_order(size: int) -> None:
    """In one write or byte by byte, settled in any order."""
    connection = MllpConnection()
    data = b"".join(map(frame, numbered(200)))
    found: list[Received] = []
    for at in range(0, len(data), size):
        found += connection.receive(data[at : at + size])
    assert [one.piece.data for one in found] == numbered(200)
    random.Random(5).shuffle(found)
    out = b"".join(connection.answer(one.number, [b"re %d" % one.number]) for one in found)
    assert out == b"".join(frame(b"re %d" % number) for number in range(200))


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)))
def test_whatever_is_settled_first_the_order_stands(order: list[int], silent: set[int]) -> None:
    """A piece without an answer keeps its place and holds up nobody."""
    connection = MllpConnection()
    connection.receive(b"".join(map(frame, numbered(12))))
    out = b""
    for number in order:
        out += connection.answer(number, [] if number in silent else [b"%d" % number])
    assert out == b"".join(frame(b"%d" % n) for n in range(12) if n not in silent)
    assert connection.in_flight == 0


def test_two_answers_to_one_frame_stay_together() -> None:
    """CA, then AA, then what the next frame gets."""
    connection = MllpConnection()
    connection.receive(frame(ONE) + frame(ONE))
    assert connection.answer(1, [b"next"]) == b""
    assert connection.answer(0, [b"CA", b"AA"]) == frame(b"CA") + frame(b"AA") + frame(b"next")


def test_nothing_is_answered_twice_or_unasked() -> None:
    """An error of ours must not shift every answer behind it by one."""
    connection = MllpConnection()
    with pytest.raises(UnknownNumber):
        connection.answer(0, [b"AA"])
    connection.receive(frame(ONE) + frame(ONE))
    connection.answer(1, [b"AA"])
    for number in (1, 2, -1):
        with pytest.raises(UnknownNumber):
            connection.answer(number, [b"AA"])
    assert connection.in_flight == 2


def test_a_frame_without_cr_is_there_at_once() -> None:
    """FS ends it; the CR may come with the next frame or never."""
    connection = MllpConnection()
    assert len(connection.receive(b"\x0b" + ONE + b"\x1c")) == 1
    assert len(connection.receive(b"\r\x0b" + ONE + b"\x1c")) == 1


def test_junk_between_frames_has_no_answer_but_is_told() -> None:
    """An answer to what was no frame would be taken for that of the next one."""
    connection = MllpConnection()
    found = connection.receive(frame(ONE) + b"junk" + frame(ONE))
    assert [one.is_frame for one in found] == [True, False, True]
    assert found[1].piece.data == b"\rjunk"


def test_an_oversized_frame_is_answered_and_the_next_one_read() -> None:
    """The sender hears of it, with the header that it sent; memory stays bounded."""
    connection = MllpConnection(limit=1_000)
    found = connection.receive(b"\x0b" + ONE)
    for _ in range(100):
        found += connection.receive(b"x" * 1_000)
    found += connection.receive(b"\x1c\r" + frame(ONE))
    assert [(one.piece.kind, one.is_frame) for one in found] == [
        ("oversized", True),
        ("message", True),
    ]
    assert found[0].piece.data[: len(ONE)] == ONE


def test_endless_junk_is_no_frame_however_long() -> None:
    """Nobody waits for an answer to it."""
    connection = MllpConnection(limit=1_000)
    found = connection.receive(b"j" * 5_000 + frame(ONE))
    assert [(one.piece.kind, one.is_frame) for one in found] == [
        ("unreadable", False),
        ("message", True),
    ]


def test_half_a_frame_at_the_end_is_told() -> None:
    """Kept, not answered: its sender has gone or begins anew."""
    connection = MllpConnection()
    assert connection.receive(b"\x0b" + ONE) == []
    [cut] = connection.end()
    assert (cut.piece.kind, cut.is_frame) == ("unreadable", False)


def test_room_is_counted_until_an_answer_could_leave() -> None:
    """A settled one behind an open one still waits."""
    connection = MllpConnection(in_flight_max=2)
    connection.receive(frame(ONE))
    assert connection.has_room
    connection.receive(frame(ONE))
    assert not connection.has_room
    connection.answer(1, [b"AA"])
    assert not connection.has_room
    connection.answer(0, [b"AA"])
    assert connection.has_room


@pytest.mark.parametrize("commit", [COMMIT_ACK, COMMIT_NAK])
def test_in_mllp_v2_a_commit_block_is_no_message(commit: bytes) -> None:
    """The sender commits our answer; in MLLP v1 the same bytes are a frame like any other."""
    second = MllpConnection(version=2)
    assert [one.number for one in second.receive(frame(commit) + frame(ONE))] == [0]
    assert len(MllpConnection().receive(frame(commit) + frame(ONE))) == 2
