"""Messages that come again, to a gateway that was killed in between, or to another one."""

from __future__ import annotations

import socket
import uuid
from pathlib import Path
from urllib.request import urlopen

import pytest

from cordwatch.feeds.hl7.mllp import frame
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.records import Quarantined, RawMessage
from cordwatch_schemas.topics import QUARANTINE, RAW
from tests.kafka.gateway import an_admission
from tests.kafka.nursery import ForkedGateway, Nursery
from tests.kafka.test_feeds import records
from tests.kafka.test_watch import eventually
from tests.kafka_harness.choice import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


@pytest.fixture
def kafka(kafka_broker: Broker) -> str:
    """Return the address of a real broker with all topics."""
    if not kafka_broker.real:
        pytest.skip("needs a real Kafka")
    topics_admin.apply(KafkaSettings(kafka_broker.address), 1)
    return kafka_broker.address


def answers(gateway: ForkedGateway, *messages: bytes) -> list[bytes]:
    """Return MSA and ERR of what is answered to each message, sent together."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
        connection.sendall(b"".join(map(frame, messages)))
        told = b""
        while told.count(b"\x1c\r") < len(messages):
            told += connection.recv(65_536)
    return [one.partition(b"\r")[2] for one in told.split(b"\x1c\r")[:-1]]


def kept(kafka: str, run: str) -> list[tuple[str, bool]]:
    """Return control id and flag of each raw message of a run."""
    raw = (RawMessage.model_validate_json(value) for value in records(kafka, RAW.name))
    return sorted(
        (one.source_message_id.removeprefix(run), one.control_id_reused)
        for one in raw
        if one.source_message_id.startswith(run)
    )


def quarantined(kafka: str, run: str) -> int:
    """Return how often something of a run went to quarantine."""
    told = (Quarantined.model_validate_json(value) for value in records(kafka, QUARANTINE.name))
    return sum(one.source_message_id.startswith(run) for one in told)


def remembered(gateway: ForkedGateway) -> float:
    """Return how many messages a gateway knows."""
    page = f"http://127.0.0.1:{gateway.metrics_port}/metrics"
    with urlopen(page, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    name = "cordwatch_feeds_remembered_messages "
    (value,) = (line.removeprefix(name) for line in lines if line.startswith(name))
    return float(value)


def test_a_killed_gateway_remembers_what_it_answered(kafka: str, tmp_path: Path) -> None:
    """AA, AE with its ERR, and the second text under one id: the same words, and nothing is new."""
    run = uuid.uuid4().hex[:8]
    good = an_admission(f"{run}-good")
    bad = an_admission(f"{run}-bad").replace(b"PID|1||", b"PID|1||||")
    other = good.replace(b"|HAEM1", b"|HAEM2")
    with Nursery(kafka, tmp_path) as nursery:
        with nursery.gateway() as gateway:
            first = answers(gateway, good, bad, other)
        assert [one[:6] for one in first] == [b"MSA|AA", b"MSA|AE", b"MSA|AA"]
        assert b"ERR||PID^1^3|" in first[1]
        # Other bytes are kept, and flagged; the raw topic keeps no order between keys.
        everything = [("-bad", False), ("-good", False), ("-good", True)]
        assert (kept(kafka, run), quarantined(kafka, run)) == (everything, 1)
        with nursery.gateway() as gateway:
            assert answers(gateway, other, bad, good) == [first[2], first[1], first[0]]
            third = answers(gateway, good.replace(b"|HAEM1", b"|HAEM3"))
        assert third == [first[0]]
        assert (kept(kafka, run), quarantined(kafka, run)) == ([*everything, ("-good", True)], 1)


def test_gateways_know_each_others_answers(kafka: str, tmp_path: Path) -> None:
    """A sender that lost its gateway turns to the other one, and sends again."""
    run = uuid.uuid4().hex[:8]
    messages = [an_admission(f"{run}-{number}") for number in range(50)]
    with Nursery(kafka, tmp_path) as nursery:
        with nursery.gateway() as standing_by, nursery.gateway() as gateway:
            before = remembered(standing_by)
            first = answers(gateway, *messages)
            assert eventually(lambda: remembered(standing_by) == before + 50)
            gateway.kill()
            assert answers(standing_by, *messages) == first
    assert kept(kafka, run) == sorted((f"-{number}", False) for number in range(50))
