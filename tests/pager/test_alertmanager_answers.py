"""Against the real Alertmanager: a silence made there is an answer here, and the dead man's alert fires while we live."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from cordwatch.pager.heartbeat import ALERT_NAME, Heartbeat
from cordwatch.pager.inlets.desk import Desk
from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.inlets.silence_reading import SilenceReading
from cordwatch.pager.text import Wording
from cordwatch.pager.transports.alertmanager import alert_of
from cordwatch.pager.transports.settings import Alertmanager as AlertmanagerSettings
from cordwatch.pager.transports.transport import Page
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.acknowledgements import Acknowledged
from tests.pager.real_alertmanager import Alertmanager, running, until
from tests.unit.pager.answering import KEY, PAGED, SlowBroker, find


async def silence(real: Alertmanager, matchers: dict[str, str]) -> None:
    """Make a silence for an hour, as the form of Alertmanager's page does."""
    now = datetime.now(UTC)  # noqa: TID251 - the other side's clock
    body = {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in matchers.items()
        ],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "n.jansen",
        "comment": "seen",
    }
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{real.url}/api/v2/silences", json=body) as response:
            assert response.status == 200, await response.text()


async def test_a_silence_of_one_page_is_seen_and_one_of_a_rule_is_not(tmp_path: Path) -> None:
    """Each once, however often it is read, with the instant at which it ends."""
    clock, broker = WallClock(), SlowBroker()
    desk = Desk(broker.connect, 10)
    metrics = InletMetrics(CollectorRegistry())
    async with running(tmp_path) as real:
        page = Page("tell", KEY, PAGED, "ward-physician", 1, 1, clock.now())
        settings = AlertmanagerSettings(kind="alertmanager", urls=(real.url,))
        assert await real.post([alert_of(page, settings, Wording())]) == 200
        (fired,) = await until(real.active)
        await silence(real, {"rule": fired["labels"]["rule"]})
        await silence(real, fired["labels"])
        reading = SilenceReading([real.url], 0.05, find, lambda: True, desk, metrics, clock)
        desk.start()
        task = asyncio.create_task(reading.run())
        try:
            await until(lambda: broker.answers)
            read_at = metrics.silences_read_at._value.get()
            await until(lambda: metrics.silences_read_at._value.get() > read_at + 0.2)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await asyncio.to_thread(desk.stop, 2.0)
    (answer,) = broker.answers
    assert isinstance(answer, Acknowledged)
    assert (answer.by, answer.reason, answer.alert_id) == ("n.jansen", "seen", "al_1")
    assert answer.until is not None
    assert timedelta(minutes=59) < answer.until - answer.occurred_at <= timedelta(minutes=60)


async def test_the_dead_mans_alert_fires_while_the_pager_lives(tmp_path: Path) -> None:
    """One alert, renewed; once the pager is frozen its end stands still, a minute after the last heartbeat."""
    clock, frozen = WallClock(), False
    metrics = InletMetrics(CollectorRegistry())

    async def ends_at(real: Alertmanager) -> datetime:
        found: list[dict[str, Any]] = await until(real.active)
        (alert,) = found
        assert alert["labels"]["alertname"] == ALERT_NAME
        return datetime.fromisoformat(alert["endsAt"])

    async with running(tmp_path) as real:
        heartbeat = Heartbeat(
            *("one", lambda: not frozen, metrics, clock, 0.2), alertmanagers=[real.url]
        )
        task = asyncio.create_task(heartbeat.run())
        try:
            first = await ends_at(real)
            held = metrics.beats.labels("alertmanager", "held")._value
            sent = metrics.beats.labels("alertmanager", "sent")._value
            await until(lambda: sent.get() > 3)
            renewed = await ends_at(real)
            frozen = True
            await until(held.get)
            last, stopped_at = await ends_at(real), clock.now()
            await until(lambda: held.get() > 3)
            assert first < renewed <= last == await ends_at(real)
            assert last - stopped_at <= timedelta(seconds=60)
        finally:
            task.cancel()
            await asyncio.wait([task])
