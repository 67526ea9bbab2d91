"""Messages come out whole, in order, and nothing is lost, however the bytes are cut."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.framing import Piece, split_messages

ONE = b"MSH|^~\\&|A|B|||20260302||ADT^A01|1|P|2.5\rPID|1||7\r"
TWO = b"MSH|^~\\&|A|B|||20260302||ADT^A03|2|P|2.5\rPID|1||8\r"


def messages(pieces: list[Piece]) -> list[bytes]:
    """Return the messages among *pieces*."""
    return [piece.data for piece in pieces if piece.kind == "message"]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_any_segment_end_gives_the_same_messages(end: bytes) -> None:
    """CR, LF and CRLF files hold as many messages."""
    data = (ONE + b"\r" + TWO).replace(b"\r", end)
    assert len(messages(list(split_messages([data])))) == 2


@given(st.lists(st.integers(1, 40), max_size=30))
def test_chunking_changes_nothing(cuts: list[int]) -> None:
    """Byte by byte or all at once: the same pieces."""
    data = b"junk before\r" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r"
    chunks, rest = [], data
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    assert list(split_messages([*chunks, rest])) == list(split_messages([data]))


def test_mllp_frames_are_unwrapped() -> None:
    """VT and FS CR belong to the wire, not to the message."""
    found = list(split_messages([b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r"]))
    assert messages(found) == [ONE.strip(), TWO.strip()]


def test_what_is_no_message_is_reported_with_its_bytes() -> None:
    """Text before the first MSH is kept."""
    assert next(iter(split_messages([b"hello\r" + ONE]))) == Piece(
        "unreadable", b"hello", "no MSH segment at the start of a line"
    )


def test_a_batch_is_unwrapped_and_its_count_is_checked() -> None:
    """BTS-1 says two, one came: both are told."""
    data = b"FHS|^~\\&\rBHS|^~\\&\r" + ONE + b"BTS|2\rFTS|1\r"
    found = list(split_messages([data]))
    assert messages(found) == [ONE.strip()]
    assert [piece.reason for piece in found if piece.kind == "batch-count"] == [
        "BTS-1 states 2 messages, 1 came"
    ]


def test_an_oversized_message_is_refused_and_the_next_one_read() -> None:
    """A line of any length costs bounded memory, and hides nothing behind it."""
    huge = b"MSH|^~\\&|" + b"x" * 3_000_000
    chunks = [huge[i : i + 65_536] for i in range(0, len(huge), 65_536)]
    found = list(split_messages([*chunks, b"\r" + ONE], limit=1_000_000))
    assert [piece.kind for piece in found] == ["oversized", "message"]
    assert f"{len(huge) + 1}" in found[0].reason


def test_every_file_of_the_corpus_comes_out_by_count() -> None:
    """What goes in equals what comes out; none collapses into another."""
    corpus = os.environ.get("CORDWATCH_CORPUS")
    if not corpus:
        pytest.skip("CORDWATCH_CORPUS names no folder")
    files = [one for one in (Path(corpus) / "hl7v2").iterdir() if one.suffix != ".json"]
    assert len(files) > 20
    for file in files:
        data = file.read_bytes()
        started = len(re.findall(rb"(?:^|[\r\n])(?:\xef\xbb\xbf)?MSH\|", data))
        assert len(messages(list(split_messages([data])))) == started, file.name
