"""One place for how Kafka is reached by everything that is not Faust: kafka-python, and librdkafka to publish."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from confluent_kafka import KafkaException, Producer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from cordwatch.runtime.deliveries import Sent, as_error
from cordwatch.runtime.environment import DEVELOPMENT, Environment
from cordwatch.runtime.kafka_faults import BrokerUnreachable, MissingTopics, WrongTopics
from cordwatch.runtime.kafka_refusals import KafkaRefused, denied, refusal_of
from cordwatch.runtime.kafka_security import (
    PLAINTEXT,
    KafkaSecurity,
    for_kafka_python,
    for_librdkafka,
    renewal_of,
)
from cordwatch.runtime.knocking import require_entry, speaks_tls
from cordwatch.runtime.reading_place import has_read
from cordwatch_schemas.topics import Topic

T = TypeVar("T")
NOT_SAFE = KafkaTimeoutError("the broker did not acknowledge in time")
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
"""What a broker will refuse however often it is asked."""
ACK_TIMEOUT_S = 30.0
RECONNECT_MS_MAX = 1_000
"""A broker that is back is noticed in about this time; the client's own default is half a minute."""

SLOW_ANSWER_S = 5.0
SLOW_ANSWERS_MAX = 30
"""A client that has not even given up after all of these is broken."""

GIVEN_UP_S = 120.0
"""After so long what is not acknowledged is given up, and a new client tries."""

RECORD_BYTES_MAX = 24 * 1024 * 1024
BUFFER_WAIT_S = 0.1
RENEWED_WITHIN_S = 5.0
"""After so long an idle client with old certificates is replaced: until then it knocks with them once a second."""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where the brokers are, and how long to try."""

    address: str = "127.0.0.1:9092"
    timeout_s: float = 20.0
    api_version: tuple[int, int] | None = None
    """Only for the embedded broker, which cannot be asked."""
    security: KafkaSecurity = PLAINTEXT
    environment: Environment = DEVELOPMENT

    def client(self) -> dict[str, Any]:
        """Return the settings that every client of kafka-python shares."""
        shared: dict[str, Any] = {
            "bootstrap_servers": self.address.split(","),
            "bootstrap_timeout_ms": round(self.timeout_s * 1000),
            # It also waits so long to ask who leads a partition, and reads nothing until it knows.
            "reconnect_backoff_max_ms": RECONNECT_MS_MAX,
            **for_kafka_python(self.security),
        }
        if self.api_version is not None:
            shared["api_version"] = self.api_version
        return shared

    def librdkafka(self) -> dict[str, Any]:
        """Return the settings that every client of librdkafka shares."""
        return {"bootstrap.servers": self.address, **for_librdkafka(self.security)}


def reached(settings: KafkaSettings, make: Callable[[], T]) -> T:
    """
    Make a client of kafka-python; it tries again, with growing pauses, until the time is up.

    Raises:
        BrokerUnreachable: no broker answers at the address.
        KafkaRefused: one answers, and does not let us in.
    """
    require_entry(settings.address, settings.security)
    try:
        return make()
    except (KafkaConnectionError, KafkaTimeoutError, OSError):
        raise unreachable(settings) from None


def unreachable(settings: KafkaSettings) -> BrokerUnreachable | KafkaRefused:
    """Return why a client found no broker: there is none, or it is spoken to in the wrong way."""
    # It may have come up since the client was made, with a certificate that is none.
    require_entry(settings.address, settings.security)
    if not settings.security.is_secret and speaks_tls(settings.address):
        text = f"the broker at {settings.address} speaks TLS: set kafka-security to ssl or sasl_ssl"
        return KafkaRefused("other-protocol", text)
    return BrokerUnreachable(settings.address, settings.timeout_s)


@contextlib.contextmanager
def admin_client(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """
    Give an admin client, closed afterwards.

    Raises:
        BrokerUnreachable: no broker answers at the address.
    """
    client = reached(settings, lambda: KafkaAdminClient(**settings.client()))
    try:
        yield client
    finally:
        client.close()


def producer_settings(settings: KafkaSettings) -> dict[str, Any]:
    """Return how librdkafka publishes whatever must be safe."""
    return {
        **settings.librdkafka(),
        "acks": "all",
        "enable.idempotence": True,
        # Where Java's clients and Faust put a key: patients are partitioned alike by all.
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "message.max.bytes": RECORD_BYTES_MAX,
        "message.timeout.ms": round(GIVEN_UP_S * 1000),
        "reconnect.backoff.max.ms": RECONNECT_MS_MAX,
        # What it would print tells nothing that is not told here.
        "log_level": 0,
    }


class Publisher:
    """
    Sends records and knows when every one of them is safe: `acks=all`, nothing assumed.

    By librdkafka: it frames and checks records outside of Python's lock, at a
    fraction of the time (docs/adr/0017-librdkafka-publishes.md). It reads
    certificates only when it is made: where they were replaced another one is
    made as soon as nothing is on its way.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """
        Connect.

        Raises:
            BrokerUnreachable: no broker answers at the address.
            KafkaRefused: one answers, and does not let us in.
        """
        require_entry(settings.address, settings.security)
        self._settings, self._renewal = settings, renewal_of(settings.security)
        self._producer = Producer(producer_settings(settings))
        # The board's answers are sent by several threads.
        self._sending = threading.Lock()
        try:
            self._producer.list_topics(timeout=settings.timeout_s)
        except KafkaException:
            raise unreachable(settings) from None
        self._pending: list[Sent] = []
        self._closed = threading.Event()
        if settings.security.is_secret:
            threading.Thread(target=self._renew_while_idle, name="renewing", daemon=True).start()

    def send(self, topic: str, key: bytes, value: bytes | None, **place: int) -> None:
        """
        Hand over a record (None: forget the key); it is safe only after `confirm`.

        *place*: `partition`, where it is not the key's; `timestamp` in milliseconds, where it is not now.
        """
        with self._sending:
            self._renew()
            self._pending.append(self._sent(topic, key, value, **place))

    def confirm(self) -> int:
        """
        Wait until the broker has acknowledged everything; return how much it was.

        Raises:
            KafkaError: something was not acknowledged.
            KafkaRefused: nothing of ours will ever be.
        """
        pending, self._pending = self._pending, []
        if self._flush(self._producer, ACK_TIMEOUT_S):
            with self._sending:
                self._renew(is_stuck=True)
            raise KafkaTimeoutError("the broker does not acknowledge")
        for one in pending:
            if one.error is not None:
                raise one.error
        return len(pending)

    def publish(
        self, records: Sequence[tuple[str, bytes, bytes | None]], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """
        Send *records* (topic, key, value) together; return for each why it is not safe, or None.

        Blocks until the broker has answered for every one of them or the client
        has given it up (two minutes). Calls *still_waiting* every few seconds.

        Raises:
            KafkaTimeoutError: the client neither delivers nor gives up; any record may have arrived or not.
        """
        with self._sending:
            self._renew()
            # Ours, though another thread renews it meanwhile: it does so only when all of this is answered.
            producer = self._producer
            sent = [self._sent(*record) for record in records]
        for _ in range(SLOW_ANSWERS_MAX):
            if not self._flush(producer, SLOW_ANSWER_S):
                return [one.error for one in sent]
            still_waiting()
        raise KafkaTimeoutError("the client neither delivers nor gives up")

    def close(self) -> None:
        """Close the connection; what was not confirmed may not have arrived."""
        self._closed.set()
        self._give_up()

    def _renew(self, *, is_stuck: bool = False) -> None:
        """
        Take a client with the certificates of now, where they are others: when no record is on its way.

        Or when none gets there: the broker may know the old ones no more.
        """
        if not self._renewal.is_due():
            return
        # What it has to tell besides counts as on its way, until it is heard.
        self._producer.poll(0)
        if is_stuck:
            self._give_up()
        if is_stuck or len(self._producer) == 0:
            self._renewal = renewal_of(self._settings.security)
            self._producer = Producer(producer_settings(self._settings))

    def _renew_while_idle(self) -> None:
        while not self._closed.wait(RENEWED_WITHIN_S):
            with self._sending:
                self._renew()

    def _give_up(self) -> None:
        self._producer.purge()
        self._producer.flush(0)

    def _flush(self, producer: Producer, wait_s: float) -> int:
        """Wait for answers; return how many are still awaited."""
        try:
            return int(producer.flush(wait_s))
        except (KafkaException, SystemError) as error:
            # What ends the client for good it raises wherever it happens to be, also within a callback of ours.
            if refusal_of(error) == "denied":
                raise denied(["to write, to any topic at all"]) from None
            raise

    def _sent(self, topic: str, key: bytes, value: bytes | None, **place: int) -> Sent:
        one = Sent()
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=one.delivered, **place)
            except BufferError:
                self._producer.poll(BUFFER_WAIT_S)
            except KafkaException as error:
                one.error = as_error(error.args[0])
                return one
            else:
                return one


def require_topics(settings: KafkaSettings, topics: Sequence[Topic]) -> None:
    """
    Refuse to run where one of these topics is missing or is not as it must be.

    Raises:
        BrokerUnreachable: no broker answers.
        KafkaRefused: the broker does not let us in, or does not show us a topic.
        MissingTopics: run `cordwatch topics apply`.
        WrongTopics: somebody else made one.
        NotForProduction: one has too few copies for a production.
    """
    with admin_client(settings) as admin:
        required(settings, topics, admin.describe_topics([one.name for one in topics]))


def required(
    settings: KafkaSettings, topics: Sequence[Topic], described: Sequence[Mapping[str, Any]]
) -> None:
    """
    Refuse *topics* as the broker *described* them, where they are not as they must be.

    Raises:
        KafkaRefused, MissingTopics, WrongTopics, NotForProduction: as `require_topics`.
    """
    errors = {one["name"]: for_code(one["error_code"]) for one in described}
    hidden = [name for name, error in errors.items() if error is TopicAuthorizationFailedError]
    if hidden:
        raise denied([f"Describe topic {name}" for name in hidden])
    missing = [name for name, error in errors.items() if error is UnknownTopicOrPartitionError]
    if missing:
        raise MissingTopics(missing, settings.address)
    wanted = {one.name: one.partitions for one in topics}
    for one in described:
        found, must_have = len(one["partitions"]), wanted[one["name"]]
        if found != must_have:
            raise WrongTopics(one["name"], found, must_have)
    settings.environment.require_copies((one["name"], copies_of(one)) for one in described)


def copies_of(described: Mapping[str, Any]) -> int:
    """Return how many copies a topic has, as a broker describes it: of the partition with the fewest."""
    return min(len(partition["replica_nodes"]) for partition in described["partitions"])


def read_topic(
    settings: KafkaSettings, topic: str, *, follow: bool, since: datetime | None = None
) -> Iterator[tuple[bytes | None, bytes | None] | None]:
    """
    Return key and value of every record of *topic* from the start; None at the present end, once.

    *since* leaves out what was sent before. With *follow* it goes on after the end, giving None in every quiet second.

    Raises:
        BrokerUnreachable: no broker answers at the address.
        MissingTopics: the topic does not exist.
    """
    consumer = reached(
        settings,
        lambda: KafkaConsumer(
            **settings.client(), enable_auto_commit=False, auto_offset_reset="earliest"
        ),
    )
    try:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise MissingTopics([topic], settings.address)
        assigned = [TopicPartition(topic, one) for one in sorted(partitions)]
        consumer.assign(assigned)
        consumer.seek_to_beginning(*assigned)
        ends = consumer.end_offsets(assigned)
        if since is not None:
            at_ms = round(since.timestamp() * 1000)
            for one, begin in consumer.offsets_for_times(dict.fromkeys(assigned, at_ms)).items():
                consumer.seek(one, begin.offset if begin else ends[one])
        at_end = False
        while True:
            if not at_end and all(has_read(consumer, one, ends[one]) for one in assigned):
                at_end = True
                yield None
                if not follow:
                    return
            polled = consumer.poll(timeout_ms=1000 if at_end else 200)
            for found in polled.values():
                for record in found:
                    yield record.key, record.value
            if at_end and not polled:
                yield None
    finally:
        consumer.close()


__all__ = [
    "GIVEN_UP_S",
    "NOT_SAFE",
    "TOO_LARGE",
    "BrokerUnreachable",
    "KafkaError",
    "KafkaSettings",
    "MissingTopics",
    "Publisher",
    "WrongTopics",
    "admin_client",
    "read_topic",
    "require_topics",
]
