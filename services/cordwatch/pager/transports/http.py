"""Asking over HTTP: bounded in time and size, never redirected, and what each answer means."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from cordwatch.pager.transports.attempt import bounded
from cordwatch.pager.transports.tls import trusting
from cordwatch.pager.transports.transport import Action, Outcome, Page, Verdict

CONNECT_S, WHOLE_S = 3.0, 10.0
ANSWER_BYTES_MAX = 64 * 1024
RETRY_AFTER_S_MAX = 900.0
"""A destination may ask to be left alone for so long at most; meanwhile the next one is told."""

NO_HURRY = datetime.max.replace(tzinfo=UTC)
"""For answers whose Retry-After nobody waits for."""

_BY_STATUS: Final[Mapping[int, Outcome]] = {
    400: Outcome("refused", "bad-request"),
    401: Outcome("refused", "unauthorised"),
    403: Outcome("refused", "forbidden"),
    404: Outcome("refused", "not-found"),
    410: Outcome("refused", "not-found"),
    407: Outcome("later", "no-connection"),
    408: Outcome("later", "timeout"),
    413: Outcome("refused", "too-large"),
    425: Outcome("later", "rate-limited"),
    429: Outcome("later", "rate-limited"),
    501: Outcome("later", "server-error"),
    503: Outcome("later", "server-error"),
}
"""What these mean by themselves; the rest by their hundred, see `outcome_of`."""

_FAILURES: Final[tuple[tuple[type[Exception], Outcome], ...]] = (
    (aiohttp.ClientConnectorCertificateError, Outcome("refused", "untrusted")),
    (aiohttp.ClientConnectorError, Outcome("later", "no-connection")),
    (aiohttp.ConnectionTimeoutError, Outcome("later", "no-connection")),
    (aiohttp.ClientHttpProxyError, Outcome("later", "no-connection")),
    (TimeoutError, Outcome("unknown", "timeout")),
    (OSError, Outcome("unknown", "reset")),
    (aiohttp.ServerDisconnectedError, Outcome("unknown", "reset")),
    (Exception, Outcome("unknown", "bad-answer")),
)
"""What it means that no answer came; the first that fits. Before there was a connection, nothing was sent."""

_WORST: Final[tuple[Verdict, ...]] = ("unknown", "later", "refused", "accepted")


UNSIGNED = frozenset({"bad-request", "unauthorised", "forbidden", "refused"})
"""What an endpoint that takes signed pages alone may say to a GET."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask, as bytes."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: header names in lower case, at most 64 KiB of the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def outcome_of(reply: Reply, now: datetime) -> Outcome:
    """
    Return what an answer means where nothing more is known of the destination.

    A redirect is a fault of the configuration: a page goes nowhere that the plan
    does not name. 500, 502 and 504 may have taken it in before they failed, 503
    and 429 say that they did not.
    """
    status = reply.status
    if status in _BY_STATUS:
        found = _BY_STATUS[status]
    elif 200 <= status < 300:  # noqa: PLR2004
        found = Outcome("accepted", "accepted")
    elif 300 <= status < 400:  # noqa: PLR2004
        found = Outcome("refused", "redirected")
    elif 400 <= status < 500:  # noqa: PLR2004
        found = Outcome("refused", "refused")
    elif 500 <= status < 600:  # noqa: PLR2004
        found = Outcome("unknown", "server-error")
    else:
        found = Outcome("unknown", "bad-answer")
    if found.verdict in {"later", "unknown"}:
        wait_s = retry_after_s(reply.headers.get("retry-after", ""), now)
        return Outcome(found.verdict, found.reason, wait_s)
    return found


def retry_after_s(text: str, now: datetime) -> float | None:
    """Return for how long to wait: given in seconds or as a date; None where neither is said."""
    said = text.strip()
    if said.isascii() and said.isdecimal():
        return min(float(said[:9]), RETRY_AFTER_S_MAX)
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the least good of several: all of them had to work."""
    return min(outcomes, key=lambda one: _WORST.index(one.verdict))


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the best of several: one of them is enough."""
    return max(outcomes, key=lambda one: _WORST.index(one.verdict))


class HttpSender:
    """
    One asks, one is answered or not, within 10 s.

    A connection serves one request: what is idle for minutes at night and was
    closed by somebody between would cost the next page an attempt.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        proxy: str | None = None,
        connect_s: float = CONNECT_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        """
        Prepare; certificates are verified against *ca_file* alone, or the system's.

        Raises:
            OSError: the CA file cannot be read, or holds no certificate.
        """
        self._tls = trusting(ca_file)
        self._proxy = proxy
        self._timeout = aiohttp.ClientTimeout(total=whole_s, sock_connect=connect_s)
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, request: Request) -> Reply | Outcome:
        """Return the answer, or what it means that none came."""
        try:
            return await self._exchange(request)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return next(found for kind, found in _FAILURES if isinstance(error, kind))

    async def _exchange(self, request: Request) -> Reply:
        async with self._open().request(
            request.method,
            request.url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            proxy=self._proxy,
            ssl=self._tls,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    break
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, headers, bytes(body[:ANSWER_BYTES_MAX]))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, limit=64)
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "cordwatch"},
            )
        return self._session

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class OverHttp(ABC):
    """What transports over HTTP have in common; each says what it asks, and reads the answer."""

    kind: str
    actions: frozenset[Action] = frozenset({"tell", "close"})
    resend_s: float | None = None
    closing_lasts_s: float = 0.0
    per_minute: int | None = None
    look_allows: frozenset[str] = frozenset()
    """What may be answered to a mere look although all is well, since it bears neither page nor signature."""

    def __init__(self, name: str, sender: HttpSender) -> None:
        """Send as the destination *name*."""
        self.name, self._sender = name, sender

    @abstractmethod
    def requests_of(self, page: Page) -> Sequence[Request]:
        """
        Return what is asked for *page*: one request, or one for each that must hear of it.

        Raises:
            NoSecret: a key cannot be had.
        """

    def read(self, reply: Reply, page: Page) -> Outcome:
        """Return what an answer means."""
        return outcome_of(reply, page.at)

    def together(self, outcomes: Sequence[Outcome]) -> Outcome:
        """Return what the outcomes of several requests mean: all must have worked."""
        return worst(outcomes)

    async def send(self, page: Page) -> Outcome:
        """Make one attempt."""
        return await bounded(self._send(page), self.name)

    async def _send(self, page: Page) -> Outcome:
        replies = await asyncio.gather(*map(self._sender.exchange, self.requests_of(page)))
        return self.together(
            [one if isinstance(one, Outcome) else self.read(one, page) for one in replies]
        )

    @abstractmethod
    def looks(self) -> Sequence[Request]:
        """
        Return what may be asked without telling anybody anything.

        Raises:
            NoSecret: a key cannot be had.
        """

    def look_read(self, reply: Reply) -> Outcome:
        """Return what the answer to a look means: that somebody is there is enough where `look_allows` it."""
        found = outcome_of(reply, NO_HURRY)
        return Outcome("accepted", "accepted") if found.reason in self.look_allows else found

    async def check(self) -> Outcome:
        """Look whether it can be reached; all of it must be there."""
        return await bounded(self._check(), self.name)

    async def _check(self) -> Outcome:
        replies = await asyncio.gather(*map(self._sender.exchange, self.looks()))
        return worst([one if isinstance(one, Outcome) else self.look_read(one) for one in replies])

    async def close(self) -> None:
        """Let go of connections."""
        await self._sender.close()
