"""What texts, networks and readers do whom nobody would invite: the board shows what is so, and keeps nobody waiting."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestServer, get_port_socket

from cordwatch.board import pages, said
from cordwatch.board.routes import ROUTES
from cordwatch.board.site import make_app
from cordwatch.runtime import web_listening
from cordwatch.runtime.web_listening import WebListener
from cordwatch_schemas.topics import ALERTS
from tests.builders import (
    T,
    a_report,
    a_suspicion,
    an_admission,
    an_mri_booked,
    an_mri_done,
    known_lymphoma,
)
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.hospital import alert_of, an_identity, kept
from tests.unit.board.test_pages import a_full_house

PATIENCE_S = 10.0
TURNED = "\u202e"
"""From here on what follows is written backwards."""


async def test_no_sign_turns_a_bed_round() -> None:
    """A text of a feed may hold signs that turn the direction of writing: bed 12 would be read as bed 21."""
    ward, bed, name = f"HAEM{TURNED}-4", f"{TURNED}12\u2066", f"ZEBRA{TURNED}FINCH^ZOE"
    told = (known_lymphoma(), an_admission(ward=ward, bed=bed), a_suspicion())
    records = (*kept(told, T(7)), an_identity("A", name, T(0)))
    async with browser(records, T(7)) as one:
        (row,) = one.site.state.open_rows(T(7))
        headers = one.headers("coordinator")
        paths = ("/", "/?ward=HAEM-4", "/wall", "/print", "/downtime.html", f"/clock/{row.id}")
        for path in paths:
            text = await (await one.client.get(path, headers=headers)).text()
            assert re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]", text) is None, path
            assert "<bdi>HAEM-4</bdi>" in text, path
            assert "<bdi>12</bdi>" in text, path


async def test_what_ended_today_says_whose_it_was() -> None:
    """Bed and reference for all, the name for who may see names; of another ward only where all are asked for."""
    told = (known_lymphoma(), an_admission(ward="HAEM-4", bed="12"), a_suspicion())
    done = (an_mri_done(T(5)), a_report(T(6), "negative"))
    records = (
        *kept([*told, *done], T(7)),
        an_identity("A", "ZEBRAFINCH^ZOE", T(0), number="5550123"),
    )
    async with browser(records, T(7)) as one:
        for role, sees in (("viewer", False), ("clinician", True)):
            headers = one.headers(role)
            for path in ("/", "/closed", "/closed?ward=HAEM-4"):
                text = await (await one.client.get(path, headers=headers)).text()
                assert "Closed today: 1" in text
                assert '<span class="ref">A</span>: satisfied, in time' in text
                assert ("ZEBRAFINCH" in text, "5550123" in text) == (sees, sees)
            text = await (await one.client.get("/closed?ward=ONC-2", headers=headers)).text()
            assert "Closed today: 0" in text
        one.site.audit.stop(5)
        deeds = {record.event["subtype"][0]["code"] for record in one.topics.audit()}
        assert deeds == {"board-opened"}


@pytest.mark.parametrize("path", ["/", "/wall", "/clock/x"])
async def test_a_page_without_scripts_comes_back_by_itself(path: str) -> None:
    """It reloads; what it meets may be a refusal or a fault of a moment, and must not be the end of it."""
    async with browser([], T(7)) as one:
        refused = await (await one.client.get(path)).text()
        assert '<noscript><meta http-equiv="refresh" content="20">' in refused
        headers = one.headers("viewer", Origin="https://elsewhere.example")
        posted = await one.client.post("/search", data={"search": "x"}, headers=headers)
        assert "refresh" not in await posted.text()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"no boundary", 400),
        ("application/x-www-form-urlencoded; charset=none-such", b"search=%ff", 400),
        ("application/x-www-form-urlencoded", b"search=%ff%fe\xff", 400),
        ("application/x-www-form-urlencoded", b"search=" + b"x" * 9000, 413),
    ],
)
async def test_what_is_no_form_is_refused_and_no_fault_of_ours(
    kind: str, body: bytes, status: int
) -> None:
    """Nothing of it is repeated, and it is not logged as an error."""
    async with browser([], T(7)) as one:
        origin = f"http://{one.client.host}:{one.client.port}"
        headers = one.headers("viewer", Origin=origin, **{"Content-Type": kind})
        answer = await one.client.post("/search", data=body, headers=headers)
        assert (answer.status, "An error of ours" in await answer.text()) == (status, False)


async def test_a_form_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a byte now and then keeps nobody."""
    monkeypatch.setattr(said, "FORM_S", 0.2)

    async def never() -> AsyncIterator[bytes]:
        yield b"search="
        await asyncio.sleep(PATIENCE_S)

    async with browser([], T(7)) as one:
        origin = f"http://{one.client.host}:{one.client.port}"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        headers = one.headers("viewer", Origin=origin, **kind)
        answer = await one.client.post("/search", data=never(), headers=headers)
        assert answer.status == 408


async def test_times_on_the_page_of_a_clock_are_those_of_the_hospital() -> None:
    """Of one page no time is in another zone; how late an alert was is a span that people read."""
    told = (known_lymphoma(), an_admission(), a_suspicion(), an_mri_booked(T(2), T(5)))
    records = list(kept(told, T(7)))
    late = alert_of(records, "reminder").model_copy(update={"late_by_s": 5514, "revision": 9})
    records.append((ALERTS.name, b"A", late.model_dump_json().encode()))
    async with browser(records, T(7)) as one:
        (row,) = one.site.state.open_rows(T(7))
        text = await (
            await one.client.get(f"/clock/{row.id}", headers=one.headers("viewer"))
        ).text()
        assert "Imaging booked: for 14:00" in text
        assert "told warning, paged, 1 h 31 min late" in text
        assert re.search(r"\d UTC|\d s late", text) is None


def narrow(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """Return a listening socket over which little is under way at once."""
    found = get_port_socket(host, port, family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return found


async def a_stuck_page(one: Browser, server: Any, path: str) -> socket.socket:
    """Ask for a stream and take nothing of it."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    found.setblocking(False)  # noqa: FBT003 - socket's own
    loop = asyncio.get_running_loop()
    await loop.sock_connect(found, (server.host, server.port))
    lines = [f"GET {path} HTTP/1.1", "Host: board"]
    lines += [f"{name}: {value}" for name, value in one.headers("coordinator").items()]
    await loop.sock_sendall(found, "\r\n".join([*lines, "", ""]).encode())
    return found


@pytest.mark.parametrize(("rows", "write_s", "stream_s"), [(250, 0.3, 55.0), (40, 55.0, 0.3)])
async def test_a_page_that_takes_nothing_is_let_go(
    monkeypatch: pytest.MonkeyPatch, rows: int, write_s: float, stream_s: float
) -> None:
    """Its connection is cut: closed in good order it would wait for the page to take the rest, for ever."""
    monkeypatch.setattr(pages, "WRITE_S", write_s)
    monkeypatch.setattr(pages, "STREAM_S", stream_s)
    async with browser(a_full_house(rows, T(7)), T(7)) as one:
        hub = asyncio.create_task(one.site.hub.run())
        async with TestServer(make_app(one.site, ROUTES), socket_factory=narrow) as server:
            stuck = await a_stuck_page(one, server, "/live")
            assert server.handler is not None
            await until(lambda: one.site.hub.count == 1)
            await until(lambda: one.site.hub.count == 0)
            await until(lambda: not server.handler.connections)
            stuck.close()
        hub.cancel()


async def test_who_connects_and_asks_for_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first request and after one; connections are not to be had for nothing."""
    monkeypatch.setattr(web_listening, "IDLE_S", 0.2)
    listener = WebListener()
    async with browser([], T(7)) as one:
        await listener.start(make_app(one.site, ROUTES), "127.0.0.1", 0, None, 1.0)
        asked = b"GET /static/icon.svg HTTP/1.1\r\nHost: board\r\n\r\n"
        for said, begins in ((b"", b""), (asked, b"HTTP/1.1 200 OK")):
            reader, writer = await asyncio.open_connection(*listener.address)
            writer.write(said)
            async with asyncio.timeout(PATIENCE_S):
                heard = await reader.read()
            assert heard[: len(begins)] == begins
            writer.close()
        await listener.stop()


async def until(reached: Any) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(0.02)
