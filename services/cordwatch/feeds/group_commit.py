"""
Group commit: what all connections sent is acknowledged by the broker together.

All on the event loop, where also the connections are: a thread of its own would
fight with it for Python's lock. While one group is with the broker the next is
read and sent behind it; what comes while enough are under way makes the group
after that, so that a group grows with the load and nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.group_reading import GroupReading, Record, Settled
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.identities import Identities
from cordwatch.feeds.intake import Understand
from cordwatch.feeds.receipts import Memory
from cordwatch.runtime.kafka import GIVEN_UP_S, NOT_SAFE, RENEWED_WITHIN_S, TOO_LARGE, KafkaError
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.records import Receipts
from cordwatch_schemas.topics import RECEIPTS

__all__ = ["GroupCommit", "Job", "Record", "Settled", "Sink"]

GROUP_MESSAGES_MAX = 500
READ_AT_ONCE = 25
"""Messages between two looks at the connections, which bring more and are told what is safe."""
GROUP_BYTES_MAX = 8 * 1024 * 1024
UNDER_WAY_MAX = 2
"""Groups that the broker has not wholly acknowledged."""
SLOW_ANSWER_S = 5.0
"""A broker that takes longer to acknowledge is as good as away, until it does."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 2.0

Errors = list[KafkaError | None]

log = get_logger("cordwatch.feeds")


class Sink(Protocol):
    """Where records go; `runtime.group_publisher.GroupPublisher` is one."""

    def send(self, records: Sequence[Record], answered: Callable[[Errors], None]) -> None:
        """Send *records*, at least one; *answered* hears, on any thread, for each why it is not safe, or None."""

    def is_outdated(self) -> bool:
        """Return whether another one would connect otherwise: certificates were replaced."""

    def close(self) -> None:
        """Let go; what is on its way is answered for as not safe."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece that came, when, and whom to tell once it is settled."""

    piece: Piece
    received_at: datetime
    done: Callable[[Settled], None]
    found: Translated | None = None
    """What it says, where that is known already: FHIR is read before, to fetch what it refers to."""


class _Sent:
    """Records that were given to a client, and its word on them once it is there."""

    def __init__(self, sink: Sink, records: Sequence[Record]) -> None:
        self.sink = sink
        self._count = len(records)
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Errors] = self._loop.create_future()
        if records:
            sink.send(records, self._answered)
        else:
            self._answer.set_result([])

    async def answer(self, slow: Callable[[], None]) -> Errors:
        """Return for each record why it is not safe; call *slow* as long as that is not known."""
        timer = self._loop.call_later(SLOW_ANSWER_S, self._wait_on, slow, SLOW_ANSWER_S)
        try:
            return await self._answer
        finally:
            timer.cancel()

    def give_up(self) -> None:
        """Take for not safe what is not known to be."""
        self._settle([NOT_SAFE] * self._count)

    def _wait_on(self, slow: Callable[[], None], waited_s: float) -> None:
        if self._answer.done():
            return
        slow()
        # The broker may know the old certificates no more; with new ones all of it goes again.
        if waited_s >= GIVEN_UP_S or self.sink.is_outdated():
            self.give_up()
        else:
            waited_s += SLOW_ANSWER_S
            self._loop.call_later(SLOW_ANSWER_S, self._wait_on, slow, waited_s)

    def _answered(self, errors: Errors) -> None:
        # The loop is closed already: the process ends, and who was not told sends again.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, errors)

    def _settle(self, errors: Errors) -> None:
        if not self._answer.done():
            self._answer.set_result(errors)


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A group that was read and sent."""

    jobs: Sequence[Job]
    reading: GroupReading
    sent: _Sent


class GroupCommit:
    """
    Takes in pieces, publishes what follows from them, and tells when all of it is safe.

    Groups are settled in their order. While the broker is away a group is tried
    for ever and nobody is told anything. What is published twice by that is
    harmless: ids come from content. Receipts are published when all they stand
    for is safe: one that was there first, and a crash behind it, and a message
    would be taken for known of which nothing is kept.
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

        *deliver* gets every settled group, and *broken* tells of an error of ours.
        """
        self._connect, self._understand = connect, understand
        self._deliver, self._broken = deliver, broken
        self._memory = memory or Memory(days=0)
        self._people = Identities()
        self.name = uuid.uuid4().hex.encode()
        """Of this process, as the key of its receipts."""
        self._sink: Sink | None = None
        self._waiting: deque[Job] = deque()
        self._came = asyncio.Event()
        self._is_stopping = False
        self._under_way: deque[_UnderWay] = deque()
        self._to_settle: asyncio.Queue[_UnderWay | None] = asyncio.Queue()
        self._may_send = asyncio.Event()
        """There is room under way, and nothing of it is to be sent again before what comes next."""
        self._may_send.set()
        self._is_behind = False
        self._task: asyncio.Task[None] | None = None
        self.broker_away = False
        self.groups = 0

    def start(self) -> None:
        """Begin to work, on the running loop."""
        # At once, so that the first message need not wait for the client to get ready.
        self._sink = self._connect()
        self._task = asyncio.create_task(self._run(), name="group-commit")

    def submit(self, job: Job) -> None:
        """Take over *job*; the caller keeps count of how much that may be."""
        self._waiting.append(job)
        self._came.set()

    async def stop(self, patience_s: float) -> bool:
        """Finish what was submitted and end; return whether that was done in time."""
        self._is_stopping = True
        self._came.set()
        if self._task is None:
            return True
        done, _ = await asyncio.wait((self._task,), timeout=patience_s)
        return bool(done)

    async def _run(self) -> None:
        both = [asyncio.create_task(one) for one in (self._send(), self._settle())]
        try:
            await asyncio.gather(*both)
            await self._disconnect()
        except Exception as error:
            log.exception("group commit cannot go on", exc_info=error)
            self._broken()
        finally:
            for one in both:
                one.cancel()

    async def _send(self) -> None:
        """Read and send what waits, as soon as there is room under way."""
        while self._waiting or not self._is_stopping:
            if not self._waiting:
                await self._rest()
                continue
            # What comes meanwhile goes with it.
            await self._may_send.wait()
            jobs = self._next_group()
            before = [one.reading for one in self._under_way]
            reading = GroupReading(self._understand, self._memory, self._people, before)
            for number, job in enumerate(jobs, 1):
                reading.take(job.piece, job.received_at, job.found)
                if number % READ_AT_ONCE == 0:
                    await asyncio.sleep(0)
            # Something before it may have failed meanwhile.
            await self._may_send.wait()
            await self._renew()
            one = _UnderWay(jobs, reading, self._hand_over(reading.records))
            self._under_way.append(one)
            self._to_settle.put_nowait(one)
            if len(self._under_way) >= UNDER_WAY_MAX:
                self._may_send.clear()
            # Connections come first: what they bring goes with the next group.
            await asyncio.sleep(0)
        self._to_settle.put_nowait(None)

    async def _settle(self) -> None:
        """Tell of each group once it is safe, in their order."""
        while (one := await self._to_settle.get()) is not None:
            refused = await self._safe(one.reading.records, one.sent)
            received_at = one.jobs[-1].received_at
            if receipts := one.reading.receipts(refused):
                value = Receipts(received_at=received_at, receipts=tuple(receipts))
                record = (0, (RECEIPTS.name, self.name, value.model_dump_json().encode()))
                await self._safe([record], self._hand_over([record]))
                self._memory.learn(receipts, received_at)
            self._memory.forget(received_at)
            settled = one.reading.settled(refused)
            self._under_way.popleft()
            self.groups += 1
            self._deliver(list(zip(one.jobs, settled, strict=True)))
            if not self._is_behind or not self._under_way:
                self._is_behind = False
                self._may_send.set()

    async def _safe(self, records: list[tuple[int, Record]], sent: _Sent) -> set[int]:
        """Return once all is safe which jobs have a record that the broker will not take."""
        refused: set[int] = set()
        pause_s = PAUSE_S_MIN
        while True:
            errors = await sent.answer(self._slow)
            again = []
            for one, error in zip(records, errors, strict=True):
                if isinstance(error, TOO_LARGE):
                    refused.add(one[0])
                elif error is not None:
                    again.append(one)
            if not again:
                break
            self._is_behind = True
            self._may_send.clear()
            if sent.sink is self._sink:
                await self._begin_anew(errors, pause_s)
                pause_s = min(pause_s * 2, PAUSE_S_MAX)
            records, sent = again, self._hand_over(again)
        if self.broker_away and records:
            self.broker_away = False
            log.info("the broker answers again")
        return refused

    def _next_group(self) -> list[Job]:
        """Return what waits, at least one."""
        group: list[Job] = []
        size = 0
        while self._waiting and len(group) < GROUP_MESSAGES_MAX and size < GROUP_BYTES_MAX:
            group.append(self._waiting.popleft())
            size += len(group[-1].piece.data)
        return group

    def _hand_over(self, records: Sequence[tuple[int, Record]]) -> _Sent:
        assert self._sink is not None  # noqa: S101 - `start` made it
        return _Sent(self._sink, [record for _, record in records])

    def _slow(self) -> None:
        if not self.broker_away:
            self.broker_away = True
            log.warning("the broker does not acknowledge; nothing is answered until it does")

    async def _begin_anew(self, errors: Errors, pause_s: float) -> None:
        """Take a new client: one that has given up on a record may refuse those behind it."""
        self.broker_away = True
        kinds = sorted({type(error).__name__ for error in errors if error is not None})
        log.warning("the broker is away; nothing is answered until it is back", errors=kinds)
        await self._disconnect()
        for one in self._under_way:
            one.sent.give_up()
        await asyncio.sleep(pause_s)
        self._sink = self._connect()

    async def _rest(self) -> None:
        """Wait until something comes; a client with old certificates would knock with them all the while."""
        self._came.clear()
        try:
            async with asyncio.timeout(RENEWED_WITHIN_S):
                await self._came.wait()
        except TimeoutError:
            await self._renew()

    async def _renew(self) -> None:
        """Take a new client where certificates were replaced, once nothing is on its way by the old one."""
        if self._sink is None or not self._sink.is_outdated():
            return
        if self._under_way:
            self._is_behind = True
            self._may_send.clear()
            await self._may_send.wait()
        await self._disconnect()
        self._sink = self._connect()

    async def _disconnect(self) -> None:
        if self._sink is not None:
            await asyncio.to_thread(self._sink.close)
