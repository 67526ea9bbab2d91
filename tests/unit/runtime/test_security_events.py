"""Each security event of the list has its line: who, from where, at what, and why; at every door."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shutil
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest

from cordwatch.board.security import Allowance
from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.security_events import (
    EVENTS,
    LINES_MAX,
    SECURITY,
    SecurityEvent,
    SecurityEvents,
)
from cordwatch.runtime.tls_files import trusting
from tests.builders import T, a_suspicion, an_admission, known_lymphoma
from tests.certificates import Authority, hospital, stranger
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.hospital import kept
from tests.unit.feeds.fhir.desk import a_desk as a_fhir_desk
from tests.unit.feeds.mllp.desk import a_desk as an_mllp_desk
from tests.unit.pager.test_inlet_server import a_bench

__all__ = ["hospital", "stranger"]

NOW = T(7)
RECORDS = tuple(kept((known_lymphoma(), an_admission(), a_suspicion()), NOW))
Lines = Callable[[], list[dict[str, str]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Give what the log says of security, as it is written; afterwards the root logger is as before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    caught = io.StringIO()
    configure_logging("info", "json", caught)
    SECURITY._began_s.clear()

    def told() -> list[dict[str, str]]:
        found = [json.loads(one) for one in caught.getvalue().splitlines()]
        return [one for one in found if one.get("logger") == "cordwatch.security"]

    yield told
    root.handlers[:] = before
    root.setLevel(level)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def origin(one: Browser) -> str:
    """Return the board's own origin."""
    return f"http://{one.client.host}:{one.client.port}"


async def at_the_board(one: Browser, what: str) -> None:
    """Do *what* at the board."""
    headers = one.headers("clinician")
    row = one.site.state.open_rows(NOW)[0]
    match what:
        case "open":
            await one.client.get("/", headers=headers)
        case "no-proof":
            await one.client.get("/", headers={**headers, "X-Proxy-Secret": "guessed"})
        case "role":
            await one.client.get("/print", headers=headers)
        case "forged":
            await one.client.post("/search", data={"search": "x"}, headers=headers)
        case "foreign-form":
            sent = {**headers, "Origin": origin(one)}
            await one.client.post(f"/clock/{row.id}/acknowledge", data={"token": "x"}, headers=sent)
        case "too-much":
            one.site.pages_allowed = Allowance(1, 0.001)
            await one.client.get("/", headers=headers)
            await one.client.get("/", headers=headers)
        case "twice":
            await one.client.get("/?ward=A&ward=B", headers=headers)
        case "no-reason":
            sent = {**headers, "Origin": origin(one)}
            page = await (await one.client.get(f"/clock/{row.id}", headers=sent)).text()
            token = page.partition('name="token" value="')[2].partition('"')[0]
            form = {"token": token, "key": "k", "version": row.version, "reason": "made up"}
            await one.client.post(f"/clock/{row.id}/acknowledge", data=form, headers=sent)
        case "no-call":
            path = "/cds-services/cordwatch-patient-view"
            await one.client.post(path, json={"hook": "other"}, headers=one.headers("ehr"))


@pytest.mark.parametrize(
    ("what", "event", "why"),
    [
        ("open", "signed-in", "by a proxy; clinician"),
        ("no-proof", "not-signed-in", "without the proxy's secret"),
        ("role", "not-allowed", "role"),
        ("forged", "forged", "does not say from where"),
        ("foreign-form", "forged", "without the token of a form of this board"),
        ("too-much", "too-much", ""),
        ("twice", "not-readable", "400"),
        ("no-reason", "not-readable", "Choose a reason."),
        ("no-call", "not-readable", "this service is for the hook patient-view"),
    ],
)
async def test_what_happens_at_the_board_is_logged(
    lines: Lines, what: str, event: SecurityEvent, why: str
) -> None:
    """Who, where that is known, from which address, on which route, and why; nothing that was sent."""
    async with browser(RECORDS, NOW) as one:
        await at_the_board(one, what)
    found = [line for line in lines() if line["security"] == event]
    assert found, lines()
    line = found[-1]
    assert (line["at"], line.get("why", ""), line["peer"]) == ("board", why, "127.0.0.1")
    assert line["route"].split()[0] in {"GET", "POST"}
    assert line.get("user") == (None if what in {"no-proof", "twice"} else "n.jansen")
    assert "made up" not in str(lines())
    assert one.site.state.open_rows(NOW)[0].id not in str(lines())


async def test_who_is_signed_in_is_logged_once_an_hour(lines: Lines) -> None:
    """For each person and address: each request proves it anew, and a page of its own asks for many."""
    async with browser(RECORDS, NOW) as one:
        for user in ("a", "b", "a"):
            await one.client.get("/", headers=one.headers("viewer", user=user))
        assert [line["user"] for line in lines()] == ["a", "b"]
        one.site.known_at = {who: at - 3600 for who, at in one.site.known_at.items()}
        await one.client.get("/wall", headers=one.headers("viewer", user="a"))
        assert [line["user"] for line in lines()] == ["a", "b", "a"]


async def test_who_asks_for_a_patient_of_another_ward_is_logged(lines: Lines) -> None:
    """As somebody without a ward is."""
    async with browser(RECORDS, NOW, wards_header="X-Wards") as one:
        clock = one.site.state.open_rows(NOW)[0].id
        await one.client.get(f"/clock/{clock}", headers=one.headers("viewer", **{"X-Wards": "O"}))
        await one.client.get("/", headers=one.headers("viewer"))
        told = [(line["security"], line["why"], line["user"]) for line in lines()]
    assert ("not-allowed", "ward", "n.jansen") in told
    assert ("not-allowed", "no ward", "n.jansen") in told


async def fhir_address(_: Path) -> None:
    """A notification from a network that is not allowed."""
    async with a_fhir_desk(allow="10.0.0.0/8") as desk:
        await desk.post({})


async def fhir_token(folder: Path) -> None:
    """A notification with another token."""
    (folder / "tokens").write_text("a-secret-of-the-server\n")
    async with a_fhir_desk(token_file=folder / "tokens") as desk:
        await desk.post({}, "guessed")


async def fhir_body(_: Path) -> None:
    """A notification that names something twice."""
    async with a_fhir_desk() as desk:
        await desk.post(b'{"resourceType": "Bundle", "resourceType": "Patient"}')


async def hl7_address(_: Path) -> None:
    """A sender from a network that is not allowed."""
    async with an_mllp_desk(allow="10.0.0.0/8") as desk:
        assert await (await desk.sender()).hears_nothing_more()


async def hl7_limit(_: Path) -> None:
    """One sender more than may be connected."""
    async with an_mllp_desk(max_connections=1) as desk:
        await desk.sender()
        await desk.until(lambda: desk.server.connections == 1)
        assert await (await desk.sender()).hears_nothing_more()


async def inlet_address(folder: Path) -> None:
    """An answer from a network that is not allowed."""
    async with a_bench(folder, allow="10.0.0.0/8") as bench:
        await bench.pagerduty()


async def inlet_signature(folder: Path) -> None:
    """An answer with a signature of somebody else."""
    async with a_bench(folder) as bench:
        await bench.pagerduty(signature="v1=00")


@pytest.mark.parametrize(
    ("happens", "event", "at"),
    [
        (fhir_address, "not-allowed", "fhir"),
        (fhir_token, "not-signed-in", "fhir"),
        (fhir_body, "not-readable", "fhir"),
        (hl7_address, "not-allowed", "hl7"),
        (hl7_limit, "too-much", "hl7"),
        (inlet_address, "not-allowed", "pagerduty"),
        (inlet_signature, "not-signed-in", "pagerduty"),
    ],
)
async def test_what_happens_at_the_other_doors_is_logged(
    lines: Lines,
    tmp_path: Path,
    happens: Callable[[Path], Awaitable[None]],
    event: SecurityEvent,
    at: str,
) -> None:
    """Senders, the FHIR server and those who answer pages: from which address, and why."""
    await happens(tmp_path)
    assert (event, at, "127.0.0.1") in [
        (line["security"], line["at"], line["peer"]) for line in lines()
    ]
    assert "guessed" not in str(lines())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_a_handshake_that_fails_is_logged_on_either_side(
    lines: Lines, hospital: Authority, stranger: Authority
) -> None:
    """Somebody in the clear or without a certificate at our door, and a server of which we know no authority."""
    cert, key = hospital.issue("gateway")
    more: dict[str, Any] = {"tls_cert": cert, "tls_key": key}
    async with an_mllp_desk(**more) as desk:
        sender = await desk.sender()
        sender.writer.write(b"\x0bMSH|no TLS")
        await desk.until(lambda: desk.value("refused_peers_total", reason="tls") == 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*stranger.issue("server"))
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
        )
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        connector = aiohttp.TCPConnector(ssl=trusting(hospital.certificate))
        async with server, aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(url)
    told = {(line["at"], line.get("why"), line.get("peer")) for line in lines()}
    assert ("hl7", None, "127.0.0.1") in told
    assert ("asking", "CERTIFICATE_VERIFY_FAILED", None) in told
    assert any(at == "listening" for at, _, _ in told)


def test_every_event_is_in_the_list_and_is_tried_here() -> None:
    """One that is added has a meaning on the page, and a test."""
    assert set(EVENTS) == set(get_args(SecurityEvent))
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(text.count(f'"{one}"') >= 1 for one in EVENTS if one != "tls-failed")


def test_a_flood_fills_no_log_and_is_counted(lines: Lines) -> None:
    """What is left out in a minute stands in the next line; another kind goes on."""
    now = [0.0]
    events = SecurityEvents(lambda: now[0])
    for _ in range(LINES_MAX + 40):
        events.tell("not-signed-in", at="board", peer="10.1.2.3")
    events.tell("forged", at="board")
    assert len(lines()) == LINES_MAX + 1
    now[0] = 60.0
    events.tell("not-signed-in", at="board")
    events.tell("not-signed-in", at="board")
    assert [line.get("left_out") for line in lines()[-2:]] == ["40", None]


def test_a_line_says_when_in_utc(lines: Lines) -> None:
    """As every line does."""
    SECURITY.tell("forged", at="board")
    at = datetime.fromisoformat(lines()[-1]["timestamp"])
    assert at.utcoffset() == timedelta(0)
