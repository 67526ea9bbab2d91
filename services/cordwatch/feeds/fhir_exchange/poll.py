"""The reconciling search: whatever changed at the server, whether or not anybody was notified of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cordwatch.feeds.fhir.bundle import canonical, version_of
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir_exchange.client import (
    FhirClient,
    ServerAway,
    ServerRefuses,
    next_link,
)
from cordwatch.feeds.fhir_exchange.exchange import Exchange
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.records import FeedPosition

SEEN_MAX = 100_000

log = get_logger("cordwatch.feeds")


@dataclass(slots=True)
class _Round:
    """One search of one type: how far it has come, and whether its answers are in order."""

    newest: datetime | None = None
    in_order: bool = True
    pages: int = 0

    def see(self, updated: Sequence[datetime]) -> None:
        """Take note of when the resources of a page were updated."""
        for at in updated:
            if self.newest is not None and at < self.newest:
                self.in_order = False
            self.newest = at if self.newest is None else max(self.newest, at)


@dataclass(slots=True)
class Poller:
    """Searches each type by `_lastUpdated`, from a little before where it came to the last time."""

    client: FhirClient
    exchange: Exchange
    settings: FhirSettings
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever knows that something was missed."""
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    async def run(self) -> None:
        """Search for ever."""
        while True:
            self.wake.clear()
            await self.once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.poll_s):
                    await self.wake.wait()

    async def once(self) -> bool:
        """Search every type once; return whether all of them were answered."""
        complete = True
        metrics = self.exchange.metrics
        for kind in self.settings.types:
            try:
                await self._search(kind)
            except ServerAway as error:
                metrics.fhir_server_errors.labels("away").inc()
                log.warning("the FHIR server is away", type=kind, reason=str(error))
                return False
            except (ServerRefuses, Unreadable) as error:
                complete = False
                metrics.fhir_server_errors.labels("refused").inc()
                log.error("a search failed", type=kind, reason=str(error))  # noqa: TRY400
        if complete:
            metrics.fhir_last_poll_at.set(self.exchange.clock.now().timestamp())
        return complete

    def feed(self, kind: str) -> str:
        """Return the name under which the position of a type is kept."""
        return f"{self.client.base}|{kind}"[:200]

    async def _search(self, kind: str) -> None:
        settings = self.settings
        held = self.exchange.positions.get(self.feed(kind))
        reached = held.read_until if held else None
        now = self.exchange.clock.now()
        since = reached - timedelta(seconds=settings.overlap_s) if reached else None
        since = since or now - timedelta(hours=settings.since_h)
        page = await self.client.search(
            kind,
            _lastUpdated=f"ge{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z",
            _sort="_lastUpdated",
            _count=str(settings.page_size),
        )
        found, more = _Round(), True
        while more:
            link = await self._page(page, found)
            more = bool(link) and found.pages < settings.pages_max
            if found.in_order:
                await self._advance(kind, found.newest, reached)
            if more:
                page = await self.client.page(link)
        if link and not found.in_order:
            log.error("a search has too many pages, and none is in order", type=kind)
            self.exchange.metrics.fhir_server_errors.labels("refused").inc()
            return
        await self._advance(kind, found.newest, reached)

    async def _page(self, data: bytes, found: _Round) -> str:
        """Keep a page, if there is anything new in it; return where the next one is."""
        bundle = _bundle(data)
        found.pages += 1
        resources = list(_resources(bundle))
        fresh = [one for one in resources if _name(one) not in self._seen]
        if fresh:
            await self._keep(data, fresh)
            self.exchange.metrics.fhir_polled.inc(len(fresh))
        for one in fresh:
            self._seen[_name(one)] = None
        while len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        found.see([at for one in resources if (at := _updated(one)) is not None])
        return next_link(bundle)

    async def _keep(self, data: bytes, fresh: Sequence[Mapping[str, Any]]) -> None:
        """Keep a page as it came; one that the broker does not take for its size, piece by piece."""
        settled = await self.exchange.tell(data, self.exchange.clock.now())
        if settled.stored:
            return
        for one in fresh:
            settled = await self.exchange.tell(canonical(one), self.exchange.clock.now())
            if not settled.stored:
                log.error("the broker takes no record of this size; it is passed over")

    async def _advance(self, kind: str, newest: datetime | None, reached: datetime | None) -> None:
        """Remember how far everything was seen; never further than the server's own words."""
        if newest is None or (reached is not None and newest <= reached):
            return
        feed = self.feed(kind)
        held = self.exchange.positions.get(feed)
        if held is None or held.read_until != newest:
            now = self.exchange.clock.now()
            await self.exchange.remember(
                FeedPosition(feed=feed, read_until=newest, received_at=now)
            )


def _bundle(data: bytes) -> Mapping[str, Any]:
    try:
        bundle = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("json", "a page of a search is no JSON") from None
    if not isinstance(bundle, Mapping) or bundle.get("resourceType") != "Bundle":
        raise Unreadable("Bundle", "a page of a search is no Bundle")
    return bundle


def _resources(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        search = entry.get("search") if isinstance(entry, Mapping) else None
        mode = search.get("mode") if isinstance(search, Mapping) else "match"
        if isinstance(resource, Mapping) and mode == "match":
            yield resource


def _updated(resource: Mapping[str, Any]) -> datetime | None:
    try:
        meta = Element.of(resource).one("meta")
        stamp = meta.time(UTC, "lastUpdated") if meta else None
    except Unreadable:
        return None
    return stamp.at if stamp else None


def _name(resource: Mapping[str, Any]) -> str:
    """Return what tells one version of a resource from another."""
    return f"{version_of(resource)}|{_updated(resource)}"
