"""What comes out of the chain: alerts and the pager's ledger, read by the one process that leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from pydantic import ValidationError

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.leading import LeadershipLost, Member, WhileLeading
from cordwatch.synthetic.rounds import Seen
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.synthetic import PREFIX
from cordwatch_schemas.synthetic_pack import RULE
from cordwatch_schemas.topics import ALERTS, PAGES

READ = (ALERTS, PAGES)
POLL_MS = 100


class Hearing:
    """
    Reads from the present end on, on a thread of its own, while this process leads.

    Who leads is Kafka's decision: the one partition of the ledger belongs to one
    member of the group. Nothing is committed: what was before is over.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        session_timeout_s: float,
        *,
        lead: Callable[[], None],
        hear: Callable[[Sequence[Seen]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Prepare; *lead* is called once, when everything that is told from then on will be heard."""
        self._kafka, self._lead, self._hear = kafka, lead, hear
        member = partial(Member, kafka, group, PAGES, session_timeout_s)
        self._thread = WhileLeading(member, self._follow, failed, "synthetic-hearing")

    def start(self) -> None:
        """Begin to wait for leadership."""
        self._thread.start()

    def stop(self, wait_s: float) -> None:
        """Leave the group, so that another one takes over at once."""
        self._thread.stop(wait_s)

    def _follow(self, member: Member) -> None:
        reader = KafkaConsumer(**self._kafka.client(), enable_auto_commit=False)
        try:
            self._read(member, reader)
        finally:
            reader.close()

    def _read(self, member: Member, reader: KafkaConsumer) -> None:
        parts = [
            TopicPartition(topic.name, one) for topic in READ for one in range(topic.partitions)
        ]
        reader.assign(parts)
        for part, end in reader.end_offsets(parts).items():
            reader.seek(part, end)
        self._lead()
        while not self._thread.is_stopped:
            if not member.leads():
                raise LeadershipLost
            polled = reader.poll(timeout_ms=POLL_MS)
            seen = [one for part, found in polled.items() for one in seen_in(part.topic, found)]
            if seen:
                self._hear(seen)


_MARK = PREFIX.encode()


def seen_in(topic: str, records: Sequence[Any]) -> Iterator[Seen]:
    """Yield what records say of synthetic patients; of everybody else they are not even read."""
    for record in records:
        value = record.value or b""
        if _MARK not in value:
            continue
        try:
            found = _of_alert(value) if topic == ALERTS.name else _of_page(value)
        except ValidationError:
            # Whoever wrote it: a leg that is not heard is a miss.
            continue
        if found is not None:
            yield found


def _of_alert(value: bytes) -> Seen | None:
    alert = Alert.model_validate_json(value)
    if alert.rule != RULE:
        return None
    if alert.status == "open":
        return Seen("alert", alert.patient)
    # Withdrawn, say, is not how the story ends.
    return Seen("ended", alert.patient) if alert.status == "resolved" else None


def _of_page(value: bytes) -> Seen | None:
    entry = LedgerEntry.model_validate_json(value)
    is_told = any(one.told_at is not None for one in entry.deliveries)
    if not entry.matter.is_synthetic or not is_told:
        return None
    return Seen("page", entry.matter.patient or "")
