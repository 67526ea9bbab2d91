"""The dead man's switch: fed after each round that was whole, and by nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp

from cordwatch.runtime.heartbeat import PATIENCE_S, DeadMansAlert, Way, beat
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.runtime.web_asking import asking
from cordwatch.synthetic.metrics import SyntheticMetrics

ALERT_NAME = "CordwatchChainAlive"

log = get_logger("cordwatch.synthetic")


@dataclass(slots=True)
class Outside:
    """Whoever rings when nothing comes."""

    name: str
    ends_after: timedelta
    """The dead man's alert ends so long after the last whole round."""
    clock: WallClock
    metrics: SyntheticMetrics
    url: str | None = None
    alertmanagers: Sequence[str] = ()
    _alert: DeadMansAlert = field(init=False)

    def __post_init__(self) -> None:
        """Make the alert whose start and labels never change."""
        self._alert = DeadMansAlert(
            {"alertname": ALERT_NAME, "service": "cordwatch-synthetic", "synthetic": self.name},
            "Synthetic patients come out at every end. It is when this alert ends that somebody must look.",
            self.ends_after,
            self.clock.now(),
        )

    async def feed(self) -> None:
        """Send a sign of life each way, all at once."""
        ways: list[tuple[Way, str]] = [("alertmanager", one) for one in self.alertmanagers]
        if self.url is not None:
            ways.append(("url", self.url))
        async with asking(PATIENCE_S) as session:
            await asyncio.gather(*(self._beat(session, way, url) for way, url in ways))

    async def _beat(self, session: aiohttp.ClientSession, way: Way, url: str) -> None:
        outcome = await beat(session, way, url, self._alert, self.clock.now())
        self.metrics.beats.labels(way, outcome).inc()
        if outcome == "failed":
            log.warning("a heartbeat was not taken", way=way)
