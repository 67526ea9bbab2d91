"""Events in bulk: patients with clocks, in the proportions of a benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from cordwatch_schemas.topics import ADMISSIONS, IMAGING_ORDERS

HOUR = timedelta(hours=1)

Told = tuple[str, str, bytes]
"""Topic, key and event."""


def reference(number: int) -> str:
    """Return a patient reference as long as those that feeds make."""
    return f"mr_{number:024}"


def _event(kind: str, patient: str, at: datetime, received_at: datetime, more: str) -> bytes:
    return (
        f'{{"event_id":"{kind}-{patient}","kind":"{kind}","source":"bench","source_message_id":"1",'
        f'"patient":"{patient}","occurred_at":"{at.isoformat()}",'
        f'"received_at":"{received_at.isoformat()}",{more}}}'
    ).encode()


def assessed(patient: str, at: datetime, received_at: datetime | None = None) -> bytes:
    """Return a suspicion of cord compression."""
    return _event("assessed", patient, at, received_at or at, '"suspected_mescc":true')


def admitted(patient: str, at: datetime, kind: str = "admitted", ward: str = "HAEM1") -> bytes:
    """Return an admission, or a transfer."""
    return _event(kind, patient, at, at, f'"encounter":"vn_{patient[3:]}","ward":"{ward}"')


def imaging(patient: str, kind: str, at: datetime) -> bytes:
    """Return an order or a scan of the whole spine."""
    codes = '"codes":[{"system":"LN","code":"30855-1"}]'
    return _event(kind, patient, at, at, f'"order_number":"o-{patient}",{codes}')


def histories(count: int, start: datetime, *, scanned: bool, first: int = 0) -> Iterator[Told]:
    """Return the events of *count* patients, three each, one patient after the other."""
    kind = "imaging-done" if scanned else "imaging-ordered"
    for number in range(first, first + count):
        patient, at = reference(number), start + timedelta(milliseconds=number - first)
        yield ADMISSIONS.name, patient, admitted(patient, at)
        yield ADMISSIONS.name, patient, assessed(patient, at + HOUR)
        yield IMAGING_ORDERS.name, patient, imaging(patient, kind, at + 2 * HOUR)


def simple_histories(count: int, start: datetime) -> Iterator[Told]:
    """Return six events of each of *count* patients, of which two change the state of the simple job."""
    for number in range(count):
        patient, at = reference(number), start + timedelta(milliseconds=number)
        yield ADMISSIONS.name, patient, admitted(patient, at)
        yield ADMISSIONS.name, patient, assessed(patient, at + HOUR)
        for ward in ("HAEM2", "ACUTE", "HAEM3"):
            yield ADMISSIONS.name, patient, admitted(patient, at + HOUR, "transferred", ward)
        yield IMAGING_ORDERS.name, patient, imaging(patient, "imaging-done", at + 2 * HOUR)


class Publisher:
    """Sends events as fast as the broker takes them."""

    def __init__(self, kafka: str, linger_ms: int = 20) -> None:
        """Connect."""
        self._producer = Producer(
            {
                "bootstrap.servers": kafka,
                "linger.ms": linger_ms,
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until all is acknowledged."""
        left = self._producer.flush(60)
        if left and error is None:
            raise RuntimeError(f"{left} records were not acknowledged")

    def send(self, topic: str, key: str | bytes, value: bytes, partition: int = -1) -> None:
        """Hand over one record."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition=partition)
                break
            except BufferError:
                self._producer.poll(0.05)
        self._producer.poll(0)


def publish(kafka: str, records: Iterable[Told]) -> int:
    """Publish *records*; return how many."""
    count = 0
    with Publisher(kafka) as publisher:
        for topic, key, value in records:
            publisher.send(topic, key, value)
            count += 1
    return count
