"""The contenders: watch itself, the naive Faust app of the documentation, a raw aiokafka loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import aiokafka
import faust
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from bench.jobs import JOBS, Job
from cordwatch.pathway.chart import Chart
from cordwatch.pathway.facts import decode_fact, encode_fact
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.watch.effects import Durable, Effect, Record, Send, Write
from cordwatch.watch.keeper import NAMES, NOUNS
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch.watch.row_batches import BATCH_BYTES, send_rows
from cordwatch.watch.service import Watch
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ADMISSIONS, ALERTS, FACTS, IMAGING_ORDERS, PARTITIONS, WATCHED

PACK = load_pack("mescc-lymphoma")
NAIVE_TABLE = "bench-naive"
CLOCK = WallClock()
IDLE_MS = 500


def watch(job: Job, kafka: str, group: str) -> None:
    """Run watch as it is shipped, with another job if asked."""
    # What `bench.running` waits for stands in its log.
    configure_logging("info")
    settings = WatchSettings(kafka=KafkaSettings(kafka, 60), group=group, metrics_port=0)

    async def main() -> None:
        await Watch(settings, PACK, job.machine).run()

    asyncio.run(main())


def naive(job: Job, kafka: str, group: str) -> faust.App:
    """
    Return the app as the documentation has it: an agent, a table, a timer that scans every second.

    In its favour it remembers when each patient is next due, and decides only
    then or when the row has changed.
    """
    app = faust.App(
        group,
        broker=f"kafka://{kafka}",
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        web_enabled=False,
        broker_max_poll_interval=86_400.0,
    )
    raw: dict[str, Any] = {"value_serializer": "raw", "key_serializer": "raw"}
    topic = app.topic(ADMISSIONS.name, IMAGING_ORDERS.name, **raw)
    scan = Scan(job, app.Table(NAIVE_TABLE, default=list, partitions=PARTITIONS))
    alerts = app.topic(ALERTS.name, **raw)

    async def take(stream: Any) -> None:
        async for event in stream.events():
            patient, message = event.key.decode(), event.message
            record = Record(NOUNS[message.topic], 0, message.offset, event.key, event.value)
            _, fact = job.read(record, patient)
            if fact is None or not job.keep(fact):
                continue
            row = fact.id + encode_fact(fact).decode()
            known = scan.table[patient]
            if row not in known:
                scan.table[patient] = [*known, row]

    async def every_second() -> None:
        for patient, alert in scan.look(CLOCK.now()):
            await alerts.send(key=patient.encode(), value=alert.model_dump_json().encode())

    app.agent(topic)(take)
    app.timer(1.0)(every_second)
    return app


class Scan:
    """Goes through the whole table; remembers of each patient what it saw and when to look again."""

    def __init__(self, job: Job, table: Any) -> None:
        """Begin with nobody seen."""
        self.table = table
        self._job = job
        self._seen: dict[str, tuple[list[str], datetime | None, list[Alert]]] = {}

    def look(self, now: datetime) -> Iterator[tuple[str, Alert]]:
        """Decide about everybody who is due, or whose row has changed."""
        for patient, rows in list(self.table.items()):
            before, due_at, told = self._seen.get(patient, ([], None, []))
            if before is rows and (due_at is None or now < due_at):
                continue
            facts = [decode_fact(row[:24], row[24:].encode()) for row in rows]
            decision = self._job.decide(Chart(patient, facts, told, PACK), now)
            latest = {one.alert_id: one for one in (*told, *decision.alerts)}
            self._seen[patient] = (rows, decision.wake_at, list(latest.values()))
            for alert in decision.alerts:
                yield patient, alert


class Raw:
    """The same machine on bare aiokafka: getmany, send, gather, commit, with the same catch-up guard."""

    def __init__(self, job: Job, kafka: str, group: str) -> None:
        """Take the clients that watch would use, without Faust."""
        self._consumer = aiokafka.AIOKafkaConsumer(
            *(topic.name for topic in WATCHED),
            bootstrap_servers=kafka,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=kafka, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
        )
        self._machine: Machine = job.machine(PACK, Metrics(PACK, CollectorRegistry()))

    async def run(self) -> None:
        """Read, and decide about whoever waits once their partition is read to its end."""
        await self._producer.start()
        await self._consumer.start()
        self._machine.own(range(PARTITIONS))
        self._machine.restored(range(PARTITIONS), {})
        while True:
            polled = await self._consumer.getmany(timeout_ms=self._pause_ms(), max_records=10_000)
            records = [
                Record(NOUNS[tp.topic], tp.partition, one.offset, one.key, one.value)
                for tp, found in polled.items()
                for one in found
            ]
            now = CLOCK.now()
            if records:
                await self._do(self._machine.take(records, now))
            read = [one for one in self._machine.waiting(now) if await self._is_read(one)]
            await self._do(self._machine.settle(read, now))

    def _pause_ms(self) -> int:
        at = self._machine.wake_at()
        until_s = IDLE_MS / 1000 if at is None else CLOCK.seconds_until(at)
        return int(min(IDLE_MS, max(0.0, until_s * 1000)))

    async def _is_read(self, partition: int) -> bool:
        tps = [TopicPartition(topic.name, partition) for topic in WATCHED]
        return all(
            [await self._consumer.position(tp) >= (self._consumer.highwater(tp) or 0) for tp in tps]
        )

    async def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write():
                    pending = []
                    for partition, rows in effect.rows.items():
                        pending += await send_rows(
                            self._producer, FACTS.name, partition, rows.items()
                        )
                    await asyncio.gather(*pending)
                case Send():
                    sent = [
                        await self._producer.send(NAMES[one.noun], one.value, key=one.key)
                        for one in effect.messages
                    ]
                    await asyncio.gather(*sent)
                case Durable():
                    await self._consumer.commit()


def main() -> None:
    """Run one: `python -m bench.peers watch|raw|naive pathway|simple KAFKA GROUP`."""
    kind, job, kafka, group = sys.argv[1:5]
    if kind == "watch":
        watch(JOBS[job], kafka, group)
    elif kind == "raw":
        asyncio.run(_raw(JOBS[job], kafka, group))
    else:
        faust.Worker(naive(JOBS[job], kafka, group), loglevel="error").execute_from_commandline()


async def _raw(job: Job, kafka: str, group: str) -> None:
    await Raw(job, kafka, group).run()


if __name__ == "__main__":
    main()
