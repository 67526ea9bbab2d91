"""The brokers that the other Kafka tests lean on do what they promise."""

import os
import uuid
from pathlib import Path

import aiokafka
import kafka as kafka_python
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION
from tests.kafka_harness.choice import Broker, chosen_broker, real_demanded
from tests.kafka_harness.container import REQUIRED, container_kafka
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.real_kafka import RealKafka, answers


def a_topic(address: str) -> str:
    """Create a topic of one partition and return its name."""
    name = f"harness.{uuid.uuid4().hex}"
    # Held in a name: it answers only as long as it lives.
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    return name


async def written(address: str, topic: str, value: bytes) -> int:
    """Write *value*, acknowledged by the broker, and return its offset."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    try:
        return int((await producer.send_and_wait(topic, value, partition=0)).offset)
    finally:
        await producer.stop()


async def read(address: str, topic: str, count: int) -> list[bytes]:
    """Read the first *count* values of *topic*."""
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def test_ci_has_a_real_broker(kafka_broker: Broker, kafka: str) -> None:
    """Where a real Kafka is demanded, no mock slips in; the address is the broker's."""
    assert kafka_broker.real or not real_demanded()
    assert kafka == kafka_broker.address


def test_kafka_python_writes_and_reads(kafka_broker: Broker, kafka: str) -> None:
    """The pager's client works with the broker of this run."""
    version = None if kafka_broker.real else KAFKA_PYTHON_API_VERSION
    topic = a_topic(kafka) if kafka_broker.real else "harness.kafka-python"
    producer = kafka_python.KafkaProducer(bootstrap_servers=kafka, api_version=version)
    producer.send(topic, b"value").get(20)
    producer.close()
    consumer = kafka_python.KafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        api_version=version,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    record = next(consumer)
    consumer.close()
    assert record.value == b"value"


async def test_aiokafka_writes_and_reads(kafka_broker: Broker, kafka: str) -> None:
    """Watch's client works with the broker of this run."""
    topic = a_topic(kafka) if kafka_broker.real else "harness.aiokafka"
    await written(kafka, topic, b"value")
    assert await read(kafka, topic, 1) == [b"value"]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_restart_keeps_address_and_data(private_kafka: RealKafka, killed: bool) -> None:
    """A broker that comes back, after an upgrade or a crash, still has what it acknowledged."""
    address, pid = private_kafka.bootstrap, private_kafka.pid
    topic = a_topic(address)
    await written(address, topic, b"before")
    private_kafka.restart(killed=killed)
    after = await written(private_kafka.bootstrap, topic, b"after")
    assert (private_kafka.bootstrap, after) == (address, 1)
    assert private_kafka.pid != pid
    assert await read(address, topic, 2) == [b"before", b"after"]


def test_a_stopped_broker_is_gone(private_kafka: RealKafka) -> None:
    """Nothing of it is left running, and nothing listens, once it was stopped."""
    pid = private_kafka.pid
    private_kafka.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not answers(private_kafka.bootstrap)
    private_kafka.start()
    assert private_kafka.pid != pid


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ("exit 1", "no Docker engine answers"),
        ('test "$1" = version', "has no image .* and cannot pull it"),
        ('test "$1" != pull -a "$1" != image', "has no image .* and cannot pull it"),
    ],
    ids=["no-engine", "nothing-but-answers", "cannot-pull"],
)
def test_an_engine_that_cannot_run_kafka_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, reason: str
) -> None:
    """Its reason is told, and the next way to a broker is tried: the suite is not red for it."""
    (tmp_path / "docker").write_text(f"#!/bin/sh\n{engine}\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NoKafka, match=reason):
        with container_kafka():
            pass


def test_where_an_engine_is_demanded_nothing_else_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What CI says that it ran in a container, it did: a local broker would have come up as well."""
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(REQUIRED, "1")
    monkeypatch.delenv("CORDWATCH_KAFKA", raising=False)
    with pytest.raises(pytest.fail.Exception, match="ENGINE=1, and: no Docker engine answers"):
        with chosen_broker(tmp_path):
            pass
