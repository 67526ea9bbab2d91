"""Events in bulk: patients with clocks, in the proportions of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer

from cordwatch_schemas.topics import ADMISSIONS, IMAGING_ORDERS

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def assessed(patient: str, at: datetime, received_at: datetime) -> bytes:
    """Return a suspicion of cord compression."""
    return (
        f'{{"event_id":"a-{patient}","kind":"assessed","source":"bench","source_message_id":"1",'
        f'"patient":"{patient}","occurred_at":"{at.isoformat()}",'
        f'"received_at":"{received_at.isoformat()}","suspected_mescc":true}}'
    ).encode()


def admitted(patient: str, at: datetime) -> bytes:
    """Return an admission."""
    return (
        f'{{"event_id":"d-{patient}","kind":"admitted","source":"bench","source_message_id":"2",'
        f'"patient":"{patient}","encounter":"v-{patient}","ward":"HAEM1",'
        f'"occurred_at":"{at.isoformat()}","received_at":"{at.isoformat()}"}}'
    ).encode()


def imaging(patient: str, kind: str, at: datetime) -> bytes:
    """Return an order or a scan of the whole spine."""
    return (
        f'{{"event_id":"{kind}-{patient}","kind":"{kind}","source":"bench","source_message_id":"3",'
        f'"patient":"{patient}","order_number":"o-{patient}","occurred_at":"{at.isoformat()}",'
        f'"received_at":"{at.isoformat()}","codes":[{{"system":"LN","code":"30855-1"}}]}}'
    ).encode()


def histories(count: int, start: datetime, *, scanned: bool) -> Iterator[tuple[str, str, bytes]]:
    """Return topic, key and event of *count* patients, three events each, by time."""
    hour = timedelta(hours=1)
    for number in range(count):
        patient, at = f"b{start:%H%M%S}{number}", start + timedelta(milliseconds=number)
        yield ADMISSIONS.name, patient, admitted(patient, at)
        yield ADMISSIONS.name, patient, assessed(patient, at + hour, at + hour)
        kind = "imaging-done" if scanned else "imaging-ordered"
        yield IMAGING_ORDERS.name, patient, imaging(patient, kind, at + 2 * hour)


def publish(kafka: str, records: Iterator[tuple[str, str, bytes]]) -> int:
    """Publish *records*; return how many."""
    producer = Producer(
        {"bootstrap.servers": kafka, "linger.ms": 20, "queue.buffering.max.messages": 500_000}
    )
    count = 0
    for topic, key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, partition=-1)
                break
            except BufferError:
                producer.poll(0.05)
        count += 1
        if count % 10_000 == 0:
            producer.poll(0)
    producer.flush(60)
    return count
