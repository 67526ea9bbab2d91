"""How far a consumer group has read, and whether somebody is reading in it, asked of the broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupIdNotFoundError,
    NotCoordinatorError,
)

from cordwatch.runtime.kafka import KafkaSettings, admin_client
from cordwatch.runtime.kafka_faults import GroupsUnknown

T = TypeVar("T")
PATIENCE_S: Final = 10.0
ASK_AGAIN_S: Final = 0.5
NOT_YET: Final = (
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
        GroupsUnknown: one does, and not about groups.
    """
    with admin_client(settings) as admin:
        try:
            # On a busy host a broker that has just made our topics takes a quarter of a minute more.
            long = settings.timeout_s
            state = patiently(lambda: state_of(admin, group), long)
            committed = (
                patiently(lambda: admin.list_group_offsets({group: None})[group], long) or {}
            )
        except NOT_YET:
            raise GroupsUnknown(settings.address, settings.timeout_s) from None
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
    return GroupProgress(state is not None and state not in _NOBODY, left)


def state_of(admin: KafkaAdminClient, group: str) -> str:
    """
    Return in which state *group* is.

    Raises:
        CoordinatorNotAvailableError: the broker does not know yet. It says so inside an answer that
            otherwise looks like one about a group, and taken for that, somebody would seem to run.
    """
    found = admin.describe_groups([group])[group]
    if not found["group_state"]:
        raise CoordinatorNotAvailableError(found["error"])
    return str(found["group_state"])


def patiently(ask: Callable[[], T], patience_s: float = PATIENCE_S) -> T | None:
    """
    Return what *ask* comes to once the broker has its place for groups, which it makes for the first; None: no such group.

    Raises:
        KafkaError: it has none in all this time.
    """
    end = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except GroupIdNotFoundError:
            return None
        except NOT_YET:
            if time.monotonic() >= end:
                raise
            time.sleep(ASK_AGAIN_S)
