"""
The rows of running clocks in their order, kept in it: a look costs what changed, not all there is.

Pure: time is an argument. Of each row the next instant is known at which time
alone changes it; until then only a new fact moves it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from datetime import datetime
from typing import Any

from cordwatch.board.clock_row import ClockRow, order_of
from cordwatch.pathway.facts import EPOCH

Key = tuple[Any, ...]


class OpenRows:
    """Every row that there is, and of those that run at an instant the order."""

    def __init__(self) -> None:
        """Begin with none."""
        self.moment = 0
        """Grows whenever time alone changed a row."""
        self._at = EPOCH
        self._rows: dict[str, ClockRow] = {}
        self._keys: dict[str, Key] = {}
        """Of the rows that run, by clock; by these they are sorted."""
        self._sorted: list[tuple[Key, ClockRow]] = []
        self._wakes: list[tuple[datetime, str]] = []
        """When rows change by time alone; an entry that `_wake_of` does not confirm is void."""
        self._wake_of: dict[str, datetime] = {}

    def put(self, row: ClockRow) -> None:
        """Let *row* stand, instead of what was there of its clock."""
        self._rows[row.id] = row
        self._place(row)

    def drop(self, clock: str) -> None:
        """Take out the row of a clock, if it is there."""
        self._rows.pop(clock, None)
        self._wake_of.pop(clock, None)
        self._take_out(clock)

    def at(self, now: datetime) -> list[ClockRow]:
        """Return the rows that run at *now*, the most pressing first."""
        self.advance(now)
        return [row for _, row in self._sorted]

    def advance(self, now: datetime) -> None:
        """Go on to *now*: place those rows anew that time has changed; all of them if it went back."""
        back, self._at = now < self._at, now
        if back:
            self.moment += 1
            for row in self._rows.values():
                self._place(row)
        while self._wakes and self._wakes[0][0] <= now:
            at, clock = heapq.heappop(self._wakes)
            if self._wake_of.get(clock) == at:
                self.moment += 1
                self._place(self._rows[clock])

    def mark(self, clock: str, now: datetime) -> object | None:
        """Return what is another object as soon as a row may look different; None: the clock does not run at *now*."""
        self.advance(now)
        return self._keys.get(clock)

    def wake_at(self) -> datetime | None:
        """Return when time alone changes a row: never too late, sometimes for nothing."""
        return self._wakes[0][0] if self._wakes else None

    def next_change(self, now: datetime) -> datetime | None:
        """Return when time alone changes a row after *now*."""
        self.advance(now)
        return min(self._wake_of.values(), default=None)

    def _place(self, row: ClockRow) -> None:
        self._take_out(row.id)
        if row.is_open(self._at):
            key = self._keys[row.id] = order_of(row, self._at)
            insort(self._sorted, (key, row), key=_key)
        next_at = min(row.changes_after(self._at), default=None)
        if next_at is None:
            self._wake_of.pop(row.id, None)
        elif self._wake_of.get(row.id) != next_at:
            self._wake_of[row.id] = next_at
            heapq.heappush(self._wakes, (next_at, row.id))

    def _take_out(self, clock: str) -> None:
        key = self._keys.pop(clock, None)
        if key is not None:
            # A key ends with the clock's own id: no two are equal.
            del self._sorted[bisect_left(self._sorted, key, key=_key)]


def _key(one: tuple[Key, ClockRow]) -> Key:
    return one[0]
