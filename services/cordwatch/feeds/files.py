"""Files of messages: HL7 v2 in any framing, JSON lines of events, or FHIR, told apart by how they begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from cordwatch.feeds.hl7.framing import (
    KEPT_OF_OVERSIZED_BYTES,
    MAX_MESSAGE_BYTES,
    PieceKind,
    split_messages,
)

CHUNK_BYTES = 1 << 20

Format = Literal["hl7v2", "event-json", "fhir"]

_BLANK = b"\r\n \t\xef\xbb\xbf"
_RESOURCE = b'"resourceType"'


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a file, or bytes that are none, with the reason."""

    kind: PieceKind
    format: Format
    data: bytes
    reason: str = ""
    peer: str = ""
    """Address of who sent it; empty for a file."""


class EmptyFile(ValueError):
    """A file without a single byte that means anything."""


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def read_file(path: Path, limit: int = MAX_MESSAGE_BYTES) -> Iterator[Item]:
    """
    Return the messages of a file, in order, in bounded memory.

    Raises:
        EmptyFile: there is nothing in it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(4096)
        if not begin.strip(_BLANK):
            raise EmptyFile(str(path))
        file.seek(0)
        if _is_one_document(begin):
            yield _document(file, limit)
        elif begin.lstrip(_BLANK).startswith(b"{"):
            yield from _lines(_chunks(file), limit)
        else:
            for piece in split_messages(_chunks(file), limit):
                yield Item(piece.kind, "hl7v2", piece.data, piece.reason)


def _is_one_document(begin: bytes) -> bool:
    """Return whether a file is one FHIR text over several lines, and not a text a line."""
    plain = begin.lstrip(_BLANK)
    if plain.startswith(b"["):
        return True
    first, _, rest = plain.partition(b"\n")
    if first.strip() == b"{":
        return True
    second = rest.lstrip(_BLANK)
    return _RESOURCE in first and bool(second) and not second.startswith(b"{")


def _document(file: BinaryIO, limit: int) -> Item:
    data = file.read(limit + 1)
    if len(data) > limit:
        reason = f"more bytes than the limit of {limit}"
        return Item("oversized", "fhir", data[:KEPT_OF_OVERSIZED_BYTES], reason)
    return Item("message", "fhir", data.strip(_BLANK))


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[Item]:
    rest, dropped = b"", 0
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield from _line(rest + line, dropped, limit)
            rest, dropped = b"", 0
        rest += last
        if len(rest) > limit:
            dropped += len(rest) - KEPT_OF_OVERSIZED_BYTES
            rest = rest[:KEPT_OF_OVERSIZED_BYTES]
    yield from _line(rest, dropped, limit)


def _line(line: bytes, dropped: int, limit: int) -> Iterator[Item]:
    line = line.strip(_BLANK)
    form: Format = "fhir" if _RESOURCE in line else "event-json"
    if dropped or len(line) > limit:
        reason = f"{len(line) + dropped} bytes are more than the limit of {limit}"
        yield Item("oversized", form, line[:KEPT_OF_OVERSIZED_BYTES], reason)
    elif line:
        yield Item("message", form, line)
