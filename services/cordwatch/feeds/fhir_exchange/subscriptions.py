"""Subscriptions by their event numbers: what did not come is asked for, and how far it came is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from cordwatch.feeds.fhir.bundle import read_json
from cordwatch.feeds.fhir.gaps import EventNumbers
from cordwatch.feeds.fhir.notification import Notification, read_notification
from cordwatch.feeds.fhir_exchange.client import FhirClient, ServerAway, ServerRefuses
from cordwatch.feeds.fhir_exchange.exchange import Exchange
from cordwatch.feeds.fhir_exchange.poll import Poller
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.records import FeedPosition

SUBSCRIPTIONS_MAX = 1_000
ASKED_MAX = 1_000
"""Events to ask for by number; of more the search takes care."""
SAVE_EVERY_S = 1.0

log = get_logger("cordwatch.feeds")


@dataclass(slots=True)
class Subscriptions:
    """
    All subscriptions that notify us.

    A position may lag behind: then the same events are asked for twice, and
    have the same ids. It is never ahead of what is safe.
    """

    exchange: Exchange
    client: FhirClient | None = None
    poller: Poller | None = None
    _numbers: dict[str, EventNumbers] = field(default_factory=dict)
    _unsaved: set[str] = field(default_factory=set)
    _asked: dict[str, int] = field(default_factory=dict)
    """The last number of the gap that is being filled, by subscription."""
    _counted: dict[str, int] = field(default_factory=dict)
    """The last number that was counted as missing: one that stays missing is counted once."""
    _gaps: asyncio.Queue[tuple[str, str]] = field(
        default_factory=lambda: asyncio.Queue(SUBSCRIPTIONS_MAX)
    )

    async def run(self) -> None:
        """Fill gaps and save positions, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill_forever())
            group.create_task(self._save_forever())

    def count(self, notification: Notification) -> None:
        """Take note of the numbers of a notification whose content is safe; ask for what is missing."""
        name = self._name(notification.subscription)
        numbers = self._numbers_of(name)
        since_start = notification.events_since_start
        if notification.kind == "handshake" and not since_start:
            numbers.restart()
            self._counted.pop(name, None)
        before = numbers.last
        numbers.see(notification.numbers, since_start)
        if numbers.last != before:
            self._unsaved.add(name)
        gap = numbers.missing(since_start)
        if gap is not None and self._asked.get(name, -1) < gap[1]:
            new = gap[1] - max(gap[0] - 1, self._counted.get(name, 0))
            self.exchange.metrics.fhir_missing_events.inc(max(new, 0))
            self._counted[name] = self._asked[name] = gap[1]
            log.warning("notifications are missing", count=gap[1] - gap[0] + 1)
            if not self._gaps.full():
                self._gaps.put_nowait((notification.subscription, name))

    async def content(self, subscription: str, numbers: Sequence[int]) -> None:
        """
        Fetch what an empty notification only announced.

        Raises:
            ServerAway: not now.
            ServerRefuses: the server does not tell by number, and nothing is searched for.
        """
        try:
            if not numbers:
                raise ServerRefuses(0, "a notification without content and without numbers")
            await self._ask(subscription, numbers[0], numbers[-1])
        except (ServerRefuses, Unreadable):
            if self.poller is None:
                raise ServerRefuses(0, "the server does not tell events by number") from None
            # Its position is kept: what this process does not search for, the next one will.
            self.poller.wake.set()

    async def save(self) -> None:
        """Keep the positions that changed."""
        while self._unsaved:
            name = self._unsaved.pop()
            now = self.exchange.clock.now()
            last = self._numbers[name].last
            await self.exchange.remember(
                FeedPosition(feed=name, event_number=last, received_at=now)
            )

    def _name(self, subscription: str) -> str:
        base = self.client.base if self.client else "fhir"
        return f"{base}|{subscription}"[:200]

    def _numbers_of(self, name: str) -> EventNumbers:
        found = self._numbers.get(name)
        if found is None:
            held = self.exchange.positions.get(name)
            found = EventNumbers(held.event_number if held else None)
            if len(self._numbers) < SUBSCRIPTIONS_MAX:
                self._numbers[name] = found
        return found

    async def _save_forever(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self.save()

    async def _fill_forever(self) -> None:
        while True:
            subscription, name = await self._gaps.get()
            try:
                await self._fill(subscription, name)
            except ServerAway as error:
                # Asked for again with the next notification, or found by the search.
                self.exchange.metrics.fhir_server_errors.labels("away").inc()
                log.warning("missing notifications cannot be asked for now", reason=str(error))
            finally:
                self._asked.pop(name, None)

    async def _fill(self, subscription: str, name: str) -> None:
        """Fill the first gap of a subscription, and those behind it."""
        numbers = self._numbers_of(name)
        metrics = self.exchange.metrics
        until = self._asked.get(name)
        while (gap := numbers.missing(until)) is not None:
            first, last = gap
            way = "events"
            came: list[int] = []
            try:
                if self.client is not None and last - first < ASKED_MAX:
                    came = await self._ask(subscription, first, last)
            except (ServerRefuses, Unreadable) as error:
                log.info("the server does not tell events by number", reason=str(error))
            numbers.see(came)
            if not set(range(first, last + 1)) <= set(came):
                way = "search" if self.poller and await self.poller.once() else "none"
                if way == "none" and self.client is not None:
                    return
            metrics.fhir_gaps.labels(way).inc()
            numbers.give_up(last)
            self._unsaved.add(name)

    async def _ask(self, subscription: str, first: int, last: int) -> list[int]:
        """
        Ask for events by number; return which of them are safe now.

        Raises:
            ServerAway, ServerRefuses, Unreadable: they are not to be had.
        """
        if self.client is None:
            raise ServerRefuses(0, "no server is configured")
        name = subscription.rpartition("/")[2]
        data = await self.client.page(
            f"{self.client.base}/Subscription/{quote(name, safe='')}/$events"
            f"?eventsSinceNumber={first}&eventsUntilNumber={last}&content=full-resource"
        )
        told = read_notification(read_json(data))
        if not told.has_content and not told.links:
            raise Unreadable("Bundle.entry", "events without content")
        settled = await self.exchange.tell(data, self.exchange.clock.now(), told.links)
        return [one for one in told.numbers if first <= one <= last] if settled.stored else []
