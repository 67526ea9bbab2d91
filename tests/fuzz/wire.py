"""A connection without a socket and a broker without a machine: whatever is sent, what was answered and what was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from cordwatch.feeds.group_commit import Job, Settled
from cordwatch.feeds.hl7.mllp import FrameReader
from cordwatch.feeds.intake import records_of, understand
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.feeds.mllp.session import MllpSession, Shared
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.feeds.source import Source
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import RawMessage
from cordwatch_schemas.topics import RAW

LIMIT_BYTES = 4_096
"""A frame above it is refused; small, so that the fuzzer meets it."""


class Line(asyncio.Transport):
    """The other end of a connection: keeps what is written to it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__({"peername": ("10.1.2.3", 4711)})
        self.written = bytearray()
        self.is_down = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep *data*."""
        self.written += data

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.is_down

    def close(self) -> None:
        """Hang up."""
        self.is_down = True

    abort = close

    def pause_reading(self) -> None:
        """Go on all the same: the test sends what it wants."""

    resume_reading = pause_reading


@dataclass(slots=True)
class Broker:
    """Keeps every record, but those of the messages that it refuses for their size."""

    refused: Collection[int] = ()
    """Which messages, counted as they come."""
    came: int = 0
    kept: list[RawMessage] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Control ids of what it refused."""

    def submit(self, job: Job) -> None:
        """Do what the group commit does, at once."""
        found = understand(job.piece, Source(), job.received_at)
        found, records = records_of(found, job.received_at)
        stored = self.came not in self.refused
        self.came += 1
        if not stored:
            self.lost.append(found.control_id)
        if stored:
            self.kept += (
                RawMessage.model_validate_json(one.value)
                for one in records
                if one.topic == RAW.name
            )
        asyncio.get_running_loop().call_soon(job.done, Settled(found, stored))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of a conversation."""

    answers: list[tuple[str, str]]
    """Code and control id of every acknowledgement, in order."""
    kept: list[str]
    """Control id of every raw record."""
    refused: list[str]
    """Control id of what the broker did not take."""
    left_open: int
    """Frames without an answer."""


def converse(chunks: Collection[bytes], refused: Collection[int] = ()) -> Exchange:
    """Send *chunks* over a connection; return what was answered and kept."""
    return asyncio.run(_converse(chunks, refused))


async def _converse(chunks: Collection[bytes], refused: Collection[int]) -> Exchange:
    broker, line = Broker(refused), Line()
    settings = FeedsSettings(port=0, max_frame_bytes=LIMIT_BYTES)
    shared = Shared.of(settings, FeedsMetrics(CollectorRegistry()), broker, WallClock())
    session = MllpSession(shared, lambda _: None)
    session.connection_made(line)
    for chunk in chunks:
        session.data_received(chunk)
        await asyncio.sleep(0)
    session.eof_received()
    # Once to be settled, once for what that calls.
    for _ in range(3):
        await asyncio.sleep(0)
    left_open = session.in_flight
    session.connection_lost(None)
    read = [piece for piece in FrameReader().feed(bytes(line.written)) if piece.data.strip()]
    assert {piece.kind for piece in read} <= {"message"}, "an answer that is no frame"
    return Exchange(
        [_answer(piece.data) for piece in read],
        [one.source_message_id for one in broker.kept],
        broker.lost,
        left_open,
    )


def _answer(data: bytes) -> tuple[str, str]:
    fields = data.split(b"\r")[1].split(data[3:4])
    return fields[1].decode("latin-1"), fields[2].decode("latin-1")
