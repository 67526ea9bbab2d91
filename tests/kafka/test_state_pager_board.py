"""All that is known, taken from one broker to another: nobody is paged anew, open ladders go on, the board shows the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cordwatch.pager.lane import dedup_key
from cordwatch.runtime.group_progress import group_progress
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.base import Event
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.topics import WATCHED
from tests.e2e.board_site import BoardSite
from tests.kafka.pager_process import PagerProcess
from tests.kafka.test_board import acknowledge, verify
from tests.kafka.test_pager import CLOCK, Bench, until
from tests.kafka.test_state import state, tell_scan
from tests.kafka.test_watch import a_group, publish, suspicions
from tests.kafka.worker import Worker
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.fake_pager import FakePager

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

ANSWER_WITHIN = "20 s"
"""Longer than a pager that has told somebody takes to end."""


class House:
    """Watch, pager and board on one broker, with one PagerDuty for all brokers."""

    def __init__(self, broker: RealKafka, folder: Path, pager: FakePager) -> None:
        """Provision topics; nothing runs yet."""
        folder.mkdir()
        self.folder, self.kafka, self.group = folder, broker.bootstrap, a_group()
        self.bench = Bench(broker, folder, pager.enqueue)
        plan = json.loads(self.bench.plan.read_text())
        told = {"tell": ["ward-physician"], "then": ["duty-manager"]}
        plan["ladder"]["due"] = told | {"answer_within": ANSWER_WITHIN}
        self.bench.plan.write_text(json.dumps(plan))
        self.site = BoardSite(self.kafka, folder)
        self.pager: PagerProcess

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run all three, and end them in order: the pager first, then what it reads."""
        self.site.start()
        try:
            with (
                self.bench.pager() as self.pager,
                Worker(self.kafka, self.group, self.folder / "watch.log") as watch,
            ):
                yield
                assert self.pager.stop() == 0, self.pager.log()[-2_000:]
                assert watch.stop() == 0
        finally:
            self.site.kill()

    def matters(self, patient: str) -> list[LedgerEntry]:
        """Return what the ledger knows of a patient."""
        return [one for one in self.bench.ledger().values() if one.matter.patient == patient]

    def has(self, patient: str, *accepted: str) -> bool:
        """Return whether a patient's one matter is where its deliveries, by destination, are *accepted*."""
        return [
            [one.accepted for one in matter.deliveries] for matter in self.matters(patient)
        ] == [[*accepted]]

    def board(self, patients: Sequence[str]) -> dict[str, Any]:
        """Return what the board says: open clocks, what was told, and each patient's story with its answers."""
        shown = {what: self.site.api(what)[what] for what in ("clocks", "alerts")}
        stories = {one: self.site.api(f"episodes/{one}") for one in patients}
        return shown | {
            one: [story["clocks"], story["moments"], story["why_not"]]
            for one, story in stories.items()
        }


def _all_read(kafka: str, group: str) -> bool:
    return not group_progress(KafkaSettings(kafka), group, [one.name for one in WATCHED]).unread


def rung(pager: FakePager) -> Mapping[str, tuple[str, int, int, int]]:
    """Return of each incident its state, how often it was opened, how often it rang, and what came for it."""
    return {
        one.dedup_key: (one.state, one.opened, one.notified, one.triggers)
        for one in pager.rules.incidents.values()
    }


async def _tell_all(
    house: House, pager: FakePager, seen: Event, ended: Event, open_: Event
) -> None:
    """Three are told of: one is answered on the board, one is scanned, one is told of last and not answered."""

    def do(events: list[Event]) -> None:
        publish(house.kafka, events)

    await asyncio.to_thread(do, [seen, ended])
    await until(lambda: len(pager.rules.incidents) == 2, "not told")
    assert await asyncio.to_thread(acknowledge, house.site, seen.patient) == 200
    await asyncio.to_thread(tell_scan, house.kafka, ended)
    await until(lambda: house.has(seen.patient, "acknowledged"), "not answered")
    await until(lambda: house.has(ended.patient, "closed"), "not over")
    await asyncio.to_thread(do, [open_])
    await until(lambda: len(pager.rules.incidents) == 3, "not told")


async def test_pager_and_board_go_on_where_they_were(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Answered, over, and on its way: each stays what it was, the next is told after the time it has, and new ones are heard."""
    file = tmp_path / "state.gz"
    seen, ended, open_, fresh = suspicions(4)
    patients = [one.patient for one in (seen, ended, open_)]
    async with FakePager(CLOCK.now) as pager:
        old = House(private_kafka, tmp_path / "old", pager)
        with old.running():
            await _tell_all(old, pager, seen, ended, open_)
            await asyncio.to_thread(old.pager.stop)
            await until(lambda: _all_read(old.kafka, old.group), "watch is behind")
            before = await asyncio.to_thread(old.board, patients)
        ledger, told = old.bench.ledger(), rung(pager)
        assert [len(one.deliveries) for one in ledger.values()] == [1, 1, 1]
        written = await asyncio.to_thread(
            state, old.kafka, "export", str(file), "--group", old.group
        )
        assert written.returncode == 0, written.stderr
        await asyncio.to_thread(private_kafka.kill)
        with RealKafka(tmp_path / "new-kafka") as broker:
            new = House(broker, tmp_path / "new", pager)
            read = await asyncio.to_thread(state, new.kafka, "import", str(file))
            assert read.returncode == 0, read.stderr
            assert new.bench.ledger() == ledger
            with new.running():
                assert await asyncio.to_thread(new.board, patients) == before
                await asyncio.to_thread(publish, new.kafka, [fresh])
                await until(lambda: new.has(fresh.patient, "told"), "deaf to what is new")
                await until(
                    lambda: new.has(open_.patient, "told", "told"), "the ladder stands still"
                )
                assert {one: rung(pager)[one] for one in told} == told
                for one in (seen, ended):
                    [then], [now] = old_matters(ledger, one), new.matters(one.patient)
                    assert (now.deliveries, now.answers) == (then.deliveries, then.answers)
                # An answer that is given here still finds the page that was told from there.
                assert await asyncio.to_thread(acknowledge, new.site, open_.patient) == 200
                [mine] = old_matters(ledger, open_)
                key = dedup_key(mine.matter.alert_id, 1, "ward-physician", "doctor")
                await until(lambda: rung(pager)[key][0] == "acknowledged", "not acknowledged")
                assert verify(new.kafka) == (0, "")
            assert (pager.rules.extra_incidents, pager.rules.folded) == (0, 0)


def old_matters(ledger: Mapping[str, LedgerEntry], event: Event) -> list[LedgerEntry]:
    """Return what the old ledger knew of a patient."""
    return [one for one in ledger.values() if one.matter.patient == event.patient]
