"""What every answer of the board carries, and what every change asks for: headers, and proof of its own origin."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer, errors too; what is no page has a narrower policy, see `headers_of`."""
_SANDBOX: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of what is no page: opened by itself nothing runs in it, whatever it holds, and it is of no origin."""
STRICT_TRANSPORT: Final = "max-age=31536000; includeSubDomains"
_COOKIE: Final = "cordwatch-form"
TOKEN_CHARS: Final = 43


class Forged(Exception):
    """A change that did not come from a page of this board; says what was missing."""


def headers_of(content_type: str) -> Mapping[str, str]:
    """Return what an answer of *content_type* carries: only a page may be shown as one."""
    if content_type == "text/html":
        return HEADERS
    more = {"Content-Security-Policy": _SANDBOX}
    if content_type == "application/json":
        # A program reads it all the same; a browser that was led there keeps it as a file.
        more["Content-Disposition"] = 'attachment; filename="cordwatch.json"'
    return {**HEADERS, **more}


def is_for_script(headers: Mapping[str, str]) -> bool:
    """Return whether a browser asks for a script, not to show what comes; programs and old browsers do not say."""
    return headers.get("Sec-Fetch-Dest", "empty") == "empty"


def check_origin(headers: Mapping[str, str], host: str) -> None:
    """
    Refuse what another site sends: by `Sec-Fetch-Site` and by `Origin`.

    Raises:
        Forged: it comes from elsewhere, or does not say from where.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        raise Forged("sent by another site")
    origin = headers.get("Origin")
    if site is None and origin is None:
        raise Forged("does not say from where")
    # Pages that send no referrer send `null`, those of this board too: then the browser's own word decides.
    unsaid = site is not None and origin == "null"
    if origin is not None and not unsaid and urlsplit(origin).netloc != host:
        raise Forged("sent from another origin")


def check_token(given: str, cookie: str | None) -> None:
    """
    Refuse a form that this board did not give to this browser.

    Raises:
        Forged: the token is not the one that the browser was given.
    """
    if not cookie or not hmac.compare_digest(given.encode(), cookie.encode()):
        raise Forged("without the token of a form of this board")


def cookie_name(*, is_secure: bool) -> str:
    """Return what the cookie of the forms is called: over TLS so that no other host can have set it."""
    return f"__Host-{_COOKIE}" if is_secure else _COOKIE


def new_token() -> str:
    """Return a token for the forms of one browser."""
    return secrets.token_urlsafe(32)


def is_token(text: str | None) -> bool:
    """Return whether *text* may be a token of ours."""
    return text is not None and len(text) == TOKEN_CHARS


@dataclass(slots=True)
class Allowance:
    """How much one reader may ask for: so many at once, refilled at a steady pace."""

    most: float
    per_s: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, who: str, now: float) -> bool:
        """Return whether *who* may have one more at *now* (monotonic seconds)."""
        left, at = self._left.get(who, (self.most, now))
        left = min(self.most, left + (now - at) * self.per_s)
        if left < 1:
            self._left[who] = (left, now)
            return False
        if len(self._left) > READERS_MAX:
            self._left.clear()
        self._left[who] = (left - 1, now)
        return True


READERS_MAX: Final = 10_000
