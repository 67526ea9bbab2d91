"""The endpoints: which services there are, the cards of a patient, and what became of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from cordwatch.board.audit import NotRecorded
from cordwatch.board.audit_event import Deed
from cordwatch.board.cds.asked import (
    PREFETCH,
    Asked,
    Feedback,
    Refused,
    read_asked,
    read_feedback,
)
from cordwatch.board.cds.cards import card, doubt_card
from cordwatch.board.cds.setup import BASE, CdsHooks
from cordwatch.board.clock_row import order_of
from cordwatch.board.look import Look
from cordwatch.board.site import Handler, Route, Site
from cordwatch.board.view import View

BODY_BYTES_MAX: Final = 1024 * 1024
"""A Patient and the draft orders of a session."""
BODY_S: Final = 10.0

_DEEDS: Final[dict[str, Deed]] = {"accepted": "card-accepted", "overridden": "card-overridden"}


@dataclass(frozen=True, slots=True)
class Service:
    """A service, as the record system is told of it."""

    hook: str
    title: str
    description: str


SERVICES: Final[dict[str, Service]] = {
    "cordwatch-patient-view": Service(
        "patient-view",
        "Spinal cord clocks of this patient",
        "What the pathway for lymphoma with a threatened spinal cord asks for now, and by when.",
    ),
    "cordwatch-order-select": Service(
        "order-select",
        "Spinal cord clocks while ordering",
        "What the pathway for lymphoma with a threatened spinal cord still misses, at the moment of ordering.",
    ),
}


def routes() -> tuple[Route, ...]:
    """Return the routes of CDS Hooks."""
    return (
        Route("GET", BASE, None, discover, as_json=True),
        Route(
            "POST", f"{BASE}/{{service}}", "ask-cards", answering(cards), as_json=True, by_ehr=True
        ),
        Route(
            "POST",
            f"{BASE}/{{service}}/feedback",
            "ask-cards",
            answering(feedback),
            as_json=True,
            by_ehr=True,
        ),
    )


async def discover(site: Site, request: web.Request) -> web.Response:  # noqa: ARG001 - all alike
    """Tell which services there are: none where CDS Hooks is not set up."""
    there = SERVICES if site.cds is not None else {}
    return web.json_response(
        {
            "services": [
                {
                    "hook": one.hook,
                    "title": one.title,
                    "description": one.description,
                    "id": name,
                    "prefetch": PREFETCH,
                }
                for name, one in there.items()
            ]
        }
    )


def answering(handler: Handler) -> Handler:
    """Return *handler* with its refusals told to a program, and counted."""

    async def handle(site: Site, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(site, request)
        except Refused as error:
            service = SERVICES.get(request.match_info["service"])
            if service is not None:
                site.metrics.hooks.labels(service.hook, "refused").inc()
            site.tell("not-readable", request, str(error))
            return web.json_response({"error": str(error)}, status=error.status)

    return handle


async def cards(site: Site, request: web.Request) -> web.Response:
    """Give the open clocks of the patient as cards, the most pressing first."""
    service, hooks = _service(request), _hooks(site)
    asked = read_asked(await _body(request), service.hook, hooks)
    look, projection = site.state.look(), site.state.projection
    known = projection.with_numbers(asked.numbers)
    if len(known) > 1:
        raise Refused(412, "prefetch.patient has the numbers of several patients")
    patient = next(iter(known), None)
    rows = site.rows_of_patient(request, patient or "")
    rows = [one for one in rows if one.is_open(look.now)]
    told = [
        card(site.state.one(row, View(), look), look, hooks)
        for row in sorted(rows, key=lambda row: order_of(row, look.now))
    ]
    doubts = _doubts(site, look, patient)
    if doubts and not told:
        # No card would say that nothing is open, which nobody knows.
        raise Refused(503, "the board is not live: whether a clock is open is not known")
    if doubts:
        told.insert(0, doubt_card(doubts, hooks))
    if patient is not None and told:
        _note(site, request, asked, patient, [row.id for row in rows])
    site.metrics.hooks.labels(service.hook, "cards" if told else "none").inc()
    return web.json_response({"cards": told})


def _doubts(site: Site, look: Look, patient: str | None) -> list[str]:
    found = [site.state.not_live(look)]
    if patient in site.state.projection.unreadable:
        found.append("A record of this patient cannot be read: what is told is from before.")
    return [one for one in found if one]


def _note(site: Site, request: web.Request, asked: Asked, patient: str, clocks: list[str]) -> None:
    about = {"hook-instance": asked.instance, "clocks": " ".join(clocks)}
    if asked.user:
        about["user"] = asked.user
    site.note("cards-shown", request, patients=(patient,), about=about)


async def feedback(site: Site, request: web.Request) -> web.Response:
    """Write down what was done with cards; it changes nothing else, and stops no clock."""
    service = _service(request)
    told = read_feedback(await _body(request))
    try:
        await asyncio.gather(*(_record(site, request, one) for one in told))
    except NotRecorded:
        raise Refused(503, "the audit trail could not be written: tell it again") from None
    site.metrics.hooks.labels(service.hook, "feedback").inc()
    return web.json_response({})


async def _record(site: Site, request: web.Request, one: Feedback) -> None:
    row = site.row(request, one.card.clock)
    about: dict[str, Any] = {
        "clock": one.card.clock,
        "state": one.card.state,
        "at": one.at.isoformat(),
        "commented": "yes" if one.is_commented else "no",
    }
    if one.reason:
        about["reason"] = one.reason
    patients = () if row is None else (row.patient,)
    await site.record(_DEEDS[one.outcome], request, patients=patients, about=about)


def _service(request: web.Request) -> Service:
    found = SERVICES.get(request.match_info["service"])
    if found is None:
        raise Refused(404, "there is no such service")
    return found


def _hooks(site: Site) -> CdsHooks:
    if site.cds is None:
        raise Refused(404, "CDS Hooks is not set up")
    return site.cds


async def _body(request: web.Request) -> bytes:
    """Return the body, bounded in size and time; a form that another site made a browser send is none."""
    if request.content_type != "application/json":
        raise Refused(415, "the body is not application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_any():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise Refused(413, f"more than {BODY_BYTES_MAX} bytes")
    except TimeoutError:
        raise Refused(408, "the body did not come in time") from None
    return bytes(body)
