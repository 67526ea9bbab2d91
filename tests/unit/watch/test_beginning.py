"""A worker that is told to stop while it begins: a broker that is away then keeps it from nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.watch import service
from cordwatch.watch.service import Watch
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.pack_choice import load_packs

Begin = Callable[[], Awaitable[None]]


class Broken(Exception):
    """What a broker comes to that cannot be begun with."""


async def for_ever() -> None:
    """Wait for a broker that is away."""
    await asyncio.Event().wait()


async def in_a_moment() -> None:
    """Begin."""
    await asyncio.sleep(0.01)


async def not_at_all() -> None:
    """Fail."""
    raise Broken


@pytest.fixture
def begins(monkeypatch: pytest.MonkeyPatch) -> Callable[[Begin], Awaitable[bool]]:
    """Return what asks a worker that was told to stop whether it begins, as it is said to."""
    monkeypatch.setattr(service, "BEGIN_S", 0.1)

    async def ask(begin: Begin) -> bool:
        worker = Watch(
            WatchSettings(kafka=KafkaSettings("127.0.0.1:1"), metrics_port=0),
            load_packs("mescc-lymphoma"),
        )
        monkeypatch.setattr(worker, "_begin", begin)
        stop = asyncio.Event()
        stop.set()
        return await worker._has_begun(stop)

    return ask


async def test_it_waits_no_longer_for_a_broker(
    begins: Callable[[Begin], Awaitable[bool]],
) -> None:
    """Who can begin does so, and leaves in order; an error is an error also then."""
    async with asyncio.timeout(20):
        assert not await begins(for_ever)
        assert await begins(in_a_moment)
        with pytest.raises(Broken):
            await begins(not_at_all)
