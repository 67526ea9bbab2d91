"""The synthetic patient on a real Kafka, with all services as they are shipped: whichever is frozen, it is noticed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cordwatch.runtime.kafka import read_topic
from cordwatch.synthetic.rounds import MISSES_MAX
from cordwatch_schemas.synthetic import PREFIX
from cordwatch_schemas.topics import ALERTS
from tests.kafka.test_pager import CLOCK, Bench
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.fake_pager import FakePager, FakeServer, Said
from tests.pager.real_alertmanager import free_port

PERIOD_S, PATIENCE_S = 6, 3
FOUND_S_MAX = 4 * PERIOD_S
"""Four minutes, where a round begins every minute."""
CLI = (sys.executable, "-m", "cordwatch.app.cli")
WAIT_S_MAX = 60.0
SERVICES = ("watch", "pager", "board", "feeds", "synthetic")


@dataclass
class House:
    """Every service in a process of its own, with somebody who starts anew what has ended."""

    bench: Bench
    folder: Path
    outside: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    reached: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """How a service reaches Kafka, where it is not in the clear."""
    more: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Further options of a service."""

    def command(self, name: str) -> tuple[str, ...]:
        """Return how a service is started."""
        reached = self.reached.get(name, ("--kafka", self.bench.address))
        return (*CLI, *reached, *self._arguments()[name], *self.more.get(name, ()))

    def _arguments(self) -> dict[str, tuple[str, ...]]:
        at = {name: ("--metrics-port", str(port)) for name, port in self.ports.items()}
        board, feeds = (f"http://127.0.0.1:{self.ports[one]}" for one in ("board", "feeds"))
        return {
            "watch": ("watch", "--session-timeout", "6", *at["watch"]),
            "pager": ("pager", "run", "--plan", str(self.bench.plan), *at["pager"]),
            "board": ("board", "--port", str(self.ports["site"]), *at["board"]),
            "feeds": ("feeds", "--port", str(self.ports["mllp"]), *at["feeds"]),
            "synthetic": (
                *("synthetic", "--period-s", str(PERIOD_S), "--patience-s", str(PATIENCE_S)),
                *("--boards", board, "--others", feeds, "--session-timeout-s", "6"),
                *("--heartbeat-url", f"{self.outside}/ping", *at["synthetic"]),
            ),
        }

    def start(self, name: str) -> None:
        """Start a service."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(self.command(name), stdout=log, stderr=log)

    def look_after(self) -> None:
        """Start anew what has ended itself, as a supervisor does: a paused worker or pager."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                self.start(name)

    async def health(self) -> dict[str, Any]:
        """Return what the synthetic service says of the rounds."""
        async with aiohttp.ClientSession() as session:
            found = await get(session, f"http://127.0.0.1:{self.ports['synthetic']}/healthz")
        return json.loads(found) if found else {}

    async def until(self, reached: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Wait for the rounds."""
        for _ in range(int(WAIT_S_MAX / 0.2)):
            self.look_after()
            if reached(await self.health()):
                return
            await asyncio.sleep(0.2)
        logs = "".join(one.read_text()[-1500:] for one in sorted(self.folder.glob("*.log")))
        raise AssertionError(f"{what}: {await self.health()}\n{logs}")


async def get(session: aiohttp.ClientSession, url: str) -> str:
    """Return a page; nothing where nobody answers."""
    try:
        async with session.get(url) as answer:
            return await answer.text()
    except aiohttp.ClientError:
        return ""


@asynccontextmanager
async def house(
    bench: Bench,
    folder: Path,
    outside: str,
    reached: dict[str, tuple[str, ...]] | None = None,
    more: dict[str, tuple[str, ...]] | None = None,
) -> AsyncIterator[House]:
    """Run all services."""
    found = House(bench, folder, outside, reached=reached or {}, more=more or {})
    found.ports = {name: free_port() for name in (*SERVICES, "site", "mllp")}
    try:
        for name in SERVICES:
            found.start(name)
        yield found
    finally:
        for process in found.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(timeout=10)


def is_whole(health: dict[str, Any]) -> bool:
    """Return whether the last round was whole."""
    return bool(health.get("leads")) and not health["missing"] and health["misses"] == 0


FROZEN = {
    "feeds": ["others"],
    "board": ["board"],
    "pager": ["page"],
    "watch": ["alert", "page", "board", "ended"],
}
"""Each by itself, and the legs that are missing then: of all that do not need it, none."""


@pytest.mark.timeout(400)
async def test_whichever_process_is_frozen_it_is_noticed_and_the_outside_starves(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """And when it goes on, or is started anew, a round is whole again; no person or board ever sees a patient."""
    async with FakePager(CLOCK.now) as people, FakeServer(Said(200)) as outside:
        bench = Bench(private_kafka, tmp_path, people.enqueue)
        async with house(bench, tmp_path, outside.url) as running:
            await running.until(lambda one: bool(outside.asked) and is_whole(one), "never whole")
            for name in FROZEN:
                await frozen(running, name, outside)
            running.processes["synthetic"].send_signal(signal.SIGSTOP)
            fed = len(outside.asked)
            for _ in range(10 * (PERIOD_S + PATIENCE_S)):
                await asyncio.sleep(0.1)
            assert len(outside.asked) <= fed + 1
            await nobody_saw(running)
        assert people.asked == []


async def frozen(running: House, name: str, outside: FakeServer) -> None:
    """Let a process stand still until three rounds in a row were missed, and then go on until one is whole."""
    loop = asyncio.get_running_loop()
    process = running.processes[name]
    process.send_signal(signal.SIGSTOP)
    began, fed = loop.time(), len(outside.asked)
    await running.until(lambda one: one.get("misses", 0) >= MISSES_MAX, f"{name}: nobody knows")
    assert loop.time() - began <= FOUND_S_MAX, name
    assert (await running.health())["missing"] == FROZEN[name]
    # A round that was under way may have been whole already.
    assert len(outside.asked) <= fed + 1
    fed = len(outside.asked)
    process.send_signal(signal.SIGCONT)
    whole = f"{name} goes on, and no round is whole"
    await running.until(lambda one: len(outside.asked) > fed and is_whole(one), whole)


async def nobody_saw(running: House) -> None:
    """Assert that synthetic patients are on their topic, and in nothing that people look at."""
    records = await asyncio.to_thread(
        list, read_topic(running.bench.kafka, ALERTS.name, follow=False)
    )
    keys = [one[0].decode() for one in records if one and one[0]]
    assert len(set(keys)) > 2
    assert all(key.startswith(PREFIX) for key in keys)
    patients = Counter(key.split(".")[1] for key in set(keys))
    # The broker said who watches what: one patient for the one worker there is.
    assert patients.most_common()[-1][1] == 1
    async with aiohttp.ClientSession() as session:
        site = f"http://127.0.0.1:{running.ports['site']}"
        pages = [await get(session, f"{site}{path}") for path in ("/", "/api/clocks", "/wall")]
        told = await get(session, f"http://127.0.0.1:{running.ports['pager']}/metrics")
    assert json.loads(pages[1])["clocks"] == []
    assert PREFIX not in "".join(pages)
    assert 'cordwatch_pager_heard_total{kind="clock"} 0.0' in told
    assert "cordwatch_pager_pages_per_recipient{" not in told
    command = (*CLI, "--kafka", running.bench.address)
    for asked in (("alerts", "--json"), ("pager", "pages", "--json")):
        shown = await asyncio.to_thread(
            subprocess.run, (*command, *asked), capture_output=True, text=True, timeout=60
        )
        assert (shown.returncode, shown.stdout) == (0, "")


@pytest.mark.timeout(180)
async def test_one_that_is_told_to_stop_ends_and_another_tells(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Exit code 0, and the group is left, so that who stands by need not wait for the session to end."""
    bench = Bench(private_kafka, tmp_path, "http://127.0.0.1:1/nobody")
    running = House(bench, tmp_path, "http://127.0.0.1:1")
    running.ports = {name: free_port() for name in (*SERVICES, "site", "mllp")}
    running.start("synthetic")
    first = running.processes["synthetic"]
    try:
        await running.until(lambda one: bool(one.get("leads")), "the first does not lead")
        running.ports["synthetic"] = free_port()
        running.start("synthetic")
        await running.until(lambda one: one.get("leads") is False, "the second does not stand by")
        first.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait, 30) == 0
        await running.until(lambda one: bool(one.get("leads")), "nobody took over")
    finally:
        for process in (first, running.processes["synthetic"]):
            process.kill()
            process.wait(timeout=10)
