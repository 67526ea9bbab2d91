"""A broker that stands still just when a service begins: the service ends all the same when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.topics_admin import apply
from tests.kafka.test_watch import eventually
from tests.kafka_harness.real_kafka import RealKafka
from tests.unit.app.test_told_to_stop import command

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
ENDS_S_MAX = 20.0
"""Less than a supervisor waits before it kills (30 s in docker-compose.yml); the pager's share is half of it."""


@pytest.mark.parametrize("name", ["watch", "feeds", "pager", "board", "synthetic"])
def test_who_begins_with_a_broker_that_stands_still_ends_when_told_to(
    private_kafka: RealKafka, tmp_path: Path, name: str
) -> None:
    """It has looked at its rights and topics, and then nobody answers any more; exit code 0."""
    apply(KafkaSettings(private_kafka.bootstrap), replication=1)
    path = tmp_path / "log"
    with (
        path.open("wb") as log,
        subprocess.Popen(command(name, private_kafka.bootstrap), stdout=log, stderr=log) as one,
    ):
        try:
            assert eventually(lambda: b"] address=" in path.read_bytes()), path.read_text()
            os.kill(private_kafka.pid, signal.SIGSTOP)
            began = time.monotonic()
            one.send_signal(signal.SIGTERM)
            assert one.wait(60) == 0, path.read_text()
            assert time.monotonic() - began < ENDS_S_MAX
        finally:
            os.kill(private_kafka.pid, signal.SIGCONT)
            one.kill()
