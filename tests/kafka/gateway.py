"""The feeds gateway in a process of its own, and a sender that sends again what was not answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from cordwatch.feeds.hl7.mllp import frame

START_S_MAX = 60.0
ANSWER_S_MAX = 90.0


def an_admission(control_id: str) -> bytes:
    """Return an admission; where ids end in numbers, five are of one patient in turn."""
    name, _, number = control_id.rpartition("-")
    patient = f"{name}-{int(number) % 5}" if number.isdecimal() else control_id
    return (
        f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|{control_id}|P|2.5\r"
        f"PID|1||{patient}^^^H^MR\rPV1|1|I|HAEM1\rEVN|A01|20260302095500\r"
    ).encode()


class Gateway:
    """Starts, kills and ends one `cordwatch feeds`."""

    def __init__(self, kafka: str, log: Path, *options: str) -> None:
        """Start it on a free port, with *options*; its log goes to *log*."""
        self._path = log
        self._log = log.open("wb")
        command = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", kafka]
        command += ["--log-format", "json", "feeds", "--port", "0", "--metrics-port", "0"]
        command += options
        environment = {key: value for key, value in os.environ.items() if "CORDWATCH" not in key}
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=environment
        )
        self.port = self._listening_port("listening")

    def log(self) -> str:
        """Return what it logged."""
        return self._path.read_text(errors="replace")

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """End it as a supervisor does (SIGTERM); return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @property
    def fhir_port(self) -> int:
        """Return where notifications are taken."""
        return self._listening_port("listening for FHIR")

    @property
    def metrics_port(self) -> int:
        """Return where its metrics are."""
        return self._listening_port("metrics")

    def _listening_port(self, event: str) -> int:
        pause = threading.Event()
        for _ in range(int(START_S_MAX / 0.05)):
            for line in self.log().splitlines():
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if said.get("event") == event:
                        return int(said["address"].rpartition(":")[2])
            if self.process.poll() is not None:
                break
            pause.wait(0.05)
        raise AssertionError(f"the gateway does not listen:\n{self.log()}")

    def __enter__(self) -> Self:
        """Give the running gateway."""
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


class Sender:
    """One connection's worth of messages, sent until each has its AA."""

    def __init__(
        self, ids: list[str], window: int, message: Callable[[str], bytes] = an_admission
    ) -> None:
        """Send the *message* of each of *ids*, up to *window* of them unanswered."""
        self.waiting = ids
        self._message = message
        self.acknowledged: list[str] = []
        self._window = window

    async def send_until_done_or_cut(
        self, port: int, answered: Callable[[], None], tls: ssl.SSLContext | None = None
    ) -> None:
        """Send what waits; return when all is answered or the other side has gone."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        except OSError:
            return
        sent = 0
        try:
            while self.waiting:
                while sent < min(self._window, len(self.waiting)):
                    writer.write(frame(self._message(self.waiting[sent])))
                    sent += 1
                async with asyncio.timeout(ANSWER_S_MAX):
                    content = await reader.readuntil(b"\x1c\r")
                # An answer is to the oldest, or it is to nobody.
                assert f"MSA|AA|{self.waiting[0]}\r".encode() in content
                self.acknowledged.append(self.waiting.pop(0))
                sent -= 1
                answered()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
