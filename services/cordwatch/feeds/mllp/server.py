"""The listening socket: who is let in, how many, and how all of them are brought to an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from cordwatch.feeds.metrics import Refusal
from cordwatch.feeds.mllp.session import MllpSession, Shared
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.peers import CannotListen, is_allowed, tls_context, watch_for_death
from cordwatch.runtime.security_events import SECURITY, SecurityEvent

BACKLOG = 128
ACCEPT_PAUSE_S = 0.2

log = get_logger("cordwatch.feeds")


class MllpServer:
    """
    Accepts peers that are allowed, up to a limit that counts handshakes too.

    Sockets are accepted by hand, so that an address is judged before a byte of
    TLS is spoken with it.
    """

    def __init__(self, shared: Shared) -> None:
        """
        Prepare; nothing listens yet.

        Raises:
            BadTls: certificate, key or CA cannot be used.
        """
        self._shared = shared
        self._tls = tls_context(shared.settings)
        self._listening: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._sessions: set[MllpSession] = set()
        self._open = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens."""
        if self._listening is None:
            raise RuntimeError("the server is not listening")
        host, port = self._listening.getsockname()[:2]
        return str(host), int(port)

    @property
    def connections(self) -> int:
        """Return how many are open, handshakes included."""
        return self._open

    @property
    def is_listening(self) -> bool:
        """Return whether peers can connect."""
        return self._accepting is not None and not self._accepting.done()

    async def start(self) -> None:
        """
        Begin to listen.

        Raises:
            CannotListen: the address cannot be had.
        """
        settings = self._shared.settings
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            self._listening = socket.create_server(
                (settings.host, settings.port), family=family, backlog=BACKLOG
            )
        except OSError as error:
            place = f"{settings.host}:{settings.port}"
            raise CannotListen(
                f"cannot listen on {place}: {os.strerror(error.errno or 0)}"
            ) from None
        self._listening.settimeout(0)
        self._accepting = asyncio.create_task(self._accept_forever(), name="accept")

    async def drain(self, patience_s: float) -> int:
        """
        Let nobody in, answer what was read, close; return how many messages stay unanswered.

        These are not lost: a sender that got no answer sends again.
        """
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        if self._listening is not None:
            self._listening.close()
        for handshake in self._handshakes:
            handshake.cancel()
        for session in list(self._sessions):
            session.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._empty.wait()
        unanswered = sum(session.in_flight for session in self._sessions)
        for session in list(self._sessions):
            session.abort()
        return unanswered

    async def _accept_forever(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._listening is not None  # noqa: S101 - `start` made it
        while True:
            try:
                one, peer = await loop.sock_accept(self._listening)
            except OSError as error:
                # Out of file handles, or a peer that left at once: others wait behind it.
                log.warning("accepting a connection failed", errno=error.errno)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            try:
                self._let_in(one, str(peer[0]))
            except Exception as error:
                # An error of ours with one peer must not shut out all others.
                log.exception("a peer could not be let in", exc_info=error)
                one.close()

    def _let_in(self, one: socket.socket, host: str) -> None:
        settings, metrics = self._shared.settings, self._shared.metrics
        refusal: Refusal | None = None
        if not is_allowed(host, settings.allow):
            refusal = "address"
        elif self._open >= settings.max_connections:
            refusal = "limit"
        if refusal is not None:
            metrics.refused_peers.labels(refusal).inc()
            event: SecurityEvent = "too-much" if refusal == "limit" else "not-allowed"
            SECURITY.tell(event, at="hl7", why=refusal, peer=host)
            one.close()
            return
        self._opened(1)
        task = asyncio.create_task(self._greet(one, host), name="handshake")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _greet(self, one: socket.socket, host: str) -> None:
        """Make a session of a socket, after TLS where that is on."""
        settings = self._shared.settings
        session = MllpSession(self._shared, self._gone)
        self._sessions.add(session)
        try:
            one.settimeout(0)
            watch_for_death(one, settings.keepalive_s)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: session,
                one,
                ssl=self._tls,
                ssl_handshake_timeout=settings.handshake_s if self._tls else None,
            )
        except (OSError, asyncio.CancelledError) as error:
            if session.was_made:
                # Its own end counts it out.
                return
            self._gone(session)
            one.close()
            if self._tls is not None and isinstance(error, OSError):
                self._shared.metrics.refused_peers.labels("tls").inc()
                SECURITY.tell("tls-failed", at="hl7", peer=host)

    def _gone(self, session: MllpSession) -> None:
        self._sessions.discard(session)
        self._opened(-1)

    def _opened(self, change: int) -> None:
        self._open += change
        self._shared.metrics.open_connections.set(self._open)
        if self._open:
            self._empty.clear()
        else:
            self._empty.set()
