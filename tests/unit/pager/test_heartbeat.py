"""The watchdog: heartbeats reach the outside while the pager makes progress, and not one moment longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from cordwatch.pager.heartbeat import ENDS_AFTER, Heartbeat, dead_mans_alert, wait_s
from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.settings import PagerSettings
from cordwatch.runtime.wall_clock import WallClock
from tests.unit.pager.plans import EXAMPLE

EVERY_S = 0.02
NOTICED_WITHIN = timedelta(seconds=90)


@dataclass
class Outside:
    """Listens for heartbeats of both kinds."""

    calls: int = 0
    alerts: list[Any] = field(default_factory=list)
    status: int = 200
    hangs: bool = False
    base: str = ""

    async def call(self, _: web.Request) -> web.Response:
        """Count a call."""
        self.calls += 1
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status)

    async def alert(self, request: web.Request) -> web.Response:
        """Keep an alert."""
        self.alerts.append(await request.json())
        return web.Response(status=self.status)


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """Yield who listens."""
    found, app = Outside(), web.Application()
    app.router.add_get("/ping/secret-id", found.call)
    app.router.add_post("/api/v2/alerts", found.alert)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    found.base = f"http://{host}:{port}"
    try:
        yield found
    finally:
        await runner.cleanup()


@dataclass
class Pager:
    """A pager that can be frozen."""

    is_well: bool = True
    metrics: InletMetrics = field(default_factory=lambda: InletMetrics(CollectorRegistry()))

    def count(self, way: str, outcome: str) -> float:
        """Return how many heartbeats came to that."""
        return self.metrics.beats.labels(way, outcome)._value.get()  # type: ignore[no-any-return]

    @asynccontextmanager
    async def beating(self, to: Outside) -> AsyncIterator[None]:
        """Send heartbeats meanwhile."""
        heartbeat = Heartbeat(
            *("one", lambda: self.is_well, self.metrics, WallClock(), EVERY_S),
            url=f"{to.base}/ping/secret-id",
            alertmanagers=[to.base],
        )
        task = asyncio.create_task(heartbeat.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until(reached: Any) -> None:
    """Wait for the other side of a socket."""
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_pager_that_makes_progress_is_heard_again_and_again() -> None:
    """In both ways; the alert keeps its labels and its start, and ends later each time."""
    pager = Pager()
    async with outside() as found, pager.beating(found):
        await until(lambda: found.calls > 3 and len(found.alerts) > 3)
    first, *_, last = (one[0] for one in found.alerts)
    assert first["labels"] == last["labels"]
    assert first["startsAt"] == last["startsAt"]
    assert datetime.fromisoformat(first["endsAt"]) < datetime.fromisoformat(last["endsAt"])
    assert pager.count("url", "sent") > 2


async def test_a_frozen_pager_is_heard_no_more() -> None:
    """That its process runs is no sign of life; when it goes on, it is heard again."""
    pager = Pager()
    async with outside() as found, pager.beating(found):
        await until(lambda: found.calls and found.alerts)
        pager.is_well = False
        await until(lambda: pager.count("url", "held") and pager.count("alertmanager", "held"))
        heard = found.calls, len(found.alerts)
        await until(lambda: pager.count("url", "held") > 5)
        assert (found.calls, len(found.alerts)) == heard
        pager.is_well = True
        await until(lambda: found.calls > heard[0] and len(found.alerts) > heard[1])


async def test_one_who_hangs_or_refuses_keeps_no_other_back() -> None:
    """And is tried again, each time as long as a heartbeat lasts."""
    pager = Pager()
    async with outside() as found, pager.beating(found):
        found.hangs = True
        await until(lambda: pager.count("url", "failed") > 1 and len(found.alerts) > 2)
        found.hangs, found.status = False, 500
        await until(lambda: pager.count("alertmanager", "failed") > 1)
        found.status = 200
        sent = pager.count("alertmanager", "sent")
        await until(lambda: pager.count("alertmanager", "sent") > sent)
    assert pager.count("url", "failed") > 1


@pytest.mark.parametrize(
    ("last", "now", "wait"),
    [(None, 7.0, 0.0), (0.0, 4.0, 11.0), (0.0, 15.0, 0.0), (0.0, 90.0, 0.0)],
)
def test_heartbeats_are_due_at_even_times(last: float | None, now: float, wait: float) -> None:
    """The first at once; after a pause one, not those that were missed."""
    assert wait_s(last, now, 15.0) == wait


def test_the_alert_ends_soon_enough_to_be_noticed_within_90_s() -> None:
    """With the longest time between heartbeats that settings allow, and one that was lost."""
    now = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    (alert,) = dead_mans_alert("one", now).at(now)
    ends_at = datetime.fromisoformat(alert["endsAt"])
    assert ends_at - now == ENDS_AFTER < NOTICED_WITHIN
    slowest = timedelta(seconds=30)
    assert PagerSettings(plan=EXAMPLE, heartbeat_s=30).heartbeat_s == slowest.total_seconds()
    assert 2 * slowest <= ENDS_AFTER
