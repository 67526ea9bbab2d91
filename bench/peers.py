"""The contenders: watch itself, the naive Faust app of the documentation, a raw aiokafka loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import aiokafka
import faust
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from bench.jobs import JOBS, Job
from cordwatch.pathway.facts import decode_fact, encode_fact
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
    settings = WatchSettings(kafka=kafka, group=group, metrics_port=0)

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
    alerts = app.topic(ALERTS.name, **raw)
    table = app.Table(NAIVE_TABLE, default=list, partitions=PARTITIONS)
    looked: dict[str, tuple[list[str], Any, list[Alert]]] = {}

    async def take(stream: Any) -> None:
        async for event in stream.events():
            patient, message = event.key.decode(), event.message
            record = Record(NOUNS[message.topic], 0, message.offset, event.key, event.value)
            _, fact = job.read(record, patient)
            if fact is None or not job.keep(fact):
                continue
            row = fact.id + encode_fact(fact).decode()
            known = table[patient]
            if row not in known:
                table[patient] = [*known, row]

    app.agent(topic)(take)

    @app.timer(1.0)  # type: ignore[untyped-decorator]
    async def scan() -> None:
        now = CLOCK.now()
        for patient, rows in list(table.items()):
            before, due_at, told = looked.get(patient, (None, None, []))
            if before is rows and (due_at is None or now < due_at):
                continue
            facts = [decode_fact(row[:24], row[24:].encode()) for row in rows]
            decision = job.decide(patient, facts, told, PACK, now)
            for alert in decision.alerts:
                await alerts.send(key=patient.encode(), value=alert.model_dump_json().encode())
            latest = {one.alert_id: one for one in (*told, *decision.alerts)}
            looked[patient] = (rows, decision.wake_at, list(latest.values()))

    return app


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
        self._machine.restored(range(PARTITIONS))
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
