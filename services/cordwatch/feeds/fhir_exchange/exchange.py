"""What the endpoint and the search have in common: everything is safe at the broker before it counts."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from cordwatch.feeds.fhir_exchange.gather import Gatherer
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.group_commit import Job, Settled
from cordwatch.feeds.hl7.framing import Piece, PieceKind
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import FeedPosition


class Commit(Protocol):
    """Who takes a text over and says when it is safe; `GroupCommit` is one."""

    @property
    def broker_away(self) -> bool:
        """Return whether the broker does not acknowledge."""

    def submit(self, job: Job) -> None:
        """Take over *job*."""


class Exchange:
    """Keeps texts and positions, by the same group commit as every other feed."""

    def __init__(
        self,
        commit: Commit,
        gatherer: Gatherer,
        metrics: FeedsMetrics,
        clock: WallClock,
        positions: dict[str, FeedPosition] | None = None,
    ) -> None:
        """Begin with the *positions* that were kept."""
        self.commit, self.gatherer, self.metrics, self.clock = commit, gatherer, metrics, clock
        self.positions = positions if positions is not None else {}

    async def keep(self, data: bytes, found: Translated, kind: PieceKind = "message") -> Settled:
        """Return once the broker has acknowledged a text and all that follows from it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Settled] = loop.create_future()
        received_at, came_at = self.clock.now(), self.clock.monotonic()

        def done(settled: Settled) -> None:
            if settled.found.position is None:
                self.metrics.settled(settled)
                self.metrics.commit_s.observe(self.clock.monotonic() - came_at)
            # Nobody may be waiting any longer: it is kept all the same.
            if not future.done():
                future.set_result(settled)

        self.commit.submit(Job(Piece(kind, data), received_at, done, found))
        return await future

    async def tell(
        self, data: bytes, received_at: datetime, links: tuple[str, ...] = ()
    ) -> Settled:
        """
        Return once a text, made whole, is understood and safe.

        Raises:
            ServerAway: what it refers to cannot be fetched now.
        """
        whole, found = await self.gatherer.gather(data, received_at, links)
        return await self.keep(whole, found)

    async def remember(self, position: FeedPosition) -> None:
        """Return once a position is safe; it must only be told after what it stands for."""
        self.positions[position.feed] = position
        item = Item("message", "fhir", b"")
        await self.keep(b"", Translated(item, "irrelevant", "-", "-", None, position=position))
