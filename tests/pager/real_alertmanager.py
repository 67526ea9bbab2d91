"""The real Alertmanager of Debian's packages, on loopback, with what it tells onward kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.pager.fake_pager import FakeServer, Said

NAMES = ("prometheus-alertmanager", "alertmanager")
REQUIRED = "CORDWATCH_REQUIRE_ALERTMANAGER"
PATIENCE_S = 20.0


def binary() -> str:
    """Return the program; without it the test is skipped, in CI it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and there is no Alertmanager")
        pytest.skip("needs an Alertmanager: apt-get install prometheus-alertmanager")
    return found


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def until(what: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Return what *what* gives once it is something; fails after a while."""
    async with asyncio.timeout(patience_s):
        while True:
            found = what()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.05)


class Alertmanager:
    """One process, which may be killed and started again on the same address."""

    def __init__(self, folder: Path, receiver: FakeServer) -> None:
        """Prepare; each group of one alert is told onward at once."""
        self._receiver = receiver
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "alertmanager.yml").write_text(_config(receiver.url))

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            binary(),
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until(self._is_ready)

    async def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def active(self) -> list[dict[str, Any]]:
        """Return the alerts that fire."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.url}/api/v2/alerts") as response:
                found: list[dict[str, Any]] = await response.json()
                return found

    async def post(self, alerts: list[dict[str, Any]]) -> int:
        """Post alerts as they are, and return the status."""
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{self.url}/api/v2/alerts", json=alerts) as response:
                return response.status

    def told(self) -> list[tuple[str, str]]:
        """Return what it told onward: status and page of each."""
        return [
            (one["status"], one["labels"]["page"])
            for asked in self._receiver.asked
            for one in asked.json["alerts"]
        ]

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "Alertmanager ended at once"
        try:
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{self.url}/-/ready") as response:
                    return response.status == 200
        except aiohttp.ClientError:
            return False


def _config(receiver: str) -> str:
    return f"""\
route:
  receiver: told
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: told
    webhook_configs:
      - url: {receiver}/told
        send_resolved: true
"""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Alertmanager]:
    """Yield one that runs."""
    async with FakeServer(Said(200)) as receiver:
        alertmanager = Alertmanager(folder, receiver)
        try:
            await alertmanager.start()
            yield alertmanager
        finally:
            await alertmanager.kill()
