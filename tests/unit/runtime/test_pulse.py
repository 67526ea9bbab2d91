"""The pulse of a loop: it beats while the loop turns, and is missed when it does not."""

from __future__ import annotations

import asyncio

import pytest

from cordwatch.runtime import pulse
from cordwatch.runtime.pulse import SILENT_S, Pulse


class Clock:
    """Shows the seconds that it is set to."""

    def __init__(self) -> None:
        self.shown = 100.0

    def monotonic(self) -> float:
        """Return what it shows."""
        return self.shown


async def test_a_loop_that_turns_is_live_whatever_else_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It beats by itself, as long as nothing holds the loop."""
    monkeypatch.setattr(pulse, "BEAT_S", 0.001)
    clock = Clock()
    one = Pulse(clock.monotonic)
    one.start()
    for _ in range(3):
        clock.shown += SILENT_S + 1
        assert not one.is_live()
        async with asyncio.timeout(5):
            while not one.is_live():  # noqa: ASYNC110 - a beat tells nobody of itself
                await asyncio.sleep(0.001)


async def test_a_loop_that_hangs_is_told_after_a_minute() -> None:
    """From another thread, since the loop itself could not."""
    clock = Clock()
    one = Pulse(clock.monotonic)
    one.start()
    clock.shown += SILENT_S
    assert await asyncio.to_thread(one.is_live)
    clock.shown += 0.1
    assert not await asyncio.to_thread(one.is_live)


def test_before_the_start_nothing_speaks_against_it() -> None:
    """A process that has not begun is judged by the time that a start may take."""
    clock = Clock()
    one = Pulse(clock.monotonic)
    clock.shown += 10 * SILENT_S
    assert one.is_live()
