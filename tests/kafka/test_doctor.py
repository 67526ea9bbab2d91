"""The doctor at a real broker: what is off is found, and its cure is a command that cures it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from cordwatch.runtime import topics_admin
from cordwatch.runtime.group_progress import group_progress
from cordwatch.runtime.kafka import KafkaSettings, admin_client
from cordwatch_schemas.topics import ADMISSIONS
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def cordwatch(kafka: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does; what the run of the tests is told is none of their variables."""
    environment = {name: one for name, one in os.environ.items() if "CORDWATCH_" not in name}
    return subprocess.run(
        [sys.executable, "-m", "cordwatch.app.cli", "--kafka", kafka, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )


def found(kafka: str) -> dict[str, dict[str, str]]:
    """Return what the doctor finds, by probe."""
    done = cordwatch(kafka, "doctor", "--json")
    return {one["probe"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_what_drifted_is_found_and_cured_by_what_the_doctor_says(
    private_kafka: RealKafka,
) -> None:
    """Topics, retention, and that nobody watches; the rest is well."""
    kafka = private_kafka.bootstrap
    topics_admin.apply(KafkaSettings(kafka), 1)
    # The broker makes its place for groups when it is asked for the first, which can take longer than the doctor waits.
    assert not group_progress(KafkaSettings(kafka), "nobody", [ADMISSIONS.name]).is_running
    well = found(kafka)
    assert {name for name, one in well.items() if one["state"] == "bad"} == {"watch", "pager group"}
    assert well["watch"]["cure"] == "cordwatch watch"
    assert well["kafka disk"]["found"].endswith("is free")
    with admin_client(KafkaSettings(kafka)) as admin:
        short = ConfigResource(
            ConfigResourceType.TOPIC, ADMISSIONS.name, configs={"retention.ms": "3600000"}
        )
        admin.alter_configs([short])
    drifted = found(kafka)
    assert {drifted[name]["state"] for name in ("topics", "retention")} == {"bad"}
    assert ADMISSIONS.name in drifted["retention"]["found"]
    cure = drifted["retention"]["cure"].split()
    assert cordwatch(kafka, *cure[1:]).returncode == 0
    assert found(kafka)["retention"]["state"] == "good"
