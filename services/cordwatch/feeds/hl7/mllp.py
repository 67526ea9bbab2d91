"""From the bytes of a live connection to MLLP frames: each is to be answered once, so each comes out once."""

from __future__ import annotations

from collections.abc import Iterator

from cordwatch.feeds.hl7.framing import KEPT_OF_OVERSIZED_BYTES, MAX_MESSAGE_BYTES, Piece, PieceKind

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
_BEGUN_ANEW = VT + b"MSH"
_OUTSIDE_BLANKS = b"\r\n \t\x00\x1c"
_MARGIN = 4
"""A VT and the `MSH` after it may lie across two chunks."""


class FrameReader:
    """
    Reads `VT ... FS CR`, sans-I/O: bytes in, whole frames out at once.

    FS alone ends a frame, so that a sender who leaves out the CR still gets
    its answer. VT inside a frame is content (word processors write it), but
    VT with MSH behind it means that the sender began anew: the cut frame comes
    out as `unreadable`, never as a shorter message. So does text between
    frames. A frame above the limit comes out as `oversized` when it ends, and
    reading goes on.
    """

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        """Refuse frames above *limit* bytes."""
        self._limit = limit
        self._kept = min(limit, KEPT_OF_OVERSIZED_BYTES)
        self._buffer = bytearray()
        self._inside = False
        self._scanned = 0
        self._head = b""
        self._dropped = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take in *data* and return every frame that is now complete."""
        self._buffer += data
        while (edge := self._edge()) is not None:
            whole = self._buffer[edge : edge + 1] == FS
            self._inside = not whole
            yield from self._cut(edge, whole=whole)
        self._scanned = max(0, len(self._buffer) - _MARGIN)
        if len(self._buffer) > self._limit + _MARGIN:
            self._head = self._head or bytes(self._buffer[: self._kept])
            self._dropped += self._scanned
            del self._buffer[: self._scanned]
            self._scanned = 0

    def close(self) -> Iterator[Piece]:
        """Return what the end of the connection left without an end of frame."""
        yield from self._cut(len(self._buffer), whole=False)
        self._inside = False

    def _edge(self) -> int | None:
        if not self._inside:
            found = self._buffer.find(VT, self._scanned)
            return None if found < 0 else found
        end = self._buffer.find(FS, self._scanned)
        anew = self._buffer.find(_BEGUN_ANEW, self._scanned, end if end >= 0 else None)
        found = anew if anew >= 0 else end
        return None if found < 0 else found

    def _cut(self, edge: int, *, whole: bool) -> Iterator[Piece]:
        data = bytes(self._buffer[:edge])
        del self._buffer[: edge + 1]
        size = len(data) + self._dropped
        head = self._head or data[: self._kept]
        self._head, self._dropped, self._scanned = b"", 0, 0
        if size > self._limit:
            reason = f"{size} bytes are more than the limit of {self._limit}"
            # Only a whole frame has a sender who waits for an answer.
            kind: PieceKind = "oversized" if whole else "unreadable"
            yield Piece(kind, head, reason if whole else f"no whole MLLP frame; {reason}")
        elif whole:
            yield Piece("message", data)
        elif data.strip(_OUTSIDE_BLANKS):
            yield Piece("unreadable", data, "no whole MLLP frame")


def frame(message: bytes) -> bytes:
    """Return *message* as MLLP sends it."""
    return VT + message + FS + CR
