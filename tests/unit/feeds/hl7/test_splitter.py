"""Files of messages: every byte comes out once, in bounded memory, however it was cut."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.framing import (
    BOM,
    KEPT_OF_OVERSIZED_BYTES,
    Piece,
    Splitter,
    split_messages,
)

ONE = b"MSH|^~\\&|A|B|||20260302||ADT^A01|1|P|2.5\rPID|1||7"
TWO = b"MSH|^~\\&|A|B|||20260302||ADT^A03|2|P|2.5\rPID|1||8"
SEPARATORS = b"\r\n\x0b\x1c"

MARKS = (b"\r", b"\n", b"\r\n", b"\x0b", b"\x1c", b"\x1c\r", BOM)
WRAPPERS = (b"FHS|^~\\&\r", b"BHS|^~\\&\r", b"BTS|1\r", b"FTS|1\r", b"BTS|")
parts = st.sampled_from([ONE, TWO, BOM + ONE, *MARKS, *WRAPPERS, b"\x0bMSH", b"MSH", b"|", b"text"])
streams = st.one_of(st.lists(parts, max_size=25).map(b"".join), st.binary(max_size=200))


def kinds(data: Iterable[bytes], limit: int = 1 << 20) -> list[tuple[str, bytes]]:
    """Return kind and bytes of every piece."""
    return [(piece.kind, piece.data) for piece in split_messages(data, limit)]


def chunked(data: bytes, size: int) -> list[bytes]:
    """Return *data* in chunks of *size* bytes."""
    return [data[i : i + size] for i in range(0, len(data), size)]


@given(streams, st.integers(1, 40), st.integers(20, 400))
def test_chunking_changes_no_piece(data: bytes, size: int, limit: int) -> None:
    """A slow disk and a fast one give the same messages, also around the limit."""
    whole = list(split_messages([data], limit))
    assert list(split_messages(chunked(data, size), limit)) == whole


@given(streams)
def test_every_byte_that_separates_nothing_comes_out(data: bytes) -> None:
    """In equals out, in order; only separators, blanks between messages and wrappers are gone."""
    out = b"".join(piece.data for piece in split_messages([data]))
    start = rb"((?:(?<=[\r\n\x0b\x1c])|\A)(?:\xef\xbb\xbf)?)"
    wrappers = start + rb"(?:[FB]HS|[BF]TS)(?=[^A-Za-z0-9\s])[^\r\n\x1c]*"
    expected = re.sub(wrappers, b"", data)
    assert _bare(out) == _bare(expected)


def _bare(data: bytes) -> bytes:
    return re.sub(rb"[\r\n\x0b\x1c \t\x00]|\xef\xbb\xbf", b"", data)


@given(st.lists(st.sampled_from([ONE, TWO]), min_size=1, max_size=6), st.data())
def test_the_segment_end_changes_no_message(sent: list[bytes], data: st.DataObject) -> None:
    """CR, LF, CRLF and blank lines between: as many messages, with the same segments."""
    end = data.draw(st.sampled_from([b"\r", b"\n", b"\r\n"]))
    gap = data.draw(st.sampled_from([b"", b"\n", b"\r\n\r\n"]))
    file = b"".join(one.replace(b"\r", end) + end + gap for one in sent)
    found = kinds([file])
    assert [kind for kind, _ in found] == ["message"] * len(sent)
    assert [re.split(rb"[\r\n]+", one) for _, one in found] == [one.split(b"\r") for one in sent]


def test_a_frame_is_a_message_before_the_next_one_begins() -> None:
    """Its end is its end: nobody waits for the next patient."""
    splitter = Splitter()
    assert list(splitter.feed(b"\x0b" + ONE + b"\r\x1c")) == [Piece("message", ONE)]


@pytest.mark.parametrize("between", [b"\x1c\rjunk\x0b", b"\x1cjunk\x0b", b"\x1c\rjunk\r"])
def test_junk_between_frames_is_kept_apart(between: bytes) -> None:
    """It belongs to neither patient."""
    found = kinds([b"\x0b" + ONE + between + TWO])
    assert found == [("message", ONE), ("unreadable", b"junk"), ("message", TWO)]


def test_a_vertical_tab_in_a_report_is_text() -> None:
    """Word processors write it as a soft line break."""
    report = ONE + b"\rOBX|1|TX|||cord\x0bcompressed"
    assert kinds([report]) == [("message", report)]


def test_what_follows_a_batch_is_no_part_of_its_last_message() -> None:
    """A note behind the trailer is reported, and not appended to a ward."""
    found = kinds([b"BHS|^~\\&\r" + ONE + b"\rBTS|1\rnote\r"])
    assert found == [("message", ONE), ("unreadable", b"note")]


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (b"1", []),
        (b"", []),
        (b"2", ["BTS-1 states 2 messages, 1 came"]),
        (b"0", ["BTS-1 states 0 messages, 1 came"]),
        (b"one", ["BTS-1 is no count"]),
        (b"9" * 5000, ["BTS-1 is no count"]),
    ],
)
def test_the_count_of_a_batch_is_checked(stated: bytes, reason: list[str]) -> None:
    """A mismatch is told, and the messages still come."""
    found = list(split_messages([b"BHS|^~\\&\r" + ONE + b"\rBTS|" + stated + b"|x\r"]))
    assert [piece.data for piece in found if piece.kind == "message"] == [ONE]
    assert [piece.reason for piece in found if piece.kind == "batch-count"] == reason


def test_each_batch_of_a_file_is_counted_by_itself() -> None:
    """The second one does not inherit the first one's messages."""
    batch = b"BHS|^~\\&\r" + ONE + b"\rBTS|1\r"
    assert [kind for kind, _ in kinds([b"FHS|^~\\&\r" + batch * 2 + b"FTS|2\r"])] == ["message"] * 2


def test_a_message_just_at_the_limit_passes_and_one_byte_more_does_not() -> None:
    """Also when the end of it arrives byte by byte."""
    data = ONE + b"\x1c"
    for size in (1, 1000):
        assert kinds(chunked(data, size), len(ONE)) == [("message", ONE)]
        assert kinds(chunked(data, size), len(ONE) - 1) == [("oversized", ONE[:-1])]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_message_at_the_limit_is_not_cut_while_the_next_one_begins(size: int) -> None:
    """Its end is known some bytes later only: until then, all of it is kept."""
    longer = ONE + b"|longer"
    found = kinds(chunked(longer + b"\r" + BOM + TWO, size), len(longer) + 1)
    assert found == [("message", longer), ("message", TWO)]


def test_blanks_at_the_end_of_a_message_are_its_own() -> None:
    """Only line ends and frame marks are taken off: the bytes are evidence."""
    assert kinds([ONE + b"| \t\r\n"]) == [("message", ONE + b"| \t")]


def test_a_huge_line_costs_little_memory_and_linear_time() -> None:
    """50 MiB without a single MSH: one unreadable item with its reason, and reading goes on."""
    chunk = b"x" * (1 << 20)
    tracemalloc.start()
    begun = time.perf_counter()
    found = list(split_messages([*[chunk] * 50, b"\r", ONE]))
    took_s, (_, peak) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [piece.kind for piece in found] == ["oversized", "message"]
    assert found[0].data == b"x" * KEPT_OF_OVERSIZED_BYTES
    assert found[0].reason == f"{50 * (1 << 20) + 1} bytes are more than the limit of 16777216"
    assert peak < 48 << 20
    assert took_s < 20


@pytest.mark.parametrize(
    ("stated", "reasons"),
    [
        (b"2", []),
        (b"", []),
        (b"3", ["FTS-1 states 3 batches, 2 came"]),
        (b"two", ["FTS-1 is no count"]),
    ],
)
@pytest.mark.parametrize("first_end", [b"BTS|1\r", b""])
def test_the_count_of_a_file_is_checked(
    stated: bytes, reasons: list[str], first_end: bytes
) -> None:
    """A batch counts whether or not its end was written, which HL7 leaves open."""
    head = b"FHS|^~\\&\rBHS|^~\\&\r"
    message = b"MSH|^~\\&|A|B|||2026||ADT^A01|1|P|2.5\r"
    sent = head + message + first_end + b"BHS|^~\\&\r" + message + b"BTS|1\rFTS|" + stated + b"\r"
    pieces = list(split_messages([sent]))
    assert [one.reason for one in pieces if one.kind != "message"] == reasons
