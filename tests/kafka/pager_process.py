"""
A pager in a process of its own. Run as a script it is that pager: `pager_process.py KAFKA PLAN`.

The shipped command does the same and more (inlets, heartbeats).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from cordwatch.pager.plan import load_plan
from cordwatch.pager.service import Pager, run
from cordwatch.pager.transports.build import transports_of
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.wall_clock import WallClock

SESSION_S = 6.0
LEADS_S_MAX = 60.0


class PagerProcess:
    """Starts, kills and ends one pager."""

    def __init__(self, kafka: str, plan: Path, log: Path) -> None:
        """Start it; its log is added to *log*."""
        self._path = log
        self._log = log.open("ab")
        self._from = log.stat().st_size
        self.process = subprocess.Popen(
            [sys.executable, __file__, kafka, str(plan)], stdout=self._log, stderr=self._log
        )

    def log(self) -> str:
        """Return what this process logged."""
        return self._path.read_bytes()[self._from :].decode(errors="replace")

    def wait_for(self, said: str) -> None:
        """Wait until it has logged *said*."""
        pause = threading.Event()
        for _ in range(int(LEADS_S_MAX / 0.05)):
            if said in self.log():
                return
            assert self.process.poll() is None, self.log()[-2000:]
            pause.wait(0.05)
        raise AssertionError(f"never said: {said}\n{self.log()[-2000:]}")

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> int:
        """End it as a supervisor does (SIGTERM); return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def __enter__(self) -> Self:
        """Give the process."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, however the test went."""
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def main() -> None:
    """Run a pager until it is told to stop."""
    address, plan_file = sys.argv[1:3]
    configure_logging("info")
    plan, kafka = load_plan(plan_file), KafkaSettings(address)

    def made() -> Pager:
        return Pager(plan, transports_of(plan), kafka, WallClock(), session_timeout_s=SESSION_S)

    sys.exit(run(made, kafka))


if __name__ == "__main__":
    main()
