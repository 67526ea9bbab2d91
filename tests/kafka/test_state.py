"""All that is known, taken from one broker to another: watch goes on there as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.runtime.topic_span import TopicSpan
from cordwatch_schemas.base import Event
from cordwatch_schemas.topics import ALERTS, IMAGING_ORDERS, STATE
from tests.builders import an_mri_done
from tests.kafka.test_watch import (
    a_group,
    alerts_of,
    eventually,
    expect_every_alert_once,
    publish,
    suspicions,
)
from tests.kafka.worker import Worker
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def state(kafka: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `cordwatch state` as an operator does."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "cordwatch.app.cli",
            "--kafka",
            kafka,
            "state",
            *arguments,
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tell_scan(kafka: str, event: Event) -> None:
    """Publish that the spine of the patient of *event* was scanned."""
    done = an_mri_done(at=event.occurred_at + timedelta(hours=1), patient=event.patient)
    publisher = Publisher(KafkaSettings(kafka))
    publisher.send(IMAGING_ORDERS.name, done.patient.encode(), done.model_dump_json().encode())
    publisher.confirm()
    publisher.close()


def stamps(kafka: str) -> list[tuple[int, int]]:
    """Return partition and stamp of every alert."""
    with TopicSpan(KafkaSettings(kafka), ALERTS.name) as span:
        return sorted((one.partition, one.at_ms) for one in span)


def test_watch_goes_on_where_it_was(private_kafka: RealKafka, tmp_path: Path) -> None:
    """What was told is not told again, what runs runs on, what is told later ends what was told before."""
    old, group, file = private_kafka.bootstrap, a_group(), tmp_path / "state.gz"
    topics_admin.apply(KafkaSettings(old), 1)
    told = suspicions(12)
    publish(old, told)
    with Worker(old, group, tmp_path / "old.log") as worker:
        expect_every_alert_once(old, told)
        refused = state(old, "export", str(file), "--group", group)
        assert (refused.returncode, file.exists()) == (1, False)
        assert f"a worker of the group {group} is running" in refused.stderr
        assert worker.stop() == 0
    more = suspicions(1)
    publish(old, more)
    refused = state(old, "export", str(file), "--group", group)
    assert "cordwatch.admissions.v1: 1 records are not read by watch yet" in refused.stderr
    with Worker(old, group, tmp_path / "old.log") as worker:
        expect_every_alert_once(old, more)
        assert worker.stop() == 0
    written = state(old, "export", str(file), "--group", group)
    assert written.returncode == 0, written.stderr
    before = alerts_of(old, [*told, *more])
    with RealKafka(tmp_path / "new-kafka") as broker:
        new = broker.bootstrap
        topics_admin.apply(KafkaSettings(new), 1)
        read = state(new, "import", str(file))
        assert read.returncode == 0, read.stderr
        assert json.loads(read.stdout) == json.loads(written.stdout)
        assert stamps(new) == stamps(old)
        assert state(new, "import", str(file)).returncode == 1
        assert sum(len(TopicSpan(KafkaSettings(new), one.name)) for one in STATE) == sum(
            json.loads(written.stdout).values()
        )
        fresh = suspicions(1)
        with Worker(new, a_group(), tmp_path / "new.log") as worker:
            publish(new, fresh)
            tell_scan(new, told[0])
            expect_every_alert_once(new, fresh)
            assert eventually(lambda: any(one.revision for one in alerts_of(new, told[:1])))
            assert worker.stop() == 0
        # Whoever waits is told of anew at each quarter of an hour, which may come at any moment: of what was told before, nothing.
        ids = {one.alert_id for one in before}
        after = [one for one in alerts_of(new, [*told, *more]) if one.alert_id in ids]
        changed = [one for one in after if one not in before]
        assert {(one.patient, one.revision) for one in changed} == {(told[0].patient, 1)}
        assert len(after) == len(before) + len(changed)
