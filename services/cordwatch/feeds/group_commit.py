"""
Group commit: what all connections sent is acknowledged by the broker together.

One worker thread, since the Kafka client blocks. While it waits for the broker
the next group collects, so that a group grows with the load and nobody waits
for a timer.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.group_reading import GroupReading, Record, Settled
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import Understand
from cordwatch.feeds.receipts import Memory
from cordwatch.runtime.kafka import TOO_LARGE, BrokerUnreachable, KafkaError
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.records import Receipt, Receipts
from cordwatch_schemas.topics import RECEIPTS

__all__ = ["GroupCommit", "Job", "Record", "Settled", "Sink"]

GROUP_MESSAGES_MAX = 500
GROUP_BYTES_MAX = 8 * 1024 * 1024
PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 2.0

log = get_logger("cordwatch.feeds")


class Sink(Protocol):
    """Where records go; `runtime.kafka.Publisher` is one."""

    def publish(
        self, records: Sequence[Record], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Send *records*; return for each why it is not safe, or None."""

    def close(self) -> None:
        """Let go."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece that came, when, and whom to tell once it is settled."""

    piece: Piece
    received_at: datetime
    done: Callable[[Settled], None]
    found: Translated | None = None
    """What it says, where that is known already: FHIR is read before, to fetch what it refers to."""


class GroupCommit:
    """
    Takes in pieces, publishes what follows from them, and tells when all of it is safe.

    While the broker is away a group is tried for ever and nobody is told
    anything. What is published twice by that is harmless: ids come from content.
    Receipts are published when all they stand for is safe: one that was there
    first, and a crash behind it, and a message would be taken for known of which
    nothing is kept.
    """

    def __init__(
        self,
        connect: Callable[[], Sink],
        understand: Understand,
        deliver: Callable[[list[tuple[Job, Settled]]], None],
        broken: Callable[[], None],
        memory: Memory | None = None,
    ) -> None:
        """
        Prepare; nothing runs yet. Without a *memory* every message is a new one.

        *deliver* gets every settled group and *broken* an error of ours, both on
        the worker's thread.
        """
        self._connect, self._understand = connect, understand
        self._deliver, self._broken = deliver, broken
        self._memory = memory or Memory(days=0)
        self.name = uuid.uuid4().hex.encode()
        """Of this process, as the key of its receipts."""
        self._sink: Sink | None = None
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self.broker_away = False
        self.groups = 0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Take over *job*; the caller keeps count of how much that may be."""
        self._queue.put(job)

    def stop(self, patience_s: float) -> bool:
        """Finish what was submitted and end; return whether that was done in time."""
        self._queue.put(None)
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            # Before the first message, so that it need not wait for the client to get ready.
            self._try([])
            while group := self._next_group():
                self._commit(group)
            self._disconnect()
        except BaseException as error:
            log.error("group commit cannot go on", exc_info=error)  # noqa: TRY400 - see above
            self._broken()

    def _next_group(self) -> list[Job]:
        """Return what waits, at least one; empty at the end."""
        group: list[Job] = []
        size = 0
        job = self._queue.get()
        while job is not None:
            group.append(job)
            size += len(job.piece.data)
            if len(group) >= GROUP_MESSAGES_MAX or size >= GROUP_BYTES_MAX:
                return group
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return group
        if group:
            # The end is seen again after this group.
            self._queue.put(None)
        return group

    def _commit(self, group: list[Job]) -> None:
        reading = GroupReading(self._understand, self._memory)
        for job in group:
            reading.take(job.piece, job.received_at, job.found)
        refused = self._publish(reading.records)
        self._remember(reading.receipts(refused), group[-1].received_at)
        self.groups += 1
        self._deliver(list(zip(group, reading.settled(refused), strict=True)))

    def _remember(self, receipts: Sequence[Receipt], received_at: datetime) -> None:
        if receipts:
            value = Receipts(received_at=received_at, receipts=tuple(receipts))
            self._publish([(0, (RECEIPTS.name, self.name, value.model_dump_json().encode()))])
            self._memory.learn(receipts, received_at)
        self._memory.forget(received_at)

    def _publish(self, waiting: list[tuple[int, Record]]) -> set[int]:
        """Publish until all is safe; return which jobs have a record that the broker will not take."""
        refused: set[int] = set()
        pause_s = PAUSE_S_MIN
        while waiting:
            errors = self._try([record for _, record in waiting])
            again = []
            for one, error in zip(waiting, errors, strict=True):
                if isinstance(error, TOO_LARGE):
                    refused.add(one[0])
                elif error is not None:
                    again.append(one)
            waiting = again
            if waiting:
                self._away(errors)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_S_MAX)
        if self.broker_away:
            self.broker_away = False
            log.info("the broker answers again")
        return refused

    def _try(self, records: list[Record]) -> Sequence[BaseException | None]:
        try:
            if self._sink is None:
                self._sink = self._connect()
            return self._sink.publish(records, self._slow)
        except (KafkaError, BrokerUnreachable) as error:
            return [error] * len(records)

    def _slow(self) -> None:
        if not self.broker_away:
            self.broker_away = True
            log.warning("the broker does not acknowledge; nothing is answered until it does")

    def _away(self, errors: Sequence[BaseException | None]) -> None:
        """Begin anew: a client that has given up on a record may refuse those behind it."""
        self._disconnect()
        self.broker_away = True
        kinds = sorted({type(error).__name__ for error in errors if error is not None})
        log.warning("the broker is away; nothing is answered until it is back", errors=kinds)

    def _disconnect(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except KafkaError:
                log.debug("the client did not close in time")
