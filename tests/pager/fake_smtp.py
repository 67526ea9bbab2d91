"""An SMTP server on loopback that keeps what it is given, and refuses what it is told to refuse."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Self


@dataclass
class Mail:
    """One mail as it was given."""

    recipients: list[str]
    raw: bytes
    over_tls: bool

    @property
    def message(self) -> EmailMessage:
        """Return it read."""
        found = message_from_bytes(self.raw, policy=default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """Return its body."""
        return str(self.message.get_content())


@dataclass
class Manners:
    """How the server behaves: replies in place of the usual ones, by verb, and what it offers."""

    replies: Mapping[str, str] = field(default_factory=dict)
    """By `BANNER`, `MAIL`, `RCPT a@b`, `DATA`, `BODY`, `AUTH`. `HANG`: nothing comes; `DROP`: it hangs up."""
    offers_tls: bool = True
    password: str | None = None


class FakeSmtp(AbstractAsyncContextManager["FakeSmtp"]):
    """Listens within `async with`."""

    def __init__(
        self,
        manners: Manners | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        """Prepare; *tls* by STARTTLS, or from the first byte where *at_once*."""
        self.manners, self._tls, self._at_once = manners or Manners(), tls, at_once
        self.mails: list[Mail] = []
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        tls = self._tls if self._at_once else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, whatever hangs."""
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await _Session(self, reader, writer).run()
        except (asyncio.CancelledError, asyncio.IncompleteReadError, OSError, _HangsUp):
            pass
        finally:
            self._open.discard(task)
            writer.close()


class _HangsUp(Exception):
    pass


class _Session:
    def __init__(
        self, server: FakeSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._over_tls = server._at_once
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._say("BANNER", "220 fake")
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode().strip()
            verb = line.split(" ")[0].upper()
            if verb == "QUIT":
                await self._say("QUIT", "221 bye")
                return
            await getattr(self, f"_{verb.lower()}", self._other)(line)

    async def _ehlo(self, _: str) -> None:
        offers = ["250-fake", "250-SIZE 100000"]
        if self._server._tls is not None and self._server.manners.offers_tls and not self._over_tls:
            offers.append("250-STARTTLS")
        if self._server.manners.password is not None:
            offers.append("250-AUTH PLAIN")
        await self._say("EHLO", "\r\n".join([*offers, "250 8BITMIME"]))

    async def _starttls(self, _: str) -> None:
        await self._say("STARTTLS", "220 go ahead")
        assert self._server._tls is not None
        await self._writer.start_tls(self._server._tls)
        self._over_tls = True

    async def _auth(self, line: str) -> None:
        given = base64.b64decode(line.split(" ")[2]).decode().split("\0")[2]
        is_right = given == self._server.manners.password
        await self._say("AUTH", "235 welcome" if is_right else "535 no such person")

    async def _mail(self, _: str) -> None:
        self._recipients = []
        await self._say("MAIL", "250 ok")

    async def _rcpt(self, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        if await self._say(f"RCPT {address}", "250 ok") == "250 ok":
            self._recipients.append(address)

    async def _data(self, _: str) -> None:
        if not (await self._say("DATA", "354 go on")).startswith("354"):
            return
        raw = await self._reader.readuntil(b"\r\n.\r\n")
        self._server.mails.append(Mail(self._recipients, raw[:-5] + b"\r\n", self._over_tls))
        await self._say("BODY", "250 kept")

    async def _other(self, _: str) -> None:
        await self._say("OTHER", "250 ok")

    async def _say(self, verb: str, usual: str) -> str:
        reply = self._server.manners.replies.get(verb, usual)
        if reply == "HANG":
            await asyncio.Event().wait()
        if reply == "DROP":
            raise _HangsUp
        self._writer.write(f"{reply}\r\n".encode())
        await self._writer.drain()
        return reply
