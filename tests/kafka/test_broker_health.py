"""What looks whether a broker gets on, in docker-compose.yml and in Kubernetes: asked of a real one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.kafka_harness.real_kafka import RealKafka

ROOT = Path(__file__).parents[2]


def of_compose() -> list[str]:
    """Return the health check of the brokers of docker-compose.yml, as the container runs it."""
    told = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    kind, *command = told["services"]["kafka"]["healthcheck"]["test"]
    assert kind == "CMD"
    return [word.replace("$$", "$").replace("/39092 ", "/{port} ") for word in command]


def of_kubernetes() -> list[str]:
    """Return the readiness probe of the broker of the overlay `dev`."""
    path = ROOT / "deploy/kubernetes/overlays/dev/kafka.yaml"
    (command,) = found(YAML(typ="safe").load_all(path.read_text(encoding="utf-8")), "exec")
    return [word.replace("/9092 ", "/{port} ") for word in command["command"]]


def found(within: Any, name: str) -> list[Any]:
    """Return whatever is called *name*, however deep."""
    if isinstance(within, Mapping):
        own = [within[name]] if name in within else []
        return own + [one for value in within.values() for one in found(value, name)]
    if isinstance(within, str) or within is None or not hasattr(within, "__iter__"):
        return []
    return [one for value in within for one in found(value, name)]


def is_well(command: Sequence[str], kafka: RealKafka) -> bool:
    """Return what the check says of *kafka*."""
    port = kafka.bootstrap.rpartition(":")[2]
    assert any("{port}" in word for word in command)
    asked = [word.replace("{port}", port) for word in command]
    return subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode == 0


@pytest.mark.timeout(120)
def test_a_broker_is_well_while_it_answers_and_not_because_it_listens(
    private_kafka: RealKafka,
) -> None:
    """Frozen, its port is still open; gone, nobody is there."""
    checks = (of_compose(), of_kubernetes())
    assert [is_well(one, private_kafka) for one in checks] == [True, True]
    os.kill(private_kafka.pid, signal.SIGSTOP)
    try:
        assert [is_well(one, private_kafka) for one in checks] == [False, False]
    finally:
        os.kill(private_kafka.pid, signal.SIGCONT)
    private_kafka.kill()
    assert [is_well(one, private_kafka) for one in checks] == [False, False]
