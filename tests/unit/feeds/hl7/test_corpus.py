"""Other people's messages: each is parsed or refused with a reason, none collapses."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cordwatch.feeds.hl7.framing import split_messages
from cordwatch.feeds.hl7.message import Message, Unreadable, parse

REFUSED = {
    "lfh_HL7MergeFHIRConversionTest.txt": {"MSH-10: control id is missing": 1},
    "lfh_Hl7MedicationRequestFHIRConversionTest.txt": {"MSH-10: control id is missing": 15},
}
"""Sixteen messages have no control id: there is nothing that an answer could name."""


@pytest.fixture
def folder() -> Path:
    """Return the folder of samples, where there is one."""
    corpus = os.environ.get("CORDWATCH_CORPUS")
    if not corpus:
        pytest.skip("CORDWATCH_CORPUS names no folder")
    return Path(corpus) / "hl7v2"


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.iterdir()):
        if file.suffix != ".json":
            yield file.name, file.read_bytes()


def test_every_message_is_parsed_with_all_its_segments(folder: Path) -> None:
    """Counted independently: lines that begin with MSH, and lines that begin any segment."""
    total = 0
    for name, data in _files(folder):
        lines = [line.removeprefix(b"\xef\xbb\xbf") for line in re.split(rb"[\r\n]+", data)]
        headers = sum(line.startswith(b"MSH|") for line in lines)
        wrappers = (b"FHS|", b"BHS|", b"BTS|", b"FTS|")
        segments = sum(
            bool(re.match(rb"[A-Z][A-Z0-9]{2}(\||$)", line)) and not line.startswith(wrappers)
            for line in lines
        )
        pieces = list(split_messages([data]))
        assert {piece.kind for piece in pieces} == {"message"}, name
        assert len(pieces) == headers, name
        found, refusals = _parse_all([piece.data for piece in pieces])
        assert refusals == REFUSED.get(name, {}), name
        assert min(len(one.segments) for one in found) > 1, name
        if not refusals:
            assert sum(len(one.segments) for one in found) == segments, name
        total += headers
    assert total > 1000


def _parse_all(messages: list[bytes]) -> tuple[list[Message], dict[str, int]]:
    found, refusals = [], Counter[str]()
    for one in messages:
        try:
            found.append(parse(one))
        except Unreadable as refusal:
            refusals[str(refusal)] += 1
    return found, dict(refusals)


def test_a_damaged_corpus_never_raises(folder: Path) -> None:
    """Each message, cut short or with a byte turned, is a message or refused by field."""
    for _, data in _files(folder):
        for piece in list(split_messages([data]))[:40]:
            for damage in range(3, len(piece.data), max(40, len(piece.data) // 8)):
                turned = piece.data[damage] ^ 0x80
                for broken in (
                    piece.data[:damage],
                    piece.data[:damage] + bytes([turned]) + piece.data[damage + 1 :],
                ):
                    try:
                        assert parse(broken).header.text(10)
                    except Unreadable as refusal:
                        assert re.fullmatch(r"[A-Z][A-Z0-9]{2}(-\d+)?", refusal.field)  # noqa: PT017
