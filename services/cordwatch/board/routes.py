"""Every route of the board, and what each asks of a reader: one list, held by a test over all roles."""

from __future__ import annotations

from typing import Final

from cordwatch.board import actions, api, pages
from cordwatch.board.cds import services
from cordwatch.board.site import Route

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/", "see-board", pages.board),
    Route("POST", "/search", "see-board", pages.search),
    Route("GET", "/closed", "see-board", pages.closed, is_part=True),
    Route("GET", "/live", "see-board", pages.live, is_part=True),
    Route("GET", "/clock/{clock}", "see-board", pages.clock),
    Route("GET", "/print", "export", pages.printed),
    Route("GET", "/downtime.html", "export", pages.downtime),
    Route("GET", "/wall", "see-wall", pages.wall),
    Route("GET", "/wall/live", "see-wall", pages.wall_live, is_part=True),
    *actions.routes(),
    Route("GET", "/api/clocks", "see-board", api.clocks, as_json=True),
    Route("GET", "/api/episodes/{reference}", "see-board", api.episodes, as_json=True),
    Route("GET", "/api/alerts", "see-board", api.alerts, as_json=True),
    Route("GET", "/api/openapi.json", None, api.described, as_json=True),
    *services.routes(),
    Route("GET", "/static/{name}", None, pages.static),
)
