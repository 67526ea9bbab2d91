"""Who of several processes leads: the one to whom Kafka gives the only partition of a topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from cordwatch.runtime.kafka import KafkaError, KafkaSettings
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.topics import Topic

JOIN_MS, LOOK_MS = 1_000, 200
"""How long one look lasts: while the group is put together, and else."""
STAND_BY_S = 0.1
"""Between two looks of one that waits."""
UNASKED_S_MAX = 10.0
"""Whoever does not ask for longer whether it leads may hang: then Kafka's own limit counts (5 min), and another one leads."""

log = get_logger("cordwatch.leading")


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

    Only membership is wanted of it: it reads nothing. It stays a member on a thread
    of its own, in long looks: where one ends just when the group has been joined,
    kafka-python (3.0.12) throws that away and joins anew. With looks of 200 ms, and
    a topic that was not known, 7 of 40 starts on a busy machine hung so, and nobody
    led; with looks of no length the group was not put together for half a minute.
    """

    def __init__(
        self, kafka: KafkaSettings, group: str, topic: Topic, session_timeout_s: float
    ) -> None:
        """Join *group*, by and by; one that says nothing for *session_timeout_s* is a member no more."""
        self._is_joining, self._is_leading = True, False
        self._is_behind = self._is_ending = False
        self._failure: BaseException | None = None
        self._asked_at = time.monotonic()
        self._read_to: dict[TopicPartition, int] = {}
        self._noting = threading.Lock()
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
        self._thread = threading.Thread(target=self._run, name=f"member-{group}", daemon=True)
        self._thread.start()

    def on_partitions_revoked(self, _: object) -> None:
        """Note that the group is put together anew, since somebody came or went."""
        self._is_joining = True

    def on_partitions_assigned(self, _: object) -> None:
        """Note that it is put together."""
        self._is_joining = False
        self._consumer.pause(*self._consumer.assignment())

    def leads(self) -> bool:
        """Return whether it leads; to be asked again and again: who asks no more does not get on."""
        self._asked_at = time.monotonic()
        if self._failure is not None:
            raise self._failure
        return self._is_leading

    def wait_for_lead(self, is_stopped: Callable[[], bool]) -> bool:
        """Wait until it leads, or it is stopped; return whether it leads."""
        while not is_stopped() and not self.leads():
            time.sleep(STAND_BY_S)
        return not is_stopped()

    def commit(self, read_to: Mapping[TopicPartition, int]) -> None:
        """
        Note how far the group has read, a moment later, as a member: one that was replaced cannot move it.

        As long as it cannot be noted, what was read is read again by the next one.
        """
        with self._noting:
            self._read_to.update(read_to)

    def close(self) -> None:
        """Leave the group, so that another one takes over at once."""
        self._is_ending = True
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._is_ending:
                if time.monotonic() - self._asked_at > UNASKED_S_MAX:
                    time.sleep(STAND_BY_S)
                    continue
                self._consumer.poll(timeout_ms=JOIN_MS if self._is_joining else LOOK_MS)
                self._is_leading = bool(self._consumer.assignment())
                self._note()
        except BaseException as error:  # noqa: BLE001 - told to whoever asks next
            self._failure = error
        finally:
            self._is_leading = False
            self._consumer.close()

    def _note(self) -> None:
        with self._noting:
            read_to, self._read_to = self._read_to, {}
        if not read_to:
            return
        try:
            self._consumer.commit(
                {part: OffsetAndMetadata(at, "", -1) for part, at in read_to.items()}
            )
            self._is_behind = False
        except KafkaError as error:
            if not self._is_behind:
                log.warning("offsets are not committed yet", error=type(error).__name__)
            self._is_behind = True
            with self._noting:
                self._read_to = read_to | self._read_to


class WhileLeading:
    """
    A thread that waits until this process leads, and then works.

    Whatever ends the work but `stop` is told: the process must not live on deaf.
    """

    def __init__(
        self,
        member: Callable[[], Member],
        work: Callable[[Member], None],
        failed: Callable[[BaseException], None],
        name: str,
    ) -> None:
        """Prepare; *work* is to end soon once `is_stopped`, and to raise LeadershipLost where the member leads no more."""
        self._member, self._work, self._failed = member, work, failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_stopped(self) -> bool:
        """Return whether it was told to stop."""
        return self._stop.is_set()

    def start(self) -> None:
        """Begin to wait for leadership."""
        self._thread.start()

    def stop(self, wait_s: float) -> None:
        """Leave the group, so that another one takes over at once."""
        self._stop.set()
        self._thread.join(wait_s)

    def _run(self) -> None:
        try:
            member = self._member()
            try:
                if member.wait_for_lead(self._stop.is_set):
                    self._work(member)
            finally:
                member.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            self._failed(error)
