"""Asks Alertmanagers for their silences, again and again, and keeps what they say as answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from cordwatch.pager.inlets.desk import Desk, Full
from cordwatch.pager.inlets.heard import Find, NotHeard, Said, answer_of, event_id_of
from cordwatch.pager.inlets.metrics import InletMetrics, Outcome
from cordwatch.pager.inlets.silences import seen_in
from cordwatch.runtime.kafka import KafkaError
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.runtime.web_asking import asking

PATIENCE_S = 10.0
BODY_BYTES_MAX = 8 * 1024 * 1024

log = get_logger("cordwatch.pager")


@dataclass(slots=True)
class SilenceReading:
    """Reads the silences of one or several Alertmanagers."""

    urls: Sequence[str]
    every_s: float
    find: Find
    leads: Callable[[], bool]
    desk: Desk
    metrics: InletMetrics
    clock: WallClock

    async def run(self) -> None:
        """Read them for ever; one that cannot be read now is read the next time."""
        async with asking(PATIENCE_S) as session:
            while True:
                for url in self.urls if self.leads() else ():
                    await self.read(session, url)
                await asyncio.sleep(self.every_s)

    async def read(self, session: aiohttp.ClientSession, url: str) -> None:
        """Read those of one Alertmanager."""
        try:
            async with session.get(f"{url}/api/v2/silences", allow_redirects=False) as response:
                response.raise_for_status()
                body = await response.content.read(BODY_BYTES_MAX)
                silences = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("silences cannot be read", error=type(error).__name__)
            return
        now = self.clock.now()
        for said in seen_in(silences, now):
            if not self.desk.knows(event_id_of("silence", said.number)):
                self.metrics.heard.labels("silence", await self._take(said)).inc()
        self.metrics.silences_read_at.set(now.timestamp())

    async def _take(self, said: Said) -> Outcome:
        try:
            answer = answer_of(said, self.find, self.clock.now())
            async with asyncio.timeout(PATIENCE_S):
                await self.desk.keep(answer)
        except NotHeard as error:
            return error.because
        except Full:
            return "full"
        except (TimeoutError, KafkaError):
            return "late"
        return "published"
