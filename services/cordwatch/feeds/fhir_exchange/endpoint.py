"""The rest-hook endpoint: notifications of subscriptions, answered only when they are safe."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from cordwatch.feeds.fhir.bundle import read_json
from cordwatch.feeds.fhir.notification import Notification, read_notification
from cordwatch.feeds.fhir.outcomes import operation_outcome
from cordwatch.feeds.fhir_exchange.client import ServerAway, ServerRefuses
from cordwatch.feeds.fhir_exchange.exchange import Exchange
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.subscriptions import Subscriptions
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.group_commit import Settled
from cordwatch.feeds.hl7.framing import KEPT_OF_OVERSIZED_BYTES
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.peers import is_allowed
from cordwatch.runtime.security_events import SECURITY
from cordwatch.runtime.strength import SECRET_BYTES_MIN
from cordwatch.runtime.web_listening import WebListener

PATH = "/notification"
RETRY_AFTER_S = 10
READ_S = 30.0
_BUSY, _UNKNOWN = 503, 401
_TYPES = frozenset({"application/fhir+json", "application/json", "application/octet-stream"})

log = get_logger("cordwatch.feeds")


class Refused(Exception):
    """A request that is not taken, with the answer that it gets."""

    def __init__(self, status: int, where: str, reason: str) -> None:
        """Name what is wrong."""
        super().__init__(reason)
        self.status, self.fault = status, Fault(where, reason)


def read_tokens(path: Path) -> tuple[bytes, ...]:
    """
    Return the bearer tokens of a file, one a line: two while one takes the other's place.

    Raises:
        ValueError: there is none in it, or one that could be guessed.
        OSError: it cannot be read.
    """
    tokens = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    if not tokens:
        raise ValueError("token_file: no token in it")
    if min(map(len, tokens)) < SECRET_BYTES_MIN:
        raise ValueError(f"token_file: a token is shorter than {SECRET_BYTES_MIN} bytes")
    return tokens


@dataclass(slots=True)
class Endpoint:
    """Listens for notifications."""

    settings: FhirSettings
    exchange: Exchange
    subscriptions: Subscriptions
    tokens: Sequence[bytes] = ()
    _listener: WebListener = field(default_factory=WebListener, init=False)
    _bytes: int = 0

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """
        Begin to listen.

        Raises:
            OSError: the address is taken.
        """
        app = web.Application(client_max_size=self.settings.max_body_bytes)
        app.router.add_post(PATH, self.handle)
        host, port = self.settings.host, self.settings.port or 0
        await self._listener.start(app, host, port, tls, self.settings.answer_s)

    @property
    def is_listening(self) -> bool:
        """Return whether peers can connect."""
        return self._listener.is_listening

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens."""
        return self._listener.address

    async def stop(self) -> None:
        """Take no more; answer what was taken."""
        await self._listener.stop()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one notification."""
        try:
            self._admit(request)
            return await self._take(request)
        except Refused as refused:
            return self._answer(refused.status, [refused.fault])
        except ServerAway:
            fault = Fault("server", "what the notification refers to cannot be fetched now")
            return self._answer(503, [fault])
        except TimeoutError:
            return self._answer(503, [Fault("broker", "not everything is safe yet; send again")])
        except ServerRefuses as error:
            return self._answer(502, [Fault("server", str(error))])

    def _admit(self, request: web.Request) -> None:
        """Let in who may send; without a word of what was wrong with who may not."""
        peer = request.remote or ""
        if not is_allowed(peer, self.settings.allow):
            SECURITY.tell("not-allowed", at="fhir", why="address", peer=peer)
            raise Refused(403, "address", "is not allowed")
        told = request.headers.get("Authorization", "").encode("utf-8", "replace")
        scheme, _, token = told.partition(b" ")
        known = [hmac.compare_digest(token.strip(), one) for one in self.tokens]
        if self.tokens and (scheme.lower() != b"bearer" or not any(known)):
            SECURITY.tell("not-signed-in", at="fhir", peer=peer)
            raise Refused(401, "Authorization", "is not known")
        if request.content_type not in _TYPES:
            raise Refused(415, "Content-Type", "is not application/fhir+json")
        if self.exchange.commit.broker_away:
            raise Refused(503, "broker", "is away; send again")

    async def _take(self, request: web.Request) -> web.Response:
        size = 0
        try:
            body = bytearray()
            async with asyncio.timeout(READ_S):
                async for chunk in request.content.iter_chunked(64 * 1024):
                    body += chunk
                    size += len(chunk)
                    self._bytes += len(chunk)
                    if len(body) > self.settings.max_body_bytes:
                        return await self._oversized(bytes(body))
                    if self._bytes > self.settings.buffer_bytes:
                        raise Refused(503, "buffer", "is full; send again")
            async with asyncio.timeout(self.settings.answer_s):
                return await self._notified(bytes(body), request.remote or "")
        finally:
            self._bytes -= size

    async def _oversized(self, body: bytes) -> web.Response:
        reason = f"more bytes than the limit of {self.settings.max_body_bytes}"
        await self._quarantine(body[:KEPT_OF_OVERSIZED_BYTES], Fault("Bundle", reason))
        return self._answer(413, [Fault("Bundle", reason)])

    async def _quarantine(self, body: bytes, fault: Fault) -> None:
        found = Translated(
            Item("message", "fhir", body), "quarantined", self._sender, "-", None, (), (fault,)
        )
        async with asyncio.timeout(self.settings.answer_s):
            await self.exchange.keep(body, found)

    @property
    def _sender(self) -> str:
        return (self.settings.server or "fhir").rstrip("/")

    async def _notified(self, body: bytes, peer: str) -> web.Response:
        try:
            notification = read_notification(read_json(body))
        except Unreadable as error:
            SECURITY.tell("not-readable", at="fhir", peer=peer)
            fault = Fault(error.field, error.reason)
            await self._quarantine(body, fault)
            return self._answer(400, [fault])
        metrics = self.exchange.metrics
        metrics.fhir_notifications.labels(notification.kind).inc()
        metrics.fhir_last_notification_at.set(self.exchange.clock.now().timestamp())
        if notification.status == "error":
            log.error("a subscription tells of an error; the search goes on")
        if notification.kind in {"event-notification", "query-event"}:
            return await self._event(body, notification)
        self.subscriptions.count(notification)
        return self._answer(200)

    async def _event(self, body: bytes, notification: Notification) -> web.Response:
        needs = bool(notification.links) or not notification.has_content
        if needs and not self.settings.server:
            fault = Fault(
                "Bundle.entry", "has no content, and no server is configured to ask for it"
            )
            await self._quarantine(body, fault)
            return self._answer(422, [fault])
        now = self.exchange.clock.now()
        settled = await self.exchange.tell(body, now, notification.links)
        if needs and not notification.links:
            await self.subscriptions.content(notification.subscription, notification.numbers)
        if settled.stored:
            self.subscriptions.count(notification)
        return self._settled(settled)

    def _settled(self, settled: Settled) -> web.Response:
        if not settled.stored:
            return self._answer(413, [Fault("Bundle", "the broker takes no record of this size")])
        faults = settled.found.faults
        if faults and not settled.found.told:
            return self._answer(422, faults)
        return self._answer(200, faults, "warning")

    def _answer(
        self, status: int, faults: Sequence[Fault] = (), severity: str = "error"
    ) -> web.Response:
        self.exchange.metrics.fhir_answers.labels(str(status)).inc()
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == _BUSY else {}
        if status == _UNKNOWN:
            headers["WWW-Authenticate"] = "Bearer"
        body = operation_outcome(faults, severity) if faults else b""
        kind = "application/fhir+json" if faults else None
        return web.Response(status=status, body=body, headers=headers, content_type=kind)
