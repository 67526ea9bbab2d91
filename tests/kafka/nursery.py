"""Gateways that are there in half a second: forked from a process that has loaded everything once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kafka.gateway import Gateway

END_S_MAX = 30.0


def main() -> None:
    """Fork a gateway for each line: a file for its log, then its arguments; tell its process id."""
    # It is these that take so long; the command line loads the second when it is called.
    from cordwatch.app import cli  # noqa: PLC0415
    from cordwatch.app.commands import feeds  # noqa: F401, PLC0415

    # Nobody waits for the children: they are killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        log, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with Path(log).open("ab") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            sys.argv = ["cordwatch", *arguments]
            cli.main()
            os._exit(0)
        print(child, flush=True)


class Child:
    """A forked process, as much as is needed of what `Popen` is."""

    def __init__(self, pid: int) -> None:
        """Stand for process *pid*."""
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while it is there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return None
        return -signal.SIGKILL

    def kill(self) -> None:
        """End it without a word."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, patience_s: float) -> int:
        """Return when it is gone."""
        pause = threading.Event()
        for _ in range(int(patience_s / 0.01)):
            if (code := self.poll()) is not None:
                return code
            pause.wait(0.01)
        raise AssertionError("a process that was killed is still there")


class ForkedGateway(Gateway):
    """A `cordwatch feeds` of its own process, as any; only begun faster, and ended by SIGKILL alone."""

    def __init__(self, process: Child, log: Path) -> None:
        """Wait until *process*, which writes to *log*, listens."""
        self._path = log
        self.process = process  # type: ignore[assignment] # as much of it as is used
        self.port = self._listening_port("listening")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, however the test went."""
        self.kill()


class Nursery:
    """The process from which gateways are forked."""

    def __init__(self, kafka: str, folder: Path) -> None:
        """Begin; logs go to *folder*."""
        self._kafka, self._folder = kafka, folder
        self._count = 0
        environment = {key: value for key, value in os.environ.items() if "CORDWATCH" not in key}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.kafka.nursery import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )

    def gateway(self, *options: str) -> ForkedGateway:
        """Start one on a free port."""
        self._count += 1
        log = self._folder / f"forked-{self._count}.log"
        log.touch()
        arguments = ["--kafka", self._kafka, "--log-format", "json", "feeds"]
        arguments += ["--port", "0", "--metrics-port", "0", *options]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(log), *arguments]), file=self._process.stdin, flush=True)
        return ForkedGateway(Child(int(self._process.stdout.readline())), log)

    def __enter__(self) -> Self:
        """Give the nursery."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; its gateways are ended by whoever asked for them."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(END_S_MAX)
