"""The one place where the time is read; everywhere else it is an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class WallClock:
    """
    The time as the service sees it.

    A demo lets it run faster: then `now` moves *speed* seconds a second, and
    showed *starts_at* at the real instant *anchor*, so that two processes agree.
    """

    def __init__(
        self,
        speed: float = 1.0,
        starts_at: datetime | None = None,
        anchor: datetime | None = None,
    ) -> None:
        """Run with *speed* (1: as in life) from *starts_at* (else the present) at *anchor* (else now)."""
        self.speed = speed
        self._shifted = speed != 1.0 or starts_at is not None
        self._anchor = anchor or datetime.now(UTC)
        self._origin = starts_at or self._anchor

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        if not self._shifted:
            return datetime.now(UTC)
        return self._origin + (datetime.now(UTC) - self._anchor) * self.speed

    def machine_s(self) -> float:
        """Return seconds since 1970 as the machine's own clock has them, by which records are stamped: a demo does not shift it."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for measuring how long something takes."""
        return time.monotonic()

    def seconds_until(self, instant: datetime) -> float:
        """Return how many real seconds it takes until *instant*; negative when it has passed."""
        return (instant - self.now()).total_seconds() / self.speed
