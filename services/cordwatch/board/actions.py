"""What is answered at the board: checked, recorded in the audit trail, and only then published."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import hdrs, web

from cordwatch.board.answering import (
    CAPABILITIES,
    Form,
    Kind,
    NoAnswer,
    Outdated,
    answer_of,
)
from cordwatch.board.audit import NotRecorded
from cordwatch.board.audit_event import Deed
from cordwatch.board.clock_row import ClockRow
from cordwatch.board.said import fields_of, host_of
from cordwatch.board.security import check_origin, check_token
from cordwatch.board.site import READER, Handler, Route, Site, message
from cordwatch.runtime.kafka import KafkaError
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.topics import ACKS

READ_BACK_S: Final = 2.0
"""How long an answer waits until the board itself has read what it published."""

_DEEDS: Final[dict[Kind, Deed]] = {
    "acknowledge": "acknowledged",
    "stand-down": "stood-down",
    "classify": "classified",
}


class _NotKnown(Exception):
    """Nobody knows whether the broker has the answer."""


_REFUSALS: Final[dict[type[Exception], tuple[str, int, str, str]]] = {
    Outdated: (
        "outdated",
        409,
        "It has changed",
        "The row has changed since you looked at it. Nothing was answered: look again first.",
    ),
    NotRecorded: (
        "not-recorded",
        503,
        "Not answered",
        "The audit trail could not be written, so that nothing was answered. Try again.",
    ),
    _NotKnown: (
        "unknown",
        503,
        "Not known",
        "Kafka did not answer: it is not known whether it was kept. To answer again does no harm.",
    ),
}
"""What is counted and said when something prevents an answer."""


def routes() -> tuple[Route, ...]:
    """Return a route for each kind of answer."""
    return tuple(
        Route("POST", f"/clock/{{clock}}/{kind}", needs, _handler(kind))
        for kind, needs in CAPABILITIES.items()
    )


def _handler(kind: Kind) -> Handler:
    async def handle(site: Site, request: web.Request) -> web.StreamResponse:
        return await _answer(site, request, kind)

    return handle


async def _answer(site: Site, request: web.Request, kind: Kind) -> web.Response:
    check_origin(request.headers, host_of(request))
    fields = await fields_of(request)
    check_token(fields.get("token", ""), request.cookies.get(site.token_cookie))
    reader, back = request[READER], f"/clock/{request.match_info['clock']}"
    row = site.row(request, request.match_info["clock"])
    count, typed = site.metrics.answers, fields.get("text", "").strip()
    if row is None:
        return message(site, reader, 404, "No such clock", "It is not on the board.", back="/")
    try:
        form = Form.read(kind, fields)
        event_id = form.event_id(row, reader)
        outcome = "again"
        # A double click sends a form twice at the same moment.
        async with site.forms.setdefault(event_id, asyncio.Lock()):
            if not site.state.projection.has_answer(row.patient, event_id):
                outcome = "kept"
                present = site.state.projection.row(row.id) or row
                answer = answer_of(form, present, reader, site.state.clock.now())
                await _keep(site, request, _DEEDS[kind], row, answer, form)
    except NoAnswer as error:
        count.labels(kind, "refused").inc()
        site.tell("not-readable", request, str(error))
        return message(site, reader, 400, "Not answered", str(error), back=back, typed=typed)
    except (Outdated, NotRecorded, _NotKnown) as error:
        outcome, status, heading, text = _REFUSALS[type(error)]
        count.labels(kind, outcome).inc()
        return message(site, reader, status, heading, text, back=back, typed=typed)
    count.labels(kind, outcome).inc()
    return web.Response(status=303, headers={hdrs.LOCATION: f"{back}?done={kind}"})


async def _keep(
    site: Site, request: web.Request, deed: Deed, row: ClockRow, answer: Answer, form: Form
) -> None:
    """
    Record, then publish; return when both are safe and the board has read it back.

    Raises:
        NotRecorded: the audit record is not safe: nothing was published.
        _NotKnown: the broker did not acknowledge the answer.
    """
    about = {"clock": row.id, "answer": answer.event_id, "reason": form.reason}
    try:
        await site.record(deed, request, patients=(row.patient,), about=about)
    except NotRecorded:
        # Its record may arrive all the same: then another says that it was not done.
        site.note("not-done", request, patients=(row.patient,), about=about)
        raise
    record = (ACKS.name, answer.patient.encode(), answer.model_dump_json().encode())
    try:
        (error,) = await asyncio.to_thread(site.publisher.publish, [record], _give_up)
    except (_NotKnown, KafkaError):
        raise _NotKnown from None
    if error is not None:
        raise _NotKnown
    await _read_back(site, row, answer)


async def _read_back(site: Site, row: ClockRow, answer: Answer) -> None:
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    site.state.changed.append(news.set)
    until = loop.time() + READ_BACK_S
    try:
        while not site.state.projection.has_answer(row.patient, answer.event_id):
            news.clear()
            await asyncio.wait_for(news.wait(), max(until - loop.time(), 0.001))
    except TimeoutError:
        # It is safe all the same; the page shows it when it is read.
        return
    finally:
        site.state.changed.remove(news.set)


def _give_up() -> None:
    raise _NotKnown
