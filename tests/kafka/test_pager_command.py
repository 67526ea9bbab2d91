"""`cordwatch pager run` as it is shipped: an answer comes back to it over HTTP, and it is heard from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cordwatch.pager.inlets.pagerduty import SIGNATURE
from cordwatch.runtime.kafka import read_topic
from cordwatch_schemas.events import read_answer
from cordwatch_schemas.topics import ACKS
from tests.kafka.test_pager import CLOCK, KEYS, Bench, an_alert, names, until
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.fake_pager import FakePager, FakeServer, Said
from tests.pager.real_alertmanager import free_port
from tests.unit.pager.answering import PAGERDUTY_SECRET, an_incident, as_body, signed

CLI = (sys.executable, "-m", "cordwatch.app.cli")


@contextmanager
def running(bench: Bench, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command."""
    secret = bench.plan.parent / "webhook-secret"
    secret.write_bytes(PAGERDUTY_SECRET)
    arguments = ("--plan", str(bench.plan), "--metrics-port", "0", "--session-timeout-s", "6")
    inlet = ("--port", str(port), "--pagerduty-secret-file", str(secret))
    command = (*CLI, "--kafka", bench.address, "pager", "run", *arguments, *inlet, *more)
    with (bench.plan.parent / "command.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=10)


def pages(bench: Bench, *options: str) -> list[dict[str, Any]]:
    """Return what `cordwatch pager pages` shows."""
    command = (*CLI, "--kafka", bench.address, "pager", "pages", "--json", *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


async def acknowledge(port: int, key: str, by: str) -> tuple[int, str]:
    """Send what PagerDuty sends when somebody acknowledges."""
    body = as_body(
        an_incident(
            id=f"01-{by}",
            occurred_at=CLOCK.now().isoformat(),
            agent={"type": "user_reference", "summary": by},
            data={"incident_key": key},
        )
    )
    url = f"http://127.0.0.1:{port}/pagerduty"
    headers = {SIGNATURE: signed(body, PAGERDUTY_SECRET)}
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=body, headers=headers) as response:
            return response.status, (await response.text()).strip()


async def test_an_answer_given_in_pagerduty_quietens_the_page(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """From the webhook to the topic, to the ledger, and back to PagerDuty; heard once, over a restart too."""
    port = free_port()
    async with FakePager(CLOCK.now) as pager, FakeServer(Said(200)) as outside:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        heartbeat = ("--heartbeat-url", f"{outside.url}/ping", "--heartbeat-s", "1")
        with running(bench, port, *heartbeat) as process:
            await asyncio.to_thread(bench.publish, an_alert(1), an_alert(2))
            await until(lambda: names(pager, ["triggered"]) == {"al-1", "al-2"}, "not told")
            key = next(key for key, alert in KEYS.items() if alert == "al-1")
            assert await acknowledge(port, key, "N. Jansen") == (200, "published")
            await until(lambda: names(pager, ["acknowledged"]) == {"al-1"}, "not acknowledged")
            await until(lambda: len(outside.asked) > 1, "no second heartbeat")
            process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, 30)
            assert code == 0, (tmp_path / "command.log").read_text()[-2000:]
        with running(bench, port):
            await until(lambda: _listens(tmp_path), "does not listen")
            assert await acknowledge(port, key, "N. Jansen") == (200, "repeated")
        shown = await asyncio.to_thread(pages, bench, "--open")
        answers = {one["matter"]["alert_id"]: [a["by"] for a in one["answers"]] for one in shown}
        assert answers == {"al-1": ["N. Jansen"], "al-2": []}
        records = await asyncio.to_thread(list, read_topic(bench.kafka, ACKS.name, follow=False))
        told = [read_answer(one[1] or b"") for one in records if one is not None]
        assert [(one.patient, one.channel) for one in told] == [("p_1", "pager")]


def _listens(folder: Path) -> bool:
    return "listening for answers" in (folder / "command.log").read_text()


async def test_a_frozen_process_is_heard_no_more(private_kafka: RealKafka, tmp_path: Path) -> None:
    """SIGSTOP: from outside it is silent, which is the alarm."""
    async with FakePager(CLOCK.now) as pager, FakeServer(Said(200)) as outside:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        heartbeat = ("--heartbeat-url", f"{outside.url}/ping", "--heartbeat-s", "1")
        with running(bench, free_port(), *heartbeat) as process:
            await until(lambda: len(outside.asked) > 1, "never heard")
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.5)
            heard = len(outside.asked)
            for _ in range(25):
                await asyncio.sleep(0.1)
            assert len(outside.asked) == heard


async def test_an_address_that_is_taken_is_told(private_kafka: RealKafka, tmp_path: Path) -> None:
    """The pager ends at once: answers would be lost, and nobody would know."""
    async with FakePager(CLOCK.now) as pager:
        bench = Bench(private_kafka, tmp_path, pager.enqueue)
        with running(bench, pager.port) as process:
            code = await asyncio.to_thread(process.wait, 60)
        assert code == 70
        assert "cannot listen on 127.0.0.1" in (tmp_path / "command.log").read_text()
