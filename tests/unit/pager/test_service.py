"""The pager's process without a broker: what it must live through, and what it must not do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cordwatch.pager import service
from cordwatch.pager.intake import Batch
from cordwatch.pager.ledger import LedgerWriter, Records, publisher_of
from cordwatch.pager.machine import Machine
from cordwatch.pager.service import Pager
from cordwatch.pager.transports.transport import Outcome, Page
from cordwatch.runtime.kafka import KafkaError, KafkaSettings
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.pages import LedgerEntry
from tests.pager.matters import T0, a_matter, a_plan, ended
from tests.pager.test_telling import NAMES
from tests.pager.world import FakeTransport

NOWHERE = KafkaSettings("127.0.0.1:1", timeout_s=0.2)
CLOCK = WallClock()


class Recording(FakeTransport):
    """Notes what it was asked to say."""

    said: list[Page]

    async def send(self, page: Page) -> Outcome:
        """Take it."""
        self.said.append(page)
        return Outcome("accepted", "accepted")


class Silent:
    """An intake that reads nothing."""

    def start(self) -> None:
        """Begin."""

    def stop(self, _: float) -> None:
        """End."""


def a_pager(**more: Any) -> tuple[Pager, list[Page]]:
    """Return a pager whose ledger is always written, and what it said."""
    said: list[Page] = []
    transports = {name: Recording(name) for name in NAMES}
    for one in transports.values():
        one.said = said
    pager = Pager(a_plan(), transports, NOWHERE, CLOCK, **more)
    pager._ledger = LedgerWriter(lambda _: None)
    pager._intake = Silent()  # type: ignore[assignment]
    return pager, said


def a_trouble() -> OperationalAlert:
    """Return that a destination is away."""
    return OperationalAlert(
        alert_id="op-1",
        kind="pager-away",
        status="open",
        gateway="pager",
        source="nurse",
        since=T0,
        raised_at=T0,
        reason="has taken no page for 5 min",
    )


@pytest.mark.timeout(60)
async def test_a_broker_that_keeps_it_waiting_is_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has to tell of a destination while Kafka is away: it goes on, and does not take itself for frozen."""
    ends = list[int]()
    monkeypatch.setattr(os, "_exit", ends.append)
    pager, _ = a_pager(session_timeout_s=6.0)
    pager.machine = Machine(pager.plan, pager.transports)
    is_back = threading.Event()
    asked = threading.Event()

    def publish(_: Records) -> None:
        asked.set()
        is_back.wait(30)

    pager._publish = publish
    pager._tell_operations = [a_trouble()]
    running = asyncio.create_task(pager.run())
    await asyncio.sleep(5.5)
    pager._end_if_paused()
    is_back.set()
    pager._stopping.set()
    assert await running == 0
    assert asked.is_set()
    assert ends == []


async def test_nothing_is_said_before_all_is_read() -> None:
    """A page waited when the last process was stopped; its matter is over by now, which stands on the topic."""
    world_machine = Machine(a_plan(), {name: FakeTransport(name) for name in NAMES})
    matter = a_matter(raised_at=CLOCK.now())
    world_machine.hear(matter, CLOCK.now())
    waiting = [row for row in world_machine.work(CLOCK.now(), attempts=False).rows.values() if row]
    assert waiting[0].deliveries
    pager, said = a_pager()
    pager.machine = Machine(pager.plan, pager.transports, waiting)
    await pager._turn(pager.machine)
    await asyncio.sleep(0.01)
    assert said == []
    loop = asyncio.get_running_loop()
    pager._batches = [(Batch((ended(matter),), is_current=True), loop.create_future())]
    await pager._turn(pager.machine)
    await asyncio.sleep(0.01)
    assert said == []
    assert pager.machine.entries == {}


async def test_two_may_wait_for_the_same_rows() -> None:
    """At the stop a turn may still wait: both are told that the rows are safe."""
    is_back = threading.Event()

    def publish(_: Records) -> None:
        is_back.wait(30)

    writer = LedgerWriter(publish)
    row = LedgerEntry(matter=a_matter(), first_seen_at=T0, reason="new")
    first = asyncio.create_task(writer.write({"al": row}, 20))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(writer.write({}, 20))
    await asyncio.sleep(0.01)
    is_back.set()
    assert all(await asyncio.gather(first, second))


def test_a_broker_that_was_never_there_is_one_that_is_away() -> None:
    """The first row is written when Kafka has just gone: it waits, and does not end the pager."""
    with pytest.raises(KafkaError):
        publisher_of(NOWHERE)([("topic", b"key", b"value")])


def test_no_record_of_another_keeps_it_from_leading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something unreadable stands among the operational alerts: it is counted, and the pager leads."""

    def records(*_: object, **__: object) -> Iterator[tuple[bytes, bytes] | None]:
        yield b"gateway", b"{"
        yield b"pager", a_trouble().model_dump_json().encode()
        yield None

    monkeypatch.setattr(service, "read_topic", records)
    monkeypatch.setattr(service, "read_ledger", lambda _: ())
    pager, _ = a_pager()
    pager._lead()
    assert pager.machine is not None
    assert list(pager._troubles.open) == ["nurse"]
