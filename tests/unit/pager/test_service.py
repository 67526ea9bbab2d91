"""The pager's process without a broker: what it must live through, and what it must not do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import TopicPartition

from cordwatch.pager import ledger, own_alerts, service
from cordwatch.pager.intake import READ, Batch, NotKnown
from cordwatch.pager.ledger import LedgerWriter, Records, publisher_of
from cordwatch.pager.machine import Machine
from cordwatch.pager.own_alerts import OwnAlerts
from cordwatch.pager.service import Pager
from cordwatch.pager.transports.transport import Outcome, Page
from cordwatch.runtime.kafka import KafkaError, KafkaSettings
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.topics import PAGES
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

    pager._own = OwnAlerts("pager", publish)
    pager._own._waiting = [a_trouble()]
    running = asyncio.create_task(pager.run())
    begun_at = pager._looked_at
    for _ in range(400):
        # It looks once a second, the broker or not.
        if asked.is_set() and pager._looked_at > begun_at + 3:
            break
        await asyncio.sleep(0.05)
    assert pager._looked_at > begun_at + 3
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


async def test_what_is_read_while_rows_are_not_taken_is_heard() -> None:
    """The broker gives alerts and takes no rows: what comes in a turn that waits for it is neither lost nor left."""
    is_back = threading.Event()
    pager, said = a_pager()
    machine = pager.machine = Machine(pager.plan, pager.transports)
    pager._is_current = pager._has_begun = True

    def publish(_: Records) -> None:
        is_back.wait(30)

    pager._ledger = LedgerWriter(publish)
    pager._ledger.is_away = True
    machine.hear(a_matter(raised_at=CLOCK.now()), CLOCK.now())
    turn = asyncio.create_task(pager._turn(machine))
    await asyncio.sleep(0.02)
    other = a_matter(alert_id="other", group="clock-2", raised_at=CLOCK.now())
    taken = asyncio.get_running_loop().create_future()
    pager._batches.append((Batch((other,), is_current=True), taken))
    await turn
    await pager._turn(machine)
    assert set(machine.entries) == {"al-due-0", "other"}
    assert not taken.done()
    is_back.set()
    pager._ledger.is_away = False
    await pager._turn(machine)
    assert taken.done()
    await asyncio.sleep(0.01)
    assert {page.matter.alert_id for page in said} == {"al-due-0", "other"}


async def test_it_is_relied_on_once_it_tells_and_the_ledger_knows_of_it() -> None:
    """Ready: whoever stands by, and whoever tells and writes it down; not while what was told is not written."""
    pager, _ = a_pager()
    assert pager.is_ready()
    pager.machine = Machine(pager.plan, pager.transports)
    assert not pager.is_ready()
    pager._has_begun = True
    assert pager.is_ready()
    pager._ledger.is_away = True
    assert not pager.is_ready()
    assert pager.health()[0]


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

    monkeypatch.setattr(own_alerts, "read_topic", records)
    monkeypatch.setattr(service, "read_ledger", lambda *_: ())
    pager, _ = a_pager()
    assert pager._lead()
    assert pager.machine is not None
    assert list(pager._own.open) == ["nurse"]


def test_a_row_that_cannot_be_read_is_heard_of_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad row, or one of a newer version: the others count, and the topics are read from their beginning."""
    good = LedgerEntry(matter=a_matter(), first_seen_at=T0, reason="new").model_dump_json()

    def records(_: object, topic: str, **__: object) -> Iterator[tuple[bytes, bytes] | None]:
        if topic == PAGES.name:
            yield b"al-bad", b"{"
            yield b"al-due-0", good.encode()
        yield None

    monkeypatch.setattr(own_alerts, "read_topic", records)
    monkeypatch.setattr(ledger, "read_topic", records)
    pager, _ = a_pager()
    assert not pager._lead()
    assert pager.machine is not None
    assert list(pager.machine.entries) == ["al-due-0"]
    known = [TopicPartition(topic.name, 0) for topic in READ]
    intake = Pager(a_plan(), {}, NOWHERE, CLOCK)._intake
    for is_whole, begins in ((True, {7}), (False, {0})):
        reader = Reader()
        assert intake._placed(reader, is_whole=is_whole) == known
        assert set(reader.at.values()) == begins


class Reader:
    """A consumer of topics with one partition each, whose group has committed seven records of everything."""

    def __init__(self) -> None:
        """Stand nowhere yet."""
        self.at = dict[TopicPartition, int]()

    def partitions_for_topic(self, _: str) -> set[int]:
        """Return the one."""
        return {0}

    def committed(self, _: TopicPartition) -> int:
        """Return where to go on."""
        return 7

    def assign(self, parts: list[TopicPartition]) -> None:
        """Take them all."""

    def seek(self, part: TopicPartition, offset: int) -> None:
        """Go there."""
        self.at[part] = offset

    def seek_to_beginning(self, part: TopicPartition) -> None:
        """Go to its beginning."""
        self.at[part] = 0


class Deaf(Reader):
    """A consumer whose broker does not name the partitions."""

    def partitions_for_topic(self, _: str) -> set[int]:
        """Return none."""
        return set()


def test_a_topic_without_partitions_is_not_passed_over() -> None:
    """A pager that is deaf to alerts would look well and tell nobody."""
    intake = Pager(a_plan(), {}, NOWHERE, CLOCK)._intake
    with pytest.raises(NotKnown):
        intake._placed(Deaf(), is_whole=True)
