"""The shell of watch on a broker in memory: what it measures is what happened."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.watch.keeper import BLIND_S, Keeper
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ADMISSIONS, ALERTS, FACTS
from tests.builders import T, a_suspicion

PACK = load_pack("mescc-lymphoma")


class StoppedClock(WallClock):
    """Shows the instant that it is set to."""

    def __init__(self, shown: datetime) -> None:
        super().__init__()
        self.shown = shown

    def now(self) -> datetime:
        """Return what it shows."""
        return self.shown

    def machine_s(self) -> float:
        """Return the same: records are stamped by this clock."""
        return self.shown.timestamp()


async def _nothing() -> None:
    pass


class MemoryBroker:
    """Acknowledges at once; *takes_s* passes on *clock* whenever alerts are sent."""

    def __init__(self, clock: StoppedClock, takes_s: float = 0.0) -> None:
        self._clock = clock
        self._takes = timedelta(seconds=takes_s)
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        self.ends_by_topic: dict[TP, int] = {}

    async def send(self, topic: str, _: bytes, value: bytes) -> Awaitable[Any]:
        """Keep the record."""
        self.sent[topic].append(value)
        self._clock.shown += self._takes
        return _nothing()

    async def write(
        self, topic: str, _: int, rows: Iterable[tuple[bytes, bytes | None]]
    ) -> list[Awaitable[Any]]:
        """Keep the rows."""
        self.sent[topic] += [key for key, _ in rows]
        return []

    async def ends(self, topics: Iterable[TP]) -> Mapping[TP, int]:
        """Return the ends that the test set."""
        return {tp: self.ends_by_topic.get(tp, 0) for tp in topics}

    def committed(self, _: TP) -> int:
        """Return the beginning."""
        return 0


@dataclass(frozen=True, slots=True)
class Polled:
    """A record as the consumer gives it."""

    offset: int
    key: bytes
    value: bytes
    timestamp: int | None
    """When it was stamped, in milliseconds."""


class Ward:
    """A keeper with one partition, its clock, its broker and its metrics."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.clock = StoppedClock(T(0))
        self.registry = CollectorRegistry()
        self.broker = MemoryBroker(self.clock, takes_s)
        metrics = Metrics(PACK, self.registry)
        self.machine = Machine(PACK, metrics)
        self.keeper = Keeper(self.machine, self.broker, self.clock, metrics, 60.0)
        self._offset = 0

    async def tell(self, *events: Event, stamped_ago_s: float = 0.0) -> None:
        """Let the keeper take in one poll."""
        polled = []
        stamp = round((self.clock.machine_s() - stamped_ago_s) * 1000)
        for event in events:
            value = event.model_dump_json().encode()
            polled.append(Polled(self._offset, event.patient.encode(), value, stamp))
            self._offset += 1
        await self.keeper.take([(TP(ADMISSIONS.name, 0), polled)])

    def gauge(self, name: str) -> float:
        """Return a series of the admissions as it would be scraped now."""
        self.keeper.report()
        value = self.registry.get_sample_value(name, {"topic": ADMISSIONS.noun})
        assert value is not None
        return value

    def unread_s(self) -> float:
        """Return for how long the oldest unread admission waits."""
        return self.gauge("cordwatch_oldest_unread_seconds")

    def alerts(self) -> list[Alert]:
        """Return what was published."""
        return [Alert.model_validate_json(one) for one in self.broker.sent[ALERTS.name]]


async def test_lateness_is_measured_in_fractions_until_the_broker_has_the_alert() -> None:
    """A quarter of a second before the look and half a second at the broker make three quarters."""
    ward = Ward(takes_s=0.5)
    await ward.keeper.recovered([0])
    await ward.tell(a_suspicion(at=T(0), patient="A"))
    await ward.keeper.tick()
    ward.clock.shown = T(6) + timedelta(seconds=0.25)
    await ward.keeper.tick()
    name = "cordwatch_firing_lateness_seconds"
    assert [alert.level for alert in ward.alerts()] == ["reminder"]
    assert ward.registry.get_sample_value(f"{name}_count") == 1
    assert ward.registry.get_sample_value(f"{name}_sum") == 0.75


async def test_what_lies_unread_on_the_broker_holds_an_alert_back() -> None:
    """The end is asked for when the level is reached; the alert comes once it has been read to there."""
    ward = Ward()
    await ward.keeper.recovered([0])
    await ward.tell(a_suspicion(at=T(0), patient="A"))
    await ward.keeper.tick()
    ward.clock.shown = T(6)
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 2
    await ward.keeper.tick()
    assert ward.alerts() == []
    await ward.tell(a_suspicion(at=T(5), patient="B"))
    await ward.keeper.tick()
    assert [alert.patient for alert in ward.alerts()] == ["A"]


async def test_who_is_due_while_another_is_held_back_needs_no_further_round() -> None:
    """Each has an end of their own, asked for at their own instant; one poll may reach both."""
    ward = Ward()
    ward.clock.shown = T(1)
    await ward.keeper.recovered([0])
    await ward.tell(
        a_suspicion(at=T(0), patient="A"), a_suspicion(at=T(0) + timedelta(seconds=30), patient="B")
    )
    await ward.keeper.tick()
    ward.clock.shown = T(6)
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 3
    await ward.keeper.tick()
    ward.clock.shown = T(6) + timedelta(seconds=30)
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 4
    await ward.keeper.tick()
    assert ward.alerts() == []
    await ward.tell(a_suspicion(at=T(6), patient="C"), a_suspicion(at=T(6), patient="D"))
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 5
    await ward.keeper.tick()
    raised = [(alert.patient, alert.raised_at) for alert in ward.alerts()]
    assert raised == [("A", T(6)), ("B", T(6) + timedelta(seconds=30))]


async def test_rows_are_written_before_their_offsets_are_durable() -> None:
    """Both have happened when the poll is done."""
    ward = Ward()
    await ward.keeper.recovered([0])
    await ward.tell(a_suspicion(at=T(0), patient="A"))
    assert [key[:3] for key in ward.broker.sent[FACTS.name]] == [b"A|f"]
    assert ward.keeper.durable == {TP(ADMISSIONS.name, 0): 1}


async def test_a_failed_write_leaves_the_offsets_alone() -> None:
    """Nothing is committed that the broker has not got."""
    ward = Ward()
    await ward.keeper.recovered([0])

    async def failing() -> None:
        raise OSError("the broker is gone")

    async def write(*_: object) -> list[Awaitable[None]]:
        return [failing()]

    ward.broker.write = write  # type: ignore[method-assign, assignment]
    told = asyncio.ensure_future(ward.tell(a_suspicion(at=T(0), patient="A")))
    await asyncio.wait([told])
    assert isinstance(told.exception(), OSError)
    assert ward.keeper.durable == {}


async def test_a_partition_that_is_read_no_more_does_not_look_quiet() -> None:
    """Nobody is due, so no tick asks how far it reaches: that is asked besides, and told in seconds."""
    ward = Ward()
    await ward.keeper.recovered([0])
    await ward.tell(a_suspicion(at=T(0), patient="A"))
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 3
    await ward.keeper.look_ahead()
    ward.clock.shown += timedelta(seconds=90)
    assert ward.unread_s() == 90
    await ward.tell(a_suspicion(at=T(0), patient="B"), stamped_ago_s=7_200)
    assert ward.unread_s() == 7_200
    await ward.tell(a_suspicion(at=T(0), patient="C"))
    assert ward.unread_s() == 0


async def test_who_has_never_seen_how_far_the_topics_reach_is_stale() -> None:
    """Right after a start nothing is unread, because nobody has looked."""
    ward = Ward()
    await ward.keeper.recovered([0])
    blind = "the broker does not say how far the topics reach"
    assert ward.keeper.stale(ward.clock.monotonic()) == blind
    await ward.keeper.look_ahead()
    looked_at = ward.keeper.looked_at
    assert looked_at is not None
    assert ward.keeper.stale(looked_at + BLIND_S) is None
    assert ward.keeper.stale(looked_at + BLIND_S + 0.1) == blind


async def test_who_lags_by_more_than_a_minute_is_stale_until_all_is_read() -> None:
    """The same minute as in the rule that wakes somebody."""
    ward = Ward()
    await ward.keeper.recovered([0])
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 1
    await ward.keeper.look_ahead()
    for waited_s, told in ((60, None), (61, "records have been waiting unread")):
        ward.clock.shown = T(0) + timedelta(seconds=waited_s)
        ward.keeper.report()
        assert ward.keeper.stale(ward.clock.monotonic()) == told
    await ward.tell(a_suspicion(at=T(0), patient="A"))
    ward.keeper.report()
    assert ward.keeper.stale(ward.clock.monotonic()) is None


async def test_a_clock_that_is_wrong_is_seen_by_the_stamps_of_records() -> None:
    """A record from the future means that our clock is behind; what took long says nothing."""
    ward = Ward()
    await ward.keeper.recovered([0])
    assert isnan(ward.gauge("cordwatch_clock_offset_seconds"))
    await ward.tell(a_suspicion(at=T(0), patient="A"), stamped_ago_s=40)
    await ward.tell(a_suspicion(at=T(0), patient="B"), stamped_ago_s=-30)
    assert ward.gauge("cordwatch_clock_offset_seconds") == -30


async def test_partitions_that_another_worker_has_are_not_waited_for() -> None:
    """What lies unread there is somebody else's delay."""
    ward = Ward()
    await ward.keeper.recovered([0])
    ward.broker.ends_by_topic[TP(ADMISSIONS.name, 0)] = 3
    await ward.keeper.look_ahead()
    ward.clock.shown += timedelta(seconds=90)
    await ward.keeper.revoke([0])
    assert ward.unread_s() == 0


async def test_a_record_without_a_stamp_is_read_like_any_other() -> None:
    """It says nothing of clocks or delay, and its fact counts."""
    ward = Ward()
    await ward.keeper.recovered([0])
    event = a_suspicion(at=T(0), patient="A")
    bare = Polled(0, event.patient.encode(), event.model_dump_json().encode(), None)
    await ward.keeper.take([(TP(ADMISSIONS.name, 0), [bare])])
    assert isnan(ward.gauge("cordwatch_clock_offset_seconds"))
    assert ward.registry.get_sample_value("cordwatch_patients") == 1


async def test_whose_rows_cannot_be_read_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    """By reference, so that the ward can be told; not every second."""
    configure_logging("info", "json")
    ward = Ward()
    ward.machine.own([0])
    ward.machine.restore(0, [(b"mr_1|f" + b"0" * 24, b'{"v":2}')])
    await ward.keeper.recovered([0])
    await ward.keeper.tick()
    for _ in range(3):
        ward.keeper.report()
    lines = [line for line in capsys.readouterr().err.splitlines() if "cannot be read" in line]
    assert len(lines) == 1
    assert json.loads(lines[0])["of"] == ["mr_1"]
    assert ward.registry.get_sample_value("cordwatch_unreadable_patients") == 1
