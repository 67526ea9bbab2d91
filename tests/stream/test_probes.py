"""What an orchestrator is told of a worker: kill it, wait for it, or rely on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faust.types import TP

from tests.stream.stage import PARTITIONS, Stage, a_worker, rest, turns


@asynccontextmanager
async def a_recovered_worker() -> AsyncIterator[Stage]:
    """Run a worker that has been through its first rebalance, and has seen how far the topics reach."""
    async with a_worker() as stage:
        watch = stage.watch
        watch.app.tables.recovery.completed.set()
        watch.app.assignor.assigned_actives = lambda: {TP("any", one) for one in PARTITIONS}
        try:
            await watch._on_assigned(None)
            await watch._on_recovered(None)
            await turns(lambda: watch.keeper.looked_at is not None)
            yield stage
        finally:
            for task in (watch._ticker, watch._looking):
                # More than once: a wait that is over in the same turn swallows it.
                while task is not None and not task.done():
                    task.cancel()
                    await asyncio.sleep(0)


def told(stage: Stage) -> tuple[bool, bool]:
    """Return what is said of it: live, and to be relied on."""
    return stage.watch.is_live(), stage.watch.may_be_relied_on()


async def test_a_worker_that_has_recovered_is_relied_on() -> None:
    """All rows are back, the heap is made, and nothing lies unread."""
    async with a_recovered_worker() as stage:
        assert told(stage) == (True, True)


async def test_a_worker_that_recovers_is_not_killed_and_not_relied_on() -> None:
    """Whether at its start or when it is given more partitions: killed, it would begin again for ever."""
    async with a_recovered_worker() as stage:
        recovery = stage.watch.app.tables.recovery
        await stage.watch._on_assigned(None)
        recovery.in_recovery = True
        assert told(stage) == (True, False)
        recovery.in_recovery = False
        await stage.watch._on_recovered(None)
        assert told(stage) == (True, True)


async def test_rows_without_their_heap_are_nothing_to_rely_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Faust is done and our wake-ups are not: until they are, nobody would be woken."""
    async with a_recovered_worker() as stage:
        watch, recovered, gate = stage.watch, stage.watch.keeper.recovered, asyncio.Event()

        async def slowly(partitions: Any) -> None:
            await gate.wait()
            await recovered(partitions)

        monkeypatch.setattr(watch.keeper, "recovered", slowly)
        await watch._on_assigned(None)
        working: Awaitable[None] = asyncio.ensure_future(watch._on_recovered(None))
        await rest()
        assert watch._is_ready()
        assert told(stage) == (True, False)
        gate.set()
        await working
        assert told(stage) == (True, True)


async def test_a_recovery_beyond_its_budget_is_killed() -> None:
    """By its own watchdog first; by the orchestrator where even that thread stands still."""
    async with a_recovered_worker() as stage:
        watch = stage.watch
        watch._recovery_began = watch.settings.clock.monotonic() - watch.settings.recovery_budget_s
        assert told(stage) == (False, False)


async def test_a_worker_that_is_stale_is_live_and_not_relied_on() -> None:
    """It reads as fast as it can; started anew it would begin at the same place, later."""
    async with a_recovered_worker() as stage:
        stage.watch.keeper.oldest_unread_s = 61.0
        assert told(stage) == (True, False)
        assert stage.watch.health()[1]["stale"] == "records have been waiting unread"
        stage.watch.keeper.oldest_unread_s = 60.0
        assert told(stage) == (True, True)


async def test_a_broker_that_says_nothing_more_kills_nobody() -> None:
    """Nobody is due, so nothing waits for it; that nothing is known of it any more is said."""
    async with a_recovered_worker() as stage:
        assert stage.watch.keeper.looked_at is not None
        stage.watch.keeper.looked_at -= 61
        assert told(stage) == (True, False)
