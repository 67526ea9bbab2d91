"""
Live streams: what changed goes to every open page by server-sent events.

A stream sends what its own reader sees, row by row; a new one, or one that
comes back, begins with every row, so that none can be lost between two.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cordwatch.board.board_state import BoardState
from cordwatch.board.look import Look, ShownRow, Status, row_html, signature, status_html
from cordwatch.board.view import View

BEAT_S: Final = 2.0
"""A page that hears nothing for four of these says NOT LIVE."""
TOGETHER_S: Final = 0.1
"""Changes within so short a time are sent together."""
ROWS_MAX: Final = 300
"""More rows than a person reads; the most pressing ones."""
MADE_MAX: Final = 5_000
"""Rows that are kept as they were made, for the next who sees them alike."""

Shown = tuple[list[ShownRow], Status]


@dataclass(slots=True)
class Screens:
    """What is shown now, worked out once for all who look at the same."""

    state: BoardState
    _key: tuple[int, datetime | None, str] | None = None
    _shown: dict[View, Shown] = field(default_factory=dict)
    _rows: dict[tuple[object, ...], str] = field(default_factory=dict)

    def shown(self, view: View, look: Look) -> Shown:
        """Return rows and status of *view* at the instant of *look*."""
        projection = self.state.projection
        key = (
            projection.version,
            projection.next_change(look.now),
            repr((self.state.troubles(look.now), projection.feeds.feeds(look.now))),
        )
        if key != self._key:
            self._key = key
            self._shown.clear()
        found = self._shown.get(view)
        if found is None:
            found = self._shown[view] = self.state.shown(view, look)
        return found

    def html(self, one: ShownRow, look: Look, sign: tuple[object, ...], *, wall: bool) -> str:
        """Return a row; made once for all who see it alike."""
        key = (one.row.id, *sign, wall, one.person, one.shared)
        made = self._rows.get(key)
        if made is None:
            if len(self._rows) > MADE_MAX:
                self._rows.clear()
            made = self._rows[key] = row_html(one, look, wall=wall)
        return made


@dataclass(slots=True)
class Stream:
    """One open page: what it was sent, and what it must be sent now."""

    screens: Screens
    view: View
    wall: bool = False
    only: str = ""
    """The one clock that the page is about; empty: all."""
    _sent: dict[str, tuple[object, ...]] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)
    _status: str = ""

    def message(self, look: Look) -> dict[str, object]:
        """Return what is new since the last message; at the least what time it is, and whether this is live."""
        state = self.screens.state
        told: dict[str, object] = {
            "now": look.iso_exact(),
            "speed": state.clock.speed,
            "notLive": state.not_live(look),
        }
        shown, status = self._seen(look)
        signs = signature(look, shown)
        order = [one.row.id for one in shown]
        rows = {}
        for one in shown:
            sign = (*signs[one.row.id], one.person, one.shared)
            if self._sent.get(one.row.id) != sign:
                rows[one.row.id] = self.screens.html(one, look, signs[one.row.id], wall=self.wall)
        self._sent = {one.row.id: (*signs[one.row.id], one.person, one.shared) for one in shown}
        if rows:
            told["rows"] = rows
        if order != self._order:
            told["order"] = self._order = order
        if not self.only:
            mark = repr(status)
            if mark != self._status:
                self._status = mark
                told["status"] = status_html(status, look)
        return told

    def _seen(self, look: Look) -> Shown:
        shown, status = self.screens.shown(self.view, look)
        if not self.only:
            return shown[:ROWS_MAX], status
        row = self.screens.state.projection.row(self.only)
        if row is None:
            return [], status
        return [self.screens.state.one(row, self.view, look)], status


class Hub:
    """Wakes the streams when something changed, and when only time has passed."""

    def __init__(self, state: BoardState) -> None:
        """Serve the readers of *state*."""
        self.state = state
        self.screens = Screens(state)
        self.count = 0
        self.is_closing = False
        self._waiting: set[asyncio.Event] = set()
        state.changed.append(self.wake)

    def wake(self) -> None:
        """Let every stream look whether it has something to send."""
        for event in self._waiting:
            event.set()

    def close(self) -> None:
        """End every stream: none may hold up the end of the process."""
        self.is_closing = True
        self.wake()

    async def messages(self, stream: Stream, lasting_s: float | None) -> AsyncIterator[bytes]:
        """Yield what to send, until *lasting_s* have passed; None: for ever."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        until = None if lasting_s is None else loop.time() + lasting_s
        self._waiting.add(event)
        self.count += 1
        try:
            yield b"retry: 1000\n\n"
            while not self.is_closing and (until is None or loop.time() < until):
                event.clear()
                body = json.dumps(stream.message(self.state.look()), ensure_ascii=False)
                yield f"event: board\ndata: {body}\n\n".encode()
                await asyncio.sleep(TOGETHER_S)
                try:
                    await asyncio.wait_for(event.wait(), self._pause_s())
                except TimeoutError:
                    continue
        finally:
            self._waiting.discard(event)
            self.count -= 1

    def _pause_s(self) -> float:
        """Return how long nothing will happen: until the next beat, or until a row changes by time alone."""
        next_at = self.state.projection.next_change(self.state.clock.now())
        if next_at is None:
            return BEAT_S
        wait_s = self.state.clock.seconds_until(next_at + timedelta(milliseconds=1))
        return min(BEAT_S, max(wait_s, TOGETHER_S))
