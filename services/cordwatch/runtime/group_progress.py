"""How far a consumer group has read, and whether somebody is reading in it, asked of the broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupIdNotFoundError,
    NotCoordinatorError,
)

from cordwatch.runtime.kafka import KafkaSettings, admin_client

T = TypeVar("T")
ASKS_MAX: Final = 20
ASK_AGAIN_S: Final = 0.5
_NOT_YET: Final = (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)
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
        described = patiently(lambda: admin.describe_groups([group])[group])
        state = described["group_state"] if described else "Dead"
        committed = patiently(lambda: admin.list_group_offsets({group: None})[group]) or {}
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
    return GroupProgress(state not in _NOBODY, left)


def patiently(ask: Callable[[], T]) -> T | None:
    """Return what *ask* comes to once the broker has its place for groups, which it makes for the first; None: no such group."""
    for _ in range(ASKS_MAX):
        try:
            return ask()
        except GroupIdNotFoundError:
            return None
        except _NOT_YET:
            time.sleep(ASK_AGAIN_S)
    return None
