"""Six hours of events arrive at once at a running worker, while clocks fall due whose scans lie among them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from bench.findings import Findings, at_most
from bench.load import HOUR, Told, admitted, assessed, imaging, publish, reference
from bench.running import Group, Worker, fresh_broker, settled
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ADMISSIONS, ALERTS, FACTS, IMAGING_ORDERS

OUTAGE = 6 * HOUR
LEVEL_AFTER = 6 * HOUR
"""The first level of the 12 h clock."""
PREPARED_S = 40.0
DUE_OVER_S = 10.0
OTHERS = 3
"""So many patients come in the outage for each whose clock runs before it."""
UNSCANNED_EVERY = 100
"""One in so many of the first was really not scanned: these must be told, and no other."""


def _known_before(count: int, due_from: datetime) -> Iterator[Told]:
    """Tell of patients whose first level is reached while the backlog is read."""
    for number in range(count):
        patient = reference(number)
        at = due_from + timedelta(seconds=DUE_OVER_S * number / count) - LEVEL_AFTER
        yield ADMISSIONS.name, patient, admitted(patient, at)
        yield ADMISSIONS.name, patient, assessed(patient, at)


def _meanwhile(count: int, now: datetime) -> list[Told]:
    """Tell by time what happened in the outage: nearly all of those were scanned, others came and were too."""
    cut_at = now - OUTAGE
    told: list[tuple[datetime, Told]] = []
    for number in range(count):
        if number % UNSCANNED_EVERY:
            patient, at = reference(number), now - OUTAGE * (number / count) / 2
            told.append((at, (IMAGING_ORDERS.name, patient, imaging(patient, "imaging-done", at))))
    for number in range(count, count * (1 + OTHERS)):
        patient = reference(number)
        at = cut_at + 5 * HOUR * (number - count) / (count * OTHERS)
        done = imaging(patient, "imaging-done", at + HOUR)
        told += [
            (at, (ADMISSIONS.name, patient, admitted(patient, at))),
            (at, (ADMISSIONS.name, patient, assessed(patient, at))),
            (at + HOUR, (IMAGING_ORDERS.name, patient, done)),
        ]
    told.sort(key=lambda one: one[0])
    return [one for _, one in told]


def backlog(found: Findings, folder: Path, patients: int) -> None:
    """Let a backlog of six hours arrive at a running worker; count whom it raises wrongly, and whom rightly."""
    with (
        fresh_broker(folder / "backlog") as kafka,
        Worker("watch", "pathway", kafka, folder / "backlog" / "worker.log") as worker,
    ):
        worker.recovered()
        due_from = datetime.now(UTC) + timedelta(seconds=PREPARED_S)
        before = publish(kafka, _known_before(patients, due_from))
        settled(kafka, FACTS.name, patients * 3)
        arriving = _meanwhile(patients, due_from)
        time.sleep(max(0.0, (due_from - datetime.now(UTC)).total_seconds() - 3))
        published = publish(kafka, arriving)
        lead_s = (due_from - datetime.now(UTC)).total_seconds()
        assert lead_s > 0, f"the backlog must be there before the first level: {lead_s}"
        began = time.perf_counter()
        Group(kafka, before + published).follow(120)
        took_s = time.perf_counter() - began
        wanted = {reference(number) for number in range(0, patients, UNSCANNED_EVERY)}
        settled(kafka, ALERTS.name, len(wanted))
        told = _told(kafka)
        assert wanted <= told, f"{len(wanted - told)} were not told"
        wrong = len(told - wanted)
        found.add(
            "False alerts",
            "a backlog of 6 h that arrives at a running worker",
            f"{wrong:,}",
            f"{published:,} events, read in {took_s:.1f} s; in {DUE_OVER_S:.0f} s of these {patients:,} levels were reached, "
            f"the scans unread among the rest; the {len(wanted)} patients who were not scanned were all told",
            (at_most(0, "0"), wrong),
        )


def _told(kafka: str) -> set[str]:
    """Return of whom an alert was published."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    parts = [TopicPartition(ALERTS.name, one) for one in consumer.partitions_for_topic(ALERTS.name)]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    told: set[str] = set()
    while any(consumer.position(one) < ends[one] for one in parts):
        for polled in consumer.poll(500).values():
            told |= {Alert.model_validate_json(record.value).patient for record in polled}
    consumer.close()
    return told
