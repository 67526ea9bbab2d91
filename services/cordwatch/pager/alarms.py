"""When to look at a matter again: one instant each, the earliest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime

PASSED_OVER_MAX = 1_000
"""More that was set anew or dropped is not kept: what was quietened for good would stay for ten years."""


class Alarms:
    """A heap in which what was set anew or dropped is passed over when its turn comes."""

    def __init__(self) -> None:
        """Begin empty."""
        self._at: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []

    def set(self, name: str, at: datetime | None) -> None:
        """Look at *name* at that instant, and at no other; None: never."""
        if at is None:
            self._at.pop(name, None)
        elif self._at.get(name) != at:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))
            if len(self._heap) > 2 * len(self._at) + PASSED_OVER_MAX:
                self._heap = [(at, name) for name, at in self._at.items()]
                heapq.heapify(self._heap)

    def drop(self, name: str) -> None:
        """Forget it."""
        self._at.pop(name, None)

    def due(self, now: datetime) -> Iterator[str]:
        """Yield what is to be looked at now, and forget it."""
        while (first := self.next_at) is not None and first <= now:
            name = heapq.heappop(self._heap)[1]
            del self._at[name]
            yield name

    @property
    def next_at(self) -> datetime | None:
        """Return the earliest instant there is."""
        while self._heap:
            at, name = self._heap[0]
            if self._at.get(name) == at:
                return at
            heapq.heappop(self._heap)
        return None
