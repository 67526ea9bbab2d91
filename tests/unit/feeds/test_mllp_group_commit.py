"""Group commit without a broker: nobody is told before all is safe, whatever the broker does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from cordwatch.feeds import group_commit
from cordwatch.feeds.group_commit import UNDER_WAY_MAX, GroupCommit, Job, Record, Settled
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import understand
from cordwatch.feeds.receipts import Memory
from cordwatch.feeds.source import Source
from cordwatch_schemas.records import Receipts
from cordwatch_schemas.topics import ADMISSIONS, RAW, RECEIPTS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PATIENCE_S = 10.0
Answer = Callable[[Record], KafkaError | None]
Answered = Callable[[list[KafkaError | None]], None]


def safe(_: Record) -> None:
    """Take every record."""


class FakeBroker:
    """Keeps what it is sent; the test says what it answers, and when."""

    def __init__(self) -> None:
        """Answer at once, and take everything."""
        self.records: list[Record] = []
        self.groups: list[int] = []
        self.connections = 0
        self.answers: list[Answer] = []
        self.is_renewed = False
        """Whether certificates were replaced since the last client was made."""
        self.asked = asyncio.Event()
        self._asked: list[tuple[Sequence[Record], Answered]] = []
        self._is_held = False

    def connect(self) -> FakeClient:
        """Give a client."""
        self.connections += 1
        self.is_renewed = False
        return FakeClient(self)

    def hold(self) -> None:
        """Answer nothing for now."""
        self._is_held = True

    def was_asked(self, count: int) -> bool:
        """Return whether so many groups wait for an answer."""
        return len(self._asked) == count

    def let_go(self, count: int | None = None) -> None:
        """Answer all that was asked and will be; or the first *count* alone."""
        self._is_held = count is not None
        asked, self._asked = self._asked[:count], self._asked[len(self._asked[:count]) :]
        for records, answered in asked:
            self._answer(records, answered)

    def send(self, records: Sequence[Record], answered: Answered) -> None:
        """Take records, or keep them waiting."""
        self.asked.set()
        if self._is_held:
            self._asked.append((records, answered))
        else:
            self._answer(records, answered)

    def close(self) -> None:
        """Give up what waits."""
        asked, self._asked = self._asked, []
        for records, answered in asked:
            answered([KafkaTimeoutError() for _ in records])

    def _answer(self, records: Sequence[Record], answered: Answered) -> None:
        answer = self.answers.pop(0) if self.answers else safe
        found = [answer(record) for record in records]
        self.records += (one for one, why in zip(records, found, strict=True) if why is None)
        self.groups.append(len(records))
        answered(found)


class FakeClient:
    """One of the clients that a broker had."""

    def __init__(self, broker: FakeBroker) -> None:
        """Talk to *broker*."""
        self.send, self.close, self._broker = broker.send, broker.close, broker

    def is_outdated(self) -> bool:
        """Return whether another client would have other certificates."""
        return self._broker.is_renewed


class Desk:
    """A group commit with what it delivered."""

    def __init__(self, broker: FakeBroker, memory: Memory | None = None) -> None:
        """Put it together on *broker*."""
        self.told: asyncio.Queue[tuple[str, Settled]] = asyncio.Queue()
        self.broken = asyncio.Event()
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

    def send(self, number: int, ward: str = "HAEM1") -> None:
        """Submit an admission."""
        data = (
            f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|{number}|P|2.5\r"
            f"PID|1||{number}^^^H^MR\rPV1|1|I|{ward}\rEVN|A01|20260302095500\r"
        ).encode()

        def done(settled: Settled) -> None:
            self.told.put_nowait((settled.found.control_id, settled))

        self.commit.submit(Job(Piece("message", data), NOW, done))

    async def next(self) -> tuple[str, Settled]:
        """Return what is told next."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until *what* holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not what():  # noqa: ASYNC110 - states without an event of their own
                await asyncio.sleep(0.001)


@pytest.fixture
def broker() -> FakeBroker:
    """Give a broker of the test's own."""
    return FakeBroker()


@asynccontextmanager
async def running(broker: FakeBroker, memory: Memory | None = None) -> AsyncIterator[Desk]:
    """Give a running group commit; whatever happened, it ends with the block."""
    desk = Desk(broker, memory)
    desk.commit.start()
    yield desk
    broker.let_go()
    assert await desk.commit.stop(PATIENCE_S)


@pytest.fixture
async def desk(broker: FakeBroker) -> AsyncIterator[Desk]:
    """Give a running group commit without a memory."""
    async with running(broker) as desk:
        yield desk


async def test_raw_and_events_are_safe_before_anybody_is_told(
    desk: Desk, broker: FakeBroker
) -> None:
    """What is acknowledged can never be lost."""
    broker.hold()
    desk.send(1)
    await desk.until(broker.asked.is_set)
    await asyncio.sleep(0.01)
    assert desk.told.empty()
    broker.let_go()
    control_id, settled = await desk.next()
    assert (control_id, settled.stored) == ("1", True)
    topics = {topic for topic, _, _ in broker.records}
    assert {RAW.name, ADMISSIONS.name} <= topics


async def test_what_waits_goes_together(desk: Desk, broker: FakeBroker) -> None:
    """One group for many messages once enough are under way; told in the order in which they came."""
    broker.hold()
    for number in range(UNDER_WAY_MAX):
        desk.send(number)
        await desk.until(partial(broker.was_asked, number + 1))
    for number in range(UNDER_WAY_MAX, 40):
        desk.send(number)
    await asyncio.sleep(0.01)
    assert len(broker._asked) == UNDER_WAY_MAX
    broker.let_go()
    assert [(await desk.next())[0] for _ in range(40)] == [str(number) for number in range(40)]
    assert len(broker.groups) == UNDER_WAY_MAX + 1


async def test_a_group_that_is_safe_before_the_one_in_front_of_it_waits_for_it(
    desk: Desk, broker: FakeBroker
) -> None:
    """Told, and remembered, in order: what is behind a message may build upon it."""
    broker.hold()
    for number in range(2):
        desk.send(number)
        await desk.until(partial(broker.was_asked, number + 1))
    first = broker._asked.pop(0)
    broker.let_go(1)
    await asyncio.sleep(0.01)
    assert desk.told.empty()
    broker._asked.insert(0, first)
    broker.let_go()
    assert [(await desk.next())[0] for _ in range(2)] == ["0", "1"]


async def test_while_the_broker_is_away_nobody_is_told(desk: Desk, broker: FakeBroker) -> None:
    """Refused, then back: told once, and only then."""
    broker.answers = [lambda _: KafkaTimeoutError(), lambda _: KafkaTimeoutError()]
    desk.send(1)
    control_id, settled = await desk.next()
    assert (control_id, settled.stored) == ("1", True)
    assert (len(broker.groups), broker.connections, desk.told.empty()) == (3, 3, True)
    assert not desk.commit.broker_away


async def test_what_was_behind_a_failure_goes_again_behind_it_and_before_what_is_new(
    desk: Desk, broker: FakeBroker
) -> None:
    """The order of a patient's events holds over a broker that went away."""
    broker.hold()
    for number in range(2):
        desk.send(number)
        await desk.until(partial(broker.was_asked, number + 1))
    desk.send(2)
    broker.answers = [lambda _: KafkaTimeoutError()]
    # The first is refused; the second was not answered, and is given up with the client.
    broker.let_go(1)
    await desk.until(lambda: broker.connections == 2)
    assert broker.records == []
    broker.let_go()
    assert [(await desk.next())[0] for _ in range(3)] == ["0", "1", "2"]
    ids = [value.partition(b'"source_message_id":"')[2][:1] for _, _, value in broker.records]
    told = [one for one in ids if one]
    assert told == sorted(told)
    assert len(told) == 6
    assert broker.connections == 2


async def test_a_client_with_new_certificates_comes_when_nothing_is_on_its_way(
    desk: Desk, broker: FakeBroker
) -> None:
    """What was sent by the old one is safe before anything goes by the new one: nothing can overtake it."""
    broker.hold()
    desk.send(0)
    await desk.until(partial(broker.was_asked, 1))
    broker.is_renewed = True
    desk.send(1)
    await asyncio.sleep(0.01)
    assert (broker.connections, broker.was_asked(1)) == (1, True)
    broker.let_go()
    assert [(await desk.next())[0] for _ in range(2)] == ["0", "1"]
    assert (broker.connections, max(Counter(broker.records).values())) == (2, 1)
    desk.send(2)
    assert (await desk.next())[0] == "2"
    assert broker.connections == 2
    assert not desk.commit.broker_away


async def test_a_gateway_at_rest_takes_a_new_client_too(
    desk: Desk, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would knock with its old certificates until the next message comes."""
    monkeypatch.setattr(group_commit, "RENEWED_WITHIN_S", 0.05)
    desk.send(0)
    assert (await desk.next())[0] == "0"
    broker.is_renewed = True
    await desk.until(lambda: broker.connections == 2)
    desk.send(1)
    assert (await desk.next())[0] == "1"
    assert broker.connections == 2


async def test_what_the_broker_does_not_take_by_old_certificates_goes_by_new_ones(
    desk: Desk, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may know the old ones no more, and would never answer: nobody waits for the client to give up by itself."""
    monkeypatch.setattr(group_commit, "SLOW_ANSWER_S", 0.05)
    broker.hold()
    desk.send(0)
    await desk.until(partial(broker.was_asked, 1))
    await desk.until(lambda: desk.commit.broker_away)
    assert broker.connections == 1
    broker.is_renewed = True
    await desk.until(lambda: broker.connections == 2)
    broker.let_go()
    assert (await desk.next())[0] == "0"
    assert not desk.commit.broker_away


async def test_only_what_is_not_safe_is_sent_again(desk: Desk, broker: FakeBroker) -> None:
    """One partition was without a leader; its records alone go again."""
    broker.answers = [lambda one: KafkaTimeoutError() if one[0] == RAW.name else None]
    desk.send(1)
    assert (await desk.next())[1].stored
    assert max(Counter(broker.records).values()) == 1
    assert broker.groups == [broker.groups[0], 1]


async def test_a_record_too_large_is_refused_and_the_others_are_stored(
    desk: Desk, broker: FakeBroker
) -> None:
    """Trying for ever would hold up everybody behind it."""
    large = b'"source_message_id":"1"'
    broker.answers = [lambda one: MessageSizeTooLargeError() if large in one[2] else None]
    for number in range(3):
        desk.send(number)
    told = [await desk.next() for _ in range(3)]
    assert [(name, settled.stored) for name, settled in told] == [
        ("0", True),
        ("1", False),
        ("2", True),
    ]


async def test_a_slow_broker_counts_as_away_until_it_answers(
    desk: Desk, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that health and metrics say it before the client is given up."""
    monkeypatch.setattr(group_commit, "SLOW_ANSWER_S", 0.01)
    broker.hold()
    desk.send(1)
    await desk.until(lambda: desk.commit.broker_away)
    broker.let_go()
    assert (await desk.next())[1].stored
    assert not desk.commit.broker_away
    assert broker.connections == 1


async def test_a_client_that_never_answers_is_given_up(
    desk: Desk, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one may find the broker."""
    monkeypatch.setattr(group_commit, "SLOW_ANSWER_S", 0.01)
    monkeypatch.setattr(group_commit, "GIVEN_UP_S", 0.03)
    broker.hold()
    desk.send(1)
    await desk.until(lambda: broker.connections == 2)
    broker.let_go()
    assert (await desk.next())[1].stored
    # What the old client says of it late counts for nothing.
    assert desk.told.empty()


async def test_what_was_submitted_is_finished_at_the_end(broker: FakeBroker) -> None:
    """A stop is no crash."""
    desk = Desk(broker)
    for number in range(1200):
        desk.send(number)
    desk.commit.start()
    assert await desk.commit.stop(PATIENCE_S)
    assert desk.told.qsize() == 1200


async def test_without_a_broker_it_does_not_end_in_time(broker: FakeBroker) -> None:
    """Then senders send again."""
    desk = Desk(broker)
    broker.hold()
    desk.send(1)
    desk.commit.start()
    assert not await desk.commit.stop(0.01)
    assert desk.told.empty()
    broker.let_go()
    assert await desk.commit.stop(PATIENCE_S)


async def test_an_error_of_ours_is_told_and_not_survived_in_silence(
    broker: FakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """The process must end: senders would wait for ever. It is told by its own name."""

    def fails(_: Record) -> None:
        raise ZeroDivisionError

    broker.answers = [fails]
    desk = Desk(broker)
    desk.commit.start()
    desk.send(1)
    await desk.until(desk.broken.is_set)
    assert desk.told.empty()
    (record,) = (one for one in caplog.records if one.exc_info)
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def is_receipt(record: Record) -> bool:
    """Return whether a record is one of receipts."""
    return record[0] == RECEIPTS.name


async def test_a_receipt_is_published_after_all_that_it_stands_for(broker: FakeBroker) -> None:
    """One that was there first, and a crash behind it: the message would be known, and lost."""
    memory = Memory()
    broker.answers = [lambda one: KafkaTimeoutError() if one[0] == ADMISSIONS.name else None]
    async with running(broker, memory) as desk:
        desk.send(1)
        assert (await desk.next())[1].stored
    # Raw and identity, then the event that was not taken, then the receipt.
    assert [is_receipt(one) for one in broker.records] == [False, False, False, True]
    assert broker.groups == [3, 1, 1]
    (receipt,) = Receipts.model_validate_json(broker.records[-1][2]).receipts
    assert (broker.records[-1][1], receipt.result, memory.size) == (desk.commit.name, None, 1)


async def test_without_a_safe_receipt_nobody_is_told(broker: FakeBroker) -> None:
    """What was acknowledged is remembered, whatever ends the process."""
    memory, refused = Memory(), asyncio.Event()

    def away(record: Record) -> KafkaError | None:
        if not is_receipt(record):
            return None
        refused.set()
        return KafkaTimeoutError()

    broker.answers = [away] * 3
    async with running(broker, memory) as desk:
        desk.send(1)
        await desk.until(refused.is_set)
        assert (desk.told.empty(), memory.size) == (True, 0)
        assert (await desk.next())[1].stored
        assert memory.size == 1


async def test_a_group_of_repetitions_alone_asks_nothing_of_the_broker(broker: FakeBroker) -> None:
    """It is answered from memory."""
    async with running(broker, Memory()) as desk:
        desk.send(1)
        assert not (await desk.next())[1].repeated
        before = list(broker.groups)
        desk.send(1)
        assert (await desk.next())[1].repeated
        assert broker.groups == before


@pytest.mark.parametrize("is_refused", [False, True])
async def test_what_comes_again_while_it_is_under_way_waits_for_it(
    broker: FakeBroker, *, is_refused: bool
) -> None:
    """The same bytes are published once, and both are told what becomes of them."""
    async with running(broker, Memory()) as desk:
        broker.hold()
        if is_refused:
            broker.answers = [lambda _: MessageSizeTooLargeError()]
        desk.send(1)
        await desk.until(broker.asked.is_set)
        desk.send(1)
        desk.send(1, ward="HAEM2")
        await asyncio.sleep(0.01)
        assert desk.told.empty()
        broker.let_go()
        told = [(await desk.next())[1] for _ in range(3)]
    assert [one.stored for one in told] == [not is_refused, not is_refused, True]
    assert [one.repeated for one in told] == [False, not is_refused, False]
    assert [one.found.control_id_reused for one in told] == [False, False, True]
    raw = [value for topic, _, value in broker.records if topic == RAW.name]
    assert len(raw) == (1 if is_refused else 2)
