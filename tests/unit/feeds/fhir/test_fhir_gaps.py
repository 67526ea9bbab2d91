"""What did not come is noticed by its number, asked for, and nothing is told twice."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.fhir.gaps import AHEAD_MAX, EventNumbers
from cordwatch_schemas.records import FeedPosition
from tests.unit.feeds.fhir.desk import (
    AT,
    SUBSCRIPTION,
    Desk,
    a_desk,
    a_notification,
    an_encounter,
)
from tests.unit.feeds.fhir.server import FhirServer, serving

LATER = "2026-03-02T09:00:00Z"


def test_what_comes_in_order_leaves_no_gap() -> None:
    """One, two, three."""
    numbers = EventNumbers(0)
    for number in (1, 2, 3):
        numbers.see([number], number)
    assert (numbers.last, numbers.missing(3)) == (3, None)


def test_a_gap_is_named_until_it_is_closed() -> None:
    """Two and three are missing, then three, then nothing."""
    numbers = EventNumbers(0)
    numbers.see([1, 4])
    assert numbers.missing() == (2, 3)
    numbers.see([2])
    assert numbers.missing() == (3, 3)
    numbers.see([3])
    assert (numbers.last, numbers.missing()) == (4, None)


def test_a_heartbeat_tells_of_what_was_lost_at_the_end() -> None:
    """Nothing came after it to show the gap."""
    numbers = EventNumbers(0)
    numbers.see([1])
    numbers.see([], 3)
    assert numbers.missing(3) == (2, 3)


def test_what_was_before_the_first_is_left_to_the_search() -> None:
    """A subscription may be a million events old."""
    numbers = EventNumbers()
    numbers.see([1_000_000], 1_000_000)
    assert (numbers.last, numbers.missing(1_000_000)) == (1_000_000, None)


def test_memory_is_bounded_however_much_is_ahead() -> None:
    """The gap is then left to the search."""
    numbers = EventNumbers(0)
    numbers.see(range(2, AHEAD_MAX + 3))
    assert (numbers.last, len(numbers._ahead)) == (AHEAD_MAX + 2, 0)


@given(st.permutations(range(1, 13)), st.lists(st.integers(1, 12), max_size=5))
def test_any_order_and_any_doubles_end_in_the_same(order: list[int], doubles: list[int]) -> None:
    """Late, early, twice: at the end nothing is missing."""
    numbers = EventNumbers(0)
    for number in (*order[:6], *doubles, *order[6:]):
        numbers.see([number])
        gap = numbers.missing()
        assert gap is None or gap[0] <= gap[1]
    assert (numbers.last, numbers.missing(12)) == (12, None)


def told(number: int) -> bytes:
    """Return the notification of an admission."""
    return json.dumps(a_notification([number], {"resource": an_encounter(number)})).encode()


def ids(desk: Desk) -> list[str]:
    """Return the resources that became events, each once."""
    return sorted(set(desk.commit.admitted))


async def test_with_one_in_a_hundred_lost_and_one_doubled_all_are_there() -> None:
    """None is missing, and none has two ids."""
    count = 1_000
    server = FhirServer(events={number: told(number) for number in range(1, count + 1)})
    chance = random.Random(7)
    async with (
        serving(server),
        a_desk({}, server=server.base) as desk,
    ):
        await desk.post(a_notification([], kind="handshake", since_start=0))
        for number in range(1, count + 1):
            for _ in range(chance.choice([0, 2] + [1] * 98) if number < count else 1):
                assert (await desk.post(server.events[number]))[0] == 200
        subscriptions = desk.side.subscriptions
        assert subscriptions is not None
        numbers = subscriptions._numbers_of(f"{server.base}|{SUBSCRIPTION}")
        await desk.until(lambda: numbers.last == count)
        assert len(ids(desk)) == count
        assert len({event["event_id"] for event in desk.commit.events}) == count
        assert desk.value("missing_events_total") > 0
        assert desk.value("gaps_total", way="events") == server.asked["$events"] > 0


async def test_where_events_cannot_be_asked_for_by_number_the_search_finds_them() -> None:
    """R4 servers often have no `$events`."""
    server = FhirServer()
    async with serving(server):
        settings = {"server": server.base, "types": ("Encounter",), "since_h": 10**5}
        async with a_desk(**settings) as desk:  # type: ignore[arg-type]
            await desk.until(lambda: desk.value("last_poll_timestamp_seconds") > 0)
            await desk.post(told(1))
            server.put(an_encounter(2), LATER)
            await desk.post(told(3))
            await desk.until(lambda: "Encounter/e2/_history/1" in ids(desk))
            await desk.until(lambda: desk.value("gaps_total", way="search") == 1)
            assert server.asked["$events"] == 1


async def test_after_a_restart_the_gap_is_still_known() -> None:
    """The position is kept at the broker; what came while nobody listened is asked for."""
    server = FhirServer(events={number: told(number) for number in range(1, 6)})
    async with serving(server):
        feed = f"{server.base}|{SUBSCRIPTION}"
        held = FeedPosition(feed=feed, event_number=2, received_at=AT)
        async with a_desk({feed: held}, server=server.base) as desk:
            await desk.post(a_notification([], kind="heartbeat", since_start=5))
            await desk.until(lambda: len(ids(desk)) == 3)
            await desk.until(lambda: desk.commit.positions.get(feed) is not None)
            await desk.until(lambda: desk.commit.positions[feed].event_number == 5)
            assert ids(desk) == [f"Encounter/e{number}/_history/1" for number in (3, 4, 5)]


async def test_without_a_server_a_gap_is_counted_and_passed_over() -> None:
    """Somebody must see it; nobody can fill it."""
    async with a_desk() as desk:
        await desk.post(told(1))
        await desk.post(told(5))
        await desk.until(lambda: desk.value("gaps_total", way="none") == 1)
        assert desk.value("missing_events_total") == 3


async def test_a_question_without_an_answer_leaves_the_gap_open() -> None:
    """It is asked for again with the next notification."""
    server = FhirServer(events={number: told(number) for number in range(1, 5)})
    async with serving(server), a_desk(server=server.base) as desk:
        await desk.post(told(1))
        server.fails.append(404)
        await desk.post(told(3))
        await desk.until(lambda: server.asked["$events"] == 1)
        await desk.post(told(4))
        await desk.until(lambda: len(ids(desk)) == 4)
        assert server.asked["$events"] == 2


async def test_of_a_gap_that_is_half_told_the_other_half_stays_open() -> None:
    """What the server told is not asked for again; what it did not, is still missing."""
    server = FhirServer(events={2: told(2)})
    async with serving(server), a_desk(server=server.base) as desk:
        await desk.post(told(1))
        await desk.post(told(5))
        subscriptions = desk.side.subscriptions
        assert subscriptions is not None
        numbers = subscriptions._numbers_of(f"{server.base}|{SUBSCRIPTION}")
        await desk.until(lambda: numbers.last == 2)
        assert numbers.missing() == (3, 4)


@pytest.mark.parametrize("kind", ["handshake", "heartbeat"])
async def test_a_subscription_that_begins_anew_is_counted_anew(kind: str) -> None:
    """A handshake of nought starts the count; a heartbeat of nought does not."""
    async with a_desk() as desk:
        await desk.post(told(7))
        await desk.post(a_notification([], kind=kind, since_start=0))
        subscriptions = desk.side.subscriptions
        assert subscriptions is not None
        assert (
            subscriptions._numbers_of(f"fhir|{SUBSCRIPTION}").last
            == {"handshake": 0, "heartbeat": 7}[kind]
        )
