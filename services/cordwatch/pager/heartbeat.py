"""
The watchdog: a sign of life to the outside, sent only while the pager makes progress.

A pager that hangs tells nobody that it hangs. So somebody else listens for it:
an Alertmanager, by an alert that always fires and ends by itself when it is not
renewed (a dead man's switch), or a service that expects a call every so often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from cordwatch.pager.inlets.metrics import InletMetrics, Way
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock

ENDS_AFTER = timedelta(seconds=60)
"""The dead man's alert ends so long after the last heartbeat: four of them."""

ALERT_NAME = "CordwatchPagerAlive"
PATIENCE_S = 10.0
_OK = range(200, 300)

log = get_logger("cordwatch.pager")

IsWell = Callable[[], bool]
"""Says whether the pager makes progress: that it runs is not enough."""


def wait_s(last: float | None, now: float, every_s: float) -> float:
    """Return in how many seconds the next heartbeat is due; never a burst after a pause."""
    return 0.0 if last is None else max(0.0, last + every_s - now)


def dead_mans_alert(name: str, begun_at: datetime, now: datetime) -> list[dict[str, Any]]:
    """Return the alert that always fires, as Alertmanager takes it: labels that never change, and an end."""
    return [
        {
            "labels": {"alertname": ALERT_NAME, "service": "cordwatch-pager", "pager": name},
            "annotations": {
                "summary": "The pager makes progress. It is when this alert ends that somebody must look."
            },
            "startsAt": begun_at.isoformat(),
            "endsAt": (now + ENDS_AFTER).isoformat(),
        }
    ]


@dataclass(slots=True)
class Heartbeat:
    """Sends heartbeats, each way by itself: one that hangs keeps no other back."""

    name: str
    is_well: IsWell
    metrics: InletMetrics
    clock: WallClock
    every_s: float
    url: str | None = None
    alertmanagers: Sequence[str] = ()
    _begun_at: datetime | None = field(default=None, init=False)

    async def run(self) -> None:
        """Send them for ever."""
        self._begun_at = self.clock.now()
        timeout = aiohttp.ClientTimeout(total=min(PATIENCE_S, self.every_s))
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            if self.url is not None:
                group.create_task(self._forever(session, "url", self.url))
            for one in self.alertmanagers:
                group.create_task(self._forever(session, "alertmanager", f"{one}/api/v2/alerts"))

    async def _forever(self, session: aiohttp.ClientSession, way: Way, url: str) -> None:
        last: float | None = None
        before = "sent"
        while True:
            await asyncio.sleep(wait_s(last, self.clock.monotonic(), self.every_s))
            last = self.clock.monotonic()
            outcome = await self._beat(session, way, url) if self.is_well() else "held"
            self.metrics.beats.labels(way, outcome).inc()
            if outcome != before:
                log.warning("heartbeats to the outside", way=way, outcome=outcome)
            before = outcome

    async def _beat(self, session: aiohttp.ClientSession, way: Way, url: str) -> str:
        now = self.clock.now()
        body = dead_mans_alert(self.name, self._begun_at or now, now)
        try:
            if way == "url":
                asked = session.get(url, allow_redirects=False)
            else:
                asked = session.post(url, json=body, allow_redirects=False)
            async with asked as response:
                return "sent" if response.status in _OK else "failed"
        except (aiohttp.ClientError, TimeoutError, OSError):
            return "failed"
