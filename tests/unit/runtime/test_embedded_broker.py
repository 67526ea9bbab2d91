"""What the demo's broker does, and what it does not: its docstring, held."""

from collections.abc import Iterator

import aiokafka
import kafka
import pytest
from aiokafka.errors import KafkaError
from confluent_kafka.admin import AdminClient

from cordwatch.runtime.embedded_broker import (
    KAFKA_PYTHON_API_VERSION,
    NoEmbeddedBroker,
    embedded_broker,
)

PARTITIONS = 48
TOPIC = "cordwatch.admissions.v1"
RECORD_BYTES = 900_000
HALF_MINUTE_MS = 30_000


@pytest.fixture
def address() -> Iterator[str]:
    """Yield the address of an embedded broker with one topic of 48 partitions."""
    with embedded_broker({TOPIC: PARTITIONS}) as address:
        yield address


def partitions_of(address: str, topic: str) -> int:
    """Return how many partitions the broker says that *topic* has."""
    found = AdminClient({"bootstrap.servers": address}).list_topics(topic, timeout=5)
    return len(found.topics[topic].partitions)


def test_topics_have_the_partitions_they_were_given(address: str) -> None:
    """The count that the registry fixes is the count that the demo has."""
    assert partitions_of(address, TOPIC) == PARTITIONS


def test_a_topic_that_nobody_named_springs_up_with_four(address: str) -> None:
    """Why every topic must be named: the mock's own count is not ours."""
    assert partitions_of(address, "cordwatch.unnamed.v1") == 4


def test_it_listens_on_loopback_alone(address: str) -> None:
    """Nobody else in the house can reach a demo."""
    assert address.partition(":")[0] == "127.0.0.1"


def test_a_topic_without_partitions_is_refused() -> None:
    """A slip in the registry is an error with a name, not a demo that hangs."""
    with pytest.raises(NoEmbeddedBroker, match=r"refused cordwatch\.none\.v1 with 0"):
        with embedded_broker({"cordwatch.none.v1": 0}):
            pass


def test_two_brokers_do_not_know_each_other(address: str) -> None:
    """Each block has a broker of its own."""
    with embedded_broker({TOPIC: 3}) as other:
        assert (partitions_of(address, TOPIC), partitions_of(other, TOPIC)) == (PARTITIONS, 3)


async def test_aiokafka_writes_reads_in_a_group_and_commits(address: str) -> None:
    """Watch's driver can do on it what it does on a real broker."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True)
    await producer.start()
    sent = await producer.send_and_wait(TOPIC, b"value", key=b"key")
    await producer.stop()
    reader = aiokafka.AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=address,
        group_id="watch",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await reader.start()
    record = await reader.getone()
    await reader.commit()
    partition = aiokafka.TopicPartition(TOPIC, sent.partition)
    committed = await reader.committed(partition)
    await reader.stop()
    assert (record.key, record.value, committed) == (b"key", b"value", sent.offset + 1)


def test_kafka_python_works_when_it_is_told_the_version(address: str) -> None:
    """The pager's client can write, read in a group and commit."""
    producer = kafka.KafkaProducer(
        bootstrap_servers=address,
        api_version=KAFKA_PYTHON_API_VERSION,
        enable_idempotence=False,
    )
    producer.send(TOPIC, key=b"key", value=b"value").get(10)
    producer.close()
    reader = kafka.KafkaConsumer(
        TOPIC,
        bootstrap_servers=address,
        group_id="pager",
        api_version=KAFKA_PYTHON_API_VERSION,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=HALF_MINUTE_MS,
    )
    record = next(reader)
    reader.commit()
    committed = reader.committed(kafka.TopicPartition(TOPIC, record.partition))
    reader.close()
    assert (record.key, record.value, committed) == (b"key", b"value", 1)


def test_kafka_python_cannot_find_out_the_version(address: str) -> None:
    """The reason for the constant; when this fails, the constant can go."""
    with pytest.raises(kafka.errors.KafkaTimeoutError):
        kafka.KafkaProducer(bootstrap_servers=address, bootstrap_timeout_ms=500)


async def test_a_second_worker_of_a_group_is_refused(address: str) -> None:
    """A demo runs one worker; rebalances are for the real broker."""

    def member() -> aiokafka.AIOKafkaConsumer:
        return aiokafka.AIOKafkaConsumer(
            TOPIC,
            bootstrap_servers=address,
            group_id="watch",
            session_timeout_ms=1_000,
            heartbeat_interval_ms=100,
        )

    first, second = member(), member()
    await first.start()
    try:
        with pytest.raises(KafkaError, match="InvalidRequest"):
            await second.start()
    finally:
        await second.stop()
        await first.stop()


async def test_a_partition_keeps_five_mebibytes(address: str) -> None:
    """The demo's day must be smaller than that: the oldest records are forgotten."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    for _ in range(7):
        await producer.send_and_wait(TOPIC, b"x" * RECORD_BYTES, partition=0)
    await producer.stop()
    reader = aiokafka.AIOKafkaConsumer(bootstrap_servers=address)
    await reader.start()
    partition = aiokafka.TopicPartition(TOPIC, 0)
    first = (await reader.beginning_offsets([partition]))[partition]
    await reader.stop()
    assert first == 2
