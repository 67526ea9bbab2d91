"""Asking a FHIR server: bounded in size, time and tries, only where it was told to, with its leave."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import stamina

from cordwatch.feeds.fhir_exchange.smart import NoToken, SmartTokens
from cordwatch.runtime.wall_clock import WallClock

TRIES_MAX = 4
TRIES_S_MAX = 60.0
RETRY_AFTER_S_MAX = 30.0
CACHE_MAX = 20_000
CACHE_BYTES_MAX = 64 * 1024 * 1024
FRESH_S = 300.0
"""How long a resource that others refer to is believed without asking whether it changed."""

_JSON = "application/fhir+json"
_OK, _NOT_MODIFIED, _UNAUTHORIZED = 200, 304, 401
_ABSENT, _GONE = 404, 410

DELETED = b""
"""What stands for a resource of which the server says that it was deleted (410)."""
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class ServerAway(RuntimeError):
    """The server does not answer, or not now; what is asked again later may be answered."""

    retry_after_s: float | None = None


class ServerRefuses(RuntimeError):
    """The server will not answer this, however often it is asked; says its status."""

    def __init__(self, status: int, why: str = "") -> None:
        """Say what it answered."""
        super().__init__(f"the server answered {status}{f' ({why})' if why else ''}")
        self.status = status


def _again_after(error: Exception) -> bool | float:
    """Return whether and when to try again: after what the server says, else with growing pauses."""
    if not isinstance(error, ServerAway):
        return False
    return True if error.retry_after_s is None else error.retry_after_s


@dataclass(slots=True)
class _Cached:
    data: bytes
    etag: str
    asked_at: float


class FhirClient:
    """One FHIR server, asked over one session."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        clock: WallClock,
        *,
        tokens: SmartTokens | None = None,
        bytes_max: int,
    ) -> None:
        """Prepare; nothing is asked yet."""
        self._session, self.base, self._clock = session, base.rstrip("/"), clock
        self._tokens, self._bytes_max = tokens, bytes_max
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._cached_bytes = 0

    async def read(self, key: str, *, fresh: bool = False) -> bytes | None:
        """
        Return a resource by `Type/id`, None where there is none, `DELETED` where there was one.

        What was read before is believed for a while, then asked about by its
        ETag; *fresh* asks at once.

        Raises:
            ServerAway, ServerRefuses: no answer.
        """
        held = self._cache.get(key)
        now = self._clock.monotonic()
        if held is not None and not fresh and now - held.asked_at < FRESH_S:
            return held.data
        try:
            etag = held.etag if held is not None else ""
            data, etag = await self._get(f"{self.base}/{key}", etag)
        except ServerRefuses as error:
            if error.status not in {_ABSENT, _GONE}:
                raise
            return DELETED if error.status == _GONE else None
        if data is None and held is not None:
            held.asked_at = now
            return held.data
        if data is not None:
            self._remember(key, _Cached(data, etag, now))
        return data

    async def search(self, kind: str, **parameters: str) -> bytes:
        """
        Return the first page of a search.

        Raises:
            ServerAway, ServerRefuses: no answer.
        """
        return await self.page(f"{self.base}/{kind}?{urlencode(parameters)}")

    async def page(self, url: str) -> bytes:
        """
        Return what is at *url*, which the server named: only its own addresses are asked.

        Raises:
            ServerAway, ServerRefuses: no answer, or an address elsewhere.
        """
        target = urljoin(f"{self.base}/", url)
        if not self.is_own(target):
            raise ServerRefuses(0, "a link leads to another server")
        data, _ = await self._get(target)
        return data or b""

    def is_own(self, url: str) -> bool:
        """Return whether *url* is on the very server: scheme, host, port and path of its base."""
        try:
            mine, other = urlsplit(self.base), urlsplit(url)
            same = (mine.scheme, mine.hostname, mine.port) == (
                other.scheme,
                other.hostname,
                other.port,
            )
        except ValueError:
            return False
        inside = other.path == mine.path or other.path.startswith(f"{mine.path}/")
        return same and inside and ".." not in other.path and not other.username

    async def _get(self, url: str, etag: str = "") -> tuple[bytes | None, str]:
        """Return body and ETag of an answer; no body where it has not changed since *etag*."""
        async for attempt in stamina.retry_context(
            on=_again_after, attempts=TRIES_MAX, timeout=TRIES_S_MAX, wait_initial=0.2
        ):
            with attempt:
                try:
                    return await self._once(url, etag)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    # Its own words may hold the address, and so a patient's id.
                    raise ServerAway(f"no answer ({type(error).__name__})") from None
        raise AssertionError  # pragma: no cover - the last attempt raises

    async def _once(self, url: str, etag: str) -> tuple[bytes | None, str]:
        for has_renewed in (False, True):
            headers = {"Accept": _JSON, **({"If-None-Match": etag} if etag else {})}
            token = await self._token()
            if token:
                headers["Authorization"] = f"Bearer {token}"
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status == _UNAUTHORIZED and self._tokens and not has_renewed:
                    self._tokens.drop(token)
                    continue
                return await self._body(response)
        raise AssertionError  # pragma: no cover - the second time returns

    async def _token(self) -> str:
        try:
            return await self._tokens.token() if self._tokens else ""
        except NoToken as error:
            raise ServerAway(str(error)) from None

    async def _body(self, response: aiohttp.ClientResponse) -> tuple[bytes | None, str]:
        if response.status == _NOT_MODIFIED:
            return None, ""
        if response.status in _BUSY:
            away = ServerAway(f"the server answered {response.status}")
            told = response.headers.get("Retry-After", "")
            if told.isascii() and told.isdecimal():
                away.retry_after_s = min(float(told[:6]), RETRY_AFTER_S_MAX)
            raise away
        if response.status != _OK:
            raise ServerRefuses(response.status)
        body = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > self._bytes_max:
                raise ServerRefuses(response.status, f"with more than {self._bytes_max} bytes")
        return bytes(body), response.headers.get("ETag", "")

    def _remember(self, key: str, cached: _Cached) -> None:
        held = self._cache.pop(key, None)
        self._cached_bytes += len(cached.data) - (len(held.data) if held else 0)
        self._cache[key] = cached
        while len(self._cache) > CACHE_MAX or self._cached_bytes > CACHE_BYTES_MAX:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= len(oldest.data)


def next_link(bundle: Mapping[str, Any]) -> str:
    """Return the address of a search's next page; empty at its end."""
    links = bundle.get("link")
    for one in links if isinstance(links, list) else ():
        if isinstance(one, Mapping) and one.get("relation") == "next":
            url = one.get("url")
            return url if isinstance(url, str) else ""
    return ""


def is_json_object(data: bytes) -> bool:
    """Return whether *data* is a JSON object, so that it may stand in a bundle as it came."""
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False
