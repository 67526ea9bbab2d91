"""How far a consumer group has read, and whether somebody is reading in it, asked of the broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition

from cordwatch.runtime.kafka import KafkaSettings, admin_client

_NOBODY = frozenset({"Empty", "Dead"})


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """Where a group stands."""

    is_running: bool
    unread: Sequence[tuple[str, int]]
    """Topics with records that the group has not committed, and how many."""


def group_progress(settings: KafkaSettings, group: str, topics: Sequence[str]) -> GroupProgress:
    """
    Return where *group* stands on *topics*; of a partition without a committed offset everything is unread.

    Raises:
        BrokerUnreachable: no broker answers at the address.
    """
    with admin_client(settings) as admin:
        described = admin.describe_groups([group])[group]
        committed = admin.list_group_offsets({group: None})[group]
    consumer = KafkaConsumer(**settings.client(), enable_auto_commit=False)
    unread: dict[str, int] = {}
    try:
        parts = [
            TopicPartition(topic, one)
            for topic in topics
            for one in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        begins, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
    finally:
        consumer.close()
    for part in parts:
        read_to = committed[part].offset if part in committed else begins[part]
        unread[part.topic] = unread.get(part.topic, 0) + max(0, ends[part] - read_to)
    left = [(topic, count) for topic, count in unread.items() if count]
    return GroupProgress(described["group_state"] not in _NOBODY, left)
