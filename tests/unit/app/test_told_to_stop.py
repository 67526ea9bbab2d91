"""A process that waits for a broker at its start is told to stop: it hears that, as the first of a container too."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.kafka_harness.real_kafka import free_ports

CLI: Final = (sys.executable, "-m", "cordwatch.app.cli")
PLAN: Final = Path(__file__).parents[3] / "deploy/compose/pager-plan.yaml"
ENDS_S_MAX: Final = 5.0
WAITS_S_MAX: Final = 60.0


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Yield somebody who listens where a broker should, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(WAITS_S_MAX)
        yield listening


def command(name: str, address: str) -> list[str]:
    """Return how a service is started whose broker is at *address*."""
    (metrics, port) = map(str, free_ports(2))
    known = {
        "watch": ["watch", "--metrics-port", metrics],
        "feeds": ["feeds", "--port", port, "--metrics-port", metrics],
        "pager": ["pager", "run", "--plan", str(PLAN), "--metrics-port", metrics],
        "board": ["board", "--port", port, "--metrics-port", metrics],
        "synthetic": ["synthetic", "--metrics-port", metrics],
        "topics": ["topics", "apply"],
    }
    return [*CLI, "--kafka", address, "--broker-timeout", str(WAITS_S_MAX), *known[name]]


@pytest.mark.parametrize(
    ("name", "code"),
    [("watch", 0), ("feeds", 0), ("pager", 0), ("board", 0), ("synthetic", 0), ("topics", 143)],
)
def test_who_waits_for_a_broker_ends_when_told_to(
    silent: socket.socket, tmp_path: Path, name: str, code: int
) -> None:
    """
    Within seconds, and by itself: the kernel ends no first process of a container.

    A service has done what it should, and ends with 0; a command that has done nothing does not.
    """
    host, port = silent.getsockname()
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command(name, f"{host}:{port}"), stdout=log, stderr=log) as one,
    ):
        try:
            # It is there, and waits for an answer.
            asking, _ = silent.accept()
            with asking:
                assert asking.recv(1), (tmp_path / "log").read_text()
                one.send_signal(signal.SIGTERM)
                assert one.wait(ENDS_S_MAX) == code, (tmp_path / "log").read_text()
        finally:
            one.kill()
