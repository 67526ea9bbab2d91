"""Who of several processes leads: the one to whom Kafka gives the only partition of a topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import cast

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.topics import Topic

JOIN_MS = 1_000
"""How long one look lasts while the group is put together."""
STAND_BY_S = 0.2
"""Between two looks of one that does not lead."""


_ASSIGNED_BY = (StickyPartitionAssignor, RangePartitionAssignor)
"""
Who leads goes on leading when others come: a second one that is begun anew must not stop the first.

By the range alone chance decides each time anew. It is still offered, for one that is not upgraded yet.
"""


class LeadershipLost(RuntimeError):
    """Another process leads now: this one must not tell anybody anything."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
    """
    One of a group of which the one that is assigned the only partition of a topic leads.

    Only membership is wanted of it: it reads nothing.
    """

    def __init__(
        self, kafka: KafkaSettings, group: str, topic: Topic, session_timeout_s: float
    ) -> None:
        """Join *group*, by and by; one that says nothing for *session_timeout_s* is a member no more."""
        self._is_joining = True
        self._consumer = KafkaConsumer(
            **kafka.client(),
            group_id=group,
            partition_assignment_strategy=_ASSIGNED_BY,
            enable_auto_commit=False,
            session_timeout_ms=round(session_timeout_s * 1000),
            heartbeat_interval_ms=round(session_timeout_s * 1000 / 4),
        )
        # Known before it joins: the first news of a topic would make it join anew.
        self._consumer.partitions_for_topic(topic.name)
        self._consumer.subscribe([topic.name], listener=self)

    def on_partitions_revoked(self, _: object) -> None:
        """Note that the group is put together anew, since somebody came or went."""
        self._is_joining = True

    def on_partitions_assigned(self, _: object) -> None:
        """Note that it is put together."""
        self._is_joining = False
        self._consumer.pause(*self._consumer.assignment())

    def leads(self) -> bool:
        """
        Return whether it leads; to be asked again and again, or it is a member no more.

        Takes a second at most while the group is put together, else no time. In long
        looks: where one ends just when the group has been joined, kafka-python
        (3.0.12) throws that away and joins anew. With looks of 200 ms, and a topic that was
        not known, 7 of 40 starts on a busy machine hung so, and nobody led; with looks
        of no length the group was not put together for half a minute, and took no offsets.
        """
        self._consumer.poll(timeout_ms=JOIN_MS if self._is_joining else 0)
        return bool(self._consumer.assignment())

    def wait_for_lead(self, is_stopped: Callable[[], bool]) -> bool:
        """Wait until it leads, or it is stopped; return whether it leads."""
        while not is_stopped() and not self.leads():
            if not self._is_joining:
                time.sleep(STAND_BY_S)
        return not is_stopped()

    def committed(self, part: TopicPartition) -> int | None:
        """Return up to where the group has read *part*; None: nothing of it."""
        return cast("int | None", self._consumer.committed(part))

    def commit(self, read_to: Mapping[TopicPartition, int]) -> None:
        """
        Note how far the group has read, as a member: one that was replaced cannot move it.

        Raises:
            KafkaError: it is a member no more, or the group is being put together.
        """
        places = {part: OffsetAndMetadata(at, "", -1) for part, at in read_to.items()}
        self._consumer.commit(places)

    def close(self) -> None:
        """Leave the group, so that another one takes over at once."""
        self._consumer.close()
