"""From bytes in any chunking to single messages: files, batches and MLLP frames alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
KEPT_OF_OVERSIZED_BYTES = 64 * 1024

_START = re.compile(rb"(?:(?<=[\r\n\x0b\x1c])|\A)(?:\xef\xbb\xbf)?MSH(?=[^A-Za-z0-9\s])")
_WRAPPER = re.compile(rb"(?:\A|(?<=[\r\n]))(?:FHS|BHS|BTS|FTS)[^A-Za-z0-9\s][^\r\n]*[\r\n]*")
_BATCH_COUNT = re.compile(rb"(?:\A|[\r\n])BTS[^A-Za-z0-9\s](\d+)")
_EDGE = b"\r\n\x0b\x1c \t\x00"
_MARGIN = 8
"""A message start may lie across two chunks: look again at this many bytes."""

PieceKind = Literal["message", "unreadable", "oversized", "batch-count"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A message, or bytes that are none, with the reason."""

    kind: PieceKind
    data: bytes
    reason: str = ""


class Splitter:
    """
    Cuts a stream of bytes into messages, sans-I/O.

    A message begins with `MSH` at the start of a line or frame and ends where
    the next one begins. Batch wrappers are unwrapped and their count is
    checked. Nothing is dropped: what is no message comes out as `unreadable`.
    """

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        """Refuse messages above *limit* bytes, and go on after them."""
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._overflowed = 0
        self._in_batch = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take in *data* and return every message that is now complete."""
        self._buffer += data
        while True:
            # A start at 0 is the message at hand; the next one ends it.
            match = _START.search(self._buffer, max(1, self._scanned))
            if match is None:
                break
            yield from self._cut(match.start())
        self._scanned = max(1, len(self._buffer) - _MARGIN)
        if len(self._buffer) > self._limit:
            self._overflow()

    def close(self) -> Iterator[Piece]:
        """Return what is left: the last message ends with the stream."""
        yield from self._cut(len(self._buffer))

    def _overflow(self) -> None:
        dropped = len(self._buffer) - KEPT_OF_OVERSIZED_BYTES - _MARGIN
        self._overflowed += dropped
        # Keep the head for the quarantine and the tail, where a start may begin.
        del self._buffer[KEPT_OF_OVERSIZED_BYTES : KEPT_OF_OVERSIZED_BYTES + dropped]
        self._scanned = len(self._buffer) - _MARGIN

    def _cut(self, end: int) -> Iterator[Piece]:
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._scanned = 0
        size, self._overflowed = len(data) + self._overflowed, 0
        if size > self._limit:
            reason = f"{size} bytes are more than the limit of {self._limit}"
            yield Piece("oversized", data[:KEPT_OF_OVERSIZED_BYTES], reason)
            return
        yield from self._piece(data)

    def _piece(self, data: bytes) -> Iterator[Piece]:
        count = _BATCH_COUNT.search(data)
        body = _WRAPPER.sub(b"", data.removeprefix(b"\xef\xbb\xbf").strip(_EDGE)).strip(_EDGE)
        if b"\x1c" in body:
            body, _, rest = body.partition(b"\x1c")
        else:
            rest = b""
        if body:
            is_message = _START.match(body) is not None
            self._in_batch += is_message
            yield Piece("message", body) if is_message else _unreadable(body)
        if rest.strip(_EDGE):
            yield _unreadable(rest.strip(_EDGE))
        if count is not None:
            if int(count[1]) != self._in_batch:
                reason = f"BTS-1 states {int(count[1])} messages, {self._in_batch} came"
                yield Piece("batch-count", b"", reason)
            self._in_batch = 0


def _unreadable(data: bytes) -> Piece:
    return Piece("unreadable", data, "no MSH segment at the start of a line")


def split_messages(chunks: Iterable[bytes], limit: int = MAX_MESSAGE_BYTES) -> Iterator[Piece]:
    """Return the messages in *chunks*, in order, and whatever is none."""
    splitter = Splitter(limit)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.close()
