"""How late a level is told when many are reached in a minute, under load."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from kafka import KafkaConsumer, TopicPartition

from bench.findings import Findings, at_most
from bench.load import HOUR, Publisher, Told, assessed, histories, publish, reference
from bench.running import Worker, fresh_broker
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ADMISSIONS, ALERTS

LEVEL_AFTER = 6 * HOUR
PREPARED_S = 45.0
"""Time for the worker to start and to look at everybody once."""
WARM_UP_S = 10.0
"""Before the minute that counts: the first alert on a partition costs the broker a write to disk of its own."""
LOAD_PER_S = 500
LOAD_FIRST = 10_000_000
BURST = 4


def _clocks(count: int, per_s: float, due_from: datetime) -> Iterator[Told]:
    """Tell of *count* patients, of whom *per_s* reach their first level in every second from *due_from* on."""
    now = datetime.now(UTC)
    for number in range(count):
        at = due_from + timedelta(seconds=number / per_s) - LEVEL_AFTER
        yield ADMISSIONS.name, reference(number), assessed(reference(number), at, now)


def firing(found: Findings, folder: Path, levels: int, span_s: int) -> None:
    """Let *levels* be reached in *span_s* seconds, and measure until the broker has each alert."""
    with fresh_broker(folder / "firing") as kafka:
        _stamp_on_arrival(kafka)
        due_from = datetime.now(UTC) + timedelta(seconds=PREPARED_S)
        until = due_from + timedelta(seconds=WARM_UP_S + span_s)
        per_s = levels / span_s
        warm = int(per_s * WARM_UP_S)
        publish(kafka, _clocks(warm + levels, per_s, due_from))
        with Worker("watch", "pathway", kafka, folder / "firing" / "worker.log") as worker:
            worker.recovered()
            loaded, load_s = _load(kafka, until)
            time.sleep(3)
        lateness = _lateness(kafka, {reference(warm + number) for number in range(levels)})
    late = sorted(lateness)
    half, most, worst = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
    # The broker's stamp is cut to whole milliseconds.
    early = sum(one <= -0.001 for one in late)
    rate = f"under {loaded / load_s:.0f} events/s"
    found.add(
        "Firing",
        f"lateness, {levels:,} levels in {span_s} s",
        f"p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms, worst {worst * 1000:.0f} ms",
        f"from the instant of the level to the broker's own time stamp on its alert, {rate}; {len(late):,} came; "
        f"after {WARM_UP_S:.0f} s at the same pace that do not count",
        (at_most(0.1, "100 ms (p99)"), most),
    )
    found.add("Firing", "early", f"{early:,}", "before the instant", (at_most(0, "0"), early))
    assert len(late) == levels, f"{len(late)} of {levels} levels were told"


def _stamp_on_arrival(kafka: str) -> None:
    """Let the broker's clock say when it had an alert, not the sender's."""
    entry = ConfigEntry(
        "message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET
    )
    topic = ConfigResource(ConfigResource.Type.TOPIC, ALERTS.name, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.incremental_alter_configs([topic]).values():
        done.result(30)


def _load(kafka: str, until: datetime) -> tuple[int, float]:
    """Send new patients evenly until then; return how many events in how many seconds."""
    began, sent = time.perf_counter(), 0
    with Publisher(kafka, linger_ms=1) as publisher:
        while (now := datetime.now(UTC)) < until:
            # Their clocks began two hours ago, or none would be relevant yet.
            for one in histories(BURST, now - 3 * HOUR, scanned=False, first=LOAD_FIRST + sent):
                publisher.send(*one)
            sent += BURST * 3
            time.sleep(max(0.0, began + sent / LOAD_PER_S - time.perf_counter()))
    return sent, time.perf_counter() - began


def _lateness(kafka: str, counted: set[str]) -> list[float]:
    """Return seconds from each level's instant to its record, of the patients that are *counted*."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    parts = [TopicPartition(ALERTS.name, one) for one in consumer.partitions_for_topic(ALERTS.name)]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    lateness = []
    while any(consumer.position(one) < ends[one] for one in parts):
        for polled in consumer.poll(500).values():
            for record in polled:
                alert = Alert.model_validate_json(record.value)
                if alert.level == "reminder" and alert.patient in counted and alert.start_at:
                    level_at = alert.start_at + LEVEL_AFTER
                    lateness.append(record.timestamp / 1000 - level_at.timestamp())
    consumer.close()
    return lateness
