"""From the bytes of a file, in any chunking, to single messages: batches and MLLP frames alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
KEPT_OF_OVERSIZED_BYTES = 64 * 1024

BOM = b"\xef\xbb\xbf"
_AT_LINE_START = rb"(?:(?<=[\r\n\x0b\x1c])|\A)(?:\xef\xbb\xbf)?"
_BOUNDARY = re.compile(rb"\x1c|" + _AT_LINE_START + rb"(MSH|[FB]HS|[BF]TS)(?=[^A-Za-z0-9\s])")
_LINE_END = re.compile(rb"[\r\n\x1c]")
_SEPARATORS = b"\r\n\x0b\x1c"
_BLANKS = _SEPARATORS + b" \t\x00"
_COUNT = re.compile(rb"\d{1,9}")
_MARGIN = 8
"""A boundary may lie across two chunks: look again at this many bytes."""

PieceKind = Literal["message", "unreadable", "oversized", "batch-count"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A message, or bytes that are none, with the reason."""

    kind: PieceKind
    data: bytes
    reason: str = ""
    peer: str = ""
    """Address of who sent it; empty for a file."""


class Splitter:
    """
    Cuts the bytes of a file into messages, sans-I/O, so that no order goes missing in a batch.

    A message begins with `MSH` at the start of a line or frame. It ends where
    the next one begins, at the end of its MLLP frame, or at a batch wrapper.
    Wrappers are taken off and their counts are checked: messages of a batch,
    batches of a file. HL7 lets their ends be left out, and then nothing can be
    checked. Nothing is dropped: what is no message comes out as `unreadable`. For a live connection, where the
    frame is the unit that is answered, see `hl7/mllp.py`.
    """

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        """Refuse messages above *limit* bytes, and go on after them."""
        self._limit = limit
        self._kept = min(limit, KEPT_OF_OVERSIZED_BYTES)
        self._buffer = bytearray()
        self._begun = b""
        """The segment that opened what is in the buffer; empty between messages."""
        self._scanned = 0
        self._head = b""
        self._dropped = 0
        self._in_batch = self._batches = 0
        self._batch_is_open = False

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take in *data* and return every message that is now complete."""
        self._buffer += data
        while match := self._boundary().search(self._buffer, self._scanned):
            begun = match[1] or b"" if match.lastindex else b""
            yield from self._cut(match.start())
            # A start stays as the first bytes of what it opens; an end is used up.
            del self._buffer[: 0 if begun else 1]
            self._begun = begun
            self._scanned = 1 if begun else 0
        self._scanned = max(self._scanned, len(self._buffer) - _MARGIN)
        # Within the margin the end of a message that just fits may still be found.
        if len(self._buffer) > self._limit + _MARGIN:
            self._overflow()

    def close(self) -> Iterator[Piece]:
        """Return what is left: the last message ends with the stream."""
        yield from self._cut(len(self._buffer))
        self._begun = b""

    def _boundary(self) -> re.Pattern[bytes]:
        return _BOUNDARY if self._begun in {b"", b"MSH"} else _LINE_END

    def _overflow(self) -> None:
        self._head = self._head or bytes(self._buffer[: self._kept])
        # One byte more than the margin: what stands before a start must be seen.
        surplus = len(self._buffer) - _MARGIN - 1
        self._dropped += surplus
        del self._buffer[:surplus]
        self._scanned = 1

    def _cut(self, end: int) -> Iterator[Piece]:
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        size = len(data) + self._dropped
        head = self._head or data[: self._kept]
        self._head, self._dropped, self._scanned = b"", 0, 0
        if size > self._limit:
            self._in_batch += self._begun == b"MSH"
            reason = f"{size} bytes are more than the limit of {self._limit}"
            yield Piece("oversized", head, reason)
        elif self._begun == b"MSH":
            self._in_batch += 1
            yield Piece("message", data.removeprefix(BOM).strip(_SEPARATORS))
        elif self._begun:
            yield from self._wrapper(data.removeprefix(BOM))
        elif data.removeprefix(BOM).strip(_BLANKS):
            yield Piece(
                "unreadable", data.strip(_SEPARATORS), "no MSH segment at the start of a line"
            )

    def _wrapper(self, line: bytes) -> Iterator[Piece]:
        # One that was begun counts, whether or not its end was written.
        self._batches += self._begun == b"BTS" or self._batch_is_open
        if self._begun == b"BTS":
            yield from _counted(line, "messages", self._in_batch)
        elif self._begun == b"FTS":
            yield from _counted(line, "batches", self._batches)
        self._batch_is_open = self._begun == b"BHS"
        self._in_batch = 0
        if self._begun[:1] == b"F":
            self._batches = 0


def _counted(line: bytes, what: str, came: int) -> Iterator[Piece]:
    name = line[:3].decode()
    stated = line.split(line[3:4])[1].strip()
    if stated and not _COUNT.fullmatch(stated):
        yield Piece("batch-count", b"", f"{name}-1 is no count")
    elif stated and int(stated) != came:
        yield Piece("batch-count", b"", f"{name}-1 states {int(stated)} {what}, {came} came")


def split_messages(chunks: Iterable[bytes], limit: int = MAX_MESSAGE_BYTES) -> Iterator[Piece]:
    """Return the messages in *chunks*, in order, and whatever is none."""
    splitter = Splitter(limit)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.close()
