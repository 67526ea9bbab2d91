"""An upgrade as it is done: every process in turn is told to stop and begun anew, while messages come."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from itertools import count, islice
from pathlib import Path

import pytest

from cordwatch.pager.lane import dedup_key
from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import decide
from cordwatch.pathway.facts import fact_of
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import read_event
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ADMISSIONS
from tests.kafka.gateway import Gateway, Sender
from tests.kafka.pager_process import PagerProcess
from tests.kafka.test_pager import CLOCK, Bench, until
from tests.kafka.test_watch import alerts_of, due_ids
from tests.kafka.worker import Worker
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.fake_pager import FakePager
from tests.pager.pagerduty_rules import PagerDutyRules

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

CONNECTIONS, AT_ONCE, PAUSE_S = 3, 2, 4.0
"""
How many connect, how many messages each sends then, and how long it is quiet after them.

No more than the pager tells in a minute: it keeps to the limit of the hospital's on-call tool.
"""


def a_suspicion(now: datetime, control_id: str) -> bytes:
    """Return the result of an examination 26 hours before *now*, of a patient of its own: cord compression is suspected."""
    sent, seen = (f"{at:%Y%m%d%H%M%S}+0000" for at in (now, now - timedelta(hours=26)))
    return (
        f"MSH|^~\\&|HIS|W|CW|H|{sent}||ORU^R01|{control_id}|P|2.5\r"
        f"PID|1||{control_id}^^^H^MR\rPV1|1|I|HAEM1\rOBR|1||{control_id}|EXAM^^L\r"
        f"OBX|1|CE|suspected-mescc^^99CORDWATCH||Y||||||F|||{seen}\r"
    ).encode()


def due_of_core(events: list[Event]) -> dict[str, set[str]]:
    """Return, by patient, the ids of what the core says is due now, which is at least one."""
    pack, found = load_pack("mescc-lymphoma"), dict[str, set[str]]()
    for event in events:
        told = decide(Chart(event.patient, [fact_of(event)], [], pack), CLOCK.now()).alerts
        found[event.patient] = {one.alert_id for one in told if one.level == "due"}
    assert all(found.values())
    return found


def suspicions_of(kafka: str) -> list[Event]:
    """Return what the gateway made of the messages, each once."""
    records = read_topic(KafkaSettings(kafka), ADMISSIONS.name, follow=False)
    events = [read_event(record[1]) for record in records if record is not None and record[1]]
    return list({event.event_id: event for event in events}.values())


class Hospital:
    """One gateway, two workers of watch, two pagers, and senders who do not care that these come and go."""

    def __init__(self, bench: Bench, folder: Path, running: ExitStack) -> None:
        """Start all of it."""
        self._bench, self._folder, self._running = bench, folder, running
        self._count = 0
        self._logs: list[Path] = []
        self.gateway = self._gateway()
        self.workers = [self._worker() for _ in range(2)]
        self.pagers = [self._pager() for _ in range(2)]
        self.acknowledged: list[str] = []

    async def send(self, enough: asyncio.Event) -> None:
        """Send until *enough*, to whichever gateway there is, and until all of it is acknowledged."""

        async def line(name: str) -> None:
            names = (f"{name}-{number}" for number in count())
            while not enough.is_set():
                # Sent again, it is the same to the byte.
                message = partial(a_suspicion, CLOCK.now())
                sender = Sender(list(islice(names, AT_ONCE)), AT_ONCE, message)
                while sender.waiting:
                    await sender.send_until_done_or_cut(self.gateway.port, lambda: None)
                    await asyncio.sleep(PAUSE_S)
                self.acknowledged += sender.acknowledged

        run = uuid.uuid4().hex[:8]
        await asyncio.gather(*(line(f"{run}-{one}") for one in range(CONNECTIONS)))

    async def roll(self) -> None:
        """End each process and begin it anew, one after the other; none is ended before the last is at work."""
        for log in self._logs:
            await until(partial(_watches, log), "a worker does not watch")
        for number, worker in enumerate(self.workers):
            assert await asyncio.to_thread(worker.stop) == 0
            self.workers[number] = self._worker()
            log = self._logs[-1]
            await until(partial(_watches, log), "the new worker does not watch")
        for number, pager in enumerate(self.pagers):
            await asyncio.to_thread(pager.wait_for, "metrics")
            assert await asyncio.to_thread(pager.stop) == 0, pager.log()[-2000:]
            self.pagers[number] = self._pager()
        assert await asyncio.to_thread(self.gateway.stop) == 0
        self.gateway = await asyncio.to_thread(self._gateway)

    def _log(self, name: str) -> Path:
        self._count += 1
        return self._folder / f"{name}-{self._count}.log"

    def _gateway(self) -> Gateway:
        return self._running.enter_context(Gateway(self._bench.address, self._log("feeds")))

    def _worker(self) -> Worker:
        self._logs.append(self._log("watch"))
        return self._running.enter_context(Worker(self._bench.address, "watch", self._logs[-1]))

    def _pager(self) -> PagerProcess:
        return self._running.enter_context(
            PagerProcess(self._bench.address, self._bench.plan, self._log("pager"))
        )


def told(pager: FakePager) -> set[str]:
    """Return the keys of all incidents."""
    return {one.dedup_key for one in pager.rules.incidents.values()}


def _watches(log: Path) -> bool:
    return "watching" in log.read_text()


async def test_every_process_begun_anew_under_load_misses_nothing(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Each message is acknowledged, each patient's alerts are the core's, each alert is one page."""
    async with FakePager(CLOCK.now, PagerDutyRules(per_minute=None)) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        with ExitStack() as running:
            hospital = await asyncio.to_thread(Hospital, bench, tmp_path, running)
            rolled = asyncio.Event()
            sending = asyncio.create_task(hospital.send(rolled))
            await hospital.roll()
            rolled.set()
            await sending
            events = await asyncio.to_thread(suspicions_of, bench.address)
            assert {one.source_message_id for one in events} == set(hospital.acknowledged)
            assert len(events) == len(hospital.acknowledged)
            wanted = due_of_core(events)

            keys = {
                dedup_key(alert, 1, "ward-physician", "doctor")
                for alerts in wanted.values()
                for alert in alerts
            }
            await until(lambda: keys <= told(pager), "not every alert is a page")
        assert due_ids(await asyncio.to_thread(alerts_of, bench.address, events)) == wanted
        assert pager.rules.extra_incidents == 0
