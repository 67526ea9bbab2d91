"""The pager on a real broker and over HTTP: nothing lost, nobody woken twice, whoever dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cordwatch.pager.lane import dedup_key
from cordwatch.pager.plan import STEPS
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic
from cordwatch.runtime.topics_admin import apply
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.acknowledgements import Acknowledged
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.topics import ACKS, ALERTS, OPERATIONS, PAGES
from tests.kafka.pager_process import PagerProcess
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.fake_pager import FakePager
from tests.pager.pagerduty_rules import PagerDutyRules

CLOCK = WallClock()
WAIT_S_MAX = 60.0


def an_alert(number: int, **changes: Any) -> Alert:
    """Return an alert that was raised just now."""
    now = CLOCK.now()
    content: dict[str, Any] = {
        "alert_id": f"al-{number}",
        "kind": "clock",
        "rule": "steroid.start",
        "level": "due",
        "severity": "critical",
        "paged": True,
        "patient": f"p_{number}",
        "ward": "HAEM",
        "clock": f"clock-{number}",
        "cause": f"f-{number}",
        "start_at": now - timedelta(hours=1),
        "due_at": now,
        "raised_at": now,
        "reason": "dexamethasone not given",
        "clause": "Immediate corticosteroid therapy",
        "pack": "mescc-lymphoma@1.0.0",
    }
    return Alert.model_validate(content | changes)


def over(alert: Alert) -> Alert:
    """Return how it is told to have ended."""
    told = {"status": "resolved", "revision": alert.revision + 1, "ended_at": CLOCK.now()}
    return Alert.model_validate(alert.model_dump() | told)


class Bench:
    """A broker with topics, a plan with one fake PagerDuty, and what a test says to them."""

    def __init__(self, broker: RealKafka, folder: Path, url: str) -> None:
        """Provision topics, and write a plan whose pages go to *url*."""
        self.address, self._folder = broker.bootstrap, folder
        self.kafka = KafkaSettings(broker.bootstrap)
        apply(self.kafka, replication=1)
        (folder / "key").write_text("k" * 32)
        step = {"tell": ["ward-physician"], "then": ["duty-manager"], "answer_within": "4 s"}
        patient = {"tell": ["ward-physician"]}
        plan = {
            "destinations": {
                "doctor": {
                    "kind": "pagerduty",
                    "url": url,
                    "routing_key_file": str(folder / "key"),
                },
                "duty": {"kind": "nowhere"},
            },
            "roster": [
                {"role": "ward-physician", "by": ["doctor"]},
                {"role": "duty-manager", "by": ["duty"]},
                {"role": "integration-engineer", "by": ["duty"]},
            ],
            "ladder": dict.fromkeys(STEPS, patient)
            | {"due": patient, "urgent": step, "operational": {"tell": ["integration-engineer"]}},
            "calm": {"pages": 1000},
        }
        self.plan = folder / "plan.yaml"
        self.plan.write_text(json.dumps(plan))
        self._publisher = Publisher(self.kafka)

    def pager(self) -> PagerProcess:
        """Start a pager."""
        return PagerProcess(self.address, self.plan, self._folder / "pager.log")

    def publish(self, *alerts: Alert) -> None:
        """Publish alerts as watch does."""
        for one in alerts:
            self._publisher.send(ALERTS.name, one.patient.encode(), one.model_dump_json().encode())
        self._publisher.confirm()

    def answer(self, alert: Alert) -> None:
        """Acknowledge as the command line does."""
        now = CLOCK.now()
        answer = Acknowledged(
            event_id=f"ack-{alert.alert_id}",
            patient=alert.patient,
            by="n.jansen",
            occurred_at=now,
            received_at=now,
            channel="command-line",
            alert_id=alert.alert_id,
        )
        self._publisher.send(ACKS.name, alert.patient.encode(), answer.model_dump_json().encode())
        self._publisher.confirm()

    def ledger(self) -> dict[str, LedgerEntry]:
        """Return the last word on every matter."""
        found = {}
        for record in read_topic(self.kafka, PAGES.name, follow=False):
            if record is not None and record[1] is not None:
                entry = LedgerEntry.model_validate_json(record[1])
                found[entry.matter.alert_id] = entry
        return found

    def accepted(self, alert_id: str) -> str | None:
        """Return what the first one who was told of an alert has accepted, as far as the ledger knows."""
        entry = self.ledger().get(alert_id)
        return entry.deliveries[0].accepted if entry and entry.deliveries else None


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    for _ in range(int(WAIT_S_MAX / 0.05)):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


KEYS = {dedup_key(f"al-{one}", 1, "ward-physician", "doctor"): f"al-{one}" for one in range(100)}


def names(pager: FakePager, states: Sequence[str]) -> set[str]:
    """Return the alerts whose incidents are in one of these states."""
    return {KEYS[one.dedup_key] for one in pager.rules.incidents.values() if one.state in states}


async def test_from_alert_to_page_to_answer_to_end(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Told, seen, over: each at PagerDuty within moments, and all of it in the ledger; then a clean stop."""
    async with FakePager(CLOCK.now) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        with bench.pager() as process:
            alerts = [an_alert(number) for number in range(3)]
            await asyncio.to_thread(bench.publish, *alerts)
            await until(lambda: len(names(pager, ["triggered"])) == 3, "not told")
            await asyncio.to_thread(bench.answer, alerts[0])
            await until(lambda: names(pager, ["acknowledged"]) == {"al-0"}, "not acknowledged")
            await asyncio.to_thread(bench.publish, over(alerts[1]))
            await until(lambda: names(pager, ["resolved"]) == {"al-1"}, "not resolved")
            assert await asyncio.to_thread(process.stop) == 0, process.log()[-3000:]
        ledger = await asyncio.to_thread(bench.ledger)
        stages = {name: one.deliveries[0].accepted for name, one in ledger.items()}
        assert stages == {"al-0": "acknowledged", "al-1": "closed", "al-2": "told"}
        assert ledger["al-0"].answers[0].by == "n.jansen"


async def test_killed_again_and_again_nothing_is_lost(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """SIGKILL three times while 36 alerts come: each is one incident, and no ended one stays open."""
    async with FakePager(CLOCK.now, PagerDutyRules(per_minute=None)) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        alerts = [an_alert(number) for number in range(36)]
        for life in range(3):
            with bench.pager() as process:
                part = alerts[life * 12 : life * 12 + 12]
                await asyncio.to_thread(bench.publish, *part)
                enough = life * 12 + 4
                await until(_has(pager, enough), "not told")
                process.kill()
        with bench.pager():
            await asyncio.to_thread(bench.publish, *(over(one) for one in alerts[::2]))
            rest = {one.alert_id for one in alerts[1::2]}
            await until(lambda: names(pager, ["triggered"]) == rest, "not as it must be")
            # One more: what was to be told before it, wrongly or not, has been told by then.
            await asyncio.to_thread(bench.publish, an_alert(99))
            await until(lambda: "al-99" in names(pager, ["triggered"]), "not told")
        assert pager.rules.extra_incidents == 0
        assert names(pager, ["triggered"]) == rest | {"al-99"}


async def test_one_tells_and_the_other_stands_by(private_kafka: RealKafka, tmp_path: Path) -> None:
    """Two pagers: one leads. It dies, the other goes on with what it knew; nobody is told twice."""
    async with FakePager(CLOCK.now) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        with bench.pager() as first:
            first.wait_for("the pager tells")
            with bench.pager() as second:
                await asyncio.to_thread(bench.publish, an_alert(1))
                # Until its ledger says so, whoever takes over must tell it again, under the same key.
                await until(lambda: bench.accepted("al-1") == "told", "not told")
                assert "this pager leads" not in second.log()
                first.kill()
                await asyncio.to_thread(second.wait_for, "the pager tells")
                await asyncio.to_thread(bench.publish, an_alert(2), over(an_alert(1)))
                await until(lambda: names(pager, ["triggered"]) == {"al-2"}, "not taken over")
        assert (pager.rules.extra_incidents, pager.rules.folded) == (0, 0)


async def test_without_a_broker_the_ladder_goes_on(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Kafka is away: who was told and does not answer is followed by the next, and no page waits for a row."""
    async with FakePager(CLOCK.now) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        with bench.pager() as process:
            await asyncio.to_thread(bench.publish, an_alert(1, level="urgent", severity="urgent"))
            await until(lambda: len(pager.rules.incidents) == 1, "not told")
            private_kafka.kill()
            await asyncio.to_thread(process.wait_for, "destination=duty")
            private_kafka.start()
            await asyncio.to_thread(bench.publish, an_alert(2))
            # It may have lost its lead with the broker: then it ends itself, for a supervisor to start.
            await until(
                lambda: "al-2" in names(pager, ["triggered"]) or process.process.poll() == 70,
                "deaf after the outage",
            )
        with bench.pager() as process:
            await asyncio.to_thread(process.wait_for, "the pager tells")
            await until(lambda: "al-2" in names(pager, ["triggered"]), "not told")
            await until(lambda: len(_told(bench, "al-1")) > 1, "the ledger does not know")
            assert await asyncio.to_thread(process.stop) == 0
        assert _told(bench, "al-1") == ["doctor", "duty"]
        assert pager.rules.extra_incidents == 0


def _told(bench: Bench, alert_id: str) -> list[str]:
    return [one.destination for one in bench.ledger()[alert_id].deliveries]


async def test_a_refusal_is_told_to_who_runs_it(private_kafka: RealKafka, tmp_path: Path) -> None:
    """PagerDuty says 401: an operational alert names the destination, and is over when it takes pages again."""
    async with FakePager(CLOCK.now) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        pager.faults.extend([403])
        with bench.pager():
            await asyncio.to_thread(bench.publish, an_alert(1))
            await until(lambda: _operations(bench) == [("page-refused", "open")], "not raised")
            await asyncio.to_thread(bench.publish, an_alert(2))
            await until(lambda: len(_operations(bench)) > 1, "not over")
        assert _operations(bench) == [("page-refused", "open"), ("page-refused", "over")]
        assert names(pager, ["triggered"]) == {"al-2"}


def _has(pager: FakePager, enough: int) -> Callable[[], bool]:
    return lambda: len(pager.rules.incidents) >= enough


def _operations(bench: Bench) -> list[tuple[str, str]]:
    found = []
    for record in read_topic(bench.kafka, OPERATIONS.name, follow=False):
        if record is not None and record[1] is not None:
            one = json.loads(record[1])
            found.append((one["kind"], one["status"]))
    return found


pytestmark = pytest.mark.timeout(240)
