"""How much a recipient had to bear lately: who is paged too often answers less."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from datetime import datetime, timedelta

from cordwatch.pager.plan import Calm
from cordwatch_schemas.pages import Delivery, Matter

GROUPS_REMEMBERED = timedelta(days=1)
"""Longer than any plan lets a matter settle."""

Recipient = tuple[str, str]
"""Role and destination."""


class Burden:
    """Pages by recipient within the plan's window, and when each group of matters was last told."""

    def __init__(self, calm: Calm) -> None:
        """Count for this much calm."""
        self._calm = calm
        self._times: dict[Recipient, list[datetime]] = defaultdict(list)
        self._groups: dict[str, datetime] = {}

    def note(self, matter: Matter, delivery: Delivery) -> None:
        """Count a page that was decided."""
        insort(self._times[delivery.role, delivery.destination], delivery.decided_at)
        known = self._groups.get(matter.group, delivery.decided_at)
        self._groups[matter.group] = max(known, delivery.decided_at)

    def pages(self, now: datetime) -> dict[Recipient, int]:
        """Return how many pages each recipient had in the window that ends now."""
        for recipient, times in list(self._times.items()):
            while times and times[0] + self._calm.within <= now:
                del times[0]
            if not times:
                del self._times[recipient]
        return {one: len(times) for one, times in self._times.items()}

    def free_at(self, now: datetime) -> dict[Recipient, datetime]:
        """Return the recipients that had enough, and when they can bear more."""
        return {
            one: self._times[one][-self._calm.pages] + self._calm.within
            for one, count in self.pages(now).items()
            if count >= self._calm.pages
        }

    def group_told_at(self, group: str, now: datetime) -> datetime | None:
        """Return when something of the group was last told, of late."""
        if len(self._groups) > 10_000:  # noqa: PLR2004 - a bound on what is remembered
            self._groups = {
                one: at for one, at in self._groups.items() if now - at < GROUPS_REMEMBERED
            }
        return self._groups.get(group)
