"""A topic of one partition read fast, and then followed: by librdkafka, at a quarter of the processor time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from cordwatch.runtime.kafka import RECONNECT_MS_MAX, KafkaSettings, unreachable
from cordwatch.runtime.kafka_refusals import refusal_of_code
from cordwatch.runtime.kafka_security import renewal_of
from cordwatch.runtime.logging import get_logger

AT_ONCE = 1_000
QUIET_S = 0.5
FETCH_BYTES_MIN = 64 * 1024

_client_log = logging.getLogger("cordwatch.runtime.librdkafka")
log = get_logger("cordwatch.runtime")


def follow(
    settings: KafkaSettings, topic: str, since: datetime | None
) -> Iterator[tuple[bytes | None, bytes | None] | None]:
    """
    Yield key and value of every record since then (None: all there are); None at the present end, and in every quiet moment after it.

    It never ends by itself: a broker that is away is waited for. Up to the end
    None never comes, so that it means that all that was there is here.

    Raises:
        BrokerUnreachable: no broker answers at the start.
    """
    renewal = renewal_of(settings.security)
    consumer = _client(settings)
    try:
        start = _start(consumer, settings, topic, since)
        consumer.assign([start])
        at_end = False
        while True:
            if renewal.is_due():
                renewal = renewal_of(settings.security)
                consumer = go_on_with(_client(settings), consumer, [start])
            first = consumer.poll(QUIET_S)
            if first is None:
                if at_end:
                    yield None
                continue
            # Whatever else is here already: waiting for more would hold up the first.
            for record in (first, *consumer.consume(AT_ONCE, 0)):
                error = record.error()
                if error is None:
                    yield record.key(), record.value()
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name there
                    at_end = True
                    yield None
                elif error.fatal() or refusal_of_code(error.code()) == "denied":
                    raise KafkaException(error)
                else:
                    log.warning("a topic cannot be read for now", topic=topic, error=error.name())
    finally:
        consumer.close()


def _client(settings: KafkaSettings) -> Consumer:
    return Consumer(
        {
            **settings.librdkafka(),
            "group.id": "cordwatch-following",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            # Ten answers of the broker a second, whatever comes: not one for each record. And the end is known by one that brings nothing.
            "fetch.wait.max.ms": 100,
            "fetch.min.bytes": FETCH_BYTES_MIN,
            "reconnect.backoff.max.ms": RECONNECT_MS_MAX,
            # A broker that is away is told of by whoever writes to it, once and not ten times a second.
            "log_level": 2,
            "error_cb": _tell,
        },
        logger=_client_log,
    )


def go_on_with(consumer: Consumer, before: Consumer, starts: Sequence[TopicPartition]) -> Consumer:
    """Return *consumer*, reading on where the one *before* was, which is closed; where that had read nothing, from *starts*."""
    asked = [TopicPartition(one.topic, one.partition) for one in starts]
    reached = zip(before.position(asked), starts, strict=True)
    consumer.assign([start if at.offset < 0 else at for at, start in reached])
    before.close()
    return consumer


def _tell(error: KafkaError) -> None:
    log.debug("the client that follows a topic has an error", error=error.name())


def _start(
    consumer: Consumer, settings: KafkaSettings, topic: str, since: datetime | None
) -> TopicPartition:
    """Return where the records since then begin; what is older need not be read."""
    if since is None:
        return TopicPartition(topic, 0, OFFSET_BEGINNING)
    asked = TopicPartition(topic, 0, int(since.timestamp() * 1000))
    try:
        (found,) = consumer.offsets_for_times([asked], settings.timeout_s)
    except KafkaException:
        raise unreachable(settings) from None
    return found if found.error is None else TopicPartition(topic, 0, OFFSET_BEGINNING)
