"""Whether the event loop of a process still turns: stamped from inside, asked for from another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BEAT_S = 1.0
SILENT_S = 60.0
"""No work of ours holds the loop for so long: what does hangs, and only a new process helps."""


class Pulse:
    """Beats while the loop turns, whatever is away: that a broker does not answer is no reason to be killed."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Tell time by *monotonic*; it beats from `start` on."""
        self._monotonic = monotonic
        self._beaten_at: float | None = None

    def start(self) -> None:
        """Beat on the running loop until it is closed."""
        self._beat(asyncio.get_running_loop())

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beaten_at = self._monotonic()
        loop.call_later(BEAT_S, self._beat, loop)

    def is_live(self) -> bool:
        """Return whether the loop has turned lately; before the start nothing can be said against it."""
        beaten_at = self._beaten_at
        return beaten_at is None or self._monotonic() - beaten_at <= SILENT_S
