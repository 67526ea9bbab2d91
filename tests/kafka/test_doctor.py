"""The doctor at a real broker: what is off is found, and what it prints to mend it does so, typed as it is printed."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from cordwatch.runtime import topics_admin
from cordwatch.runtime.group_progress import group_progress
from cordwatch.runtime.kafka import KafkaSettings, Publisher, admin_client
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.access import LOOK
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.topics import ADMISSIONS, OPERATIONS
from tests.certificates import Authority, hospital
from tests.kafka.test_secured import options_of
from tests.kafka.test_watch import eventually
from tests.kafka_harness.choice import real_demanded
from tests.kafka_harness.libraries import KAFKA_VERSION, NoKafka, fetched
from tests.kafka_harness.real_kafka import RealKafka
from tests.kafka_harness.secured_kafka import PASSWORD, secured
from tests.shell import as_printed, doctor, environment

__all__ = ["hospital"]

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

PLAN = Path(__file__).parents[2] / "deploy/compose/pager-plan.yaml"
FREE_PORTS = dict.fromkeys(("CORDWATCH_METRICS_PORT", "CORDWATCH_PAGER_METRICS_PORT"), "0")
"""Said by the environment, as an operator may, since others run here too."""


def bad(found: dict[str, dict[str, str]]) -> set[str]:
    """Return the probes that found something."""
    return {name for name, one in found.items() if one["state"] == "bad"}


def provisioned(kafka: RealKafka) -> KafkaSettings:
    """Return how *kafka* is reached, topics on it, and its place for groups made: that can take longer than the doctor waits."""
    settings = KafkaSettings(kafka.bootstrap)
    topics_admin.apply(settings, 1)
    patient = KafkaSettings(kafka.bootstrap, 60)
    assert not group_progress(patient, "nobody", [ADMISSIONS.name]).is_running
    return settings


@contextmanager
def running(command: str, log: Path) -> Iterator[None]:
    """Run what does not end by itself, as it is printed, and stop it as a supervisor does."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            stdout=said,
            stderr=said,
            env=environment(**FREE_PORTS),
        )
        try:
            yield
            assert process.poll() is None, log.read_text()[-2_000:]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()


def test_a_bare_broker_becomes_an_installation_by_what_the_doctor_prints(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Topics, watch, pager: each command is run as it is printed, and then nothing is bad."""
    kafka, plan = private_kafka.bootstrap, tmp_path / "our plan.yaml"
    plan.write_text(re.sub(r"\{kind: alertmanager, .*\}", "{kind: nowhere}", PLAN.read_text()))
    bare = doctor(kafka, "--plan", str(plan))
    assert {"topics", "watch", "pager group"} <= bad(bare)
    assert bare["retention"]["state"] == "unknown"
    assert as_printed(bare["topics"]["cure"]).returncode == 0
    made = doctor(kafka, "--plan", str(plan))
    assert bad(made) == {"watch", "pager group"}
    assert made["kafka disk"]["found"].endswith("is free")
    watch, pager = (made[one]["cure"] for one in ("watch", "pager group"))
    with running(watch, tmp_path / "watch.log"), running(pager, tmp_path / "pager.log"):
        assert eventually(lambda: not bad(doctor(kafka, "--plan", str(plan))))
        assert doctor(kafka)["watch"]["state"] == "good"


def test_a_retention_that_drifted_is_mended_by_what_is_printed(private_kafka: RealKafka) -> None:
    """What is shorter than the longest outage is said of the topic, and set."""
    settings = provisioned(private_kafka)
    with admin_client(settings) as admin:
        short = ConfigResource(
            ConfigResourceType.TOPIC, ADMISSIONS.name, configs={"retention.ms": "3600000"}
        )
        admin.alter_configs([short])
    drifted = doctor(settings.address, "--replication", "1")
    assert {"topics", "retention"} <= bad(drifted)
    assert ADMISSIONS.name in drifted["retention"]["found"]
    assert as_printed(drifted["retention"]["cure"]).returncode == 0
    assert not {"topics", "retention"} & bad(doctor(settings.address, "--replication", "1"))


def test_what_no_command_of_ours_may_change_is_no_cure(private_kafka: RealKafka) -> None:
    """Copies are moved by Kafka's own tool: told to apply what would then be half done, somebody would do it."""
    settings = provisioned(private_kafka)
    found = doctor(settings.address, "--replication", "3")["topics"]
    assert found["cure"] == "what only a person may do: docs/kafka-security.md#topics"
    assert (
        as_printed(
            shlex.join(["cordwatch", "--kafka", settings.address, "topics", "verify"])
        ).returncode
        == 0
    )


def test_a_feed_that_is_silent_is_named_by_what_is_printed(private_kafka: RealKafka) -> None:
    """The command says which; when that is over, nothing is bad."""
    settings, now = provisioned(private_kafka), WallClock().now()
    alert = OperationalAlert(
        alert_id="op-1",
        kind="feed-silent",
        gateway="gateway-7",
        source="his",
        message_type="ADT",
        status="open",
        since=now - timedelta(hours=1),
        raised_at=now,
        reason="no message for 60 min",
    )
    publisher = Publisher(settings)

    def tell(one: OperationalAlert) -> None:
        publisher.send(OPERATIONS.name, b"op-1", one.model_dump_json().encode())
        publisher.confirm()

    tell(alert)
    silent = doctor(settings.address)["feeds"]
    named = as_printed(silent["cure"])
    assert (silent["state"], named.returncode, "gateway-7 his ADT" in named.stdout) == (
        *("bad", 1, True),
    )
    tell(alert.model_copy(update={"status": "over", "over_at": now}))
    publisher.close()
    assert as_printed(silent["cure"]).returncode == 0
    assert doctor(settings.address)["feeds"]["state"] == "good"


def test_rights_are_granted_by_what_is_printed(hospital: Authority, tmp_path: Path) -> None:
    """Whoever administers Kafka runs it, with Kafka's own tool; the broker then allows what is needed."""
    user = f"cordwatch-{LOOK.service}"
    try:
        tools = fetched(
            f"kafka-tools-{KAFKA_VERSION}", (("org.apache.kafka", "kafka-tools", KAFKA_VERSION),)
        )
        kafka = secured(tmp_path / "broker", hospital, (user,))
        with kafka.broker:
            provisioned(kafka.broker)
            reached = options_of(kafka.at("SASL"), kafka.by_password(user))
            refused = doctor(shlex.join(reached[1:]))["kafka rights"]
            assert (refused["state"], PASSWORD in str(refused)) == ("bad", False)
            printed = as_printed(refused["cure"])
            granted = as_printed(printed.stdout, **_administrator(tmp_path, tools, kafka.broker))
            assert granted.returncode == 0, granted.stderr[-2_000:]
            assert doctor(shlex.join(reached[1:]))["kafka rights"]["state"] == "good"
    except NoKafka as failure:
        if real_demanded():
            raise
        pytest.skip(f"needs a local Kafka: {failure}")


def _administrator(folder: Path, tools: Path, broker: RealKafka) -> dict[str, str]:
    """Return the environment of somebody who has Kafka's tools on the path, by the names that they have there."""
    programs = folder / "bin"
    programs.mkdir()
    acls = programs / "kafka-acls.sh"
    acls.write_text(
        f'#!/bin/sh\nexec java -cp "{tools}/*" org.apache.kafka.tools.AclCommand "$@"\n'
    )
    acls.chmod(0o755)
    (folder / "admin.properties").touch()
    return {
        "PATH": f"{programs}:{environment()['PATH']}",
        "BROKER": broker.bootstrap,
        "ADMIN": str(folder / "admin.properties"),
    }
