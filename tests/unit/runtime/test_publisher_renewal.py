"""A publisher whose certificates were replaced: when it takes a new client, and what becomes of records on their way."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError as RdkafkaError
from kafka.errors import KafkaTimeoutError

from cordwatch.runtime import kafka
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.runtime.kafka_security import KafkaSecurity
from tests.certificates import Authority, hospital, replace, stranger

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
Told = Callable[[RdkafkaError | None, object], None]


@dataclass
class FakeProducer:
    """As much of librdkafka's producer as a publisher uses; the test says what arrives."""

    settings: dict[str, Any]
    waiting: list[Told] = field(default_factory=list)
    events: int = 0
    """What it has to tell besides, which counts as on its way until somebody hears it."""
    is_deaf: bool = False

    def __len__(self) -> int:
        return len(self.waiting) + self.events

    def list_topics(self, timeout: float) -> None:
        """Answer."""

    def produce(self, *_: object, on_delivery: Told) -> None:
        """Take a record."""
        self.waiting.append(on_delivery)

    def poll(self, _: float) -> None:
        """Tell what there is to tell."""
        self.events = 0

    def flush(self, _: float) -> int:
        """Deliver, if it can."""
        if not self.is_deaf:
            self._answer(None)
        return len(self)

    def purge(self) -> None:
        """Give up what waits."""
        self._answer(RdkafkaError(RdkafkaError._PURGE_QUEUE))

    def _answer(self, error: RdkafkaError | None) -> None:
        waiting, self.waiting = self.waiting, []
        for told in waiting:
            told(error, None)


@dataclass
class Desk:
    """A publisher, the clients that it made, and its file of authorities."""

    publisher: Publisher
    made: list[FakeProducer]
    ca: Path

    def send(self) -> None:
        """Hand over a record."""
        self.publisher.send("topic", b"key", b"value")


@pytest.fixture
def desk(hospital: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Yield a publisher that trusts the hospital's authority."""
    made: list[FakeProducer] = []

    def producer(settings: dict[str, Any]) -> FakeProducer:
        made.append(FakeProducer(settings))
        return made[-1]

    monkeypatch.setattr(kafka, "Producer", producer)
    ca = tmp_path / "ca"
    replace(ca, hospital.certificate)
    # Nobody listens there: who knocks leaves it to the client.
    settings = KafkaSettings("127.0.0.1:1", 1, security=KafkaSecurity("ssl", ca=ca))
    found = Desk(Publisher(settings), made, ca)
    yield found
    found.publisher.close()


def test_a_new_client_is_taken_when_nothing_is_on_its_way(desk: Desk, stranger: Authority) -> None:
    """What it has to tell besides, as that the broker was away, keeps nobody from it."""
    desk.send()
    replace(desk.ca, stranger.certificate)
    desk.send()
    assert (len(desk.made), len(desk.made[0].waiting)) == (1, 2)
    assert desk.publisher.confirm() == 2
    desk.made[0].events = 3
    desk.send()
    assert (len(desk.made), len(desk.made[1].waiting)) == (2, 1)
    assert desk.publisher.confirm() == 1
    assert desk.publisher.publish([("topic", b"key", b"value")], lambda: None) == [None]
    assert len(desk.made) == 2


def test_what_does_not_get_through_by_old_certificates_is_given_up(
    desk: Desk, stranger: Authority
) -> None:
    """Whoever sends it again does so by a client that may get through: it waits for no old one."""
    desk.made[0].is_deaf = True
    desk.send()
    with pytest.raises(KafkaTimeoutError):
        desk.publisher.confirm()
    assert (len(desk.made), len(desk.made[0].waiting)) == (1, 1)
    replace(desk.ca, stranger.certificate)
    desk.send()
    with pytest.raises(KafkaTimeoutError):
        desk.publisher.confirm()
    assert (len(desk.made), desk.made[0].waiting) == (2, [])
    desk.send()
    assert desk.publisher.confirm() == 1


def test_who_sends_nothing_is_renewed_too(
    hospital: Authority, stranger: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle client would knock with its old certificates for ever."""
    monkeypatch.setattr(kafka, "RENEWED_WITHIN_S", 0.02)
    is_made = threading.Event()

    def producer(settings: dict[str, Any]) -> FakeProducer:
        if "publisher" in made:
            is_made.set()
        return FakeProducer(settings)

    monkeypatch.setattr(kafka, "Producer", producer)
    ca = tmp_path / "ca"
    replace(ca, hospital.certificate)
    made: dict[str, Publisher] = {}
    settings = KafkaSettings("127.0.0.1:1", 1, security=KafkaSecurity("ssl", ca=ca))
    made["publisher"] = Publisher(settings)
    replace(ca, stranger.certificate)
    assert is_made.wait(10)
    made["publisher"].close()


def test_files_that_cannot_be_used_change_nothing(desk: Desk) -> None:
    """The old client goes on."""
    desk.ca.write_text("half a certificate")
    desk.send()
    assert desk.publisher.confirm() == 1
    assert len(desk.made) == 1
