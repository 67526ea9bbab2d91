"""The search finds whatever changed, page by page, and goes on where it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import stamina

from cordwatch.feeds.fhir_exchange.poll import Poller
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch_schemas.records import FeedPosition
from tests.unit.feeds.fhir.desk import Desk, a_desk, an_encounter
from tests.unit.feeds.fhir.server import FhirServer, serving

KINDS = ("Encounter",)


@pytest.fixture(autouse=True)
def _without_pauses() -> Iterator[None]:
    """Try again at once."""
    with stamina.set_testing(True, attempts=2):
        yield


@asynccontextmanager
async def searching(
    server: FhirServer, positions: dict[str, FeedPosition] | None = None, **more: Any
) -> AsyncIterator[tuple[Desk, Poller]]:
    """Give a search that runs when it is told to."""
    async with serving(server), a_desk(positions, server=server.base) as desk:
        subscriptions = desk.side.subscriptions
        assert subscriptions is not None
        assert subscriptions.client is not None
        chosen: dict[str, Any] = {"types": KINDS, "since_h": 10**5, **more}
        settings = FhirSettings(server=server.base, **chosen)
        yield desk, Poller(subscriptions.client, subscriptions.exchange, settings)


def filled(count: int, **more: Any) -> FhirServer:
    """Return a server with admissions, a minute after each other."""
    server = FhirServer(**more)
    for number in range(count):
        server.put(an_encounter(number), f"2026-03-02T08:{number:02}:00Z")
    return server


async def test_every_page_is_kept_and_the_position_after_it() -> None:
    """Seven resources in pages of three; the position is the last one's own time."""
    server = filled(7)
    async with searching(server) as (desk, poller):
        assert await poller.once()
        assert len(desk.commit.admitted) == 7
        assert len(desk.commit.raw) == 3
        [position] = desk.commit.positions.values()
        assert position.feed == f"{server.base}|Encounter"
        assert position.read_until == datetime(2026, 3, 2, 8, 6, tzinfo=UTC)


async def test_the_next_search_looks_back_a_little_and_tells_nothing_twice() -> None:
    """What was written while the last one ran may have come to light only now."""
    server = filled(7)
    async with searching(server, overlap_s=120) as (desk, poller):
        await poller.once()
        server.put(an_encounter("late"), "2026-03-02T08:05:30Z")
        await poller.once()
        assert "_lastUpdated=ge2026-03-02T08:04:00Z" in server.queries[-1].replace("%3A", ":")
        assert desk.commit.admitted.count("Encounter/elate/_history/1") == 1
        assert desk.value("polled_resources_total") == 8


async def test_after_a_restart_it_goes_on_from_where_it_was() -> None:
    """The position came from the broker."""
    server = filled(9)
    held: dict[str, FeedPosition] = {}
    async with searching(server, held, overlap_s=0) as (desk, poller):
        feed = poller.feed("Encounter")
        reached = datetime(2026, 3, 2, 8, 7, tzinfo=UTC)
        held[feed] = FeedPosition(feed=feed, read_until=reached, received_at=reached)
        await poller.once()
        assert len(desk.commit.admitted) == 2


async def test_a_server_that_goes_away_midway_loses_nothing() -> None:
    """The position stands behind what is missing."""
    server = filled(7)
    async with searching(server) as (desk, poller):
        first = poller.client.page

        async def page(url: str) -> bytes:
            if "_offset=3" in url:
                server.fails.extend([503, 503])
            return await first(url)

        poller.client.page = page  # type: ignore[method-assign]
        assert not await poller.once()
        assert len(desk.commit.admitted) == 3
        assert desk.value("server_errors_total", kind="away") == 1
        assert desk.value("last_poll_timestamp_seconds") == 0
        poller.client.page = first  # type: ignore[method-assign]
        assert await poller.once()
        assert len(set(desk.commit.admitted)) == 7


async def test_more_pages_than_allowed_are_read_the_next_time() -> None:
    """Each round a bounded piece, and none twice."""
    server = filled(9)
    async with searching(server, pages_max=1, overlap_s=0) as (desk, poller):
        for _ in range(5):
            await poller.once()
        assert len(set(desk.commit.admitted)) == 9


async def test_a_server_that_does_not_sort_never_moves_the_position_past_a_gap() -> None:
    """Newest first and cut off: what is behind would never be asked for again."""
    server = filled(9, sorts=False)
    async with searching(server, pages_max=2) as (desk, poller):
        await poller.once()
        assert desk.commit.positions == {}
        assert desk.value("server_errors_total", kind="refused") == 1
    server = filled(9, sorts=False)
    async with searching(server, pages_max=9) as (desk, poller):
        await poller.once()
        [position] = desk.commit.positions.values()
        assert position.read_until == datetime(2026, 3, 2, 8, 8, tzinfo=UTC)


async def test_a_next_link_to_another_server_is_not_followed() -> None:
    """Our token goes to nobody else."""
    server = filled(9, next_link="http://192.0.2.1/fhir/Encounter?page=2")
    async with searching(server) as (desk, poller):
        assert not await poller.once()
        assert desk.value("server_errors_total", kind="refused") == 1


async def test_one_type_that_is_refused_stops_no_other() -> None:
    """A server may not know every type."""
    server = filled(2)
    async with searching(server, types=("Procedure", "Encounter")) as (desk, poller):
        server.fails.append(403)
        assert not await poller.once()
        assert len(desk.commit.admitted) == 2


async def test_a_bad_resource_on_a_page_goes_to_quarantine_and_the_rest_on() -> None:
    """And the search does not stick at it."""
    server = filled(4)
    server.put({**an_encounter(9), "status": 9}, "2026-03-02T08:01:30Z")
    async with searching(server) as (desk, poller):
        assert await poller.once()
        assert len(desk.commit.admitted) == 4
        assert len(desk.commit.quarantined) == 1


async def test_a_page_too_large_for_the_broker_is_kept_piece_by_piece() -> None:
    """The position must not pass over what was never stored."""
    server = filled(3)
    async with searching(server) as (desk, poller):
        desk.commit.refuses = lambda job: b"searchset" in job.piece.data
        assert await poller.once()
        assert len(desk.commit.admitted) == 3
        assert len(desk.commit.raw) == 3
