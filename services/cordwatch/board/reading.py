"""
Reads the board's topics from the beginning, and follows them; a thread of its own.

No group and no offsets: every board reads everything, so that a restart is a
rebuild and several boards show the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from cordwatch.runtime.following import go_on_with
from cordwatch.runtime.kafka import (
    RECONNECT_MS_MAX,
    KafkaSettings,
    MissingTopics,
    unreachable,
)
from cordwatch.runtime.kafka_refusals import refusal_of_code
from cordwatch.runtime.kafka_security import renewal_of
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import Topic

Record = tuple[str, bytes | None, bytes | None]
"""Topic, key and value."""

AT_ONCE = 2_000
QUIET_S = 0.2
QUEUED_KIB_MAX = 8 * 1024
ASK_EVERY_S = 2.0
"""How often the broker is asked whether it is there."""
AWAY_AFTER_S = 6.0
"""A broker that has not answered for so long is away, and the board is not live."""

_client_log = logging.getLogger("cordwatch.runtime.librdkafka")


class Reader:
    """Hands over what the topics hold, batch by batch, and knows whether it is up to date."""

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[Topic],
        clock: WallClock,
        take: Callable[[Sequence[Record]], None],
        caught_up: Callable[[], None],
    ) -> None:
        """Give records to *take*, in the reader's thread; call *caught_up* when all that was there is read."""
        self._settings, self._topics, self._clock = settings, topics, clock
        self._take, self._caught_up = take, caught_up
        self._stop = threading.Event()
        self._renewal = renewal_of(settings.security)
        self._consumer = _client(settings)
        self._starts: list[TopicPartition] = []
        self._answered_at = clock.monotonic()
        self._read_at = clock.monotonic()
        self._waiting: set[tuple[str, int]] = set()
        self.records = 0
        self.failed: BaseException | None = None

    def connect(self) -> None:
        """
        Find the partitions.

        Raises:
            BrokerUnreachable: no broker answers.
            MissingTopics: run `cordwatch topics apply`.
        """
        try:
            known = self._consumer.list_topics(timeout=self._settings.timeout_s).topics
        except KafkaException:
            raise unreachable(self._settings) from None
        missing = [one.name for one in self._topics if one.name not in known]
        if missing:
            raise MissingTopics(missing, self._settings.address)
        found = [(one.name, part) for one in self._topics for part in known[one.name].partitions]
        self._waiting = set(found)
        self._starts = [TopicPartition(*one, OFFSET_BEGINNING) for one in found]
        self._consumer.assign(self._starts)

    def start(self) -> None:
        """Begin to read, and to ask whether the broker is there."""
        for work in (self._read, self._ask):
            threading.Thread(
                target=self._guarded, args=(work,), name="board-reader", daemon=True
            ).start()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()

    def is_away(self) -> bool:
        """Return whether the broker has not answered lately, or reading stands still: what is known may be old."""
        now = self._clock.monotonic()
        return now - min(self._answered_at, self._read_at) > AWAY_AFTER_S

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whoever runs the board ends it
            self.failed = error

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                self._read_once()
        finally:
            self._consumer.close()

    def _read_once(self) -> None:
        if self._renewal.is_due():
            self._renewal = renewal_of(self._settings.security)
            self._consumer = go_on_with(_client(self._settings), self._consumer, self._starts)
        first = self._consumer.poll(QUIET_S)
        # Whatever else is here already: waiting for more would hold up the first.
        polled = [] if first is None else [first, *self._consumer.consume(AT_ONCE, 0)]
        batch: list[Record] = []
        for record in polled:
            error = record.error()
            if error is None:
                batch.append((record.topic(), record.key(), record.value()))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name there
                self._at_end(record.topic(), record.partition(), batch)
                batch = []
            elif error.fatal() or refusal_of_code(error.code()) == "denied":
                # A topic that it may read no more would only look quiet.
                raise KafkaException(error)
        self._hand_over(batch)
        self._read_at = self._clock.monotonic()

    def _hand_over(self, batch: Sequence[Record]) -> None:
        if batch:
            self.records += len(batch)
            self._take(batch)

    def _at_end(self, topic: str, partition: int, before: Sequence[Record]) -> None:
        self._hand_over(before)
        if self._waiting:
            self._waiting.discard((topic, partition))
            if not self._waiting:
                self._caught_up()

    def _ask(self) -> None:
        # A client of its own: asked through the consumer while that reads, no answer ever came back.
        asking, renewal = _asking(self._settings), renewal_of(self._settings.security)
        while not self._stop.wait(ASK_EVERY_S):
            if renewal.is_due():
                asking, renewal = _asking(self._settings), renewal_of(self._settings.security)
            try:
                asking.list_topics(self._topics[0].name, timeout=ASK_EVERY_S)
            except KafkaException:
                continue
            self._answered_at = self._clock.monotonic()


def _asking(settings: KafkaSettings) -> AdminClient:
    return AdminClient({**settings.librdkafka(), "log_level": 0})


def _client(settings: KafkaSettings) -> Consumer:
    return Consumer(
        {
            **settings.librdkafka(),
            "group.id": "cordwatch-board",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            # What was fetched and not yet read is memory that nobody looks at.
            "queued.max.messages.kbytes": QUEUED_KIB_MAX,
            # By itself the client would pause a whole second whenever so much is fetched ahead.
            "fetch.queue.backoff.ms": 10,
            "reconnect.backoff.max.ms": RECONNECT_MS_MAX,
            "log_level": 2,
        },
        logger=_client_log,
    )
