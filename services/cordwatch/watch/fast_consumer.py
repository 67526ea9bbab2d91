"""
How Faust 0.15.3 is made to hand over whole polls, and to commit only what watch calls durable.

The one module that reaches into Faust. Per record Faust costs several tasks,
its commit arithmetic is off by one (upstream #606), it commits although a
changelog write failed, and its recovery goes record by record. Here one poll
is one event, offsets are those that watch has made durable, and changelog
rows are applied as polled. `docs/faust-traps.md` says which trap is answered
where.
"""

# ruff: noqa: SLF001 - reaching into Faust is what this module is for

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import faust
from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message
from mode.utils.futures import notify

FAUST_LOG = logging.getLogger("faust.cordwatch")
"""Faust names loggers by module: under our name its lines would pass for ours, values and all."""

FAUST_VERSION = "0.15.3"
POLL_S = 1.0
RECOVERY_POLL_S = 0.1
FETCH_WAIT_MS = 100
TAKEN_WITHIN_S = 120.0
"""A broker that does not acknowledge ends the process long before (the watchdog)."""
FETCH_BYTES = 2 * 1024 * 1024
"""Of one answer."""
PARTITION_FETCH_BYTES = 256 * 1024
"""
Of one partition in an answer. Every partition may have so much waiting to be
applied: while a state is restored that comes on top of it.
"""


class NotTaken(RuntimeError):
    """Faust passed over a poll that it was handed: nothing would ever be read again."""


class WrongFaust(RuntimeError):
    """Another Faust than the one whose inside this module knows."""


def require_faust() -> None:
    """
    Refuse to run on any other Faust.

    Raises:
        WrongFaust: what is overridden here may mean something else there.
    """
    if faust.__version__ != FAUST_VERSION:
        raise WrongFaust(f"watch needs faust-streaming {FAUST_VERSION}, found {faust.__version__}")


class PolledMessage(ConsumerMessage):  # type: ignore[misc]
    """What one poll returned, dressed as the single message that Faust can carry."""

    __slots__ = ("polled",)
    polled: Sequence[tuple[TP, Sequence[Any]]]


class Keeper(Protocol):
    """What the consumer needs of watch."""

    durable: Mapping[TP, int]
    """Offsets up to which everything is written and acknowledged, plus one."""

    def restore(self, tp: TP, records: Sequence[Any]) -> None:
        """Apply changelog rows."""


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """A fetch is bounded, and returns soon when nothing comes: whatever is asked meanwhile waits behind it."""

    logger = FAUST_LOG

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_max_bytes = FETCH_BYTES
        return consumer

    async def rewind(self, polled: Collection[TP]) -> None:
        """Let what was polled of these partitions, and dealt with by nobody, be polled again."""
        await self.call_thread(self._rewind, self._ensure_consumer(), polled)

    async def _rewind(self, consumer: Any, polled: Collection[TP]) -> None:
        for tp in (TopicPartition(*one) for one in polled):
            committed = await consumer.committed(tp)
            # Whoever was assigned it anew meanwhile begins where the group stands, anyway.
            if tp not in consumer.assignment():
                continue
            if committed:
                consumer.seek(tp, committed)
                continue
            # Nothing is committed yet, or it is a changelog, of which nothing ever is.
            with contextlib.suppress(IllegalStateError):
                await consumer.seek_to_beginning(tp)


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Delivers polls, not records; commits watch's durable offsets, not Faust's acks."""

    logger = FAUST_LOG

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing handed over."""
        super().__init__(*args, **kwargs)
        self._is_taken = asyncio.Event()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        """
        Poll the partitions that were active when it was asked for.

        Faust hands its own set over, and changes it while the poll waits: emptied
        for a moment at the end of a recovery it means every partition to aiokafka,
        and what is polled of those is thrown away, for good where nothing was
        committed yet.
        """
        asked = None if active_partitions is None else frozenset(active_partitions)
        return await super()._getmany(asked, timeout)

    @property
    def _keeper(self) -> Keeper:
        keeper: Keeper = self.app.keeper
        return keeper

    async def _drain_messages(self, fetcher: Any) -> None:
        stopped = (self._stopped.is_set, fetcher._stopped.is_set)
        try:
            while not any(is_set() for is_set in stopped):
                if not self.flow_active:
                    # Before the question below: a rebalance that ends meanwhile makes no poll stale
                    # that was asked for after it.
                    await self.wait(self.can_resume_flow)
                generation = self.app.consumer_generation_id
                in_recovery = self.app.tables.recovery.in_recovery
                wait_s = RECOVERY_POLL_S if in_recovery else POLL_S
                records, active = await self._wait_next_records(wait_s)
                await self.sleep(0)
                if not records or self.should_stop:
                    await self._skip_compacted_tails()
                    self._finish_recovery()
                    continue
                stale = generation != self.app.consumer_generation_id
                if stale or not self.flow_active:
                    active = set()
                found = {tp: of for tp, of in records.items() if active is None or tp in active}
                await self._deliver(found)
                await self._let_go(records.keys() - found.keys())
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the process ends
            # Faust would start the fetcher again, past the rows of state that were just polled.
            self.app.fail(error)
        finally:
            # Faust takes a fetcher that waits for records for one that hangs; this one has left.
            self.not_waiting_next_records.set()

    async def _let_go(self, polled: Collection[TP]) -> None:
        """
        Deal with partitions that were polled and are not to be delivered now: nothing of them may be lost.

        A poll that was asked for before a rebalance may outlast it, and then has the
        first records of the new assignment: of them nobody else knows, and the next
        ones would be committed as if these had been dealt with.
        """
        if polled:
            await self._thread.rewind(polled)

    async def _deliver(self, records: Mapping[TP, Sequence[Any]]) -> None:
        recovery = self.app.tables.recovery
        polled = []
        for tp, found in records.items():
            if tp in recovery.active_tps:
                self._keeper.restore(tp, found)
                recovery.active_offsets[tp] = found[-1].offset
            elif found:
                polled.append((tp, found))
                self._read_offset[tp] = found[-1].offset
        self._finish_recovery()
        if polled:
            tp, found = polled[-1]
            last = self._to_message(tp, found[-1])
            message = PolledMessage(
                **{name: getattr(last, name) for name in _CARRIED}, key=None, value=b""
            )
            message.polled = polled
            self._is_taken.clear()
            await self.wait_first(self.callback(message), self.suspend_flow.wait())
            # What comes meanwhile is the next poll: fewer and larger ones under load.
            await self.wait_first(
                self._is_taken.wait(), self.suspend_flow.wait(), timeout=TAKEN_WITHIN_S
            )
            ends = (self._is_taken, self.suspend_flow, self._stopped, self._crashed)
            if not any(one.is_set() for one in ends):
                raise NotTaken(f"a poll was not taken in within {TAKEN_WITHIN_S:g} s")

    async def _skip_compacted_tails(self) -> None:
        """
        Take a changelog for read whose last offsets hold nothing after compaction (trap 22).

        The position tells. It is asked for only when a poll brings nothing:
        for every poll and partition it would cost more than the rows.
        """
        recovery = self.app.tables.recovery
        if not recovery.in_recovery:
            return
        for tp, remaining in recovery.active_remaining().items():
            highwater = recovery.active_highwaters[tp]
            if remaining > 0 and (await self.position(tp) or 0) > highwater:
                recovery.active_offsets[tp] = highwater

    def _finish_recovery(self) -> None:
        """End the recovery once every changelog has been read to its end."""
        recovery = self.app.tables.recovery
        if recovery.in_recovery and not recovery.need_recovery():
            recovery._set_recovery_ended()
            recovery.signal_recovery_end.set()

    def ack(self, message: Message) -> bool:
        """Note that a poll has been dealt with; its offsets are watch's business."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self._is_taken.set()
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp
            for tp in list(self._keeper.durable)
            if topics is None or tp in topics or tp.topic in topics
        )

    def _new_offset(self, tp: TP) -> int | None:
        return self._keeper.durable.get(tp)


_CARRIED = (
    "topic",
    "partition",
    "offset",
    "timestamp",
    "timestamp_type",
    "headers",
    "checksum",
    "tp",
    "generation_id",
)


class Producer(driver.Producer):  # type: ignore[misc]
    """Idempotent: a retry inside the client neither doubles nor reorders (trap 20)."""

    logger = FAUST_LOG

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True, "linger_ms": 0}


class Transport(driver.Transport):  # type: ignore[misc]
    """Names our consumer and producer."""

    Consumer = Consumer
    Producer = Producer


def polled_by(message: Message) -> Sequence[tuple[TP, Sequence[Any]]]:
    """Return what the poll behind *message* returned."""
    assert isinstance(message, PolledMessage)  # noqa: S101 - nothing else is ever delivered
    return message.polled
