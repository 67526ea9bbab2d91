"""
How long what is not read yet has been waiting, and whose clock differs from ours.

Pure. A record count says nothing about a ward: three records may be three
seconds or three days. So what is measured is time, from what the broker tells:
how far a partition reaches, and when a record was stamped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan

OFFSET_WINDOW_S = 300.0
_SLICES = 5

Partition = tuple[str, int]
"""A topic by its noun, and a partition of it."""


@dataclass(slots=True)
class _Ahead:
    end: int
    since: float


@dataclass(slots=True)
class Delay:
    """Since when the oldest unread record of each partition waits; seconds since 1970 as the machine's clock has them."""

    _ahead: dict[Partition, _Ahead] = field(default_factory=dict)

    def seen(self, partition: Partition, end: int, position: int, at: float) -> None:
        """Take note that *partition* reaches to *end* and is read to *position*: what is new came just now, or before."""
        if position >= end:
            self._ahead.pop(partition, None)
        elif partition in self._ahead:
            self._ahead[partition].end = end
        else:
            self._ahead[partition] = _Ahead(end, at)

    def read(self, partition: Partition, position: int, stamped_at: float) -> None:
        """
        Take note of a record that was read, with its stamp; the next one is no older.

        So a backlog from before a restart shows with its real age as soon as
        anything of it is read, not only from the moment at which it was seen.
        """
        ahead = self._ahead.get(partition)
        if ahead is None:
            return
        if position >= ahead.end:
            del self._ahead[partition]
        else:
            ahead.since = stamped_at

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop *partitions* of every topic: another worker has them."""
        gone = frozenset(partitions)
        for one in [one for one in self._ahead if one[1] in gone]:
            del self._ahead[one]

    def oldest_s(self, topic: str, now: float) -> float:
        """Return for how long, at least, the oldest unread record of *topic* waits; 0: all is read."""
        since = min(
            (one.since for (noun, _), one in self._ahead.items() if noun == topic), default=now
        )
        return max(0.0, now - since)


@dataclass(slots=True)
class ClockOffset:
    """
    By how much our clock is ahead of the one by which records are stamped.

    A record is read after it was stamped, so the smallest distance of a few
    minutes is the offset and a little: what the way took at its quickest.
    """

    _least: dict[int, float] = field(default_factory=dict)
    """By slice of the window the smallest distance, seconds."""

    def read(self, stamped_at: float, now: float) -> None:
        """Take note of a record that was stamped then and read *now*."""
        part = int(now // (OFFSET_WINDOW_S / _SLICES))
        self._least[part] = min(self._least.get(part, now - stamped_at), now - stamped_at)
        self._forget(part)

    def offset_s(self, now: float) -> float:
        """Return the offset; not a number while nothing was read for some minutes."""
        self._forget(int(now // (OFFSET_WINDOW_S / _SLICES)))
        return min(self._least.values(), default=nan)

    def _forget(self, part: int) -> None:
        for old in [one for one in self._least if one <= part - _SLICES]:
            del self._least[old]
