"""
Patient data put wherever it could come from outside: none of it gets into a body, a log or a label.

What passes by design is said here too: the words of the core, ward and facility
where the plan shows them, ten characters of the reference, the name in the note.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from cordwatch.pager.plan import STEPS, Plan
from cordwatch.pager.text import text_of
from cordwatch.pager.transports.build import transports_of, wording_of
from cordwatch.pager.transports.transport import REASONS, Action, Outcome, Page, Transport
from cordwatch_schemas.pages import Matter
from tests.pager.builders import a_matter, a_page
from tests.pager.fake_pager import FakeServer, Said
from tests.pager.fake_smtp import FakeSmtp, Manners

NAME, NUMBER, BORN = "Zebedee Quillfeather", "MRN7748213", "1931-02-28"
CANARIES = (NAME, NAME.split(" ", maxsplit=1)[0], NAME.split(" ")[1], NUMBER, BORN, "19310228")
EVIL = f"{NAME} {NUMBER} born {BORN} (19310228)"
ROUTING_KEY = "SECRETKEY" + "k" * 23
SIGNING_KEY = "whsec_U0VDUkVUS0VZU0VDUkVUS0VZU0VDUkVUS0VZ"
SECRETS = ("SECRETKEY", "U0VDUkVUS0VZ", "hush-hush", "T0PSECRETROOM")
REFERENCE = "p7f3a9c2d1" + NUMBER

ANSWERS = [
    Said(200, {"X-Patient": EVIL, "Content-Type": EVIL}, EVIL.encode()),
    Said(202, {"Retry-After": EVIL}, f'{{"dedup_key": "{EVIL}"}}'.encode()),
    Said(302, {"Location": f"http://127.0.0.1/{NUMBER}"}, EVIL.encode()),
    Said(400, {}, f'{{"errors": ["{EVIL}"]}}'.encode()),
    Said(401, {"WWW-Authenticate": EVIL}, EVIL.encode()),
    Said(429, {"Retry-After": NUMBER}, EVIL.encode()),
    Said(500, {}, EVIL.encode()),
    Said(raw=EVIL.encode() + b"\r\n\r\n"),
    Said(raw=f"HTTP/1.1 503 {EVIL}\r\nContent-Length: 99\r\n\r\n{EVIL}".encode()),
]


@dataclass
class Ward:
    """Every kind of destination on loopback, and what got out."""

    transports: dict[str, Transport]
    plan: Plan
    servers: list[FakeServer]
    smtp: FakeSmtp
    frames: list[bytes] = field(default_factory=list)

    def sent(self) -> Iterator[str]:
        """Yield everything that was sent."""
        for server in self.servers:
            for one in server.asked:
                shown = {k: v for k, v in one.headers.items() if k != "webhook-signature"}
                yield f"{one.path} {shown} {one.body.decode()}"
        yield from (one.raw.decode() for one in self.smtp.mails)
        yield from (one.decode() for one in self.frames)


@asynccontextmanager
async def a_ward(said: Said, folder: Path, *, show_ward: bool) -> AsyncIterator[Ward]:
    """Yield destinations that all answer with patient data."""
    frames: list[bytes] = []

    async def hl7(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames.append((await reader.readuntil(b"\x1c\r"))[1:-2])
        control = frames[-1].decode().split("|")[9]
        writer.write(f"\x0bMSH|^~\\&|{EVIL}\rMSA|AE|{control}|{EVIL}\rERR|{EVIL}\r\x1c\r".encode())
        writer.close()

    refusing = {"BODY": f"554 {EVIL}", "RCPT night@h.example": f"550 {EVIL}"}
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(FakeServer(said)) for _ in range(5)]
        smtp = await stack.enter_async_context(FakeSmtp(Manners(refusing)))
        receiver = await asyncio.start_server(hl7, "127.0.0.1", 0)
        stack.callback(receiver.close)
        port = receiver.sockets[0].getsockname()[1]
        plan = Plan.model_validate(_plan(folder, [one.url for one in servers], smtp.port, port))
        plan = plan.model_copy(update={"show_ward": show_ward})
        transports = transports_of(plan)
        yield Ward(transports, plan, servers, smtp, frames)
        for one in transports.values():
            await one.close()


def _plan(folder: Path, urls: list[str], smtp: int, hl7: int) -> dict[str, Any]:
    def file(name: str, text: str) -> str:
        (folder / name).write_text(text)
        return str(folder / name)

    room = "/T0PSECRETROOM"
    mail = {"host": "localhost", "port": smtp, "security": "none"}
    return {
        "destinations": {
            "pd": {"kind": "pagerduty", "url": urls[0], "routing_key_file": file("a", ROUTING_KEY)},
            "am": {"kind": "alertmanager", "urls": [urls[1]], "token_file": file("b", "hush-hush")},
            "hook": {"kind": "webhook", "url": urls[2], "secret_file": file("c", SIGNING_KEY)},
            "slack": {"kind": "slack", "url_file": file("d", urls[3] + room)},
            "teams": {"kind": "teams", "url_file": file("e", urls[4] + room)},
            "mail": {"kind": "email", **mail, "sender": "c@h.example",
                     "to": ["day@h.example", "night@h.example"]},
            "phones": {"kind": "acm", "host": "127.0.0.1", "port": hl7},
        },
        "roster": [{"role": "ward-physician", "by": ["pd", "mail"]}],
        "ladder": {key: {"tell": ["ward-physician"]} for key in STEPS},
    }  # fmt: skip


def poisoned(**changes: Any) -> Matter:
    """Return a matter with patient data in everything that could bring it along."""
    given: dict[str, Any] = {
        "group": EVIL,
        "patient": REFERENCE,
        "facility": EVIL,
        "ward": EVIL,
        "missing": (EVIL, "cervical"),
        "flags": (EVIL, NAME, "day-precision"),
    }
    return a_matter(**(given | changes))


def found_in(texts: Iterator[str] | list[str], words: tuple[str, ...]) -> list[str]:
    """Return which of *words* stand in any text."""
    whole = "\n".join(texts).lower()
    return [one for one in words if one.lower() in whole]


@pytest.mark.parametrize("said", ANSWERS)
@pytest.mark.parametrize("action", ["tell", "close"])
async def test_nothing_gets_out(
    action: Action,
    said: Said,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Bodies, addresses, outcomes and logs, of every kind of destination, whatever that answers."""
    caplog.set_level(logging.DEBUG)
    page = a_page(action, matter=poisoned())
    with structlog.testing.capture_logs() as logs:
        async with a_ward(said, tmp_path, show_ward=False) as ward:
            outcomes = [await one.send(page) for one in ward.transports.values()]
            outcomes += [await one.check() for one in ward.transports.values()]
            sent = list(ward.sent())
    assert len(sent) >= 12
    assert found_in(sent, CANARIES) == []
    told = [*map(str, outcomes), *map(str, logs), caplog.text, *capfd.readouterr()]
    assert found_in(told, (*CANARIES, *SECRETS)) == []
    assert {one.reason for one in outcomes} <= set(REASONS)


async def test_an_error_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """Type and place; the text of an exception may hold what it failed on."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise ValueError(EVIL)

    caplog.set_level(logging.DEBUG)
    plan = Plan.model_validate(_nowhere())
    transport = transports_of(plan)["hook"]
    page = Page(**{**_fields(a_page()), "matter": Broken()})
    with structlog.testing.capture_logs() as logs:
        assert await transport.send(page) == Outcome("refused", "internal")
    await transport.close()
    assert "ValueError at __getattr__" in str(logs)
    assert found_in([str(logs), caplog.text], CANARIES) == []


def _fields(page: Page) -> dict[str, Any]:
    return {name: getattr(page, name) for name in Page.__slots__}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", SIGNING_KEY)


def _nowhere() -> dict[str, Any]:
    hook = {"kind": "webhook", "url": "http://127.0.0.1:9", "secret_file": "env:CANARY_KEY"}
    return {
        "destinations": {"hook": hook},
        "roster": [{"role": "ward-physician", "by": ["hook"]}],
        "ladder": {key: {"tell": ["ward-physician"]} for key in STEPS},
    }


def test_what_passes_by_design() -> None:
    """The counterpart: the canaries do get through where they may, so the tests above can fail."""
    plan = Plan.model_validate(_nowhere())
    shown = text_of(a_page(matter=poisoned(), note="N. Jansen"), wording_of(plan)).plain(10_000)
    assert found_in([shown], (NAME, BORN)) == [NAME]
    assert "p7f3a9c2d1..." in shown
    assert NUMBER + "..." not in shown
    core = text_of(a_page(matter=a_matter(reason="words of the core")), wording_of(plan))
    assert "words of the core" in core.title
    seen = text_of(a_page("acknowledge", note="seen by N. Jansen"), wording_of(plan))
    assert seen.title.startswith("Seen by N. Jansen: ")
