"""A thread that ends the process when watch hangs: hangs are more common than crashes."""

from __future__ import annotations

import threading
from collections.abc import Callable

Report = Callable[[float], str | None]
"""Given monotonic seconds: what is wrong, None if nothing is."""

CHECK_EVERY_S = 0.5


class Watchdog:
    """
    Looks at progress from outside the event loop, twice a second.

    A paused process (SIGSTOP, a frozen machine) shows as a gap between two
    looks: another worker may have its partitions by then, so it must go.
    """

    def __init__(
        self,
        report: Report,
        *,
        paused_s: float,
        monotonic: Callable[[], float],
        end: Callable[[str], None],
    ) -> None:
        """Call *end* with the reason when *report* gives one or a look is *paused_s* late."""
        self._report = report
        self._paused_s = paused_s
        self._monotonic = monotonic
        self._end = end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the looking."""
        self._stop.set()

    def _run(self) -> None:
        last = self._monotonic()
        while not self._stop.wait(CHECK_EVERY_S):
            now = self._monotonic()
            reason = self.look(last, now)
            if reason is not None:
                self._end(reason)
                return
            last = now

    def look(self, last: float, now: float) -> str | None:
        """Return what is wrong at *now*, the look before being at *last*."""
        if now - last > self._paused_s:
            return "the process was paused"
        return self._report(now)
