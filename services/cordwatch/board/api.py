"""The board for programs: read-only JSON, described by OpenAPI; references alone, never a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from cordwatch.board.clock_row import ClockRow
from cordwatch.board.episode import episode_of
from cordwatch.board.look import Look
from cordwatch.board.site import READER, Site
from cordwatch.board.view import View

VERSION: Final = "1"


async def clocks(site: Site, request: web.Request) -> web.Response:
    """Give the open clocks, the most pressing first; filtered as the board is."""
    look = site.state.look()
    view = View.of(request.query, request[READER], named=False)
    shown, status = site.state.shown(view, look)
    site.note("board-opened", request)
    feeds = [
        {"gateway": one.gateway, "name": one.name, "state": one.state, "last_at": _at(one.last_at)}
        for one in status.feeds
    ]
    return web.json_response(
        _head(site, request, look)
        | {"feeds": feeds, "troubles": list(status.troubles)}
        | {"clocks": [_clock(one.row, look) for one in shown]}
    )


async def episodes(site: Site, request: web.Request) -> web.Response:
    """Give everything that is known of a patient: clocks, what was told, what happened, and why not."""
    look, reference = site.state.look(), request.match_info["reference"]
    rows = site.rows_of_patient(request, reference)
    seen = site.state.projection.picture(reference) if rows else None
    if seen is None:
        return web.json_response({"error": "no such patient on the board"}, status=404)
    site.note("row-opened", request, patients=(reference,))
    picture, alerts, answers = seen
    story = episode_of(picture, rows, alerts, answers, look.now)
    return web.json_response(
        _head(site, request, look)
        | {
            "patient": reference,
            "clocks": [_clock(row, look) for row in rows],
            "moments": [
                {"at": _at(one.at), "kind": one.kind, "words": one.words, "note": one.note}
                for one in story.moments
            ],
            "why_not": list(story.silences),
        }
    )


async def alerts(site: Site, request: web.Request) -> web.Response:
    """Give what was told of the open clocks and still stands."""
    look = site.state.look()
    site.note("board-opened", request)
    rows = site.state.open_rows(look.now, request[READER].limit)
    told = [
        {"patient": row.patient, "clock": row.id, "rule": word.rule, "level": word.level}
        | {"repeat": word.repeat, "severity": word.severity, "paged": word.paged}
        | {"alert_id": word.alert_id, "raised_at": _at(word.raised_at), "reason": word.reason}
        for row in rows
        for word in (*row.told, *row.beside)
        if word.status == "open"
    ]
    return web.json_response(_head(site, request, look) | {"alerts": told})


async def described(site: Site, request: web.Request) -> web.Response:  # noqa: ARG001 - all alike
    """Give the description of this interface."""
    return web.json_response(openapi())


def _head(site: Site, request: web.Request, look: Look) -> dict[str, Any]:
    limit = request[READER].limit
    return {
        "as_of": _at(look.now),
        "live": not site.state.not_live(look),
        "pack": site.state.projection.packs.label,
        "synthetic": site.state.synthetic,
        "limited_to": limit.words if limit is not None else None,
    }


def _clock(row: ClockRow, look: Look) -> dict[str, Any]:
    seen = row.seen_by(look.now)
    return {
        "clock": row.id,
        "patient": row.patient,
        "episode": row.episode,
        "rule": row.rule,
        "need": row.need,
        "missing": row.chain.missing,
        "presentation": row.presentation,
        "steps": [{"step": one.word, "at": _at(one.at)} for one in row.chain.links],
        "facility": row.place.facility,
        "ward": row.place.ward,
        "bed": row.place.bed,
        "state": row.state(look.now) if row.is_open(look.now) else row.status,
        "start_at": _at(row.start_at),
        "due_at": _at(row.due_at),
        "ended_at": _at(row.ended_at),
        "how": row.how,
        "acknowledged_by": seen.by if seen else None,
        "acknowledged_at": _at(seen.at) if seen else None,
        "told": [
            {"role": one.role, "destination": one.destination, "at": _at(one.at)}
            | {"outcome": one.outcome}
            for one in row.pages
        ],
        "clause": row.clause,
        "pack": row.pack,
        "version": row.version,
    }


def _at(instant: Any) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


# --- the description

_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_INSTANT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_YES_OR_NO: Final = {"type": "boolean"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _listed(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _clock_schema() -> dict[str, Any]:
    texts = ("clock", "patient", "episode", "rule", "need", "missing", "presentation")
    return _object(
        **dict.fromkeys(texts, _TEXT),
        steps=_listed(_object(step=_TEXT, at=_INSTANT_OR_NONE)),
        facility=_TEXT_OR_NONE,
        ward=_TEXT_OR_NONE,
        bed=_TEXT_OR_NONE,
        state=_TEXT,
        start_at=_INSTANT,
        due_at=_INSTANT,
        ended_at=_INSTANT_OR_NONE,
        how=_TEXT,
        acknowledged_by=_TEXT_OR_NONE,
        acknowledged_at=_INSTANT_OR_NONE,
        told=_listed(_object(role=_TEXT, destination=_TEXT, at=_INSTANT, outcome=_TEXT)),
        clause=_TEXT,
        pack=_TEXT,
        version=_TEXT,
    )


def _alert_schema() -> dict[str, Any]:
    return _object(
        patient=_TEXT,
        clock=_TEXT,
        rule=_TEXT,
        level=_TEXT_OR_NONE,
        repeat={"type": "integer"},
        severity=_TEXT,
        paged=_YES_OR_NO,
        alert_id=_TEXT,
        raised_at=_INSTANT,
        reason=_TEXT,
    )


def openapi() -> dict[str, Any]:
    """Return the description of the interface (OpenAPI 3.1)."""
    head: dict[str, Any] = {"as_of": _INSTANT, "live": _YES_OR_NO, "pack": _TEXT}
    # The wards whose patients are in it; null: all.
    head |= {"synthetic": _YES_OR_NO, "limited_to": _TEXT_OR_NONE}
    clock = {"$ref": "#/components/schemas/Clock"}
    feed = _object(gateway=_TEXT, name=_TEXT, state=_TEXT, last_at=_INSTANT_OR_NONE)
    moment = _object(at=_INSTANT, kind=_TEXT, words=_TEXT, note=_TEXT)
    filters = [_parameter(name, "query") for name in ("ward", "rule", "state", "hand", "search")]
    return {
        "openapi": "3.1.0",
        "info": {"title": "cordwatch board", "version": VERSION},
        "paths": {
            "/api/clocks": _get(
                clocks,
                _object(
                    **head, feeds=_listed(feed), troubles=_listed(_TEXT), clocks=_listed(clock)
                ),
                filters,
            ),
            "/api/episodes/{reference}": _get(
                episodes,
                _object(
                    **head,
                    patient=_TEXT,
                    clocks=_listed(clock),
                    moments=_listed(moment),
                    why_not=_listed(_TEXT),
                ),
                [_parameter("reference", "path")],
            ),
            "/api/alerts": _get(alerts, _object(**head, alerts=_listed(_alert_schema())), []),
        },
        "components": {"schemas": {"Clock": _clock_schema()}},
    }


def _parameter(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": _TEXT}


def _get(handler: Any, schema: Mapping[str, Any], parameters: Sequence[Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": dict(schema)}}
    refusals = {"401": "not signed in", "403": "not for this role", "503": "not ready"}
    if any(one["in"] == "path" for one in parameters):
        refusals["404"] = "no such patient on the board"
    return {
        "get": {
            "summary": handler.__doc__,
            "parameters": list(parameters),
            "responses": {"200": {"description": "as of now", "content": content}}
            | {code: {"description": words} for code, words in refusals.items()},
        }
    }
