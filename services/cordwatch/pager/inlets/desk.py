"""
Where answers become durable: on the acks topic, in the order in which they came.

One thread, since the Kafka client blocks: while it waits for the broker the next
answers collect, up to a bound. Who brought an answer hears that it is safe, or
nothing, and brings it again; the second time joins the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from cordwatch.pager.inlets.heard import REMEMBERED
from cordwatch.runtime.kafka import BrokerUnreachable, KafkaError
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.acknowledgements import Acknowledged, Unacknowledged
from cordwatch_schemas.topics import ACKS

AT_ONCE_MAX = 500
REMEMBERED_MAX = 100_000
PAUSE_S = 0.5

log = get_logger("cordwatch.pager")

Record = tuple[str, bytes, bytes]


class Sink(Protocol):
    """Where records go; `runtime.kafka.Publisher` is one."""

    def publish(
        self, records: Sequence[Record], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Send *records*; return for each why it is not safe, or None."""

    def close(self) -> None:
        """Let go."""


class Full(RuntimeError):
    """So many answers wait for the broker that no more are taken in."""


class Desk:
    """Takes answers in, keeps them until they are safe, and knows those that come again."""

    def __init__(self, connect: Callable[[], Sink], waiting_max: int) -> None:
        """Prepare; *connect* is called on the desk's own thread, again after each failure."""
        self._connect, self._waiting_max = connect, waiting_max
        self._queue: queue.Queue[tuple[str, Record] | None] = queue.Queue()
        self._pending: dict[str, asyncio.Future[None]] = {}
        self._known: OrderedDict[str, datetime] = OrderedDict()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()

    @property
    def waiting(self) -> int:
        """Return how many answers are not safe yet."""
        return len(self._pending)

    def start(self) -> None:
        """Begin to publish, for the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """Publish what waits, if the broker takes it in that time; the rest is brought again."""
        self._queue.put(None)
        self._thread.join(within_s)
        self._stopping.set()

    def knows(self, event_id: str) -> bool:
        """Return whether this very answer is safe already."""
        return event_id in self._known

    def remember(self, event_id: str, at: datetime) -> None:
        """Keep in mind that an answer is safe; the oldest are forgotten."""
        self._known[event_id] = at
        while self._known:
            oldest = next(iter(self._known.values()))
            if len(self._known) <= REMEMBERED_MAX and oldest >= at - REMEMBERED:
                return
            self._known.popitem(last=False)

    async def keep(self, answer: Acknowledged | Unacknowledged) -> None:
        """
        Return once the broker has acknowledged *answer*.

        Cancelled before, the answer stays in the queue.

        Raises:
            Full: too many wait already.
            KafkaError: the broker refused it.
        """
        pending = self._pending.get(answer.event_id)
        if pending is None:
            if len(self._pending) >= self._waiting_max:
                raise Full
            pending = asyncio.get_running_loop().create_future()
            self._pending[answer.event_id] = pending
            record = (ACKS.name, answer.patient.encode(), answer.model_dump_json().encode())
            pending.add_done_callback(partial(self._kept, answer.event_id, answer.received_at))
            self._queue.put((answer.event_id, record))
        await asyncio.shield(pending)

    def _kept(self, event_id: str, at: datetime, done: asyncio.Future[None]) -> None:
        self._pending.pop(event_id, None)
        if not done.cancelled() and done.exception() is None:
            self.remember(event_id, at)

    # On the thread.

    def _work(self) -> None:
        sink: Sink | None = None
        ended = False
        while not ended:
            group, ended = self._group()
            if not group:
                continue
            sink, errors = self._published(sink, [record for _, record in group])
            told = [(event_id, error) for (event_id, _), error in zip(group, errors, strict=True)]
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(self._tell, told)
        if sink is not None:
            sink.close()

    def _group(self) -> tuple[list[tuple[str, Record]], bool]:
        """Wait for an answer; return it with those that are here already, and whether it was the end."""
        found: list[tuple[str, Record]] = []
        one = self._queue.get()
        while one is not None:
            found.append(one)
            if len(found) == AT_ONCE_MAX:
                return found, False
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return found, False
        return found, True

    def _published(
        self, sink: Sink | None, records: Sequence[Record]
    ) -> tuple[Sink | None, list[KafkaError | None]]:
        """Publish, however long the broker is away; who waits gives up by themselves."""
        while True:
            try:
                sink = sink or self._connect()
                return sink, sink.publish(records, lambda: None)
            except BrokerUnreachable:
                log.warning("answers wait for the broker", count=len(records))
            except KafkaError as error:
                log.warning("answers wait for the broker", count=len(records), exc_info=error)
                if sink is not None:
                    sink.close()
                sink = None
            if self._stopping.wait(PAUSE_S):
                return sink, [KafkaError("stopped")] * len(records)

    def _tell(self, told: Sequence[tuple[str, KafkaError | None]]) -> None:
        for event_id, error in told:
            pending = self._pending.get(event_id)
            if pending is None or pending.done():
                continue
            if error is None:
                pending.set_result(None)
            else:
                pending.set_exception(error)
                pending.exception()  # whoever waited may have given up
