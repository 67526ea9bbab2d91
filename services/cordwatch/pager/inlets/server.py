"""The HTTP side of the inlets: a webhook is answered once what it says is safe on the acks topic."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from cordwatch.pager.inlets import pagerduty, standard
from cordwatch.pager.inlets.desk import Desk, Full
from cordwatch.pager.inlets.heard import (
    Find,
    Inlet,
    NotHeard,
    Said,
    Secrets,
    answer_of,
    event_id_of,
)
from cordwatch.pager.inlets.metrics import InletMetrics, Outcome
from cordwatch.pager.settings import PagerSettings
from cordwatch.runtime.kafka import KafkaError
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.peers import CannotListen, is_allowed, tls_context
from cordwatch.runtime.security_events import SECURITY, SecurityEvent
from cordwatch.runtime.strict_json import read_once
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.runtime.web_listening import WebListener

PAGERDUTY_PATH, WEBHOOK_PATH = "/pagerduty", "/webhook"
BODY_BYTES_MAX = 256 * 1024
"""PagerDuty drops larger ones itself."""

READ_S = 3.0
READING_MAX = 200
"""Bodies that are read at the same time, signed or not: nobody fills the memory with them."""

RETRY_AFTER_S = 10
_STATUS: dict[Outcome, int] = {
    "published": 200,
    "repeated": 200,
    # Not theirs to mend, and PagerDuty gives up a hook that is refused three times in a row.
    "unknown-page": 200,
    "not-an-answer": 200,
    "stale": 200,
    "malformed": 200,
    "signature": 401,
    # Who leads knows the page; by the time it is sent again this pager may be the one.
    "standing-by": 503,
    "full": 503,
    "late": 503,
}
_DOORS: Final[dict[Outcome, SecurityEvent]] = {
    "signature": "not-signed-in",
    "malformed": "not-readable",
}
"""What anybody may cause."""

log = get_logger("cordwatch.pager")


@dataclass(slots=True)
class Inlets:
    """Listens for webhooks."""

    settings: PagerSettings
    find: Find
    leads: Callable[[], bool]
    desk: Desk
    metrics: InletMetrics
    clock: WallClock
    pagerduty_secrets: Secrets = ()
    webhook_secrets: Secrets = ()
    _listener: WebListener = field(default_factory=WebListener, init=False)
    _reading: int = field(default=0, init=False)

    async def start(self) -> None:
        """
        Begin to listen, by the settings.

        Raises:
            CannotListen: the address is taken.
            BadTls: certificate, key or CA cannot be used.
        """
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        if self.pagerduty_secrets:
            app.router.add_post(PAGERDUTY_PATH, self._pagerduty)
        if self.webhook_secrets:
            app.router.add_post(WEBHOOK_PATH, self._webhook)
        tls: ssl.SSLContext | None = tls_context(self.settings)
        host, port = self.settings.host, self.settings.port or 0
        try:
            await self._listener.start(app, host, port, tls)
        except OSError as error:
            raise CannotListen(f"cannot listen on {host}:{port} ({error.strerror})") from None
        host, port = self.address
        log.info("listening for answers", address=f"{host}:{port}", tls=tls is not None)

    @property
    def is_listening(self) -> bool:
        """Return whether answers can be sent."""
        return self._listener.is_listening

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens."""
        return self._listener.address

    async def stop(self) -> None:
        """Take no more; answer what was taken."""
        await self._listener.stop()

    async def _pagerduty(self, request: web.Request) -> web.Response:
        def read(body: bytes) -> Said:
            signature = request.headers.get(pagerduty.SIGNATURE, "")
            pagerduty.verify(body, signature, self.pagerduty_secrets)
            return pagerduty.said_of(_json(body))

        return await self._answer(request, "pagerduty", read)

    async def _webhook(self, request: web.Request) -> web.Response:
        def read(body: bytes) -> Said:
            now = self.clock.now()
            number = standard.verify(body, request.headers, self.webhook_secrets, now)
            return standard.said_of(_json(body), number)

        return await self._answer(request, "webhook", read)

    async def _answer(
        self, request: web.Request, inlet: Inlet, read: Callable[[bytes], Said]
    ) -> web.Response:
        peer = request.remote or ""
        if not is_allowed(peer, self.settings.allow):
            SECURITY.tell("not-allowed", at=inlet, why="address", peer=peer)
            return web.Response(status=403)
        if self._reading >= READING_MAX:
            SECURITY.tell("too-much", at=inlet, peer=peer)
            return web.Response(status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
        begun = self.clock.monotonic()
        self._reading += 1
        try:
            async with asyncio.timeout(READ_S):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        finally:
            self._reading -= 1
        outcome = await self._take(inlet, read, body, begun)
        self.metrics.heard.labels(inlet, outcome).inc()
        self.metrics.answer_s.observe(self.clock.monotonic() - begun)
        status = _STATUS[outcome]
        if outcome in _DOORS:
            SECURITY.tell(_DOORS[outcome], at=inlet, why=outcome, peer=peer)
        if outcome not in {"published", "repeated", "not-an-answer", *_DOORS}:
            log.warning("nothing comes of what an inlet was sent", inlet=inlet, because=outcome)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}  # noqa: PLR2004
        return web.Response(status=status, headers=headers, text=f"{outcome}\n")

    async def _take(
        self, inlet: Inlet, read: Callable[[bytes], Said], body: bytes, begun: float
    ) -> Outcome:
        try:
            said = read(body)
            if self.desk.knows(event_id_of(inlet, said.number)):
                raise NotHeard("repeated")
            if not self.leads():
                return "standing-by"
            answer = answer_of(said, self.find, self.clock.now())
        except NotHeard as error:
            return error.because
        try:
            left_s = self.settings.answer_s - (self.clock.monotonic() - begun)
            async with asyncio.timeout(max(left_s, 0.0)):
                await self.desk.keep(answer)
        except Full:
            return "full"
        except (TimeoutError, KafkaError):
            return "late"
        return "published"


def _json(body: bytes) -> object:
    try:
        found: object = read_once(body)
    except (ValueError, RecursionError):
        raise NotHeard("malformed") from None
    return found
