"""Watch against a real broker: killed, doubled, paused, and with the broker going away."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import decide
from cordwatch.pathway.facts import fact_of
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ADMISSIONS, ALERTS
from tests.builders import a_suspicion
from tests.kafka.worker import FAULTS, SESSION_S, Worker
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PATIENTS = 60
PATIENCE_S = 75.0
FIRST_SUSPICION = datetime(2026, 11, 1, tzinfo=UTC)


def suspicions(count: int = PATIENTS) -> list[Event]:
    """Return a suspicion for each of *count* new patients, all of them long overdue."""
    run = uuid.uuid4().hex[:10]
    return [
        a_suspicion(at=FIRST_SUSPICION + timedelta(seconds=number), patient=f"k-{run}-{number}")
        for number in range(count)
    ]


def expected_due(events: list[Event]) -> dict[str, str]:
    """Return, by patient, the id of the one `due` alert that the core gives for each event."""
    pack, found = load_pack("mescc-lymphoma"), {}
    for event in events:
        at = event.occurred_at + timedelta(hours=30)
        [alert] = decide(Chart(event.patient, [fact_of(event)], [], pack), at).alerts
        assert alert.level == "due"
        found[event.patient] = alert.alert_id
    return found


def publish(kafka: str, events: list[Event]) -> None:
    """Publish *events* as a feed does."""
    publisher = Publisher(KafkaSettings(kafka))
    for event in events:
        publisher.send(ADMISSIONS.name, event.patient.encode(), event.model_dump_json().encode())
    publisher.confirm()
    publisher.close()


def alerts_of(kafka: str, events: list[Event]) -> list[Alert]:
    """Return every alert message about the patients of *events*."""
    patients = {event.patient for event in events}
    records = read_topic(KafkaSettings(kafka), ALERTS.name, follow=False)
    return [
        Alert.model_validate_json(record[1] or b"")
        for record in records
        if record is not None and (record[0] or b"").decode() in patients
    ]


def due_ids(alerts: list[Alert]) -> dict[str, set[str]]:
    """Return the ids of `due` alerts by patient."""
    found: dict[str, set[str]] = {}
    for alert in alerts:
        if alert.level == "due":
            found.setdefault(alert.patient, set()).add(alert.alert_id)
    return found


def eventually(
    what: Callable[[], bool], patience_s: float = PATIENCE_S, pause_s: float = 0.5
) -> bool:
    """Ask *what* until it holds or patience ends."""
    pause = threading.Event()
    for _ in range(int(patience_s / pause_s)):
        if what():
            return True
        pause.wait(pause_s)
    return what()


def expect_every_alert_once(kafka: str, events: list[Event]) -> None:
    """Wait until every patient's `due` is there; none missing, none unknown, none under two ids."""
    expected = {patient: {alert} for patient, alert in expected_due(events).items()}
    eventually(lambda: len(due_ids(alerts_of(kafka, events))) == len(expected))
    assert due_ids(alerts_of(kafka, events)) == expected


@pytest.fixture(scope="module")
def provisioned(real_kafka: str) -> str:
    """Return the address of a broker that has every topic."""
    topics_admin.apply(KafkaSettings(real_kafka), 1)
    return real_kafka


def a_group() -> str:
    """Return a consumer group of this test's own."""
    return f"watch-{uuid.uuid4().hex[:10]}"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_worker_killed_between_poll_and_commit_loses_and_doubles_nothing(
    provisioned: str, tmp_path: Path, fault: str
) -> None:
    """Wherever it dies, the next worker publishes exactly the alerts of the core."""
    group, events = a_group(), suspicions()
    with Worker(provisioned, group, tmp_path / "first.log", fault) as first:
        publish(provisioned, events)
        assert first.process.wait(timeout=60) == -signal.SIGKILL
    with Worker(provisioned, group, tmp_path / "second.log"):
        expect_every_alert_once(provisioned, events)


def test_a_second_worker_takes_its_share_and_nothing_is_lost(
    provisioned: str, tmp_path: Path
) -> None:
    """A rebalance in the middle of the work moves patients, not alerts."""
    group, early, late = a_group(), suspicions(), suspicions()
    with Worker(provisioned, group, tmp_path / "one.log"):
        publish(provisioned, early)
        with Worker(provisioned, group, tmp_path / "two.log"):
            publish(provisioned, late)
            expect_every_alert_once(provisioned, early + late)


def test_what_comes_right_after_a_rebalance_is_not_lost(provisioned: str, tmp_path: Path) -> None:
    """A poll that was asked for before it, and found nothing, may go on after it: whatever it finds then counts."""
    group, told, log = a_group(), list[Event](), tmp_path / "stays.log"
    publisher = Publisher(KafkaSettings(provisioned))

    def tell_some() -> None:
        for event in suspicions(PATIENTS // 4):
            told.append(event)
            publisher.send(
                ADMISSIONS.name, event.patient.encode(), event.model_dump_json().encode()
            )
        publisher.confirm()

    def watched(times: int) -> bool:
        return log.read_text().count("watching") >= times

    with Worker(provisioned, group, log):
        assert eventually(lambda: watched(1), pause_s=0.02)
        for number in range(3):
            with Worker(provisioned, group, tmp_path / f"{number}.log") as passing:
                assert eventually(lambda: watched(2 * number + 2), pause_s=0.02)  # noqa: B023 - at once
                tell_some()
                assert passing.stop() == 0
            assert eventually(lambda: watched(2 * number + 3), pause_s=0.02)  # noqa: B023
            tell_some()
        expect_every_alert_once(provisioned, told)
    publisher.close()


def test_clocks_that_run_survive_a_rebalance(provisioned: str, tmp_path: Path) -> None:
    """A worker keeps the clocks of partitions that it keeps, and gets those that it gets."""
    group, run = a_group(), uuid.uuid4().hex[:10]
    level_at = WallClock().now() + timedelta(seconds=20)
    events: list[Event] = [
        a_suspicion(
            at=level_at - timedelta(hours=6),
            patient=f"r-{run}-{number}",
            received_at=level_at - timedelta(seconds=20),
        )
        for number in range(PATIENTS)
    ]
    with Worker(provisioned, group, tmp_path / "one.log"):
        publish(provisioned, events)
        assert eventually(lambda: "watching" in (tmp_path / "one.log").read_text())
        with Worker(provisioned, group, tmp_path / "two.log"):
            wanted = {event.patient for event in events}
            eventually(lambda: {one.patient for one in alerts_of(provisioned, events)} == wanted)
    came = alerts_of(provisioned, events)
    assert {one.patient for one in came} == wanted
    assert {one.level for one in came} == {"reminder"}
    assert all(one.raised_at >= level_at for one in came)


def test_a_worker_paused_past_its_session_ends_itself(provisioned: str, tmp_path: Path) -> None:
    """Another worker takes over; the paused one finds out when it wakes, and goes."""
    group, early, late = a_group(), suspicions(), suspicions()
    with Worker(provisioned, group, tmp_path / "paused.log") as paused:
        publish(provisioned, early)
        expect_every_alert_once(provisioned, early)
        paused.signal(signal.SIGSTOP)
        with Worker(provisioned, group, tmp_path / "other.log"):
            publish(provisioned, late)
            expect_every_alert_once(provisioned, late)
            paused.signal(signal.SIGCONT)
            assert paused.process.wait(timeout=SESSION_S * 3) == 70
        expect_every_alert_once(provisioned, early + late)


def test_told_to_stop_it_commits_and_leaves_at_once(provisioned: str, tmp_path: Path) -> None:
    """The next worker need not wait for the session to run out, and tells nothing twice."""
    group, events = a_group(), suspicions()
    with Worker(provisioned, group, tmp_path / "first.log") as first:
        publish(provisioned, events)
        expect_every_alert_once(provisioned, events)
        assert first.stop() == 0
    told = len(alerts_of(provisioned, events))
    more = suspicions(5)
    with Worker(provisioned, group, tmp_path / "second.log"):
        publish(provisioned, more)
        expect_every_alert_once(provisioned, more)
    first_levels = [alert for alert in alerts_of(provisioned, events) if alert.level == "due"]
    assert len(first_levels) == len(events)
    assert told >= len(events)


def test_a_broker_restart_loses_nothing(private_kafka: RealKafka, tmp_path: Path) -> None:
    """Workers wait or are started again by their supervisor; the alerts are the core's."""
    kafka, group = private_kafka.bootstrap, a_group()
    topics_admin.apply(KafkaSettings(kafka), 1)
    early, late = suspicions(), suspicions()
    with Worker(kafka, group, tmp_path / "first.log"):
        publish(kafka, early)
        expect_every_alert_once(kafka, early)
        private_kafka.restart()
        publish(kafka, late)
        with Worker(kafka, group, tmp_path / "supervised.log"):
            expect_every_alert_once(kafka, early + late)
