"""Live MLLP: each frame comes out once, whole, as soon as it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.hl7.mllp import FrameReader, frame

ONE = b"MSH|^~\\&|A|B|||20260302||ADT^A01|1|P|2.5\rPID|1||7\r"
TWO = ONE.replace(b"|1|P", b"|2|P")

wire = st.lists(
    st.sampled_from([frame(ONE), frame(TWO), b"\x0b", b"\x1c", b"\r", b"M", b"MSH", b"junk"])
    | st.binary(max_size=5),
    max_size=15,
).map(b"".join)


def read(chunks: list[bytes], limit: int = 1 << 20) -> list[Piece]:
    """Return all pieces of a connection that then closes."""
    reader = FrameReader(limit)
    found = [piece for chunk in chunks for piece in reader.feed(chunk)]
    return found + list(reader.close())


@given(wire, st.integers(1, 30), st.integers(5, 200))
def test_chunking_changes_no_frame(data: bytes, size: int, limit: int) -> None:
    """TCP cuts where it likes."""
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert read(chunks, limit) == read([data], limit)


@given(wire)
def test_every_byte_comes_out(data: bytes) -> None:
    """What is not a frame's mark or blank is in some piece, in order."""
    marks = bytes.maketrans(b"", b"")
    found = b"".join(piece.data for piece in read([data]))
    gone = b"\x0b\x1c\r\n \t\x00"
    assert found.translate(marks, gone) == data.translate(marks, gone)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_two_hundred_pipelined_frames_are_two_hundred(size: int) -> None:
    """In one write or byte by byte, in order; none is swallowed."""
    sent = [ONE.replace(b"|1|P", b"|%d|P" % number) for number in range(200)]
    data = b"".join(frame(one) for one in sent)
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert read(chunks) == [Piece("message", one) for one in sent]


def test_a_frame_without_cr_is_answered_too() -> None:
    """FS ends it at once; the CR may come late or never."""
    reader = FrameReader()
    assert list(reader.feed(b"\x0b" + ONE + b"\x1c")) == [Piece("message", ONE)]
    assert list(reader.feed(b"\r" + frame(TWO))) == [Piece("message", TWO)]


def test_a_cut_frame_is_never_a_shorter_message() -> None:
    """The sender began anew, or hung up: half a medication order is none."""
    half = ONE[:40]
    assert read([b"\x0b" + half + frame(ONE)]) == [
        Piece("unreadable", half, "no whole MLLP frame"),
        Piece("message", ONE),
    ]
    assert read([b"\x0b" + half]) == [Piece("unreadable", half, "no whole MLLP frame")]


def test_a_vertical_tab_in_a_frame_is_text() -> None:
    """A report with a soft line break is one report."""
    report = ONE + b"OBX|1|TX|||cord\x0bcompressed\r"
    assert read([frame(report)]) == [Piece("message", report)]


def test_a_cut_frame_at_the_limit_keeps_all_its_bytes() -> None:
    """Where the sender began anew is known three bytes later only."""
    data = b"\x0b" + ONE + frame(ONE)
    chunks = [data[i : i + 1] for i in range(len(data))]
    assert read(chunks, len(ONE)) == [
        Piece("unreadable", ONE, "no whole MLLP frame"),
        Piece("message", ONE),
    ]


def test_a_frame_that_holds_no_message_comes_out_all_the_same() -> None:
    """The sender waits for an answer to it."""
    assert read([frame(b"hello")]) == [Piece("message", b"hello")]


def test_junk_between_frames_is_told_and_blanks_are_not() -> None:
    """Line ends between frames are common and mean nothing."""
    assert read([frame(ONE) + b"\r\n" + frame(ONE) + b"junk" + frame(ONE)]) == [
        Piece("message", ONE),
        Piece("message", ONE),
        Piece("unreadable", b"\rjunk", "no whole MLLP frame"),
        Piece("message", ONE),
    ]


def test_an_oversized_frame_is_told_and_the_next_one_read() -> None:
    """The connection stays usable, so that the sender hears its refusal."""
    chunks = [b"\x0b", *[b"x" * 1000] * 100, b"\x1c\r" + frame(ONE)]
    assert read(chunks, 10_000) == [
        Piece("oversized", b"x" * 10_000, "100000 bytes are more than the limit of 10000"),
        Piece("message", ONE),
    ]
