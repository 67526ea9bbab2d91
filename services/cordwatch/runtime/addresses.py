"""What may be asked over a network in the clear: this very machine alone."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str | None) -> bool:
    """Return whether *host* is this machine."""
    return host in _LOOPBACK


def is_secure(url: str) -> bool:
    """Return whether *url* is https, or on this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
