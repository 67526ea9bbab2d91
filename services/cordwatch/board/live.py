"""
Live streams: what changed goes to every open page by server-sent events.

Pages that look at the same share a channel, in which it is worked out once what
is new. A page that begins, comes back, or could not keep up gets every row, so
that none can be lost between two.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cordwatch.board.board_state import BoardState
from cordwatch.board.look import (
    Look,
    ShownRow,
    Status,
    build,
    row_html,
    signature,
    status_html,
)
from cordwatch.board.view import View
from cordwatch.pathway.facts import EPOCH

BEAT_S: Final = 2.0
"""A page that hears nothing for four of these says NOT LIVE."""
TOGETHER_S: Final = 0.1
"""Changes within so short a time are sent together."""
ROWS_MAX: Final = 300
"""More rows than a person reads; the most pressing ones."""
MADE_MAX: Final = 5_000
"""Rows that are kept as they were made, for the next who sees them alike."""

GONE: Final = "gone"
"""The mark of a clock that is not on the board, or whose patient lies where who looks may not."""

Sign = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """What a page is about: pages about the same share a channel."""

    view: View
    wall: bool = False
    only: str = ""
    """The one clock that the page is about; empty: all."""


@dataclass(slots=True)
class RowsMade:
    """Rows as they were made, once for all who see them alike."""

    _made: dict[Sign, str] = field(default_factory=dict)

    def html(self, one: ShownRow, look: Look, sign: Sign, *, wall: bool) -> str:
        """Return a row; *sign* is what it looks like by."""
        key = (one.row.id, *sign, wall)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MADE_MAX:
                self._made.clear()
            made = self._made[key] = row_html(one, look, wall=wall)
        return made


@dataclass(slots=True)
class Channel:
    """What the pages about one topic have been sent, and what is new for them."""

    topic: Topic
    state: BoardState
    made: RowsMade
    readers: set[asyncio.Event] = field(default_factory=set)
    number: int = 0
    """Of the last news."""
    frame: bytes = b""
    """The last news, as it is sent."""
    _key: object = None
    _shown: list[ShownRow] = field(default_factory=list)
    _signs: dict[str, Sign] = field(default_factory=dict)
    _status: Status | None = None
    _all: tuple[int, datetime, bytes] = (-1, EPOCH, b"")
    """Everything, as of which news and when it was made: when a board is back, all ask for the same at once."""

    def advance(self, look: Look) -> None:
        """Work out what is new since the last time."""
        self.frame = _frame(self.news(look))
        self.number += 1

    def news(self, look: Look) -> dict[str, object]:
        """Return what is new since the last time; at the least what time it is, and whether this is live."""
        key, told = self.state.key(look), dict[str, object]()
        if key != self._key:
            self._key, told = key, self._changes(look)
        return self._head(look) | told

    def _changes(self, look: Look) -> dict[str, object]:
        told: dict[str, object] = {}
        before, order, status = self._signs, list(self._signs), self._status
        self._shown, self._status = self._seen(look)
        self._signs = dict(signature(look, self._shown))
        rows = {
            one.row.id: self._html(one, look)
            for one in self._shown
            if before.get(one.row.id) != self._signs[one.row.id]
        }
        if rows:
            told["rows"] = rows
        if order != list(self._signs):
            told["order"] = list(self._signs)
        if self._status != status and not self.topic.only:
            told["status"] = status_html(self._status, look)
        return told

    def everything(self, look: Look) -> bytes:
        """Return all that there was at the last news, for a page that begins or comes back."""
        number, made_at, frame = self._all
        age_s = (look.now - made_at).total_seconds() / self.state.clock.speed
        if number == self.number and 0 <= age_s <= TOGETHER_S:
            return frame
        told = self._head(look) | {"build": build()}
        told["rows"] = {one.row.id: self._html(one, look) for one in self._shown}
        told["order"] = list(self._signs)
        if self._status is not None and not self.topic.only:
            told["status"] = status_html(self._status, look)
        self._all = (self.number, look.now, _frame(told))
        return self._all[2]

    def _head(self, look: Look) -> dict[str, object]:
        state = self.state
        told: dict[str, object] = {
            "now": look.iso_exact(),
            "speed": state.clock.speed,
            "notLive": state.not_live(look),
        }
        if self.topic.only:
            # By it the page of a clock knows when to ask for the whole of itself, or that there is none any more.
            told["mark"] = state.mark(self._shown[0]) if self._shown else GONE
        return told

    def _html(self, one: ShownRow, look: Look) -> str:
        return self.made.html(one, look, self._signs[one.row.id], wall=self.topic.wall)

    def _seen(self, look: Look) -> tuple[list[ShownRow], Status]:
        view, only = self.topic.view, self.topic.only
        shown, status = self.state.shown(view, look, ROWS_MAX)
        if not only:
            return shown, status
        row = self.state.projection.row(only)
        mine = view.permitted([] if row is None else [row])
        return [self.state.one(row, view, look) for row in mine], status


def _frame(told: dict[str, object]) -> bytes:
    return f"event: board\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


class Hub:
    """Turns the channels when something changed, and when only time has passed."""

    def __init__(self, state: BoardState) -> None:
        """Serve the readers of *state*."""
        self.state = state
        self.is_closing = False
        self._made = RowsMade()
        self._channels: dict[Topic, Channel] = {}
        self._changed = asyncio.Event()
        state.changed.append(self._changed.set)

    @property
    def count(self) -> int:
        """Return how many pages are live; asked by the thread of the health page too."""
        return sum(len(one.readers) for one in list(self._channels.values()))

    def channel(self, topic: Topic) -> Channel:
        """Return the channel of *topic*, up to date."""
        found = self._channels.get(topic)
        if found is None:
            found = self._channels[topic] = Channel(topic, self.state, self._made)
            found.advance(self.state.look())
        return found

    async def run(self) -> None:
        """Turn the channels for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._pause_s())
            self._changed.clear()
            self.turn()
            await asyncio.sleep(TOGETHER_S)

    def turn(self) -> None:
        """Work out what is new, and wake who waits for it; nobody's channel is let go."""
        look = self.state.look()
        self._channels = {topic: one for topic, one in self._channels.items() if one.readers}
        for one in self._channels.values():
            one.advance(look)
            for event in one.readers:
                event.set()

    def close(self) -> None:
        """End every stream: none may hold up the end of the process."""
        self.is_closing = True
        for one in self._channels.values():
            for event in one.readers:
                event.set()

    async def messages(self, topic: Topic, lasting_s: float | None) -> AsyncIterator[bytes]:
        """Yield what to send about *topic*, until *lasting_s* have passed; None: for ever."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        until = None if lasting_s is None else loop.time() + lasting_s
        channel = self.channel(topic)
        channel.readers.add(event)
        try:
            yield b"retry: 1000\n\n"
            number = channel.number
            yield channel.everything(self.state.look())
            while not self.is_closing and (until is None or loop.time() < until):
                await event.wait()
                event.clear()
                # Before anything is sent: while that goes out more news may come.
                known, number = number, channel.number
                if number == known + 1:
                    yield channel.frame
                elif number > known:
                    yield channel.everything(self.state.look())
        finally:
            channel.readers.discard(event)

    def _pause_s(self) -> float:
        """Return how long nothing will happen: until the next beat, or until a row changes by time alone."""
        next_at = self.state.projection.wake_at()
        if next_at is None:
            return BEAT_S
        wait_s = self.state.clock.seconds_until(next_at + timedelta(milliseconds=1))
        return min(BEAT_S, max(wait_s, TOGETHER_S))
