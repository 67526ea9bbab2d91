"""The gateway as a process: signals, exit codes and health, with a broker of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from cordwatch.feeds import group_commit, service
from cordwatch.feeds.group_commit import Record
from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.receipt_log import ReceiptLog
from cordwatch.feeds.receipts import ACCEPTED, Memory, fingerprint_of, receipt_of
from cordwatch.feeds.service import Feeds
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.feeds.source import Source
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import HISTORIES, RAW
from tests.unit.feeds.mllp.desk import PATIENCE_S, a_message
from tests.unit.feeds.test_mllp_group_commit import FakeBroker


def a_free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    """Give the broker to which the gateway publishes."""
    broker = FakeBroker()
    monkeypatch.setattr(service, "GroupPublisher", lambda _: broker.connect())
    return broker


@asynccontextmanager
async def running(**settings: float) -> AsyncIterator[tuple[Feeds, asyncio.Task[int], int]]:
    """Give a gateway that listens, its task and the port of its metrics; it ends with the block."""
    port = a_free_port()
    chosen = FeedsSettings.model_validate({"port": 0, "metrics_port": port, **settings})
    feeds = Feeds(chosen, KafkaSettings(), Source(), WallClock())
    task = asyncio.create_task(feeds.run())
    async with asyncio.timeout(PATIENCE_S):
        while not feeds.server.is_listening:  # noqa: ASYNC110 - started by another task
            await asyncio.sleep(0.005)
    try:
        yield feeds, task, port
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


async def send(feeds: Feeds, message: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send *message* to the gateway."""
    reader, writer = await asyncio.open_connection(*feeds.server.address)
    writer.write(frame(message))
    await writer.drain()
    return reader, writer


def health(port: int, path: str = "/healthz") -> tuple[int, dict[str, object]]:
    """Return status and state of `/healthz`, or of another *path*."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as page:
            return page.status, json.loads(page.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def test_told_to_stop_it_answers_and_ends_with_zero(broker: FakeBroker) -> None:
    """The whole way: socket, worker, broker, answer, SIGTERM."""
    async with running() as (feeds, task, port):
        reader, _ = await send(feeds, a_message("G1"))
        async with asyncio.timeout(PATIENCE_S):
            assert b"MSA|AA|G1\r" in await reader.readuntil(b"\x1c\r")
        assert RAW.name in {topic for topic, _, _ in broker.records}
        status, state = await asyncio.to_thread(health, port)
        assert (status, state["listening"], state["connections"]) == (200, True, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await task == 0
        assert feeds.has_ended


async def test_while_the_broker_is_away_it_is_not_well_and_ends_with_one(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some were not answered: their senders send again."""
    monkeypatch.setattr(group_commit, "SLOW_ANSWER_S", 0.01)
    broker.hold()
    async with running(drain_s=0.05) as (feeds, task, port):
        reader, _ = await send(feeds, a_message("G1"))
        async with asyncio.timeout(PATIENCE_S):
            while not feeds.commit.broker_away:  # noqa: ASYNC110 - set by a timer
                await asyncio.sleep(0.005)
        status, state = await asyncio.to_thread(health, port)
        assert (status, state["broker_away"]) == (503, True)
        # No reason to kill it: another gateway would have the same broker, and senders to reconnect.
        assert [
            (await asyncio.to_thread(health, port, one))[0] for one in ("/livez", "/readyz")
        ] == [
            200,
            503,
        ]
        assert feeds.registry.get_sample_value("cordwatch_feeds_broker_away") == 1
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await task == 1
        assert not feeds.has_ended
        # Reset by the drain: not a byte of an answer.
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)) as end:
            await reader.readuntil(b"\x1c\r")
        assert getattr(end.value, "partial", b"") == b""
    broker.let_go()
    assert await feeds.commit.stop(PATIENCE_S)


async def test_an_error_of_ours_ends_it_with_seventy(broker: FakeBroker) -> None:
    """A supervisor starts it again; it does not go on with a doubt."""

    def fails(record: Record) -> None:
        if record[0] == RAW.name:
            raise ZeroDivisionError

    # Before the message the gateway says where it stands.
    broker.answers = [fails, fails]
    async with running() as (feeds, task, _):
        await send(feeds, a_message("G1"))
        async with asyncio.timeout(PATIENCE_S):
            assert await task == 70


class FakeLog:
    """Receipts on a topic that the test lets be read."""

    def __init__(self, memory: Memory, *_: object) -> None:
        """Fill *memory*."""
        self.memory = memory
        self.at_end: Callable[[], None] | None = None
        self.stopped = False

    def start(self, since: datetime, at_end: Callable[[], None]) -> None:
        """Begin."""
        assert WallClock().now() - since >= timedelta(days=7)
        self.at_end = at_end

    def stop(self) -> None:
        """End."""
        self.stopped = True


@pytest.mark.parametrize("told", ["receipts", "SIGTERM"])
async def test_nothing_is_taken_in_before_the_receipts_are_read(
    broker: FakeBroker, told: str
) -> None:
    """A message that comes again would be taken for a new one; but it can be told to stop."""
    logs = list[FakeLog]()

    def a_log(*arguments: Any) -> ReceiptLog:
        logs.append(FakeLog(*arguments))
        return cast("ReceiptLog", logs[0])

    chosen = FeedsSettings.model_validate({"port": 0, "metrics_port": a_free_port()})
    feeds = Feeds(chosen, KafkaSettings(), Source(), WallClock(), receipt_log=a_log)
    task = asyncio.create_task(feeds.run())
    async with asyncio.timeout(PATIENCE_S):
        while not (logs and logs[0].at_end):  # noqa: ASYNC110 - started by another task
            await asyncio.sleep(0.005)
    assert not feeds.server.is_listening
    if told == "receipts":
        known = receipt_of(fingerprint_of(a_message("G1")), ACCEPTED)
        logs[0].memory.learn([known], WallClock().now())
        assert logs[0].at_end is not None
        logs[0].at_end()
        async with asyncio.timeout(PATIENCE_S):
            while not feeds.server.is_listening:  # noqa: ASYNC110 - started by another task
                await asyncio.sleep(0.005)
            reader, _ = await send(feeds, a_message("G1"))
            assert b"MSA|AA|G1\r" in await reader.readuntil(b"\x1c\r")
        assert {topic for topic, _, _ in broker.records} <= {HISTORIES.name}
        value = feeds.registry.get_sample_value
        assert value("cordwatch_feeds_messages_total", {"outcome": "repeated"}) == 1
        assert value("cordwatch_feeds_remembered_messages") == 1
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await task == 0
    assert logs[0].stopped


async def test_other_bytes_under_one_id_are_counted(broker: FakeBroker) -> None:
    """Once each time that they are kept."""
    async with running() as (feeds, _, _):
        for message in (a_message("G1"), *[a_message("G1", pad=9)] * 2):
            reader, _ = await send(feeds, message)
            async with asyncio.timeout(PATIENCE_S):
                assert b"MSA|AA|G1\r" in await reader.readuntil(b"\x1c\r")
        assert feeds.registry.get_sample_value("cordwatch_feeds_reused_control_ids_total") == 1
