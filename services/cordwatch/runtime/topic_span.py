"""A span of a topic, from an instant to its present end: for those who read it anew, and want to know how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer, TopicPartition

from cordwatch.runtime.kafka import BrokerUnreachable, KafkaSettings, MissingTopics, reached
from cordwatch.runtime.reading_place import has_read

CLOCKS_APART_MAX = timedelta(hours=1)
"""A broker that stamps records itself may have another clock than whoever sent them."""

_SILENCE_POLLS_MAX = 150
"""Polls of 200 ms in a row that bring nothing before the end: the broker has gone."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A record with the instant that it has on its topic, in milliseconds since 1970 UTC, and its partition."""

    key: bytes | None
    value: bytes | None
    at_ms: int
    partition: int = 0


class TopicSpan:
    """
    The records of a topic from *since* (None: its beginning) to the end that it has now.

    A record is stamped after what it tells of was received, so nothing that was
    received since then lies before the span; what lies in it may be older.
    """

    def __init__(self, settings: KafkaSettings, topic: str, since: datetime | None = None) -> None:
        """
        Fix both ends.

        Raises:
            BrokerUnreachable: no broker answers at the address.
            MissingTopics: the topic does not exist.
        """
        self._settings = settings
        self._consumer = reached(
            settings,
            lambda: KafkaConsumer(
                **settings.client(), enable_auto_commit=False, auto_offset_reset="earliest"
            ),
        )
        partitions = self._consumer.partitions_for_topic(topic)
        if not partitions:
            self._consumer.close()
            raise MissingTopics([topic], settings.address)
        self._assigned = [TopicPartition(topic, one) for one in sorted(partitions)]
        self._consumer.assign(self._assigned)
        self._ends: dict[TopicPartition, int] = self._consumer.end_offsets(self._assigned)
        self._begins = self._starts(since)
        for one, offset in self._begins.items():
            self._consumer.seek(one, offset)

    def __len__(self) -> int:
        """Return how many offsets it spans: no less than there are records."""
        return sum(max(0, self._ends[one] - begin) for one, begin in self._begins.items())

    def __iter__(self) -> Iterator[Stamped]:
        """
        Give the records, each partition in its order; once.

        Raises:
            BrokerUnreachable: the broker went away before the end.
        """
        silent = 0
        while not all(has_read(self._consumer, one, self._ends[one]) for one in self._assigned):
            polled = self._consumer.poll(timeout_ms=200)
            silent = 0 if polled else silent + 1
            if silent > _SILENCE_POLLS_MAX:
                raise BrokerUnreachable(self._settings.address, silent * 0.2)
            for partition, found in polled.items():
                for record in found:
                    if record.offset < self._ends[partition]:
                        yield Stamped(
                            record.key, record.value, record.timestamp, partition.partition
                        )

    def _starts(self, since: datetime | None) -> dict[TopicPartition, int]:
        begins: dict[TopicPartition, int] = self._consumer.beginning_offsets(self._assigned)
        if since is None:
            return begins
        at_ms = round((since - CLOCKS_APART_MAX).timestamp() * 1_000)
        found = self._consumer.offsets_for_times(dict.fromkeys(self._assigned, at_ms))
        return {one: found[one].offset if found[one] else self._ends[one] for one in begins}

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the broker."""
        self._consumer.close()
