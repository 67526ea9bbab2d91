"""Health pages of other processes: whether a board has read of a patient, whether a gateway gets on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import aiohttp

from cordwatch.synthetic.rounds import Round, Seen, on_board

ASK_EVERY_S = 0.5
ANSWER_S = 2.0
_WELL = 200


def to_ask(running: Round | None) -> set[str]:
    """Return the addresses that have not said yet what is wanted of them; boards only once the alerts are out."""
    if running is None:
        return set()
    left = running.wanted - running.seen
    others = {one.what for one in left if one.leg == "others"}
    boards = {one.what.split(" ")[0] for one in left if one.leg == "board"}
    return others | (boards if "alert" in running.reached else set())


def said(url: str, status: int, body: bytes) -> Iterator[Seen]:
    """Yield what the health page of *url* says; a page that is none says nothing."""
    if status == _WELL:
        yield Seen("others", url)
    try:
        state = json.loads(body)
    except ValueError:
        return
    shown = state.get("synthetic_patients") if isinstance(state, dict) else None
    if isinstance(shown, list):
        yield from (Seen("board", on_board(url, str(one))) for one in shown)


async def ask(session: aiohttp.ClientSession, url: str) -> list[Seen]:
    """Ask one page; who does not answer has said nothing."""
    try:
        async with session.get(f"{url}/healthz", allow_redirects=False) as response:
            return list(said(url, response.status, await response.read()))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return []
