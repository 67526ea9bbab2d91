"""Who of several processes leads: the one to whom Kafka gives the only partition of a topic."""

from __future__ import annotations

from collections.abc import Callable

from kafka import KafkaConsumer

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.topics import Topic

JOIN_MS = 1_000
"""How long one look for leadership lasts."""


class LeadershipLost(RuntimeError):
    """Another process leads now: this one must not tell anybody anything."""


def member_of(
    kafka: KafkaSettings, group: str, topic: Topic, session_timeout_s: float
) -> KafkaConsumer:
    """
    Return a member of *group*; the one that is assigned the partition of *topic* leads.

    Only membership is wanted of it. It must be polled, and leads no more once it has no assignment.
    """
    member = KafkaConsumer(
        **kafka.client(),
        group_id=group,
        enable_auto_commit=False,
        session_timeout_ms=round(session_timeout_s * 1000),
        heartbeat_interval_ms=round(session_timeout_s * 1000 / 4),
    )
    # Known before it joins: the first news of a topic would make it join anew.
    member.partitions_for_topic(topic.name)
    member.subscribe([topic.name])
    return member


def wait_for_lead(member: KafkaConsumer, is_stopped: Callable[[], bool]) -> bool:
    """
    Wait until *member* leads, or it is stopped; return whether it leads.

    In long looks: where one ends just when the group has been joined, kafka-python
    (3.0.12) throws that away and joins anew, and may then wait for ever. With looks
    of 200 ms, and a topic that was not known, 7 of 40 starts on a busy machine hung so,
    and nobody led; with these none.
    """
    while not is_stopped() and not member.assignment():
        member.poll(timeout_ms=JOIN_MS)
    if is_stopped():
        return False
    member.pause(*member.assignment())
    return True
