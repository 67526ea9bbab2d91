"""
The worker as it is shipped, on Faust's own test context: everything but Kafka.

Polls go the way that they go in life: the consumer dresses one as a message,
the agent of `Watch` takes it, the keeper asks a broker that the test holds in
its hand, and the acknowledgement goes back to the consumer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.structs import ConsumerRecord
from faust.types import TP
from faust.types.tuples import Message

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.watch.fast_consumer import Consumer
from cordwatch.watch.faust_app import EXIT_BROKEN
from cordwatch.watch.keeper import Keeper
from cordwatch.watch.service import Watch
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import topic_of
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import TOPICS
from tests.builders import T

PACK = load_pack("mescc-lymphoma")
NAMES = {topic.noun: topic.name for topic in TOPICS}
PARTITIONS = range(4)
PATIENCE_S = 10

Sent = tuple[str, bytes, bytes | None, int | None]


class Ended(BaseException):
    """The process would have ended here."""


class HeldBroker:
    """A broker that acknowledges when the test says so; at once, unless it is held."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.fails: Exception | None = None
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Acknowledge nothing from now on."""
        self._open.clear()

    def release(self) -> None:
        """Acknowledge what was sent, and what will be."""
        self._open.set()

    async def send(
        self, topic: str, key: bytes, value: bytes | None, partition: int | None = None
    ) -> Awaitable[Any]:
        """Take a record."""
        self.sent.append((topic, key, value, partition))
        return self._acknowledge()

    async def write(
        self, topic: str, partition: int, rows: Iterable[tuple[bytes, bytes | None]]
    ) -> list[Awaitable[Any]]:
        """Take rows of one partition."""
        return [await self.send(topic, key, value, partition) for key, value in rows]

    async def _acknowledge(self) -> None:
        await self._open.wait()
        if self.fails is not None:
            raise self.fails

    async def ends(self, topics: Iterable[TP]) -> Mapping[TP, int]:
        """Say that nothing more is there than was read."""
        return dict.fromkeys(topics, 0)

    def committed(self, topic: TP) -> int:
        """Begin everywhere at the start."""
        return 0


class Stage:
    """A worker whose agent runs, and the hands that feed it."""

    def __init__(self, watch: Watch, broker: HeldBroker) -> None:
        self.watch = watch
        self.broker = broker
        self.ended: list[str] = []
        self.exit_code: int | None = None
        self.delivered: list[Message] = []
        self.consumer: Consumer = watch.app.transport.create_consumer(
            callback=self._deliver, on_partitions_revoked=None, on_partitions_assigned=None
        )
        watch.app.consumer = self.consumer
        watch.end = self._end  # type: ignore[method-assign]
        self._channel: Any = None
        self._delivering: list[asyncio.Future[None]] = []

    def _end(self, reason: str, code: int = EXIT_BROKEN) -> None:
        self.ended.append(reason)
        self.exit_code = code
        raise Ended(reason)

    async def _deliver(self, message: Message) -> None:
        message.incref()
        self.delivered.append(message)
        await self._channel.put(await self._channel.decode(message))

    def listen(self, channel: Any) -> None:
        """Put what the consumer delivers into *channel*, where the agent listens."""
        self._channel = channel

    async def poll(self, records: Mapping[TP, list[ConsumerRecord]]) -> Message | None:
        """Give the consumer what one poll returned; return the message that it made of it."""
        before = len(self.delivered)
        delivering = asyncio.ensure_future(self.consumer._deliver(records))
        self._delivering.append(delivering)
        await turns(lambda: delivering.done() or len(self.delivered) > before)
        return self.delivered[-1] if len(self.delivered) > before else None

    def unfinished(self) -> list[asyncio.Future[None]]:
        """Return the deliveries that the consumer still waits for."""
        return [one for one in self._delivering if not one.done()]

    async def until(self, what: str) -> None:
        """Wait until the last message is `acked`, or the process has `ended`."""
        await turns(lambda: self.ended if what == "ended" else self.delivered[-1].acked)


async def turns(until: Callable[[], object]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not until():  # noqa: ASYNC110 - Faust tells of none of these by an event
            await asyncio.sleep(0)


async def rest() -> None:
    """Let everything happen that can happen by itself."""
    for _ in range(50):
        await asyncio.sleep(0)


@asynccontextmanager
async def a_worker(keeper_class: type[Keeper] = Keeper) -> AsyncIterator[Stage]:
    """Run a worker that owns a few partitions, all of them empty, at four hours past T0."""
    settings = WatchSettings(
        kafka=KafkaSettings("127.0.0.1:1"),
        metrics_port=0,
        clock=WallClock(1, T(4), WallClock().now()),
    )
    watch, broker = Watch(settings, PACK), HeldBroker()
    watch.keeper = keeper_class(
        watch.machine, broker, settings.clock, watch.metrics, settings.hold_s
    )
    watch.app.keeper = watch.keeper
    watch.app.loop = asyncio.get_running_loop()
    watch.app.finalize()
    stage = Stage(watch, broker)
    await watch.keeper.recovered(PARTITIONS)
    [agent] = watch.app.agents.values()
    running = agent.test_context()
    await running.start()
    stage.listen(running.stream().channel)
    try:
        yield stage
    finally:
        # Its crash is what the test is about, and has been looked at.
        with suppress(Ended):
            await running.stop()
        for one in stage.unfinished():
            one.cancel()


def records(*events: Event, partition: int = 0, offset: int = 0) -> dict[TP, list[ConsumerRecord]]:
    """Return *events* as one poll of their topics, numbered from *offset*."""
    found: dict[TP, list[ConsumerRecord]] = {}
    for event in events:
        tp = TP(NAMES[topic_of(event)], partition)
        number = offset + len(found.get(tp, ()))
        value = event.model_dump_json().encode()
        found.setdefault(tp, []).append(a_record(tp, number, event.patient.encode(), value))
    return found


def a_record(tp: TP, offset: int, key: bytes | None, value: bytes | None) -> ConsumerRecord:
    """Return a record as the client gives it."""
    at_ms = int(T(4).timestamp() * 1000)
    return ConsumerRecord(
        topic=tp.topic,
        partition=tp.partition,
        offset=offset,
        timestamp=at_ms,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=(),
    )
