"""How far a client of kafka-python has read, which it does not always know."""

from __future__ import annotations

from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

PLACED_MS: Final = 500
"""How long a client is waited for that does not know its place: who reads on must not stand still for it."""


def has_read(consumer: KafkaConsumer, partition: TopicPartition, end: int) -> bool:
    """
    Return whether *consumer* has come to *end*; not while it does not know its place.

    It may not after a broker has gone and come back: what it had read is compared with
    what the broker has, and where they differ it looks for a place anew.
    """
    try:
        at = consumer.position(partition, timeout_ms=PLACED_MS)
    except KafkaTimeoutError:
        return False
    return at is not None and at >= end
