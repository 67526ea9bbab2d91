"""
The watchdog: a sign of life to the outside, sent only while the pager makes progress.

A pager that hangs tells nobody that it hangs. So somebody else listens for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp

from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.runtime.heartbeat import PATIENCE_S, DeadMansAlert, Way, beat
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.runtime.web_asking import asking

ENDS_AFTER = timedelta(seconds=60)
"""The dead man's alert ends so long after the last heartbeat: four of them."""

ALERT_NAME = "CordwatchPagerAlive"

log = get_logger("cordwatch.pager")

IsWell = Callable[[], bool]
"""Says whether the pager makes progress: that it runs is not enough."""


def wait_s(last: float | None, now: float, every_s: float) -> float:
    """Return in how many seconds the next heartbeat is due; never a burst after a pause."""
    return 0.0 if last is None else max(0.0, last + every_s - now)


def dead_mans_alert(name: str, begun_at: datetime) -> DeadMansAlert:
    """Return the alert that stands for the pager *name*."""
    return DeadMansAlert(
        {"alertname": ALERT_NAME, "service": "cordwatch-pager", "pager": name},
        "The pager makes progress. It is when this alert ends that somebody must look.",
        ENDS_AFTER,
        begun_at,
    )


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

    async def run(self) -> None:
        """Send them for ever."""
        alert = dead_mans_alert(self.name, self.clock.now())
        timeout_s = min(PATIENCE_S, self.every_s)
        async with asking(timeout_s) as session, asyncio.TaskGroup() as group:
            if self.url is not None:
                group.create_task(self._forever(session, "url", self.url, alert))
            for one in self.alertmanagers:
                group.create_task(self._forever(session, "alertmanager", one, alert))

    async def _forever(
        self, session: aiohttp.ClientSession, way: Way, url: str, alert: DeadMansAlert
    ) -> None:
        last: float | None = None
        before = "sent"
        while True:
            await asyncio.sleep(wait_s(last, self.clock.monotonic(), self.every_s))
            last = self.clock.monotonic()
            outcome = "held"
            if self.is_well():
                outcome = await beat(session, way, url, alert, self.clock.now())
            self.metrics.beats.labels(way, outcome).inc()
            if outcome != before:
                log.warning("heartbeats to the outside", way=way, outcome=outcome)
            before = outcome
