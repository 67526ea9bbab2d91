"""Sessions in which others are asked over HTTP: one way of TLS for all of them."""

from __future__ import annotations

import ssl

import aiohttp

from cordwatch.runtime.tls_files import trusting_the_system


def asking(timeout_s: float, tls: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """Return a session; *tls*: how those who are asked are verified, None: by the system's authorities."""
    connector = aiohttp.TCPConnector(ssl=tls or trusting_the_system())
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=timeout_s), connector=connector
    )
