"""What the pager reads: alerts, answers and operational alerts, by the one process that leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from kafka import KafkaConsumer, TopicPartition
from pydantic import TypeAdapter, ValidationError

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.leading import LeadershipLost, Member, WhileLeading
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.reading_place import has_read
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.pages import Matter
from cordwatch_schemas.topics import ACKS, ALERTS, OPERATIONS, PAGES

log = get_logger("cordwatch.pager")

READ = (ALERTS, ACKS, OPERATIONS)
POLL_MS = 200
ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)

Heard = Matter | Answer


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll brought."""

    heard: tuple[Heard, ...]
    is_current: bool
    """Whether everything has been read that there is."""


class NotKnown(RuntimeError):
    """The broker names no partitions of a topic that must be read."""


def understood(topic: str, value: bytes | None) -> Heard | None:
    """Return what a record says; None where it cannot be understood, which is logged and counted by the caller."""
    try:
        if topic == ALERTS.name:
            return Matter.of_alert(Alert.model_validate_json(value or b""))
        if topic == OPERATIONS.name:
            return Matter.of_operation(OperationalAlert.model_validate_json(value or b""))
        return ANSWER.validate_json(value or b"")
    except ValidationError:
        return None


class Intake:
    """
    Reads, on a thread of its own, while this process leads.

    Who leads is Kafka's decision: the one partition of the ledger belongs to one
    member of the group. Offsets are committed under that membership, so that one
    who was replaced and wakes up cannot move them.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        session_timeout_s: float,
        *,
        lead: Callable[[], bool],
        take: Callable[[Batch], None],
        unreadable: Callable[[str], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """
        Prepare; `start` begins.

        *lead* is called once, when this process leads, and tells whether the ledger is
        whole: if not, everything is read from the beginning, so that what is missing
        there is known again. *take* blocks until a batch is durable; *failed* is called
        at the end of a thread that could not go on.
        """
        self._kafka, self._group = kafka, group
        self._lead, self._take, self._unreadable = lead, take, unreadable
        member = partial(Member, kafka, group, PAGES, session_timeout_s)
        self._thread = WhileLeading(member, self._follow, failed, "pager-intake")

    def start(self) -> None:
        """Begin to wait for leadership."""
        self._thread.start()

    def stop(self, wait_s: float) -> None:
        """Leave the group, so that another one takes over at once."""
        self._thread.stop(wait_s)

    def _follow(self, member: Member) -> None:
        # The ledger is read by another client.
        is_whole = self._lead()
        # It is assigned what it reads and so no member; the group is for how far it has read.
        reader = KafkaConsumer(
            **self._kafka.client(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            self._read(member, reader, is_whole=is_whole)
        finally:
            reader.close()

    def _read(self, member: Member, reader: KafkaConsumer, *, is_whole: bool) -> None:
        parts = self._placed(reader, is_whole=is_whole)
        ends = reader.end_offsets(parts)
        is_first = True
        while not self._thread.is_stopped:
            if not member.leads():
                raise LeadershipLost
            polled = reader.poll(timeout_ms=POLL_MS, max_records=2_000)
            if not polled and not is_first:
                # Every tenth of a second: each partition's place would be asked for nothing.
                continue
            for part in polled:
                ends[part] = max(ends[part], reader.highwater(part) or 0)
            is_current = all(has_read(reader, one, ends[one]) for one in parts)
            if polled or is_current:
                is_first = is_first and not is_current
                self._take(Batch(self._heard(polled), is_current))
                member.commit({one: found[-1].offset + 1 for one, found in polled.items()})

    def _placed(self, reader: KafkaConsumer, *, is_whole: bool) -> list[TopicPartition]:
        """Place *reader* where the last one was, and return what it reads."""
        parts = []
        for topic in READ:
            found = reader.partitions_for_topic(topic.name)
            if not found:
                # Better no pager, which is noticed, than one that is deaf to a topic.
                raise NotKnown(topic.name)
            parts += [TopicPartition(topic.name, one) for one in sorted(found)]
        reader.assign(parts)
        for part in parts:
            committed = reader.committed(part) if is_whole else None
            if committed is None:
                reader.seek_to_beginning(part)
            else:
                reader.seek(part, committed)
        return parts

    def _heard(self, polled: dict[TopicPartition, Sequence[object]]) -> tuple[Heard, ...]:
        found: list[Heard] = []
        for part, records in polled.items():
            for record in records:
                one = understood(part.topic, record.value)  # type: ignore[attr-defined]
                if one is None:
                    self._unreadable(part.topic)
                else:
                    found.append(one)
        return tuple(found)
