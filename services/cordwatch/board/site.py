"""The board's web site: its routes, what each of them asks of a reader, and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from aiohttp import hdrs, web

from cordwatch.board.access import Capability, NotSignedIn, Reader
from cordwatch.board.audit import AuditLog, NotRecorded, Publishes
from cordwatch.board.audit_event import Deed, audit_event
from cordwatch.board.board_state import BoardState
from cordwatch.board.cds.once import NotKnown, Once
from cordwatch.board.cds.setup import BASE, CdsHooks
from cordwatch.board.clock_row import ClockRow
from cordwatch.board.forwarding import HEADER, reader_address
from cordwatch.board.live import Hub
from cordwatch.board.look import Look, build, page
from cordwatch.board.metrics import BoardMetrics
from cordwatch.board.said import asking_of, each_once, name_of
from cordwatch.board.security import (
    READERS_MAX,
    STRICT_TRANSPORT,
    Allowance,
    Forged,
    cookie_name,
    headers_of,
    is_for_script,
)
from cordwatch.board.signing import Networks, SignIn, who_asks
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.security_events import SECURITY, SecurityEvent

BODY_BYTES_MAX: Final = 8 * 1024
AUDIT_S: Final = 5.0
SIGNED_IN_S: Final = 3600.0
SERVER_ERRORS: Final = 500
NOT_HERE: Final = (404, 405)
READER: Final = web.RequestKey("reader", Reader)
FOR_PROGRAMS: Final = ("/api/", BASE)
"""Where refusals and errors are told as JSON."""

Handler = Callable[["Site", web.Request], Awaitable[web.StreamResponse]]

log = get_logger("cordwatch.board")


@dataclass(frozen=True, slots=True)
class Route:
    """A path, who may have it, and who answers."""

    method: str
    path: str
    needs: Capability | None
    """None: whoever asks; there is nothing of a patient in it."""
    handler: Handler
    as_json: bool = False
    """Whether a refusal is told to a program."""
    by_ehr: bool = False
    """Whether the record system asks, not a person."""
    is_part: bool = False
    """Whether only the script of a page asks for it: by itself it is no page."""


@dataclass(slots=True)
class Site:
    """Everything that handlers need."""

    state: BoardState
    hub: Hub
    sign_in: SignIn
    audit: AuditLog
    publisher: Publishes
    metrics: BoardMetrics
    once: Once
    """By whom tokens that are good for one call were used."""
    is_secure: bool = False
    """Whether browsers reach it over TLS alone."""
    forwarders: Networks = ()
    """Proxies that are believed about where a reader sits."""
    cds: CdsHooks | None = None
    """None: CDS Hooks is not set up."""
    pages_allowed: Allowance = field(default_factory=lambda: Allowance(120, 4))
    changes_allowed: Allowance = field(default_factory=lambda: Allowance(30, 0.5))
    cards_allowed: Allowance = field(default_factory=lambda: Allowance(600, 50))
    """One record system asks for a whole hospital."""
    known_at: dict[str, float] = field(default_factory=dict)
    """When it was last logged that somebody is signed in, by who and from where; monotonic seconds."""
    forms: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """Answers that are being kept, by their ids."""

    @property
    def token_cookie(self) -> str:
        """Return what the cookie is called that ties forms to a browser."""
        return cookie_name(is_secure=self.is_secure)

    def address(self, request: web.Request) -> str:
        """Return where the reader sits, as far as that is known; nobody is let in by it."""
        told = request.headers.getall(HEADER, ())
        return reader_address(request.remote or "unknown", told, self.forwarders)

    def allowance(self, route: Route) -> Allowance:
        """Return how much one reader may ask for of what *route* gives."""
        if route.by_ehr:
            return self.cards_allowed
        return self.changes_allowed if route.method == hdrs.METH_POST else self.pages_allowed

    async def reader(self, route: Route, request: web.Request) -> Reader:
        """
        Return who asks.

        Raises:
            NotSignedIn: it cannot be verified.
        """
        sign_in = self.cds.sign_in if self.cds is not None and route.by_ehr else self.sign_in
        return await who_asks(sign_in, asking_of(request))

    def common(self, reader: Reader, look: Look) -> dict[str, Any]:
        """Return what every page shows."""
        state = self.state
        return {
            "build": build(),
            "speed": state.clock.speed,
            "zone": state.projection.zone.key,
            "pack": state.projection.packs.label,
            "synthetic": state.synthetic,
            "accepted_risks": state.accepted_risks,
            "not_live": state.not_live(look),
            "user": reader.user,
            "roles": sorted(reader.roles) if reader.is_known else [],
            "may_export": reader.may("export"),
        }

    def tell(self, event: SecurityEvent, request: web.Request, why: str = "") -> None:
        """Log what happened at the door: who, from where, on which route."""
        reader = request.get(READER)
        who = {} if reader is None else {"user": reader.user, "subject": reader.subject}
        peer = self.address(request)
        SECURITY.tell(event, at="board", why=why, peer=peer, route=name_of(request), **who)

    def signed_in(self, request: web.Request) -> None:
        """Log that somebody was verified: once in a while, since every request proves it anew."""
        reader, now_s = request[READER], self.state.clock.monotonic()
        who = f"{reader.identity}|{self.address(request)}"
        if not reader.is_known or now_s - self.known_at.get(who, -SIGNED_IN_S) < SIGNED_IN_S:
            return
        if len(self.known_at) >= READERS_MAX:
            self.known_at.clear()
        self.known_at[who] = now_s
        by = "a token" if reader.until is not None else "a proxy"
        self.tell("signed-in", request, f"by {by}; {', '.join(sorted(reader.roles)) or 'no role'}")

    def row(self, request: web.Request, clock: str) -> ClockRow | None:
        """Return the row of a clock; None too where its patient is not for who asks: they learn of no other patient."""
        row = self.state.projection.row(clock)
        return None if row is None else next(iter(self._for(request, [row])), None)

    def rows_of_patient(self, request: web.Request, reference: str) -> list[ClockRow]:
        """Return the rows of a patient; none too where the patient is not for who asks."""
        return self._for(request, self.state.projection.rows_of_patient(reference))

    def _for(self, request: web.Request, rows: list[ClockRow]) -> list[ClockRow]:
        """Return *rows*, which are of one patient, or none where that patient is not for who asks: then it is noted."""
        limit = request[READER].limit
        if limit is None or all(limit.permits(row.place) for row in rows):
            return rows
        self.metrics.refused.labels("ward").inc()
        self.tell("not-allowed", request, "ward")
        self.note("refused", request, patients=(rows[0].patient,))
        return []

    async def record(self, deed: Deed, request: web.Request, **more: Any) -> None:
        """
        Write down what the reader of *request* does; return when it is safe.

        Raises:
            NotRecorded: it is not known to be safe, and must not be done.
        """
        try:
            async with asyncio.timeout(AUDIT_S):
                await asyncio.shield(asyncio.wrap_future(self._append(deed, request, more)))
        except (TimeoutError, NotRecorded):
            raise NotRecorded("not recorded in time") from None

    def note(self, deed: Deed, request: web.Request, **more: Any) -> None:
        """Write down that something was looked at; what helps a patient is shown before that is safe."""
        self._append(deed, request, more)

    def _append(self, deed: Deed, request: web.Request, more: dict[str, Any]) -> Future[None]:
        event = audit_event(
            deed,
            request.get(READER),
            self.state.clock.now(),
            board=self.state.name,
            peer=self.address(request),
            **more,
        )
        done = self.audit.append(event)
        done.add_done_callback(partial(self._count, deed))
        return done

    def _count(self, deed: Deed, done: Future[None]) -> None:
        if done.exception() is None:
            self.metrics.audited.labels(deed).inc()
        else:
            self.metrics.not_audited.inc()


def message(
    site: Site,
    reader: Reader | None,
    status: int,
    heading: str,
    text: str,
    *,
    back: str = "",
    typed: str = "",
    again_s: int = 0,
    reloads: bool = False,
) -> web.Response:
    """
    Return a page that says one thing.

    *typed*: what the reader wrote, given back; *reloads*: a page without scripts comes back from it by itself.
    """
    look = site.state.look()
    body = page(
        "message",
        page=site.common(reader or Reader("", frozenset()), look),
        look=look,
        heading=heading,
        text=text,
        back=back,
        typed=typed,
        again_s=again_s,
        reloads=reloads,
    )
    return web.Response(status=status, text=body, content_type="text/html")


def refusal(site: Site, route: Route, status: int, heading: str, text: str) -> web.Response:
    """Return a refusal, as a page or as JSON, whoever asks."""
    if route.as_json:
        return web.json_response({"error": text}, status=status)
    return message(site, None, status, heading, text, reloads=route.method == hdrs.METH_GET)


def guarded(site: Site, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of *route*, which answers only who may ask."""

    async def handle(request: web.Request) -> web.StreamResponse:
        each_once(request.query)
        if route.is_part and not is_for_script(request.headers):
            return refusal(site, route, 403, "Not a page", "This is a part of a page.")
        if route.needs is None:
            return await route.handler(site, request)
        if route.by_ehr and site.cds is None:
            return refusal(site, route, 404, "Not here", "CDS Hooks is not set up.")
        try:
            request[READER] = await site.reader(route, request)
        except NotSignedIn as error:
            return _not_signed_in(site, route, request, str(error))
        refused = _refused(site, route, request) or await _played_back(site, route, request)
        if refused is not None:
            return refused
        site.signed_in(request)
        return await route.handler(site, request)

    return handle


def _not_signed_in(site: Site, route: Route, request: web.Request, why: str) -> web.Response:
    site.metrics.refused.labels("not-signed-in").inc()
    site.tell("not-signed-in", request, why)
    return refusal(site, route, 401, "Not signed in", "Sign in, and look again.")


async def _played_back(site: Site, route: Route, request: web.Request) -> web.Response | None:
    """Return a refusal where the proof was good for one call, and this is not known to be that; None: it is."""
    reader = request[READER]
    if reader.token is None:
        return None
    try:
        if await site.once.is_first(reader.token, is_live=site.state.away_since is None):
            return None
    except NotKnown:
        text = "It is not known whether this token was used before: ask again with another."
        return refusal(site, route, 503, "Not known", text)
    return _not_signed_in(site, route, request, "the token was used before")


def _refused(site: Site, route: Route, request: web.Request) -> web.Response | None:
    """Return why somebody who is known gets nothing here, or not now; None: it is answered."""
    reader, metrics = request[READER], site.metrics
    who = f"{reader.identity}|{site.address(request)}"
    if not site.allowance(route).take(who, site.state.clock.monotonic()):
        metrics.refused.labels("rate").inc()
        site.tell("too-much", request)
        return refusal(site, route, 429, "Too much at once", "Wait a moment.")
    if route.needs is not None and not reader.may(route.needs):
        metrics.refused.labels("role").inc()
        site.tell("not-allowed", request, "role")
        site.note("refused", request)
        return refusal(site, route, 403, "Not for you", "Your role does not allow this.")
    if reader.sees_nobody:
        # An empty board would look like a calm one.
        metrics.refused.labels("ward").inc()
        site.tell("not-allowed", request, "no ward")
        site.note("refused", request)
        text = "You may see the patients of your wards, and your account names none."
        return refusal(site, route, 403, "Of no ward", text)
    return None if site.state.ready else _not_ready(site, route, reader)


def _not_ready(site: Site, route: Route, reader: Reader) -> web.Response:
    read = site.state.reading.records if site.state.reading else 0
    text = f"The board reads what is known: {read} records so far. It shows nothing before all is read."
    if route.as_json:
        response = web.json_response({"error": "not ready"}, status=503)
    else:
        response = message(site, reader, 503, "Not ready yet", text, again_s=2)
    response.headers["Retry-After"] = "2"
    return response


def make_app(site: Site, routes: tuple[Route, ...]) -> web.Application:
    """Return the application: routes, guards, and the headers of every answer."""

    @web.middleware
    async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            text = "There is nothing here." if error.status in NOT_HERE else "It cannot be read."
            if error.status not in NOT_HERE:
                site.tell("not-readable", request, str(error.status))
            answer = _error(site, request, error.status, error.reason, text)
        except Forged as error:
            site.metrics.refused.labels("forged").inc()
            site.tell("forged", request, str(error))
            text = "This did not come from a page of this board."
            answer = _error(site, request, 403, "Refused", text)
        except Exception as error:
            log.exception("a page could not be made", exc_info=error)
            answer = _error(site, request, 500, "An error of ours", "It has been logged.")
        return answer

    async def on_prepare(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers_of(response.content_type))
        response.headers["Server"] = "cordwatch"
        if site.is_secure:
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT

    async def on_shutdown(_: web.Application) -> None:
        # An open stream would hold up the end for as long as its page is open.
        site.hub.close()

    app = web.Application(middlewares=[errors], client_max_size=BODY_BYTES_MAX)
    app.on_response_prepare.append(on_prepare)
    app.on_shutdown.append(on_shutdown)
    for route in routes:
        app.router.add_route(route.method, route.path, guarded(site, route))
    return app


def _error(site: Site, request: web.Request, status: int, heading: str, text: str) -> web.Response:
    if request.path.startswith(FOR_PROGRAMS):
        return web.json_response({"error": text}, status=status)
    reloads = status >= SERVER_ERRORS and request.method == hdrs.METH_GET
    return message(site, None, status, heading, text, reloads=reloads)
