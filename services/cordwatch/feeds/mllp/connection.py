"""One MLLP connection without I/O: bytes in, frames out; answers in, bytes out in the order of the frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cordwatch.feeds.hl7.framing import MAX_MESSAGE_BYTES, Piece
from cordwatch.feeds.hl7.mllp import FrameReader, frame

MllpVersion = Literal[1, 2]

COMMIT_ACK, COMMIT_NAK = b"\x06", b"\x15"
"""MLLP v2: the whole content of a commit block, in a frame of its own."""

IN_FLIGHT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Received:
    """One piece of what came, numbered in order; only frames have somebody who waits."""

    number: int
    piece: Piece

    @property
    def is_frame(self) -> bool:
        """Return whether it was a frame, which is answered; junk and cut frames are not."""
        return self.piece.kind in {"message", "oversized"}


class UnknownNumber(ValueError):
    """An answer to what never came, or was answered before: an error of ours."""


class MllpConnection:
    """
    Keeps frames and answers in step.

    Messages may be settled in any order; their answers leave in the order in
    which the frames came, since a sender may match them by nothing else. A piece
    that gets no answer (junk, MSH-15 NE) keeps its place all the same.
    """

    def __init__(
        self,
        limit: int = MAX_MESSAGE_BYTES,
        *,
        version: MllpVersion = 1,
        in_flight_max: int = IN_FLIGHT_MAX,
    ) -> None:
        """Refuse frames above *limit* bytes; want no more once *in_flight_max* are not settled."""
        self.version = version
        self._reader = FrameReader(limit)
        self._in_flight_max = in_flight_max
        self._came = 0
        self._left = 0
        self._ready: dict[int, bytes] = {}

    @property
    def in_flight(self) -> int:
        """Return how many pieces are not settled, or wait behind one that is not."""
        return self._came - self._left

    @property
    def has_room(self) -> bool:
        """Return whether more should be read."""
        return self.in_flight < self._in_flight_max

    def receive(self, data: bytes) -> list[Received]:
        """Take in *data*; return what is whole now."""
        return self._numbered(self._reader.feed(data))

    def end(self) -> list[Received]:
        """Return what the end of the connection cut off."""
        return self._numbered(self._reader.close())

    def answer(self, number: int, messages: Sequence[bytes]) -> bytes:
        """
        Settle piece *number* with *messages*, without frames; return the bytes that may now leave.

        Raises:
            UnknownNumber: it never came, or was settled before.
        """
        if not self._left <= number < self._came or number in self._ready:
            raise UnknownNumber(str(number))
        self._ready[number] = b"".join(map(frame, messages))
        leaving = []
        while self._left in self._ready:
            leaving.append(self._ready.pop(self._left))
            self._left += 1
        return b"".join(leaving)

    def _numbered(self, pieces: Iterator[Piece]) -> list[Received]:
        found = []
        for piece in pieces:
            if self.version == 2 and piece.data in {COMMIT_ACK, COMMIT_NAK}:  # noqa: PLR2004
                # The sender's commit of our own answer; we do not send it again.
                continue
            found.append(Received(self._came, piece))
            self._came += 1
        return found
