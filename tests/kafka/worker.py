"""
A watch worker in a process of its own, which may kill itself at a chosen step.

Run as a script it is that worker: `worker.py KAFKA GROUP [FAULT]`. The fault
lives here, in the tests' entry point, not in what is shipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import configure_logging
from cordwatch.watch.effects import Durable, Send, Write
from cordwatch.watch.keeper import Keeper
from cordwatch.watch.service import run
from cordwatch.watch.settings import WatchSettings

SESSION_S = 6.0
FAULTS = (
    "before-facts",
    "facts-written",
    "offsets-durable",
    "alerts-meant",
    "alerts-published",
    "alerts-noted",
)
"""Steps between a poll and the end of what follows from it, at which the worker dies."""


class Worker:
    """Starts, pauses and ends one worker process."""

    def __init__(self, kafka: str, group: str, log: Path, fault: str = "none") -> None:
        """Start it; its log goes to *log*."""
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, __file__, kafka, group, fault], stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self.process.kill()
        self.process.wait(timeout=10)

    def signal(self, what: signal.Signals) -> None:
        """Send a signal to its process id."""
        self.process.send_signal(what)

    def stop(self) -> int:
        """End it as a supervisor does (SIGTERM); return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def __enter__(self) -> Self:
        """Give the running worker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, however the test went."""
        self.signal(signal.SIGCONT)
        self.stop()
        self._log.close()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(fault: str) -> None:
    """Make the keeper die at *fault*: between two effects of the machine."""
    real = Keeper._do

    async def faulty(self: Keeper, effects: object) -> None:
        def watched() -> object:
            seen: list[str] = []
            for effect in effects:  # type: ignore[attr-defined]
                last = seen[-1] if seen else ""
                if fault == "before-facts" and isinstance(effect, Write) and not seen:
                    _die()
                if fault == "facts-written" and isinstance(effect, Durable) and "Write" in seen:
                    _die()
                if fault == "alerts-meant" and isinstance(effect, Send) and last == "Write":
                    _die()
                if fault == "alerts-published" and isinstance(effect, Write) and last == "Send":
                    _die()
                yield effect
                seen.append(type(effect).__name__)
                if fault == "offsets-durable" and isinstance(effect, Durable) and "Write" in seen:
                    _die()
                noted = isinstance(effect, Write) and "Send" in seen
                if fault == "alerts-noted" and noted:
                    _die()

        await real(self, watched())  # type: ignore[arg-type]

    Keeper._do = faulty  # type: ignore[method-assign]


def main() -> None:
    """Run a worker until it is told to stop or dies of its fault."""
    kafka, group, fault = sys.argv[1:4]
    configure_logging("info")
    if fault != "none":
        _arm(fault)
    run(
        WatchSettings(
            kafka=KafkaSettings(kafka, 60), group=group, metrics_port=0, session_timeout_s=SESSION_S
        )
    )


if __name__ == "__main__":
    main()
