"""The one-host deployment, run for real by a Docker engine; skipped with a reason where there is none, in CI not if it has one."""

from __future__ import annotations

import os
import secrets
import shutil
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import pytest

from cordwatch.app.commands.secret_files import make_secrets
from deploy.compose.certificates import make
from tests.kafka_harness.container import (
    REQUIRED,
    engine_answers,
    engine_demanded,
    image,
    require_image,
)
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.real_kafka import free_ports

ROOT: Final = Path(__file__).parents[2]
BUILD_S_MAX: Final = 900
PATIENCE_S: Final = 120
POLL_S: Final = 0.5
BASE: Final = "python:3.11-slim"


class NoDeployment(RuntimeError):
    """The deployment cannot be run here; the text says what is missing."""


def none_here(reason: NoDeployment) -> NoReturn:
    """Skip a test that nothing can be deployed for; it fails where an engine is demanded."""
    if engine_demanded():
        pytest.fail(f"{REQUIRED} is set, and: {reason}", pytrace=False)
    pytest.skip(str(reason))


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

    def __init__(
        self, named: dict[str, str], folder: Path, *profiles: str, more: tuple[str, ...] = ()
    ) -> None:
        """Name the images, more *profiles* and *more* compose files, and make keys in *folder*; nothing runs yet."""
        self.project = f"cordwatch-test-{uuid.uuid4().hex[:8]}"
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.at = {name.lower(): f"127.0.0.1:{port}" for name, port in ports.items()}
        self.certificates = folder / "tls"
        self.has_tls = "tls" in profiles
        self.keys = folder
        make_secrets(folder)
        self._environment = os.environ | named
        self._environment |= {f"CORDWATCH_{name}_PORT": str(port) for name, port in ports.items()}
        self._environment |= {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": ":".join(("docker-compose.yml", *more)),
            "COMPOSE_PROFILES": ",".join(("demo", "ops", *profiles)),
            "COMPOSE_ENV_FILES": ",".join(
                f"deploy/compose/{one}.env" for one in ("demo", *profiles)
            ),
            "CORDWATCH_IMAGE": f"{self.project}:test",
            "CORDWATCH_SECRETS": str(folder),
            **({"CORDWATCH_TLS": str(self.certificates)} if self.has_tls else {}),
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

    def cordwatch(self, *arguments: str, known: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command of this host against the broker in its container, by a certificate where there are any, if it is to be *known*."""
        own = str(self.certificates / "host" / "own.pem")
        trusted = str(self.certificates / "host" / "ca.pem")
        files = ("--kafka-ca", trusted, "--kafka-cert", own, "--kafka-key", own)
        known_by = ("--kafka-security", "ssl", *files) if self.has_tls and known else ()
        program = (sys.executable, "-m", "cordwatch.app.cli", "--kafka", self.at["kafka"])
        return run(*program, *known_by, *arguments)

    def as_sender(self) -> ssl.SSLContext | None:
        """Return how a hospital's interface engine connects to the gateway."""
        if not self.has_tls:
            return None
        folder = self.certificates / "sender"
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        context.load_cert_chain(folder / "own.pem")
        return context

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

    def restarts(self, container: str) -> int:
        """Return how often the engine has started a container again by itself."""
        return int(self._inspected(container, "{{.RestartCount}}"))

    def kill(self, container: str) -> None:
        """End the first process of a container with SIGKILL, from outside: told by `docker kill`, it would not be started again."""
        command = f"kill -KILL {self._inspected(container, '{{.State.Pid}}')}"
        options = ["--rm", "--pid=host", "--user=0:0", "--entrypoint=bash"]
        done = run("docker", "run", *options, self._environment["CORDWATCH_IMAGE"], "-c", command)
        assert done.returncode == 0, done.stderr

    def start(self, *containers: str) -> None:
        """Start containers as the engine does when its host starts: all at once, whoever needs whom."""
        names = [f"{self.project}-{one}" for one in containers]
        assert run("docker", "start", *names).returncode == 0

    def is_ready(self, container: str) -> bool:
        """Return whether a service of cordwatch says that somebody may rely on it now."""
        ask = "import os; from urllib.request import urlopen; urlopen(f'http://127.0.0.1:{os.environ[\"PROGRESS\"]}/readyz', timeout=3)"
        command = ["docker", "exec", f"{self.project}-{container}", "python", "-c", ask]
        return run(*command).returncode == 0

    def fill_disk(self) -> None:
        """Leave no room where Kafka writes (with tests/e2e/small-disk.yaml)."""
        done = self.compose("exec", "--no-TTY", "disk", "sh", "-c", "cat /dev/zero > /disk/full")
        assert "No space left on device" in done.stderr

    def make_room(self) -> None:
        """Take away what filled the disk."""
        assert self.compose("exec", "--no-TTY", "disk", "rm", "/disk/full").returncode == 0

    def _inspected(self, container: str, form: str) -> str:
        name = f"{self.project}-{container}"
        return run("docker", "inspect", "--format", form, name).stdout.strip()

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


def in_time(what: Callable[[], bool], limit_s: float = PATIENCE_S) -> bool:
    """Ask *what* until it holds or the time is over, however long each answer takes."""
    ends_at, pause = time.monotonic() + limit_s, threading.Event()
    while not (held := what()) and time.monotonic() < ends_at:
        pause.wait(POLL_S)
    return held


@contextmanager
def deployed(folder: Path, *profiles: str, more: tuple[str, ...] = ()) -> Iterator[Deployment]:
    """Give the deployment with *profiles*, built and started as the README says; skip where there can be none."""
    try:
        made = Deployment(images(), folder, *profiles, more=more)
    except NoDeployment as reason:
        none_here(reason)
    if made.has_tls:
        make(made.certificates)
    try:
        # Not `--wait`: it takes the one-shot that has ended well for a failure.
        done = made.up("--build")
        assert done.returncode == 0, done.stderr[-3_000:]
        yield made
    finally:
        made.remove()
