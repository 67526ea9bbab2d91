"""The one-host deployment, run for real by a Docker engine; skipped with a reason where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Final

from tests.kafka_harness.container import engine_answers, image, require_image
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.real_kafka import free_ports

ROOT: Final = Path(__file__).parents[2]
BUILD_S_MAX: Final = 900
BASE: Final = "python:3.11-slim"


class NoDeployment(RuntimeError):
    """The deployment cannot be run here; the text says what is missing."""


def images() -> dict[str, str]:
    """
    Return the environment that names images which can be had here: given, pulled, or built.

    Raises:
        NoDeployment: no engine, no compose, or no images.
    """
    if not engine_answers():
        raise NoDeployment("no Docker engine answers")
    if _run("docker", "compose", "version").returncode != 0:
        raise NoDeployment("the Docker client has no compose plugin")
    base = os.environ.get("CORDWATCH_BASE") or BASE
    try:
        require_image(base)
        require_image(image())
    except NoKafka as failure:
        return _built(str(failure))
    return {"CORDWATCH_BASE": base, "CORDWATCH_KAFKA_IMAGE": image()}


def _built(reason: str) -> dict[str, str]:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise NoDeployment(f"{reason}; deploy/local/build needs root and debootstrap")
    done = _run(str(ROOT / "deploy/local/build"))
    if done.returncode != 0:
        raise NoDeployment(f"{reason}; deploy/local/build failed:\n{done.stderr[-2_000:]}")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


class Deployment:
    """`docker compose` with a project, ports and images of its own."""

    def __init__(self, named: dict[str, str]) -> None:
        """Name the images; nothing runs yet."""
        project = f"cordwatch-test-{uuid.uuid4().hex[:8]}"
        kafka, metrics = free_ports(2)
        self.kafka = f"127.0.0.1:{kafka}"
        self.metrics = f"127.0.0.1:{metrics}"
        self._environment = os.environ | named
        self._environment |= {
            "COMPOSE_PROJECT_NAME": project,
            "CORDWATCH_IMAGE": f"{project}:test",
            "CORDWATCH_KAFKA_PORT": str(kafka),
            "CORDWATCH_WATCH_METRICS_PORT": str(metrics),
        }

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` in the project's folder."""
        return _run("docker", "compose", *arguments, environment=self._environment)

    def state(self) -> dict[str, tuple[str, int, str]]:
        """Return each service's state, exit code and health."""
        form = "{{.Service}}|{{.State}}|{{.ExitCode}}|{{.Health}}"
        lines = self.compose("ps", "--all", "--format", form).stdout.splitlines()
        found = (line.split("|") for line in lines)
        return {service: (state, int(code), health) for service, state, code, health in found}

    def remove(self) -> None:
        """Take everything of it away, its data and its image too."""
        self.compose("down", "--volumes", "--rmi", "local", "--timeout", "40")
        _run("docker", "image", "rm", self._environment["CORDWATCH_IMAGE"])


def _run(
    *command: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_S_MAX,
        check=False,
    )
