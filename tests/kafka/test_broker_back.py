"""A broker that comes back is read on from by everybody, soon: whoever stays deaf tells nobody of a new alert."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import pytest

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic
from cordwatch_schemas.topics import ALERTS
from tests.kafka.test_watch import eventually
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
READERS: Final = 8
HEARD_WITHIN_S: Final = 8.0
"""After the broker has taken something for every partition; with the pauses that kafka-python has by itself it is half a minute."""


def read(kafka: KafkaSettings, heard: dict[int, bytes], number: int) -> None:
    """Read on as the pager and the board do; note what was heard last."""
    for record in read_topic(kafka, ALERTS.name, follow=True):
        if record is not None and record[1] is not None:
            heard[number] = record[1]


@contextmanager
def readers(kafka: KafkaSettings) -> Iterator[dict[int, bytes]]:
    """Run several; give what each heard last."""
    heard: dict[int, bytes] = {}
    for number in range(READERS):
        threading.Thread(target=read, args=(kafka, heard, number), daemon=True).start()
    yield heard


def tell(publisher: Publisher, what: bytes) -> None:
    """Write to every partition, until the broker has all of it."""
    for partition in range(ALERTS.partitions):
        publisher.send(ALERTS.name, b"-", what, partition=partition)
    publisher.confirm()


def test_everybody_reads_on(private_kafka: RealKafka) -> None:
    """Also when it goes again; each tries again ever less often while it is away."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    topics_admin.apply(kafka, 1)
    publisher = Publisher(kafka)
    with readers(kafka) as heard:

        def all_heard(what: bytes) -> bool:
            return list(heard.values()) == [what] * READERS

        tell(publisher, b"first")
        assert eventually(partial(all_heard, b"first"))
        for number in range(2):
            private_kafka.restart(killed=True)
            what = b"after %d" % number
            tell(publisher, what)
            assert eventually(partial(all_heard, what), HEARD_WITHIN_S)
    publisher.close()
