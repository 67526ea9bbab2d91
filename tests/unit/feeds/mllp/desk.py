"""A gateway's shell on loopback with a writer of the test's own, and a sender to talk to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from cordwatch.feeds.group_commit import Job, Settled
from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.intake import understand
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.feeds.mllp.server import MllpServer
from cordwatch.feeds.mllp.session import Shared
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.feeds.source import Source
from cordwatch.runtime.wall_clock import WallClock

PATIENCE_S = 10.0


def a_message(control_id: object, *, asks: str = "", pad: int = 0) -> bytes:
    """Return an admission, of at least *pad* bytes."""
    return (
        f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|{control_id}|P|2.5{asks}\r"
        "PID|1||7^^^H^MR\rPV1|1|I|HAEM1\rEVN|A01|20260302095500\r"
        f"NTE|1||{'x' * pad}\r"
    ).encode()


class FakeCommit:
    """Settles at once, or when the test lets it: a broker that is there, or is away."""

    def __init__(self) -> None:
        """Begin with a broker that is there."""
        self.is_away = False
        self.jobs: list[Job] = []
        self.kept: list[bytes] = []
        self.refuses: Callable[[Job], bool] = lambda _: False

    def submit(self, job: Job) -> None:
        """Take over *job*."""
        self.jobs.append(job)
        if not self.is_away:
            asyncio.get_running_loop().call_soon(self.settle)

    def settle(self, count: int | None = None) -> None:
        """Settle what waits, or the first *count* of it."""
        jobs, self.jobs = self.jobs[:count], self.jobs[len(self.jobs[:count]) :]
        for job in jobs:
            found = understand(job.piece, Source(), job.received_at)
            stored = not self.refuses(job)
            if stored:
                self.kept.append(job.piece.data)
            job.done(Settled(found, stored))

    def come_back(self) -> None:
        """Be there again, for what waits too."""
        self.is_away = False
        self.settle()


class Desk:
    """A running server and what is behind it."""

    def __init__(self, settings: FeedsSettings) -> None:
        """Put it together."""
        self.registry = CollectorRegistry()
        self.commit = FakeCommit()
        metrics = FeedsMetrics(self.registry)
        self.shared = Shared.of(settings, metrics, self.commit, WallClock())
        self.server = MllpServer(self.shared)

    def value(self, name: str, **labels: str) -> float:
        """Return a series of the gateway; one that is not there is an error."""
        found = self.registry.get_sample_value(f"cordwatch_feeds_{name}", labels)
        assert found is not None, name
        return found

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until *what* holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not what():  # noqa: ASYNC110 - it is metrics that are looked at
                await asyncio.sleep(0.005)

    async def until_closed(self, cause: str) -> None:
        """Wait until a connection ended for *cause*."""
        await self.until(lambda: self.value("closed_connections_total", cause=cause) > 0)

    async def sender(self, tls: ssl.SSLContext | None = None) -> Sender:
        """Connect as a sender does."""
        host, port = self.server.address
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
        return Sender(reader, writer)


class Sender:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk over these."""
        self.reader, self.writer = reader, writer

    async def send(self, *messages: bytes) -> None:
        """Send *messages* in one write."""
        await self.send_bytes(b"".join(map(frame, messages)))

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def content(self) -> bytes:
        """Return what is in the next frame."""
        async with asyncio.timeout(PATIENCE_S):
            return (await self.reader.readuntil(b"\x1c\r"))[1:-2]

    async def answer(self) -> tuple[str, str]:
        """Return code and control id of the next acknowledgement."""
        line = (await self.content()).split(b"\r")[1].split(b"|")
        return line[1].decode(), line[2].decode()

    async def hears_nothing_more(self) -> bool:
        """Return whether the connection ends without another byte."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read() == b""
            except (ConnectionError, ssl.SSLError):
                return True

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


@asynccontextmanager
async def a_desk(**settings: Any) -> AsyncIterator[Desk]:
    """Give a server that listens on a free port; it is ended with the block."""
    desk = Desk(FeedsSettings(**{"port": 0, **settings}))
    await desk.server.start()
    try:
        yield desk
    finally:
        await desk.server.drain(0)
