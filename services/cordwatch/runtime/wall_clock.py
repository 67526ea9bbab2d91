"""The one place where the time is read; everywhere else it is an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class WallClock:
    """
    The time as the service sees it.

    A demo lets it run faster: then `now` moves *speed* seconds a second, from
    *starts_at* (else the present) on.
    """

    def __init__(self, speed: float = 1.0, starts_at: datetime | None = None) -> None:
        """Begin at *starts_at* with *speed* (1: as in life)."""
        self.speed = speed
        self._begun = time.monotonic()
        self._starts_at = starts_at
        self._shifted = speed != 1.0 or starts_at is not None
        self._origin = starts_at or datetime.now(UTC)

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        if not self._shifted:
            return datetime.now(UTC)
        elapsed = (time.monotonic() - self._begun) * self.speed
        return self._origin + timedelta(seconds=elapsed)

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for measuring how long something takes."""
        return time.monotonic()

    def seconds_until(self, instant: datetime) -> float:
        """Return how many real seconds it takes until *instant*; negative when it has passed."""
        return (instant - self.now()).total_seconds() / self.speed
