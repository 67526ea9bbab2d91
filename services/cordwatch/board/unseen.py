"""The synthetic patients: worked out like everybody else, and shown to nobody but who checks the chain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cordwatch.board.clock_row import ClockRow

HEARD_MAX = 500
"""More than there are in the hour for which one is kept."""


class Unseen:
    """Which synthetic patients have a clock here, and an alert that was read."""

    def __init__(self) -> None:
        """Begin with none."""
        self._rows: dict[str, tuple[ClockRow, ...]] = {}
        self._heard: dict[str, None] = {}

    def heard(self, reference: str) -> None:
        """Note that an alert about one was read; only the last of them are remembered."""
        self._heard[reference] = None
        if len(self._heard) > HEARD_MAX:
            del self._heard[next(iter(self._heard))]

    def put(self, reference: str, rows: Iterable[ClockRow]) -> None:
        """Note the clocks of one, all of them."""
        self._rows[reference] = tuple(rows)
        if not self._rows[reference]:
            del self._rows[reference]

    def shown(self, now: datetime) -> list[str]:
        """Return those whose clock runs and whose alert was read: who looks from another thread may."""
        # A copy first: a batch may come in while this looks.
        return sorted(
            reference
            for reference, rows in list(self._rows.items())
            if reference in self._heard and any(row.is_open(now) for row in rows)
        )
