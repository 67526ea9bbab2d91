"""A topic followed: what is there, its end, and then what comes; and the memory that is filled by it."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cordwatch.feeds.receipt_log import ReceiptLog
from cordwatch.feeds.receipts import ACCEPTED, Memory, fingerprint_of, receipt_of
from cordwatch.runtime import topics_admin
from cordwatch.runtime.following import follow
from cordwatch.runtime.kafka import BrokerUnreachable, KafkaSettings, Publisher
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import Receipts
from cordwatch_schemas.topics import RECEIPTS, Topic
from tests.kafka.test_watch import eventually
from tests.kafka_harness.real_kafka import RealKafka

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 10.0
NOWHERE = KafkaSettings("127.0.0.1:1", timeout_s=0.5)

pytestmark = pytest.mark.timeout(120)


def publish(kafka: str, topic: str, *records: tuple[bytes, bytes]) -> None:
    """Put records on a topic."""
    publisher = Publisher(KafkaSettings(kafka))
    for key, value in records:
        publisher.send(topic, key, value)
    publisher.confirm()
    publisher.close()


@pytest.fixture
def topic(real_kafka: str) -> str:
    """Return a topic of the test's own."""
    own = Topic(f"t{uuid.uuid4().hex[:8]}", "Receipts", "-", "delete", 7 * 86_400, partitions=1)
    topics_admin.apply(KafkaSettings(real_kafka), 1, [own])
    return own.name


def test_what_is_there_then_the_end_then_what_comes(real_kafka: str, topic: str) -> None:
    """However many polls it takes: the end is told when all is here, and not before."""
    many = [(b"%d" % number, b"x" * 20_000) for number in range(300)]
    publish(real_kafka, topic, *many)
    following = follow(KafkaSettings(real_kafka), topic, LONG_AGO)
    assert [next(following) for _ in range(301)] == [*many, None]
    publish(real_kafka, topic, (b"later", b"c"))
    assert next(one for one in following if one is not None) == (b"later", b"c")


def test_an_empty_topic_has_its_end_at_once(real_kafka: str, topic: str) -> None:
    """The first gateway of all need not wait."""
    assert next(follow(KafkaSettings(real_kafka), topic, LONG_AGO)) is None


def test_what_is_older_is_not_read(real_kafka: str, topic: str) -> None:
    """A broker keeps more than was asked for."""
    publish(real_kafka, topic, (b"1", b"a"))
    later = WallClock().now() + timedelta(hours=1)
    assert next(follow(KafkaSettings(real_kafka), topic, later)) is None


def test_without_a_broker_it_says_so() -> None:
    """And does not wait for ever."""
    with pytest.raises(BrokerUnreachable, match="no Kafka broker answers"):
        next(follow(NOWHERE, RECEIPTS.name, LONG_AGO))


def test_a_memory_is_filled_with_what_others_answered(real_kafka: str) -> None:
    """Not with what this process wrote itself; and no record that is none stops it."""
    topics_admin.apply(KafkaSettings(real_kafka), 1, [RECEIPTS])
    run, now = uuid.uuid4().bytes, WallClock().now()
    texts = [fingerprint_of(run + text) for text in (b"theirs", b"ours", b"later")]
    theirs, ours, later = (
        Receipts(received_at=now, receipts=(receipt_of(one, ACCEPTED),)).model_dump_json().encode()
        for one in texts
    )
    publish(
        real_kafka,
        RECEIPTS.name,
        *((b"me", ours), (b"x", b"{"), (b"x", b'{"receipts": 1}'), (b"x", theirs)),
    )
    memory, known, broken = Memory(), threading.Event(), threading.Event()
    log = ReceiptLog(KafkaSettings(real_kafka), memory, b"me", broken.set)
    log.start(now - timedelta(minutes=1), known.set)
    assert known.wait(PATIENCE_S)
    assert [memory.look_up(one)[0] for one in texts] == [ACCEPTED, None, None]
    publish(real_kafka, RECEIPTS.name, (b"x", later))
    assert eventually(lambda: memory.look_up(texts[2])[0] == ACCEPTED)
    log.stop()
    assert not broken.is_set()


def test_a_topic_that_cannot_be_read_is_told() -> None:
    """The process ends: without it messages that come again would be taken for new ones."""
    broken = threading.Event()
    log = ReceiptLog(NOWHERE, Memory(), b"me", broken.set)
    log.start(LONG_AGO, broken.clear)
    assert broken.wait(PATIENCE_S)
    log.stop()


def test_a_broker_that_comes_back_is_followed_on(private_kafka: RealKafka) -> None:
    """What other gateways answer after it is known too."""
    kafka = private_kafka.bootstrap
    topics_admin.apply(KafkaSettings(kafka), 1, [RECEIPTS])
    publish(kafka, RECEIPTS.name, (b"1", b"a"))
    following = follow(KafkaSettings(kafka), RECEIPTS.name, LONG_AGO)
    assert [next(following) for _ in range(2)] == [(b"1", b"a"), None]
    private_kafka.kill()
    assert [next(following) for _ in range(2)] == [None, None]
    private_kafka.start()
    publish(kafka, RECEIPTS.name, (b"2", b"b"))
    assert next(one for one in following if one is not None) == (b"2", b"b")
