"""A profile that was wrong, the night that it spoilt, and how it is put right: gateway files, watch, replay, on a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from cordwatch.feeds.source import Source
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.runtime.topic_span import TopicSpan
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ALERTS, RAW, SOURCES
from tests.kafka.test_watch import a_group, eventually
from tests.kafka.worker import Worker
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

WRONG = """
profile: his
zone: Asia/Tokyo
numbers: {authority: HOUSE}
codes: {codes: {HIS|RUG: 99CORDWATCH|suspected-mescc, HIS|DWARS: 99CORDWATCH|suspected-mescc}}
"""
RIGHT = """
profile: his
zone: UTC
codes: {codes: {HIS|DWARS: 99CORDWATCH|suspected-mescc}}
"""
RETIMED, UNREAD, FALSE_ALARM = "771", "772", "773"
"""Patients: one whose times were read in a wrong zone, one not at all, one suspected of nothing."""


def reference(number: str) -> str:
    """Return the reference of a patient."""
    return Source().reference("p", number)


def finding(number: str, authority: str, code: str, at: datetime, sent: datetime) -> str:
    """Return an assessment with a code of the house."""
    return (
        f"MSH|^~\\&|HIS|HOUSE|CW|H|{sent:%Y%m%d%H%M%S}||ORU^R01|raw-{number}|P|2.5\r"
        f"PID|1||{number}^^^{authority}^MR\r"
        f"OBR|1||A{number}|ASSESS|||{at:%Y%m%d%H%M%S}\r"
        f"OBX|1|CE|{code}^^HIS||Y||||||F\r"
    )


class House:
    """A broker with a night's messages on it, and the commands that an operator types."""

    def __init__(self, kafka: str, folder: Path) -> None:
        """Write both profiles."""
        self.kafka, self.folder = kafka, folder
        for name, text in (("wrong", WRONG), ("right", RIGHT)):
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def replay(self, *arguments: str, profile: str = "right") -> tuple[int, list[Any]]:
        """Run `cordwatch replay`; return its exit code and what it printed, line by line."""
        command = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", self.kafka, "replay"]
        done = subprocess.run(
            [*command, "--json", "--profile", str(self.folder / f"{profile}.yaml"), *arguments],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def dry_run(self, *arguments: str) -> tuple[int, list[Any]]:
        """Say what a replay would change, and see that it changes nothing by saying so."""
        before = self.records()
        found = self.replay("--from-raw", "--dry-run", *arguments)
        assert self.records() == before
        return found

    def records(self) -> int:
        """Return how many records the topics have that a replay writes to."""
        return sum(len(TopicSpan(KafkaSettings(self.kafka), one.name)) for one in (RAW, *SOURCES))

    def alerts(self, number: str) -> list[Alert]:
        """Return every alert message about a patient, in order."""
        told = (one for one in read_topic(KafkaSettings(self.kafka), ALERTS.name, follow=False))
        found = [Alert.model_validate_json(one[1] or b"") for one in told if one is not None]
        return [one for one in found if one.patient == reference(number)]

    def open_levels(self, number: str) -> set[str]:
        """Return the levels of the alerts about a patient that hold, as the last word has it."""
        last = {one.alert_id: one for one in self.alerts(number)}
        return {f"{one.level}" for one in last.values() if one.status == "open"}


@pytest.fixture
def house(private_kafka: RealKafka, tmp_path: Path) -> Iterator[House]:
    """Yield a house after a night under the wrong profile, and with watch running."""
    found = House(private_kafka.bootstrap, tmp_path)
    topics_admin.apply(KafkaSettings(found.kafka), 1)
    now = WallClock().now()
    night = [
        # Read nine hours too early: due long ago, instead of in five hours.
        finding(RETIMED, "HOUSE", "DWARS", now - timedelta(hours=7), now - timedelta(hours=6)),
        finding(UNREAD, "NORTH", "DWARS", now - timedelta(hours=11), now - timedelta(hours=10)),
        finding(FALSE_ALARM, "HOUSE", "RUG", now - timedelta(hours=7), now - timedelta(hours=6)),
    ]
    (tmp_path / "night.hl7").write_text("\r".join(night), encoding="utf-8")
    code, [summary] = found.replay(str(tmp_path / "night.hl7"), profile="wrong")
    assert (code, summary["quarantined"], summary["events"]) == (1, 1, 2)
    with Worker(found.kafka, a_group(), tmp_path / "watch.log"):
        assert eventually(lambda: "due" in found.open_levels(RETIMED))
        assert eventually(lambda: "due" in found.open_levels(FALSE_ALARM))
        yield found


def changes(lines: list[Any]) -> set[tuple[str, str, str]]:
    """Return what changes of which patient, among the lines of a dry run."""
    return {(one["change"], one["kind"], one["patient"]) for one in lines if one["what"] == "event"}


def appearing(lines: list[Any], change: str) -> set[tuple[str, str, str]]:
    """Return the clocks and alerts that appear or disappear, among the lines of a dry run."""
    return {
        (one["what"], one["patient"], one["rule"])
        for one in lines
        if one.get("change") == change and one["what"] in {"clock", "alert"}
    }


def test_a_night_under_a_wrong_profile_is_put_right(house: House) -> None:
    """Dry run, replay, dry run again; the right alerts stand, and no old one was raised anew."""
    rule = "mri.mescc-suspected"
    code, lines = house.dry_run("--live")
    assert code == 1
    assert changes(lines) == {
        ("changed", "assessed", reference(RETIMED)),
        ("new", "assessed", reference(UNREAD)),
        ("gone", "assessed", reference(FALSE_ALARM)),
    }
    assert appearing(lines, "appears") >= {
        ("clock", reference(RETIMED), rule),
        ("clock", reference(UNREAD), rule),
        ("alert", reference(UNREAD), rule),
    }
    assert appearing(lines, "disappears") >= {
        ("clock", reference(RETIMED), rule),
        ("clock", reference(FALSE_ALARM), rule),
    }
    began = WallClock().now()
    code, [summary] = house.replay("--from-raw", "--live")
    assert (code, summary["silent_clocks"], summary["faults"]) == (0, 0, 0)
    assert (summary["new"], summary["changed"], summary["gone"]) == (1, 1, 1)
    # 11 of 12 hours: urgent at once, and for real. Nobody had heard of this patient.
    assert eventually(lambda: house.open_levels(UNREAD) == {"urgent"})
    assert [one.paged for one in house.alerts(UNREAD)] == [True]
    assert eventually(lambda: house.open_levels(FALSE_ALARM) == set())
    # Seven of 12 hours: what was due is not, and only the reminder stands.
    assert eventually(lambda: house.open_levels(RETIMED) == {"reminder"})
    old = {one.alert_id for one in house.alerts(RETIMED) if one.raised_at < began}
    raised = [one for one in house.alerts(RETIMED) if one.alert_id not in old]
    assert {one.level for one in raised} == {"reminder"}
    assert house.dry_run("--live") == (0, [lines[-1] | zero(lines[-1])])


def zero(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the counts of a dry run that finds nothing to change."""
    return dict.fromkeys(("new", "changed", "woken", "gone", "kept", "faults"), 0)


def test_by_default_what_is_new_pages_nobody_and_says_so(house: House) -> None:
    """Rebuilding a history must not call people; who still waits is counted, and can be woken."""
    code, [summary] = house.replay("--from-raw", "--patient", reference(UNREAD))
    assert (code, summary["new"], summary["silent_clocks"]) == (0, 1, 1)
    assert eventually(lambda: house.open_levels(UNREAD) == {"urgent"})
    assert {(one.paged, one.replayed) for one in house.alerts(UNREAD)} == {(False, True)}
    # The others were left alone.
    assert "due" in house.open_levels(FALSE_ALARM)
    code, lines = house.dry_run("--live", "--patient", reference(UNREAD))
    assert (code, changes(lines)) == (1, {("woken", "assessed", reference(UNREAD))})


def test_the_span_of_a_topic_begins_where_it_is_asked_to(private_kafka: RealKafka) -> None:
    """By the times on the topic; what was received since then is in it, whatever stands before."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    topics_admin.apply(kafka, 1)
    hour_ms = 3_600_000
    now_ms = round(WallClock().now().timestamp() * 1_000)
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    for hours in range(10, 0, -1):
        producer.send(
            RAW.name, key=b"k", value=b"%d" % hours, timestamp_ms=now_ms - hours * hour_ms
        )
    producer.flush()
    producer.close()
    since = WallClock().now() - timedelta(hours=3, minutes=30)
    with TopicSpan(kafka, RAW.name, since) as span:
        assert (len(span), [one.value for one in span]) == (4, [b"4", b"3", b"2", b"1"])
    with TopicSpan(kafka, RAW.name, WallClock().now() + timedelta(days=1)) as span:
        assert (len(span), list(span)) == (0, [])
    with TopicSpan(kafka, RAW.name) as span:
        assert len(list(span)) == len(span) == 10
