"""The shell of watch: does what the machine wants, one effect after the other, and keeps it awake."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from aiokafka.errors import KafkaError as AioKafkaError
from faust.types import TP

from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.watch.delay import ClockOffset, Delay
from cordwatch.watch.effects import Durable, Effect, Record, Send, Write
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.topics import FACTS, TOPICS, WATCHED

NAMES = {topic.noun: topic.name for topic in TOPICS}
NOUNS = {topic.name: topic.noun for topic in TOPICS}
HELD_PAUSE_S = 0.05
ASKS_MAX = 4
"""So many ends of one partition are waited for at a time; who comes then waits for the next."""
IDLE_S = 1.0
"""Longest sleep of the ticker when nothing is due: gauges are set in between."""
LOOK_AHEAD_S = 10.0
"""How often the broker is asked how far all partitions reach, though nobody is due."""
BLIND_S = 6 * LOOK_AHEAD_S
"""Three looks that the broker did not answer, each with its pause."""
STALE_S = 60.0
"""What has been unread for longer is a delay, as the rule CordwatchConsumerDelay has it."""
NAMED_MAX = 20
"""References in one line of the log."""

log = get_logger("cordwatch.watch")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was to be looked at when, and how far their partition reached then."""

    at: datetime
    who: frozenset[str]
    ends: Mapping[TP, int]


class Broker(Protocol):
    """What the keeper needs of Kafka."""

    async def send(self, topic: str, key: bytes, value: bytes) -> Awaitable[Any]:
        """Hand over a record; what is returned resolves when the broker has acknowledged it."""

    async def write(
        self, topic: str, partition: int, rows: Iterable[tuple[bytes, bytes | None]]
    ) -> list[Awaitable[Any]]:
        """Hand over rows of one partition; what is returned resolves when all are acknowledged."""

    async def ends(self, topics: Iterable[TP]) -> Mapping[TP, int]:
        """Return the end offsets of *topics* now."""

    def committed(self, topic: TP) -> int:
        """Return the offset from which *topic* is read on takeover."""


class Keeper:
    """Drives one machine: input and ticks never interleave, alerts wait until the sources are read."""

    def __init__(
        self, machine: Machine, broker: Broker, clock: WallClock, metrics: Metrics, hold_s: float
    ) -> None:
        """Join *machine* and *broker*."""
        self.machine = machine
        self.durable: dict[TP, int] = {}
        self.progress_at: float = 0.0
        """Monotonic seconds of the last effect or idle look: what the watchdog reads."""
        self.busy_since: float | None = None
        self.looked_at: float | None = None
        """Monotonic seconds of the last time that the broker said how far the partitions reach."""
        self.oldest_unread_s = 0.0
        self._broker = broker
        self._clock = clock
        self._metrics = metrics
        self._hold_s = hold_s
        self._lock = asyncio.Lock()
        self._stir = asyncio.Event()
        self._asked: dict[int, list[Asked]] = {}
        self._ends: dict[TP, int] = {}
        self._reported_at = 0.0
        self._unreadable: frozenset[str] = frozenset()
        self._delay = Delay()
        self._offsets = {topic.noun: ClockOffset() for topic in WATCHED}

    # --- partitions

    def restore(self, tp: TP, records: Sequence[Any]) -> None:
        """Apply changelog rows as polled."""
        self.machine.own([tp.partition])
        unread = self.machine.restore(tp.partition, ((one.key, one.value) for one in records))
        if unread:
            self._metrics.quarantine.labels("facts").inc(unread)

    async def revoke(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another worker gets."""
        async with self._lock:
            gone = list(partitions)
            self.machine.disown(gone)
            self._delay.forget(gone)
            for tp in [one for one in self.durable if one.partition in gone]:
                del self.durable[tp]
            for partition in gone:
                self._asked.pop(partition, None)

    async def recovered(self, partitions: Iterable[int]) -> None:
        """Begin to watch over *partitions*, whose rows are all here."""
        owned = list(partitions)
        ends = await self._broker.ends(
            TP(topic.name, partition) for partition in owned for topic in WATCHED
        )
        async with self._lock:
            self.machine.own(owned)
            self.machine.restored(
                owned, {(NOUNS[tp.topic], tp.partition): end for tp, end in ends.items()}
            )
            self._metrics.partitions.set(len(self.machine.partitions))
        self._stir.set()

    # --- input

    async def take(self, polled: Sequence[tuple[TP, Sequence[Any]]]) -> None:
        """Take in one poll."""
        records = [
            Record(NOUNS[tp.topic], tp.partition, one.offset, one.key, one.value)
            for tp, found in polled
            for one in found
        ]
        now = self._clock.now()
        for noun in {record.noun for record in records}:
            self._metrics.last_event_at.labels(noun).set(now.timestamp())
        async with self._lock:
            await self._do(self.machine.take(records, now))
            self._note_stamps(polled)
        self._stir.set()

    def _note_stamps(self, polled: Sequence[tuple[TP, Sequence[Any]]]) -> None:
        now = self._clock.machine_s()
        for tp, found in polled:
            noun, last = NOUNS[tp.topic], found[-1]
            # An old client may have stamped nothing: that is no reason to read no more.
            stamped_at = (last.timestamp or 0) / 1000
            if stamped_at > 0:
                self._offsets[noun].read(stamped_at, now)
            self._delay.read(
                (noun, tp.partition), last.offset + 1, stamped_at if stamped_at > 0 else now
            )

    async def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.busy_since = self.busy_since or self._clock.monotonic()
            match effect:
                case Write():
                    # All is sent before any is waited for: one round for a whole poll.
                    pending: list[Awaitable[Any]] = []
                    for partition, rows in effect.rows.items():
                        pending += await self._broker.write(FACTS.name, partition, rows.items())
                    await asyncio.gather(*pending)
                case Send():
                    sent = [
                        await self._broker.send(NAMES[one.noun], one.key, one.value)
                        for one in effect.messages
                    ]
                    await asyncio.gather(*sent)
                    self._count_lateness(effect)
                case Durable():
                    for (noun, partition), offset in effect.offsets.items():
                        self.durable[TP(NAMES[noun], partition)] = offset
            self.progress_at = self._clock.monotonic()
        self.busy_since = None

    def _count_lateness(self, sent: Send) -> None:
        now = self._clock.now()
        for one in sent.messages:
            if one.level_at is not None:
                self._metrics.lateness.observe((now - one.level_at).total_seconds())

    # --- wake-ups

    async def tick_forever(self, is_ready: Callable[[], bool]) -> None:
        """Look at whoever is due, as soon as they are; sleep until the next is."""
        while True:
            self._stir.clear()
            if is_ready():
                await self.tick()
            self.progress_at = self._clock.monotonic()
            if self.progress_at - self._reported_at >= IDLE_S:
                self._reported_at = self.progress_at
                self.report()
            try:
                await asyncio.wait_for(self._stir.wait(), self._pause())
            except TimeoutError:
                continue

    def _pause(self) -> float:
        if self._asked:
            return HELD_PAUSE_S
        wake_at = self.machine.wake_at()
        if wake_at is None:
            return IDLE_S
        return min(IDLE_S, max(0.0, self._clock.seconds_until(wake_at)))

    async def tick(self) -> None:
        """
        Decide about those who wait, once their partition is read to the end it had when they were due.

        The end is asked for once and then kept: under steady load a newer one
        would always lie ahead. Who comes meanwhile does not wait for it, but
        has an end of their own.
        """
        async with self._lock:
            now = self._clock.now()
            fresh = self._not_asked_for(self.machine.waiting(now))
        if fresh:
            ends = await self._broker.ends(
                TP(topic.name, partition) for partition in fresh for topic in WATCHED
            )
            self._ends.update(ends)
            # A partition may have been lost while the broker was asked.
            for partition in fresh.keys() & self.machine.partitions:
                self._asked.setdefault(partition, []).append(Asked(now, fresh[partition], ends))
        async with self._lock:
            await self._settle()

    def _not_asked_for(self, waiting: Iterable[int]) -> dict[int, frozenset[str]]:
        """Return who waits on each partition and on no end yet."""
        fresh = {}
        for partition in waiting:
            asked = self._asked.get(partition, [])
            if len(asked) < ASKS_MAX:
                who = self.machine.who_waits(partition).difference(*(one.who for one in asked))
                if who:
                    fresh[partition] = who
        return fresh

    async def _settle(self) -> None:
        now = self._clock.now()
        partitions: dict[tuple[datetime, bool], set[int]] = defaultdict(set)
        who: dict[tuple[datetime, bool], set[str]] = defaultdict(set)
        for partition, asks in list(self._asked.items()):
            left = []
            for asked in asks:
                is_read = self._is_read(partition, asked.ends)
                held = (now - asked.at).total_seconds() >= self._hold_s
                if is_read or held:
                    partitions[asked.at, not is_read].add(partition)
                    who[asked.at, not is_read] |= asked.who
                else:
                    left.append(asked)
            if left:
                self._asked[partition] = left
            else:
                del self._asked[partition]
        self._metrics.data_stale.set(len(self._asked))
        for at, stale in sorted(partitions):
            found, only = sorted(partitions[at, stale]), frozenset(who[at, stale])
            await self._do(self.machine.settle(found, at, only=only, stale=stale))

    def report(self) -> None:
        """Set what is a state: open clocks, what is not read yet and for how long, whose clock differs."""
        self.machine.report(self._clock.now())
        self._report_unreadable()
        self._report_lag()
        self._report_delay()

    def _report_unreadable(self) -> None:
        found = frozenset(self.machine.unreadable)
        if found - self._unreadable:
            named = sorted(found)[:NAMED_MAX]
            log.error("stored rows cannot be read", patients=len(found), of=named)
        self._unreadable = found

    def _report_lag(self) -> None:
        for topic in WATCHED:
            tps = [TP(topic.name, one) for one in self.machine.partitions]
            behind = sum(max(0, self._ends.get(tp, 0) - self._position(tp)) for tp in tps)
            self._metrics.lag.labels(topic.noun).set(behind)

    async def look_ahead_forever(self) -> None:
        """
        Ask every few seconds how far the partitions reach.

        A tick asks only where somebody is due, so that a partition which is read
        no more would look quiet. Nothing waits for this, and a broker that does
        not answer is no reason to end: the ticker and the watchdog judge that.
        """
        while True:
            with contextlib.suppress(AioKafkaError, TimeoutError, OSError):
                async with asyncio.timeout(LOOK_AHEAD_S):
                    await self.look_ahead()
            await asyncio.sleep(LOOK_AHEAD_S)

    async def look_ahead(self) -> None:
        """Ask once how far the partitions reach, and note what is not read yet."""
        ends = await self._broker.ends(
            TP(topic.name, partition) for partition in self.machine.partitions for topic in WATCHED
        )
        self._ends.update(ends)
        now = self._clock.machine_s()
        for tp, end in ends.items():
            if tp.partition in self.machine.partitions:
                self._delay.seen((NOUNS[tp.topic], tp.partition), end, self._position(tp), now)
        self.looked_at = self._clock.monotonic()

    def stale(self, now: float) -> str | None:
        """Return why what is known here is old at *now* (monotonic seconds), None if it is not."""
        if self.looked_at is None or now - self.looked_at > BLIND_S:
            return "the broker does not say how far the topics reach"
        if self.oldest_unread_s > STALE_S:
            return "records have been waiting unread"
        return None

    def _report_delay(self) -> None:
        now = self._clock.machine_s()
        waits = {topic.noun: self._delay.oldest_s(topic.noun, now) for topic in WATCHED}
        for noun, oldest_s in waits.items():
            self._metrics.oldest_unread_s.labels(noun).set(oldest_s)
            self._metrics.clock_offset_s.labels(noun).set(self._offsets[noun].offset_s(now))
        self.oldest_unread_s = max(waits.values())

    def _is_read(self, partition: int, ends: Mapping[TP, int]) -> bool:
        return all(
            self._position(TP(topic.name, partition)) >= ends.get(TP(topic.name, partition), 0)
            for topic in WATCHED
        )

    def _position(self, tp: TP) -> int:
        known = self.machine.positions.get((NOUNS[tp.topic], tp.partition))
        return self._broker.committed(tp) if known is None else known
