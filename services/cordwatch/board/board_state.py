"""The board as it stands now: the projection, how live it is, and the rows and counts that somebody sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from cordwatch.board.clock_row import ClockRow
from cordwatch.board.feeds_heard import Feed
from cordwatch.board.limits import WardLimit
from cordwatch.board.look import Look, ShownRow, Status, mark_of, shown_row
from cordwatch.board.projection import Projection
from cordwatch.board.view import View
from cordwatch.pathway.facts import EPOCH
from cordwatch.runtime.wall_clock import WallClock

SHOWN_MAX = 20_000
"""Rows that are remembered as they were seen: more than run in any hospital."""
UNTOLD_AFTER = timedelta(minutes=3)
"""Watch tells within seconds, or a minute where it waits for a source; after this it is behind."""


class Reading(Protocol):
    """Whether what is known is up to date."""

    records: int

    def is_away(self) -> bool:
        """Return whether the broker has not answered lately."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The clocks that run, the most pressing first, and how many of them stand how."""

    rows: list[ClockRow] = field(default_factory=list)
    overdue: int = 0
    unseen: int = 0

    @classmethod
    def of(cls, rows: list[ClockRow], now: datetime) -> Counted:
        """Count *rows* as they stand at *now*."""
        overdue = sum(row.overdue_at <= now for row in rows)
        unseen = sum(row.seen_by(now) is None for row in rows)
        return cls(rows, overdue, unseen)


@dataclass(slots=True)
class BoardState:
    """Everything that a page is made of."""

    projection: Projection
    clock: WallClock
    name: str = "board"
    synthetic: bool = False
    accepted_risks: tuple[str, ...] = ()
    """What somebody answers for that a production would refuse, in words."""
    ready: bool = False
    """Whether all that was there at the start is read."""
    reading: Reading | None = None
    away_since: datetime | None = None
    _untold_known: tuple[object, bool] = (None, False)
    _counted: tuple[object, Counted] = (None, Counted())
    _shown: dict[tuple[str, bool, bool], tuple[object, int, ShownRow]] = field(default_factory=dict)
    """Rows as they were seen last, by clock, with names or without, flagged or not."""
    changed: list[Callable[[], None]] = field(default_factory=list)
    """Whom to tell when rows or the state above them changed."""

    def look(self) -> Look:
        """Return the present instant."""
        return Look(self.clock.now(), self.projection.zone)

    def not_live(self, look: Look) -> str:
        """Return why the board is not live, in words; empty: it is."""
        if self.away_since is None:
            return ""
        return f"No word from Kafka since {look.full(self.away_since)}: what you see may be old."

    def notice_broker(self, now: datetime) -> None:
        """Note whether the broker is there."""
        away = self.reading is not None and self.reading.is_away()
        self.away_since = (self.away_since or now) if away else None

    def troubles(self, now: datetime) -> list[str]:
        """Return what must be known before the board is believed."""
        found = self.projection.feeds.troubles(now)
        if self._untold(now):
            found.insert(
                0,
                "Levels were reached of which watch has told nobody: it is behind or not there, and "
                "somebody may not have been paged. The rows themselves are right.",
            )
        if self.projection.unreadable:
            count = len(self.projection.unreadable)
            found.insert(0, f"The records of {count} patients cannot be read: their rows are old.")
        if self.projection.unread:
            found.append(f"{self.projection.unread} records could not be read.")
        return found

    def feeds(self, now: datetime) -> list[Feed]:
        """Return how fresh the feeds are: of a board that is not live nobody knows."""
        found = self.projection.feeds.feeds(now)
        if self.away_since is None:
            return found
        return [replace(one, state="not known", why="no word from Kafka") for one in found]

    def _untold(self, now: datetime) -> bool:
        projection, patience = self.projection, UNTOLD_AFTER * self.clock.speed
        slice_of_time = (now - EPOCH) // (patience / 6)
        key = (projection.version, projection.moment(now), slice_of_time)
        if key != self._untold_known[0]:
            rows = self.open_rows(now)
            self._untold_known = (key, any(row.is_untold(now, patience) for row in rows))
        return self._untold_known[1]

    def open_rows(self, now: datetime, limit: WardLimit | None = None) -> list[ClockRow]:
        """Return the clocks that run, of patients whom *limit* permits."""
        return list(View(limit=limit).permitted(self.counted(now).rows))

    def counted(self, now: datetime) -> Counted:
        """Return the clocks that run, counted: once for all who look before anything changes."""
        projection = self.projection
        key = (projection.version, projection.moment(now))
        if key != self._counted[0]:
            self._counted = (key, Counted.of(projection.open_rows(now), now))
        return self._counted[1]

    def key(self, look: Look) -> object:
        """Return what changes when anything that a page shows does, but for the passing seconds."""
        projection = self.projection
        return (
            projection.version,
            projection.moment(look.now),
            look.now.astimezone(projection.zone).date(),
            self.troubles(look.now),
            self.feeds(look.now),
        )

    def shown(
        self, view: View, look: Look, most: int | None = None
    ) -> tuple[list[ShownRow], Status]:
        """Return the rows of *view*, the *most* pressing ones of them, and what stands above them."""
        counted, projection = self.counted(look.now), self.projection
        everywhere = len(counted.rows)
        if view.limit is not None:
            counted = Counted.of(self.open_rows(look.now, view.limit), look.now)
        chosen = view.of_rows(counted.rows, projection.people, look.now)
        shown = [self.one(row, view, look) for row in chosen[:most]]
        status = Status(
            open=len(counted.rows),
            shown=len(chosen),
            overdue=counted.overdue,
            unseen=counted.unseen,
            feeds=self.feeds(look.now),
            troubles=self.troubles(look.now),
            last_fact_at=projection.last_fact_at,
            limit=view.limit,
            elsewhere=everywhere - len(counted.rows),
        )
        return shown, status

    def closed(self, view: View, look: Look) -> list[ShownRow]:
        """Return what ended today as it is seen in *view*, the last first; of its filters the ward counts."""
        rows = self.projection.closed_today(look.now)
        mine = View(ward=view.ward, limit=view.limit).of_rows(
            rows, self.projection.people, look.now
        )
        return [self.one(row, view, look) for row in mine]

    def one(self, row: ClockRow, view: View, look: Look) -> ShownRow:
        """Return a row as it is seen in *view*: made anew only when it may look different."""
        projection, people = self.projection, self.projection.people
        shared, mark = row.patient in projection.shared, projection.mark(row.id, look.now)
        known = self._shown.get((row.id, view.named, shared))
        if mark is not None and known and known[0] is mark and known[1] == people.version:
            return known[2]
        if len(self._shown) >= SHOWN_MAX:
            self._shown.clear()
        made = shown_row(row, look.now, view, people, shared)
        self._shown[row.id, view.named, shared] = (mark, people.version, made)
        return made

    def mark(self, one: ShownRow) -> str:
        """Return what changes when anything on the page of this clock may have."""
        return mark_of(one, self.projection.words(one.row.patient))

    def tell(self) -> None:
        """Tell everybody who waits that something changed."""
        for one in self.changed:
            one()
