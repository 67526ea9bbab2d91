"""A server on loopback that misbehaves as told: PagerDuty behind a bad network, or any HTTP answer at all."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from tests.pager.outages import Fault
from tests.pager.pagerduty_rules import Incident, PagerDutyRules


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return its body read."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Said:
    """What to answer, and how badly."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None
    """These bytes instead of an HTTP answer."""
    reset: bool = False
    """The connection is reset."""
    hang: bool = False
    """Nothing comes any more: instead of an answer, or after one that says it is longer."""
    drip_s: float | None = None
    """One byte of the answer after another, so far apart."""


Answering = Callable[[Asked], Said]


class FakeServer(AbstractAsyncContextManager["FakeServer"]):
    """An HTTP/1.1 server of one request a connection, that answers as it is told."""

    def __init__(self, answering: Answering | Said, *, tls: Any = None) -> None:
        """Prepare; it listens within `async with`."""
        self._answering = answering if callable(answering) else lambda _: answering
        self._tls = tls
        self.asked: list[Asked] = []
        self.url = ""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, whatever hangs."""
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            asked = await _read(reader)
            self.asked.append(asked)
            await _say(self._answering(asked), writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    pairs = (line.split(":", 1) for line in head[1:] if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


async def _say(said: Said, writer: asyncio.StreamWriter) -> None:
    if said.reset:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    if said.raw is None and said.hang and not said.body:
        await asyncio.Event().wait()
    data = said.raw if said.raw is not None else _answer(said)
    if said.drip_s is None:
        writer.write(data)
        await writer.drain()
    else:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(said.drip_s)
    if said.hang:
        await asyncio.Event().wait()


def _answer(said: Said) -> bytes:
    length = len(said.body) + (100 if said.hang else 0)
    headers = {"Content-Length": str(length), "Connection": "close", **said.headers}
    lines = [f"HTTP/1.1 {said.status} Whatever", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + said.body


class FakePager(FakeServer):
    """PagerDuty over HTTP on loopback, by the rules of `PagerDutyRules`, with faults put in its way."""

    def __init__(self, clock: Callable[[], datetime], rules: PagerDutyRules | None = None) -> None:
        """Prepare; *clock* gives the instant of each call."""
        self.rules = rules or PagerDutyRules()
        self.faults: deque[Fault | None] = deque()
        """What befalls the next calls, one after another; None: nothing."""
        self.fault_at: Callable[[datetime], Fault | None] = lambda _: None
        """What befalls a call at an instant, where `faults` says nothing: `Outage.fault`."""
        self.retry_after: str | None = None
        """Goes with every 429 and 503."""
        self._clock = clock
        super().__init__(self._pager)

    @property
    def enqueue(self) -> str:
        """Return the address of the Events API."""
        return f"{self.url}/v2/enqueue"

    def open_incidents(self) -> list[Incident]:
        """Return what is not resolved."""
        return list(self.rules.open())

    def notifications(self, dedup_key: str) -> int:
        """Return how often somebody's telephone rang because of a key."""
        incident = self.rules.under(dedup_key)
        return incident.notified if incident else 0

    def _pager(self, asked: Asked) -> Said:
        now = self._clock()
        fault = self.faults.popleft() if self.faults else self.fault_at(now)
        match fault:
            case "reset":
                return Said(reset=True)
            case "timeout":
                return Said(hang=True)
            case int():
                return Said(fault, self._waiting(fault))
        status, headers, body = self.rules.receive(asked.body, now)
        match fault:
            case "answer-lost":
                return Said(reset=True)
            case "bad-answer":
                return Said(status, headers, b"<html>")
        return Said(status, headers | self._waiting(status), json.dumps(body).encode())

    def _waiting(self, status: int) -> dict[str, str]:
        asks = self.retry_after is not None and status in {429, 503}
        return {"Retry-After": str(self.retry_after)} if asks else {}
