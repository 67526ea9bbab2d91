"""The watchdog: a pause or a stall ends the process, progress does not."""

from __future__ import annotations

import threading

from cordwatch.watch.watchdog import Watchdog


def a_watchdog(report: str | None = None, ended: list[str] | None = None) -> Watchdog:
    """Return a watchdog that takes 3 s for a pause."""
    end = (ended if ended is not None else []).append
    return Watchdog(lambda _: report, paused_s=3, monotonic=lambda: 0.0, end=end)


def test_a_gap_between_two_looks_is_a_pause() -> None:
    """A third of the session without running: another worker may own the partitions."""
    assert a_watchdog().look(10.0, 13.5) == "the process was paused"


def test_progress_is_left_alone() -> None:
    """Half a second between looks is as it should be."""
    assert a_watchdog().look(10.0, 10.5) is None


def test_what_the_report_says_ends_the_process() -> None:
    """From a thread, so that a hanging event loop ends too."""
    ended: list[str] = []
    dog = a_watchdog("nothing moves", ended)
    dog.start()
    for _ in range(30):
        if ended:
            break
        threading.Event().wait(0.1)
    dog.stop()
    assert ended == ["nothing moves"]
