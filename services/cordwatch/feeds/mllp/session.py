"""One connection on the event loop: joins the socket, the core without I/O, and the group commit."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from cordwatch.feeds.group_commit import Job, Settled
from cordwatch.feeds.hl7.acknowledge import answers
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.metrics import Closing, FeedsMetrics
from cordwatch.feeds.mllp.connection import COMMIT_ACK, COMMIT_NAK, MllpConnection, Received
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock

log = get_logger("cordwatch.feeds")

NOT_STORED = Fault("message", "the broker takes no record of this size")


class Commit(Protocol):
    """Who takes a message over and says when it is safe; `GroupCommit` is one."""

    def submit(self, job: Job) -> None:
        """Take over *job*."""


@dataclass(slots=True)
class Room:
    """How much of all connections may be unanswered; beyond that none of them is read."""

    bytes_max: int
    messages: int = 0
    bytes: int = 0
    readers: set[Callable[[], None]] = field(default_factory=set)
    """Called when there is no more room, and when there is again."""

    @property
    def is_open(self) -> bool:
        """Return whether more may be read."""
        return self.bytes < self.bytes_max

    def change(self, messages: int, size: int) -> None:
        """Count *messages* of *size* bytes in, or out where these are negative."""
        before = self.is_open
        self.messages += messages
        self.bytes += size
        if before != self.is_open:
            for regulate in list(self.readers):
                regulate()


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections have in common."""

    settings: FeedsSettings
    metrics: FeedsMetrics
    commit: Commit
    room: Room
    clock: WallClock
    ids: Iterable[str]

    @classmethod
    def of(
        cls, settings: FeedsSettings, metrics: FeedsMetrics, commit: Commit, clock: WallClock
    ) -> Shared:
        """Put it together; ids of answers are unique over restarts as long as time goes on."""
        begun = f"{int(clock.now().timestamp() * 1000):x}"
        ids = (f"{begun}-{number:x}" for number in itertools.count())
        room = Room(settings.buffer_bytes)
        metrics.waiting_messages.set_function(lambda: float(room.messages))
        metrics.waiting_bytes.set_function(lambda: float(room.bytes))
        return cls(settings, metrics, commit, room, clock, ids)

    def next_id(self) -> str:
        """Return a control id for an answer."""
        return next(iter(self.ids))


class MllpSession(asyncio.Protocol):
    """
    A peer's connection from its first byte to its last answer.

    It is read only while there is room: in this connection, in the buffer of
    all, and in the socket for the answers. A message that was taken over and
    whose peer has gone is still published; nobody is told.
    """

    def __init__(self, shared: Shared, closed: Callable[[MllpSession], None]) -> None:
        """Belong to a server that is told when the connection is *closed*."""
        self._shared = shared
        self._closed = closed
        self._connection = MllpConnection(
            shared.settings.max_frame_bytes,
            version=shared.settings.mllp,
            in_flight_max=shared.settings.in_flight_max,
        )
        self._transport: asyncio.Transport | None = None
        self.was_made = False
        """Whether there ever was a connection: a failed handshake makes none."""
        self._cause: Closing = "peer"
        self._ended = self._reading_paused = self._writing_paused = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._heard_at = 0.0
        self._peer = ""
        self._leaving: list[bytes] = []

    @property
    def in_flight(self) -> int:
        """Return how many messages are not answered."""
        return self._connection.in_flight

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.was_made = True
        self._transport = cast("asyncio.Transport", transport)
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._heard_at = asyncio.get_running_loop().time()
        self._later("idle", self._shared.settings.idle_s, self._check_idle)
        self._shared.room.readers.add(self._regulate)
        self._regulate()

    def data_received(self, data: bytes) -> None:
        """Take in what came, hand on what is whole."""
        self._heard_at = asyncio.get_running_loop().time()
        self._shared.metrics.received_bytes.inc(len(data))
        if not self._ended:
            self._submit(self._connection.receive(data))
            self._regulate()

    def eof_received(self) -> bool:
        """Answer what is still open to a peer who only stopped sending."""
        if not self._ended:
            self._ended = True
            self._submit(self._connection.end())
        self._later("linger", self._shared.settings.linger_s, self._close)
        encrypted = self._transport is not None and self._transport.get_extra_info("sslcontext")
        # TLS cannot be closed in one direction only.
        return bool(self.in_flight) and not encrypted

    def connection_lost(self, error: Exception | None) -> None:
        """Let go; what was taken over goes on to the broker all the same."""
        if not self._ended:
            self._ended = True
            self._submit(self._connection.end())
        if error is not None and self._cause == "peer":
            self._cause = "error"
        for timer in self._timers.values():
            timer.cancel()
        if self._reading_paused:
            self._shared.metrics.paused_connections.dec()
        self._shared.metrics.closed.labels(self._cause).inc()
        self._shared.room.readers.discard(self._regulate)
        self._transport = None
        self._closed(self)

    def pause_writing(self) -> None:
        """Read no more from a peer who does not read: its answers would pile up."""
        self._writing_paused = True
        self._later("unread", self._shared.settings.answer_s, self._give_up)
        self._regulate()

    def resume_writing(self) -> None:
        """Go on."""
        self._writing_paused = False
        self._timers.pop("unread").cancel()
        self._regulate()

    def drain(self) -> None:
        """Read no more; close once everything is answered. What is half here will come again."""
        self._ended = True
        self._cause = "drained"
        self._regulate()
        self._close_when_answered()

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def _submit(self, pieces: list[Received]) -> None:
        shared, now = self._shared, self._shared.clock.now()
        for received in pieces:
            piece = received.piece
            if piece.kind == "message":
                shared.metrics.last_message_at.set(now.timestamp())
            else:
                oversized = piece.kind == "oversized"
                shared.metrics.bad_frames.labels("oversized" if oversized else "unreadable").inc()
            shared.room.change(1, len(piece.data))
            done = partial(self._settled, received, shared.clock.monotonic())
            sent = Piece(piece.kind, piece.data, piece.reason, self._peer)
            shared.commit.submit(Job(sent, now, done))

    def _settled(self, received: Received, came_at: float, settled: Settled) -> None:
        shared = self._shared
        shared.room.change(-1, -len(received.piece.data))
        shared.metrics.settled(settled)
        shared.metrics.commit_s.observe(shared.clock.monotonic() - came_at)
        try:
            codes, messages = self._answers(received, settled)
        except Exception as error:
            # An error of ours: no answer at all is better than one too few for those behind it.
            log.exception("an answer could not be made", exc_info=error)
            self.abort()
            codes, messages = [], []
        leaving = self._connection.answer(received.number, messages)
        if self._transport is None or self._transport.is_closing():
            return
        for code in codes:
            shared.metrics.acks.labels(code).inc()
        if leaving:
            if not self._leaving:
                # With those of the same group: every write costs the gateway and the sender a call of the system.
                asyncio.get_running_loop().call_soon(self._write)
            self._leaving.append(leaving)
        self._regulate()
        if self._ended:
            self._close_when_answered()

    def _write(self) -> None:
        leaving, self._leaving = b"".join(self._leaving), []
        if leaving and self._transport is not None and not self._transport.is_closing():
            self._transport.write(leaving)

    def _answers(self, received: Received, settled: Settled) -> tuple[list[str], list[bytes]]:
        if not received.is_frame:
            return [], []
        shared = self._shared
        kept = settled.stored and received.piece.kind == "message"
        second = self._connection.version != 1
        due = answers(
            received.piece.data,
            settled.found.faults if settled.stored else (NOT_STORED,),
            shared.clock.now(),
            shared.next_id,
            transport_commits=second,
        )
        codes: list[str] = [one.code for one in due]
        messages = [one.message for one in due]
        if second:
            codes.insert(0, "ack" if kept else "nak")
            messages.insert(0, COMMIT_ACK if kept else COMMIT_NAK)
        return codes, messages

    def _regulate(self) -> None:
        """Read, or stop reading, as there is room."""
        if self._transport is None or self._transport.is_closing():
            return
        has_room = self._connection.has_room and self._shared.room.is_open
        pause = self._ended or self._writing_paused or not has_room
        if pause and not self._reading_paused:
            self._transport.pause_reading()
            self._shared.metrics.paused_connections.inc()
        elif not pause and self._reading_paused:
            self._transport.resume_reading()
            self._shared.metrics.paused_connections.dec()
        self._reading_paused = pause

    def _later(self, name: str, delay_s: float, what: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, what)

    def _check_idle(self) -> None:
        """Close after too long a silence; while we owe an answer it is not the peer who is silent."""
        quiet_s = asyncio.get_running_loop().time() - self._heard_at
        left_s = self._shared.settings.idle_s - quiet_s
        if left_s <= 0 and not self.in_flight and not self._reading_paused:
            self._cause = "idle"
            self._close()
        else:
            owed = left_s if left_s > 0 else self._shared.settings.idle_s
            self._later("idle", owed, self._check_idle)

    def _give_up(self) -> None:
        self._cause = "unread"
        self.abort()

    def _close_when_answered(self) -> None:
        if not self.in_flight:
            self._close()

    def _close(self) -> None:
        self._write()
        if self._transport is not None:
            self._transport.close()
