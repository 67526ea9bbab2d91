"""What is looked at: the board, the wall, one clock with its episode, and copies for paper and downtime."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import hdrs, web
from markupsafe import Markup

from cordwatch.board.access import Reader
from cordwatch.board.answering import CAPABILITIES, KINDS, REASONS
from cordwatch.board.clock_row import ClockRow
from cordwatch.board.episode import Episode, episode_of
from cordwatch.board.live import ROWS_MAX, Topic
from cordwatch.board.look import STATIC, Look, closed_html, page, rows_html, static_file
from cordwatch.board.said import fields_of, host_of
from cordwatch.board.security import check_origin, is_token, new_token
from cordwatch.board.site import READER, Site, message
from cordwatch.board.view import View, choices
from cordwatch.board.wording import STATE_WORDS

WALL_PAGE: Final = 7
"""Rows of the wall at once: what can be read from five metres."""
STREAM_S: Final = 55.0
"""After so long a stream begins anew, and who asks is looked at again."""
WRITE_S: Final = 10.0
"""A page that takes nothing for so long is not there any more."""
PIECE_BYTES: Final = 64 * 1024


async def board(site: Site, request: web.Request) -> web.Response:
    """Show the rows that were asked for."""
    reader = request[READER]
    view = View.of(request.query, reader, named=reader.sees_names)
    # An address holds no search: a name would stand in it.
    return await _board(site, request, replace(view, search=""))


async def search(site: Site, request: web.Request) -> web.Response:
    """Show the rows that a search finds; posted, so that no name stands in an address."""
    check_origin(request.headers, host_of(request))
    reader, fields = request[READER], await fields_of(request)
    return await _board(site, request, View.of(fields, reader, named=reader.sees_names))


async def _board(site: Site, request: web.Request, view: View) -> web.Response:
    reader, look, state = request[READER], site.state.look(), site.state
    start = 0 if view.search else _number(request, "from")
    shown, status = state.shown(view, look, start + ROWS_MAX)
    rows = rows_html(shown[start:], look)
    site.note("board-opened", request)
    wards, rules = choices(state.open_rows(look.now, reader.limit))
    told = site.common(reader, look) | {
        "wards": wards,
        "rules": rules,
        "states": STATE_WORDS,
        "rows": rows,
        "further": max(status.shown - start - len(rows), 0),
        "next": urlencode({**view.filters, "from": start + len(rows)}),
        "more": ROWS_MAX if status.shown > ROWS_MAX else 0,
        # What was searched for is no part of an address; the script adds the filters of its own.
        # A page of further rows is one of its moment: only the most pressing ones are kept live.
        "stream": "" if view.search or start else "/live",
    }
    closed = state.closed(view, look)
    return _html(page("board", page=told, look=look, view=view, status=status, closed=closed))


async def closed(site: Site, request: web.Request) -> web.Response:
    """Show what ended today, for an open page of the board: its opening is what is written down."""
    reader, look = request[READER], site.state.look()
    view = View.of(request.query, reader, named=reader.sees_names)
    return _html(closed_html(site.state.closed(view, look), look))


async def wall(site: Site, request: web.Request) -> web.Response:
    """Show the wall: beds and short references, nothing to click on, pages by itself."""
    look = site.state.look()
    shown, status = site.state.shown(View(limit=request[READER].limit), look, ROWS_MAX)
    site.note("wall-opened", request)
    pages = max(-(-len(shown) // WALL_PAGE), 1)
    number = _number(request, "page") % pages
    # The page that was asked for comes first, for walls that run no script.
    turned = [*shown[number * WALL_PAGE :], *shown[: number * WALL_PAGE]]
    told = site.common(request[READER], look) | {
        "rows": rows_html(turned, look, wall=True),
        "next_page": (number + 1) % pages,
        "page_size": WALL_PAGE,
    }
    return _html(page("wall", page=told, look=look, status=status))


def _number(request: web.Request, name: str) -> int:
    """Return a number in the address; 0 where there is none, or none that makes sense."""
    asked = request.query.get(name, "")
    return int(asked) if re.fullmatch("[0-9]{1,6}", asked) else 0


async def clock(site: Site, request: web.Request) -> web.Response:
    """Show one clock, its patient's whole episode, and the forms to answer it."""
    reader, look = request[READER], site.state.look()
    found = _found(site, request, look)
    if found is None:
        text = "This clock is not on the board: it was never, or its cause was taken back."
        return message(site, reader, 404, "No such clock", text, back="/")
    row, episode = found
    site.note("row-opened", request, patients=(row.patient,))
    view = View.of({}, reader, named=reader.sees_names)
    known = request.cookies.get(site.token_cookie)
    token = known if known is not None and is_token(known) else new_token()
    told = site.common(reader, look) | {
        "token": token,
        "key": secrets.token_urlsafe(16),
        "done": _done(request),
        "may_answer": [kind for kind in KINDS if reader.may(CAPABILITIES[kind])],
    }
    one = site.state.one(row, view, look)
    told["mark"] = site.state.mark(one)
    body = page("clock", page=told, look=look, one=one, episode=episode, reasons=REASONS)
    # Packed, its length would tell who listens and guesses how much of the token is right (BREACH).
    answer = web.Response(text=body, content_type="text/html")
    answer.set_cookie(
        site.token_cookie, token, httponly=True, samesite="Strict", secure=site.is_secure, path="/"
    )
    return answer


_DONE: Final = {
    "acknowledge": "Acknowledged: it is in your hand. The clock goes on.",
    "stand-down": "Stood down under your name.",
    "classify": "Classified under your name.",
}


def _done(request: web.Request) -> str:
    return _DONE.get(request.query.get("done", ""), "")


def _found(site: Site, request: web.Request, look: Look) -> tuple[ClockRow, Episode] | None:
    projection = site.state.projection
    row = site.row(request, request.match_info["clock"])
    seen = projection.picture(row.patient) if row else None
    if row is None or seen is None:
        return None
    picture, alerts, answers = seen
    rows = projection.rows_of_patient(row.patient)
    return row, episode_of(picture, rows, alerts, answers, look.now, row.id, look.t)


async def live(site: Site, request: web.Request) -> web.StreamResponse:
    """Send what changes of the rows that were asked for."""
    reader = request[READER]
    view = View.of(request.query, reader, named=reader.sees_names)
    topic = Topic(view.shared, only=request.query.get("clock", "")[:64])
    return await _stream(site, request, topic)


async def wall_live(site: Site, request: web.Request) -> web.StreamResponse:
    """Send what changes of the wall."""
    return await _stream(site, request, Topic(View(limit=request[READER].limit), wall=True))


async def _stream(site: Site, request: web.Request, topic: Topic) -> web.StreamResponse:
    answer = web.StreamResponse(
        headers={hdrs.CONTENT_TYPE: "text/event-stream", "X-Accel-Buffering": "no"}
    )
    await answer.prepare(request)
    site.metrics.streams.inc()
    try:
        async for part in site.hub.messages(topic, _lasting_s(site, request[READER])):
            # In pieces: what a slow page has not taken yet is kept for each page by itself.
            for begin in range(0, len(part), PIECE_BYTES):
                async with asyncio.timeout(WRITE_S):
                    await answer.write(part[begin : begin + PIECE_BYTES])
    except (TimeoutError, ConnectionError):
        # The page has gone, or takes nothing: it comes back by itself.
        pass
    finally:
        site.metrics.streams.dec()
        _let_go(request)
    return answer


def _let_go(request: web.Request) -> None:
    """Cut off a page that has not taken what it was sent: closed in good order, it would never be gone."""
    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
        transport.abort()


def _lasting_s(site: Site, reader: Reader) -> float:
    if reader.until is None:
        return STREAM_S
    left_s = reader.until - site.state.clock.now().timestamp()
    return max(min(STREAM_S, left_s), 0.0)


async def printed(site: Site, request: web.Request) -> web.Response:
    """Show every row for paper, and when it was made."""
    site.note("printed", request)
    return _html(copy_html(site, request[READER], "print"))


async def downtime(site: Site, request: web.Request) -> web.Response:
    """Give the copy that opens without this server."""
    site.note("exported", request)
    answer = _html(copy_html(site, request[READER], "downtime"))
    answer.headers[hdrs.CONTENT_DISPOSITION] = 'attachment; filename="cordwatch-downtime.html"'
    return answer


def copy_html(site: Site, reader: Reader, name: str) -> str:
    """Return every row as a copy: `print` for paper, `downtime` with everything inside."""
    look = site.state.look()
    named = reader.sees_names and name == "print"
    shown, status = site.state.shown(View.of({}, reader, named=named), look)
    more: dict[str, Any] = {}
    if name == "downtime":
        more["style"] = Markup(static_file("board.css").decode())  # noqa: S704 - our own file
    common = site.common(reader, look)
    return page(name, page=common, look=look, shown=shown, status=status, **more)


async def static(_: Site, request: web.Request) -> web.Response:
    """Give a file that has nothing of a patient in it."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    return web.Response(body=static_file(name), content_type=STATIC[name], charset="utf-8")


def _html(text: str) -> web.Response:
    """Return a page without a secret of its own, packed where the browser can unpack it."""
    answer = web.Response(text=text, content_type="text/html")
    answer.enable_compression()
    return answer
