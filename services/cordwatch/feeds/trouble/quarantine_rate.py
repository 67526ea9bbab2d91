"""How much of one source goes to quarantine, against what is usual for it. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MINUTE_S: Final = 60
WINDOW_MIN: Final = 15
HOURS_MAX: Final = 14 * 24
"""How much is remembered: two weeks of hours."""
HOURS_MIN: Final = 24
"""A day must have been seen before anything counts as usual."""
FACTOR: Final = 2
USUAL_OF_HOURS: Final = 0.95
AT_LEAST: Final = 10
"""Fewer messages in the window are never told; a profile may say otherwise."""
WHOLE_HOUR_MIN: Final = 59


@dataclass(slots=True)
class Rate:
    """Messages with a fault, in the last quarter of an hour and over two weeks."""

    hours: list[int] = field(default_factory=list)
    """Of each hour the most that came in a quarter of it; the newest last."""
    jumped_since: datetime | None = None
    """While an alert is open."""
    _minutes: deque[tuple[int, int]] = field(default_factory=deque)
    _hour: int | None = None
    _most: int = 0
    _able_s: float = 0.0
    _listened_s: float = 0.0
    _was_open: bool = False

    def add(self, at: datetime) -> None:
        """Count a message that could not be understood, or not wholly."""
        minute = _minute(at)
        if self._minutes and self._minutes[-1][0] >= minute:
            last, count = self._minutes.pop()
            self._minutes.append((last, count + 1))
        else:
            self._minutes.append((minute, 1))
        self._most = max(self._most, self.count)

    def pass_time(self, able_s: float, now: datetime) -> bool:
        """Let time go by until *now*; return whether an hour was learnt."""
        minute = _minute(now)
        while self._minutes and self._minutes[0][0] <= minute - WINDOW_MIN:
            self._minutes.popleft()
        learnt = False
        hour = minute // 60
        if hour != self._hour:
            learnt = self._learn()
            self._hour, self._most, self._able_s, self._was_open = hour, self.count, 0.0, False
        self._able_s += able_s
        self._listened_s += able_s
        self._was_open = self._was_open or self.jumped_since is not None
        return learnt

    def _learn(self) -> bool:
        """Remember the hour that ended: not one with an alert in it, nor one of which a part is missing."""
        whole = self._able_s >= WHOLE_HOUR_MIN * MINUTE_S
        if self._hour is None or self._was_open or not whole:
            return False
        self.hours.append(self._most)
        del self.hours[:-HOURS_MAX]
        return True

    @property
    def count(self) -> int:
        """Return how many came in the last quarter of an hour."""
        return sum(count for _, count in self._minutes)

    @property
    def usual(self) -> int:
        """Return what at most nineteen of twenty hours had in a quarter of them; 0: not learnt yet."""
        if len(self.hours) < HOURS_MIN:
            return 0
        return sorted(self.hours)[int(USUAL_OF_HOURS * (len(self.hours) - 1))]

    def limit(self, at_least: int) -> int:
        """Return how many are a jump."""
        return max(at_least, FACTOR * self.usual)

    def has_jumped(self, at_least: int) -> bool:
        """Return whether more go to quarantine than may pass unsaid."""
        return self.count >= self.limit(at_least)

    def is_over(self, at_least: int) -> bool:
        """Return whether it is half that again; of a gateway that just began nothing is known yet."""
        settled = self._listened_s >= WINDOW_MIN * MINUTE_S
        return settled and 2 * self.count < self.limit(at_least)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // MINUTE_S
