"""The baselines: the naive Faust app of its documentation, and a raw aiokafka loop, both with our core."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import aiokafka
import faust
from prometheus_client import CollectorRegistry

from cordwatch.pathway.decide import decide
from cordwatch.pathway.facts import decode_fact, encode_fact, fact_of
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.watch.effects import Durable, Record, Send, Write
from cordwatch.watch.keeper import NAMES, NOUNS
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.events import read_event
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ADMISSIONS, FACTS, IMAGING_ORDERS, PARTITIONS, WATCHED

PACK = load_pack("mescc-lymphoma")
NAIVE_TABLE = "bench-naive"
CLOCK = WallClock()


def naive(kafka: str, group: str) -> faust.App:
    """Return the app as the documentation has it: an agent, a table, a timer that scans."""
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
    table = app.Table(NAIVE_TABLE, default=list, partitions=PARTITIONS)

    async def take(stream: Any) -> None:
        async for key, value in stream.items():
            row = encode_fact(fact_of(read_event(value))).decode()
            known = table[key.decode()]
            if row not in known:
                table[key.decode()] = [*known, row]

    app.agent(topic)(take)

    async def scan() -> None:
        now = CLOCK.now()
        for patient, rows in list(table.items()):
            facts = [decode_fact(row.encode()) for row in rows]
            decide(patient, facts, [], PACK, now)

    if os.environ.get("BENCH_SCAN") == "1":
        app.timer(1.0)(scan)
    return app


async def raw(kafka: str, group: str) -> None:
    """Run the same machine on bare aiokafka: getmany, send, gather, commit."""
    topics = [topic.name for topic in WATCHED]
    consumer = aiokafka.AIOKafkaConsumer(
        *topics,
        bootstrap_servers=kafka,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=2
    )
    await producer.start()
    await consumer.start()
    machine = Machine(PACK, Metrics(PACK, CollectorRegistry()))
    machine.own(range(PARTITIONS))
    machine.restored(range(PARTITIONS), {})
    while True:
        polled = await consumer.getmany(timeout_ms=500, max_records=20_000)
        records = [
            Record(NOUNS[tp.topic], tp.partition, one.offset, one.key, one.value)
            for tp, found in polled.items()
            for one in found
        ]
        if not records:
            continue
        for effect in machine.take(records, CLOCK.now()):
            match effect:
                case Write():
                    pending = [
                        await producer.send(FACTS.name, value, key=key, partition=partition)
                        for partition, rows in effect.rows.items()
                        for key, value in rows.items()
                    ]
                    await asyncio.gather(*pending)
                case Send():
                    await asyncio.gather(
                        *[
                            await producer.send(NAMES[one.noun], one.value, key=one.key)
                            for one in effect.messages
                        ]
                    )
                case Durable():
                    await consumer.commit()


def main() -> None:
    """Run a peer: `python -m bench.peers naive|raw KAFKA GROUP`."""
    kind, kafka, group = sys.argv[1:4]
    if kind == "raw":
        asyncio.run(raw(kafka, group))
    else:
        worker = faust.Worker(naive(kafka, group), loglevel="error")
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
