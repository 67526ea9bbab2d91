"""Group commit without a broker: nobody is told before all is safe, whatever the broker does."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from cordwatch.feeds.group_commit import GroupCommit, Job, Record, Settled
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import understand
from cordwatch.feeds.receipts import Memory
from cordwatch.feeds.source import Source
from cordwatch.runtime.kafka import BrokerUnreachable
from cordwatch_schemas.records import Receipts
from cordwatch_schemas.topics import ADMISSIONS, RAW, RECEIPTS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PATIENCE_S = 10.0
Answer = Callable[[Record], KafkaError | None]


def safe(_: Record) -> None:
    """Take every record."""


class FakeBroker:
    """Keeps what it is sent; the test says what it answers, and when."""

    def __init__(self) -> None:
        """Answer at once, and take everything."""
        self.records: list[Record] = []
        self.groups: list[int] = []
        self.connections = 0
        self.unreachable = 0
        self.answers: list[Answer] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = threading.Event()

    def connect(self) -> FakeBroker:
        """Give a client, unless it is unreachable for a while."""
        if self.unreachable:
            self.unreachable -= 1
            raise BrokerUnreachable("nowhere", 1)
        self.connections += 1
        return self

    def publish(
        self, records: Sequence[Record], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Answer for each record as the test wants."""
        if not records:
            return []
        self.asked.set()
        while not self.may_answer.wait(0.01):
            still_waiting()
        answer = self.answers.pop(0) if self.answers else safe
        found = [answer(record) for record in records]
        self.records += (one for one, why in zip(records, found, strict=True) if why is None)
        self.groups.append(len(records))
        return found

    def close(self) -> None:
        """Do nothing."""


class Desk:
    """A group commit with what it delivered."""

    def __init__(self, broker: FakeBroker, memory: Memory | None = None) -> None:
        """Start it on *broker*."""
        self.told: queue.Queue[tuple[str, Settled]] = queue.Queue()
        self.broken = threading.Event()
        self.commit = GroupCommit(
            broker.connect,
            lambda piece, at: understand(piece, Source(), at),
            self._deliver,
            self.broken.set,
            memory,
        )

    def _deliver(self, group: list[tuple[Job, Settled]]) -> None:
        for job, settled in group:
            job.done(settled)

    def send(self, number: int) -> None:
        """Submit an admission."""
        data = (
            f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|{number}|P|2.5\r"
            f"PID|1||{number}^^^H^MR\rPV1|1|I|HAEM1\rEVN|A01|20260302095500\r"
        ).encode()

        def done(settled: Settled) -> None:
            self.told.put((settled.found.control_id, settled))

        self.commit.submit(Job(Piece("message", data), NOW, done))

    def next(self) -> tuple[str, Settled]:
        """Return what is told next."""
        return self.told.get(timeout=PATIENCE_S)


@pytest.fixture
def broker() -> FakeBroker:
    """Give a broker of the test's own."""
    return FakeBroker()


@pytest.fixture
def desk(broker: FakeBroker) -> Iterator[Desk]:
    """Give a running group commit; whatever happened, it ends with the test."""
    desk = Desk(broker)
    desk.commit.start()
    yield desk
    broker.may_answer.set()
    assert desk.commit.stop(PATIENCE_S)


def test_raw_and_events_are_safe_before_anybody_is_told(desk: Desk, broker: FakeBroker) -> None:
    """What is acknowledged can never be lost."""
    broker.may_answer.clear()
    desk.send(1)
    assert broker.asked.wait(PATIENCE_S)
    assert desk.told.empty()
    broker.may_answer.set()
    control_id, settled = desk.next()
    assert (control_id, settled.stored) == ("1", True)
    topics = {topic for topic, _, _ in broker.records}
    assert {RAW.name, ADMISSIONS.name} <= topics


def test_what_waits_goes_together(desk: Desk, broker: FakeBroker) -> None:
    """One flush for many messages; told in the order in which they came."""
    broker.may_answer.clear()
    desk.send(0)
    assert broker.asked.wait(PATIENCE_S)
    for number in range(1, 101):
        desk.send(number)
    broker.may_answer.set()
    assert [desk.next()[0] for _ in range(101)] == [str(number) for number in range(101)]
    assert len(broker.groups) == 2


def test_while_the_broker_is_away_nobody_is_told(desk: Desk, broker: FakeBroker) -> None:
    """Refused, then unreachable, then back: told once, and only then."""
    broker.answers = [lambda _: KafkaTimeoutError(), lambda _: KafkaTimeoutError()]
    broker.unreachable = 0
    desk.send(1)
    control_id, settled = desk.next()
    assert (control_id, settled.stored) == ("1", True)
    assert (len(broker.groups), broker.connections, desk.told.empty()) == (3, 3, True)
    assert not desk.commit.broker_away


def test_a_broker_that_cannot_be_reached_is_tried_again(broker: FakeBroker) -> None:
    """From the first message on."""
    broker.unreachable = 3
    desk = Desk(broker)
    desk.commit.start()
    desk.send(1)
    assert desk.next()[1].stored
    assert desk.commit.stop(PATIENCE_S)


def test_only_what_is_not_safe_is_sent_again(desk: Desk, broker: FakeBroker) -> None:
    """One partition was without a leader; its records alone go again."""
    broker.answers = [lambda one: KafkaTimeoutError() if one[0] == RAW.name else None]
    desk.send(1)
    assert desk.next()[1].stored
    assert max(Counter(broker.records).values()) == 1
    assert broker.groups == [broker.groups[0], 1]


def test_a_record_too_large_is_refused_and_the_others_are_stored(
    desk: Desk, broker: FakeBroker
) -> None:
    """Trying for ever would hold up everybody behind it."""
    broker.may_answer.clear()
    desk.send(0)
    assert broker.asked.wait(PATIENCE_S)
    desk.send(1)
    desk.send(2)
    broker.answers = [safe, lambda one: MessageSizeTooLargeError() if b"|1" in one[1] else None]
    broker.may_answer.set()
    told = [desk.next() for _ in range(3)]
    assert [(name, settled.stored) for name, settled in told] == [
        ("0", True),
        ("1", False),
        ("2", True),
    ]


def test_a_slow_broker_counts_as_away_until_it_answers(desk: Desk, broker: FakeBroker) -> None:
    """So that health and metrics say it before the client gives up."""
    broker.may_answer.clear()
    desk.send(1)
    assert broker.asked.wait(PATIENCE_S)
    seen = threading.Event()
    for _ in range(1000):
        if desk.commit.broker_away or seen.wait(0.01):
            break
    assert desk.commit.broker_away
    broker.may_answer.set()
    assert desk.next()[1].stored
    assert not desk.commit.broker_away


def test_what_was_submitted_is_finished_at_the_end(broker: FakeBroker) -> None:
    """A stop is no crash."""
    desk = Desk(broker)
    for number in range(1200):
        desk.send(number)
    desk.commit.start()
    assert desk.commit.stop(PATIENCE_S)
    assert desk.told.qsize() == 1200


def test_an_error_of_ours_is_told_and_not_survived_in_silence(broker: FakeBroker) -> None:
    """The process must end: senders would wait for ever."""

    def fails(_: Record) -> None:
        raise ZeroDivisionError

    broker.answers = [fails]
    desk = Desk(broker)
    desk.commit.start()
    desk.send(1)
    assert desk.broken.wait(PATIENCE_S)
    assert desk.told.empty()


def is_receipt(record: Record) -> bool:
    """Return whether a record is one of receipts."""
    return record[0] == RECEIPTS.name


def test_a_receipt_is_published_after_all_that_it_stands_for(broker: FakeBroker) -> None:
    """One that was there first, and a crash behind it: the message would be known, and lost."""
    memory = Memory()
    broker.answers = [lambda one: KafkaTimeoutError() if one[0] == ADMISSIONS.name else None]
    desk = Desk(broker, memory)
    desk.commit.start()
    desk.send(1)
    assert desk.next()[1].stored
    assert desk.commit.stop(PATIENCE_S)
    # Raw and identity, then the event that was not taken, then the receipt.
    assert [is_receipt(one) for one in broker.records] == [False, False, False, True]
    assert broker.groups == [3, 1, 1]
    (receipt,) = Receipts.model_validate_json(broker.records[-1][2]).receipts
    assert (broker.records[-1][1], receipt.result, memory.size) == (desk.commit.name, None, 1)


def test_without_a_safe_receipt_nobody_is_told(broker: FakeBroker) -> None:
    """What was acknowledged is remembered, whatever ends the process."""
    memory, refused = Memory(), threading.Event()

    def away(record: Record) -> KafkaError | None:
        if not is_receipt(record):
            return None
        refused.set()
        return KafkaTimeoutError()

    broker.answers = [away] * 3
    desk = Desk(broker, memory)
    desk.commit.start()
    desk.send(1)
    assert refused.wait(PATIENCE_S)
    assert (desk.told.empty(), memory.size) == (True, 0)
    assert desk.next()[1].stored
    assert memory.size == 1
    assert desk.commit.stop(PATIENCE_S)


def test_a_group_of_repetitions_alone_asks_nothing_of_the_broker(broker: FakeBroker) -> None:
    """It is answered from memory."""
    desk = Desk(broker, Memory())
    desk.commit.start()
    desk.send(1)
    assert not desk.next()[1].repeated
    before = list(broker.groups)
    desk.send(1)
    assert desk.next()[1].repeated
    assert broker.groups == before
    assert desk.commit.stop(PATIENCE_S)
