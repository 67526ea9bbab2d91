"""What is published is safe or named, and lies where every other client looks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2

from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION, embedded_broker
from cordwatch.runtime.kafka import (
    RECORD_BYTES_MAX,
    TOO_LARGE,
    BrokerUnreachable,
    KafkaSettings,
    Publisher,
)
from cordwatch_schemas.topics import PARTITIONS

TOPIC = "published"
TOO_MANY_BYTES = RECORD_BYTES_MAX + 1


@pytest.fixture
def broker() -> Iterator[KafkaSettings]:
    """Give a broker of the test's own."""
    with embedded_broker({TOPIC: PARTITIONS}) as address:
        yield KafkaSettings(address, api_version=KAFKA_PYTHON_API_VERSION)


def test_a_key_lies_where_the_other_clients_put_it(broker: KafkaSettings) -> None:
    """Or a patient's events and forwarded facts would come to different workers."""
    publisher = Publisher(broker)
    keys = [f"p_{number:x}{'z' * (number % 5)}".encode() for number in range(500)]
    for key in keys:
        publisher.send(TOPIC, key, b"v")
    assert publisher.confirm() == len(keys)
    publisher.close()
    consumer = KafkaConsumer(**broker.client())
    parts = [TopicPartition(TOPIC, one) for one in range(PARTITIONS)]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    found: dict[bytes, int] = {}
    while len(found) < len(keys):
        for polled in consumer.poll(1000).values():
            found |= {record.key: record.partition for record in polled}
    consumer.close()
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % PARTITIONS for key in keys}


def test_a_record_that_no_broker_takes_is_named(broker: KafkaSettings) -> None:
    """Those beside it are safe all the same."""
    publisher = Publisher(broker)
    publisher.send(TOPIC, b"k", b"first")
    publisher.send(TOPIC, b"k", b"x" * TOO_MANY_BYTES)
    with pytest.raises(TOO_LARGE):
        publisher.confirm()
    publisher.close()


def test_no_broker_is_said_with_its_address_and_how_long_it_was_tried() -> None:
    """Before anything is taken in."""
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1 \(tried for 0\.5 s\)"):
        Publisher(KafkaSettings("127.0.0.1:1", 0.5))
