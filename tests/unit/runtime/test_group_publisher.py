"""Groups on their way to the broker: an answer for every record, and none for what is not safe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION, embedded_broker
from cordwatch.runtime.group_publisher import GroupPublisher
from cordwatch.runtime.kafka import (
    RECORD_BYTES_MAX,
    TOO_LARGE,
    KafkaError,
    KafkaSettings,
    read_topic,
)

TOPIC = "published"
PATIENCE_S = 20.0


class Answers:
    """What was answered, in order."""

    def __init__(self) -> None:
        """Hear on the running loop, whoever tells."""
        self._told: asyncio.Queue[list[KafkaError | None]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def put(self, errors: list[KafkaError | None]) -> None:
        """Take an answer."""
        self._loop.call_soon_threadsafe(self._told.put_nowait, errors)

    async def next(self, patience_s: float = PATIENCE_S) -> list[KafkaError | None]:
        """Return what was answered next."""
        async with asyncio.timeout(patience_s):
            return await self._told.get()


@pytest.fixture
def broker() -> Iterator[KafkaSettings]:
    """Give a broker of the test's own."""
    with embedded_broker({TOPIC: 1}) as address:
        yield KafkaSettings(address, api_version=KAFKA_PYTHON_API_VERSION)


async def test_groups_that_are_under_way_together_arrive_in_their_order(
    broker: KafkaSettings,
) -> None:
    """Nobody waits between them."""
    publisher, answers = GroupPublisher(broker), Answers()
    for group in range(20):
        records = [(TOPIC, b"k", b"%d-%d" % (group, number)) for number in range(5)]
        publisher.send(records, answers.put)
    assert [await answers.next() for _ in range(20)] == [[None] * 5] * 20
    publisher.close()
    found = [one[1] for one in read_topic(broker, TOPIC, follow=False) if one is not None]
    assert found == [b"%d-%d" % (group, number) for group in range(20) for number in range(5)]


async def test_a_record_that_no_broker_takes_is_named_and_those_beside_it_are_safe(
    broker: KafkaSettings,
) -> None:
    """One answer for each, in order."""
    publisher, answers = GroupPublisher(broker), Answers()
    values = (b"first", b"x" * (RECORD_BYTES_MAX + 1), b"last")
    publisher.send([(TOPIC, b"k", value) for value in values], answers.put)
    first, large, last = await answers.next()
    assert (first, last) == (None, None)
    assert isinstance(large, TOO_LARGE)
    publisher.close()


async def test_without_a_broker_nothing_is_answered_until_it_is_given_up() -> None:
    """And then all of it, so that nothing can overtake what is sent again."""
    publisher, answers = GroupPublisher(KafkaSettings("127.0.0.1:1")), Answers()
    publisher.send([(TOPIC, b"k", b"1"), (TOPIC, b"k", b"2")], answers.put)
    publisher.send([(TOPIC, b"k", b"3")], answers.put)
    with pytest.raises(TimeoutError):
        await answers.next(0.5)
    await asyncio.to_thread(publisher.close)
    told = [await answers.next() for _ in range(2)]
    assert [[isinstance(one, KafkaError) for one in group] for group in told] == [
        [True, True],
        [True],
    ]
