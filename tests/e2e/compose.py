"""The one-host deployment, run for real by a Docker engine; skipped with a reason where there is none."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from cordwatch.app.commands.secret_files import make_secrets
from deploy.compose.certificates import make
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
    Return the environment that names images which can be had here, for Compose.

    Raises:
        NoDeployment: no engine, no compose, or no images.
    """
    if engine_answers() and run("docker", "compose", "version").returncode != 0:
        raise NoDeployment("the Docker client has no compose plugin")
    return images_of_engine()


def images_of_engine() -> dict[str, str]:
    """
    Return the environment that names images which can be had here: given, pulled, or built.

    Raises:
        NoDeployment: no engine, or no images.
    """
    if not engine_answers():
        raise NoDeployment("no Docker engine answers")
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
    done = run(str(ROOT / "deploy/local/build"))
    if done.returncode != 0:
        raise NoDeployment(f"{reason}; deploy/local/build failed:\n{done.stderr[-2_000:]}")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


PORTS: Final = [
    "KAFKA",
    "KAFKA_2",
    "KAFKA_3",
    "FEEDS",
    "BOARD",
    "DOOR",
    "PHONES",
    "PROMETHEUS",
    "ALERTMANAGER",
    "GRAFANA",
]
LEFT_OUT: Final = frozenset({"grafana", "day"})
"""No Grafana is to be had everywhere, and the day is told by the test."""


class Deployment:
    """`docker compose` with a project, ports, keys, a network and images of its own, and the demo's phones and door."""

    def __init__(self, named: dict[str, str], folder: Path, *profiles: str) -> None:
        """Name the images and more *profiles*, and make keys in *folder*; nothing runs yet."""
        self.project = f"cordwatch-test-{uuid.uuid4().hex[:8]}"
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.at = {name.lower(): f"127.0.0.1:{port}" for name, port in ports.items()}
        self.certificates = folder / "tls"
        make_secrets(folder)
        self._environment = os.environ | named
        self._environment |= {f"CORDWATCH_{name}_PORT": str(port) for name, port in ports.items()}
        self._environment |= {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROFILES": ",".join(("demo", "ops", *profiles)),
            "COMPOSE_ENV_FILES": ",".join(
                f"deploy/compose/{one}.env" for one in ("demo", *profiles)
            ),
            "CORDWATCH_IMAGE": f"{self.project}:test",
            "CORDWATCH_SECRETS": str(folder),
            **({"CORDWATCH_TLS": str(self.certificates)} if "tls" in profiles else {}),
            # Not the one of a deployment that runs on this host already.
            "CORDWATCH_SUBNET": f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(250)}.0/26",
        }

    def up(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Start everything that the tests ask for."""
        services = set(self.compose("config", "--services").stdout.split()) - LEFT_OUT
        return self.compose("up", "--detach", *options, *sorted(services))

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` in the project's folder."""
        return run("docker", "compose", *arguments, environment=self._environment)

    def state(self) -> dict[str, tuple[str, int, str]]:
        """Return each container's state, exit code and health."""
        form = "{{.Name}}|{{.State}}|{{.ExitCode}}|{{.Health}}"
        lines = self.compose("ps", "--all", "--format", form).stdout.splitlines()
        found = (line.removeprefix(f"{self.project}-").split("|") for line in lines)
        return {name: (state, int(code), health) for name, state, code, health in found}

    def is_well(self) -> bool:
        """Return whether everything that goes on for ever gets on."""
        found = self.state().values()
        running = [health for state, code, health in found if (state, code) != ("exited", 0)]
        return bool(running) and set(running) == {"healthy"}

    def began(self, *services: str) -> dict[str, str]:
        """Return when each container of *services* was started, the last time."""
        found = self.compose("ps", "--quiet", *services).stdout.split()
        form = "{{.Name}} {{.State.StartedAt}}"
        told = run("docker", "inspect", "--format", form, *found).stdout.splitlines()
        return dict(line.split(" ") for line in told)

    def metrics_of(self, worker: int) -> str:
        """Return where a worker of watch tells how it is."""
        return self.compose("port", "--index", str(worker), "watch", "9464").stdout.strip()

    def remove(self) -> None:
        """Take everything of it away, its data and its image too."""
        self.compose("down", "--volumes", "--rmi", "local", "--timeout", "40")
        run("docker", "image", "rm", self._environment["CORDWATCH_IMAGE"])


def run(
    *command: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in the project's folder, and return what it said."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_S_MAX,
        check=False,
    )


@contextmanager
def deployed(folder: Path, *profiles: str) -> Iterator[Deployment]:
    """Give the deployment with *profiles*, built and started as the README says; skip where there can be none."""
    try:
        made = Deployment(images(), folder, *profiles)
    except NoDeployment as reason:
        pytest.skip(str(reason))
    if "tls" in profiles:
        make(made.certificates)
    try:
        # Not `--wait`: it takes the one-shot that has ended well for a failure.
        done = made.up("--build")
        assert done.returncode == 0, done.stderr[-3_000:]
        yield made
    finally:
        made.remove()
