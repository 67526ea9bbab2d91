"""What a request says: who sends it, for which host, and fields of which each stands there once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from cordwatch.board.signing import Asking

FORM_S: Final = 10.0
"""A form is some hundred bytes; who takes longer keeps the connection for nothing."""


def each_once(fields: Mapping[str, Any]) -> None:
    """
    Refuse fields of which one stands there twice: one part would believe the first, another the last.

    Raises:
        HTTPBadRequest: one does.
    """
    # By pairs: to go through such a mapping names each but once.
    told = [name for name, _ in fields.items()]
    if len(told) > len(set(told)):
        raise web.HTTPBadRequest


def asking_of(request: web.Request) -> Asking:
    """Return a request as far as it says who sends it."""
    return Asking(
        request.headers,
        address=request.remote or "",
        names=certified_names(request.get_extra_info("peercert")),
        path=request.path,
    )


def certified_names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the names in a peer's *certificate* that was verified: common name, DNS names and URIs."""
    told = certificate or {}
    subject = {
        value for part in told.get("subject", ()) for name, value in part if name == "commonName"
    }
    others = {value for kind, value in told.get("subjectAltName", ()) if kind in {"DNS", "URI"}}
    return frozenset(subject | others)


async def fields_of(request: web.Request) -> dict[str, str]:
    """
    Return the fields of a form.

    Raises:
        HTTPBadRequest, HTTPRequestTimeout: it is none, one stands there twice, or it does not come.
    """
    try:
        async with asyncio.timeout(FORM_S):
            posted = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, LookupError, AssertionError):
        raise web.HTTPBadRequest from None
    each_once(posted)
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def name_of(request: web.Request) -> str:
    """Return what a log calls the route of a request: its places are not filled in."""
    resource = request.match_info.route.resource
    return "none" if resource is None else f"{request.method} {resource.canonical}"


def host_of(request: web.Request) -> str:
    """Return the host that the browser believes to talk to."""
    return urlsplit(f"//{request.headers.get(hdrs.HOST, '')}").netloc
