"""What one reader asked to see of the board: filters, search, and whether names may be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cordwatch.board.access import Reader
from cordwatch.board.clock_row import ClockRow, Seen
from cordwatch.board.limits import WardLimit
from cordwatch.board.people import People
from cordwatch.board.wording import STATE_WORDS, in_order

TEXT_MAX = 80
"""A longer word in a filter is nobody's ward."""


@dataclass(frozen=True, slots=True)
class View:
    """Which rows to show; empty: all."""

    ward: str = ""
    rule: str = ""
    state: str = ""
    hand: str = ""
    """`mine`: acknowledged by me; `none`: in nobody's hand."""
    search: str = ""
    user: str = ""
    identity: str = ""
    """Who asks, for good: see `Reader.identity`."""
    named: bool = False
    """Whether names and numbers may be shown to who asks."""
    limit: WardLimit | None = None
    """To the wards whose patients may be shown to who asks; None: all."""

    @classmethod
    def of(cls, query: Mapping[str, str], reader: Reader, *, named: bool) -> View:
        """Return the view in a *query*; what is not known there is left out."""

        def text(name: str) -> str:
            return query.get(name, "").strip()[:TEXT_MAX]

        state = text("state") if text("state") in STATE_WORDS else ""
        hand = text("hand") if text("hand") in {"mine", "none"} else ""
        asked = cls(text("ward"), text("rule"), state, hand, text("search"))
        return replace(
            asked, user=reader.user, identity=reader.identity, named=named, limit=reader.limit
        )

    @property
    def shared(self) -> View:
        """Return the view as others have it too: whose it is counts only where it filters by that."""
        return self if self.hand == "mine" else replace(self, user="", identity="")

    @property
    def filters(self) -> dict[str, str]:
        """Return the filters as they stand in an address; what is searched for never does."""
        told = {"ward": self.ward, "rule": self.rule, "state": self.state, "hand": self.hand}
        return {name: value for name, value in told.items() if value}

    @property
    def is_filtered(self) -> bool:
        """Return whether some rows may be left out."""
        return any((self.ward, self.rule, self.state, self.hand, self.search))

    def of_rows(self, rows: Iterable[ClockRow], people: People, now: datetime) -> list[ClockRow]:
        """Return those of *rows* that were asked for and may be shown, in their order."""
        rows = self.permitted(rows)
        # Most pages are of a ward or of all: what they leave out is looked at once.
        there = [
            row for row in rows if not self.ward or in_order(row.place.ward or "") == self.ward
        ]
        if not (self.rule or self.state or self.hand or self.search):
            return there
        return [row for row in there if self._wants(row, people, now)]

    def permitted(self, rows: Iterable[ClockRow]) -> Iterable[ClockRow]:
        """Return those of *rows* whose patients may be shown to who asks."""
        limit = self.limit
        return rows if limit is None else [row for row in rows if limit.permits(row.place)]

    def _wants(self, row: ClockRow, people: People, now: datetime) -> bool:
        if self.rule and row.rule != self.rule:
            return False
        if self.state and row.state(now) != self.state:
            return False
        if self.hand and not self._wants_in(row.seen_by(now)):
            return False
        return not self.search or self._matches(row, people)

    def _wants_in(self, seen: Seen | None) -> bool:
        """Return whether rows in this hand were asked for; None: in nobody's."""
        if self.hand == "none":
            return seen is None
        if seen is None:
            return False
        # Of an answer that was not given at a board by token, or long ago, only the name is known.
        return seen.by_id == self.identity if seen.by_id else seen.by == self.user

    def _matches(self, row: ClockRow, people: People) -> bool:
        words = [row.patient, row.place.ward or "", row.place.bed or "", row.need, row.rule]
        words += [row.presentation, row.chain.missing]
        person = people.find(row.patient) if self.named else None
        if person is not None:
            words += [person.name, person.number]
        return self.search.casefold() in " ".join(words).casefold()


def choices(rows: Sequence[ClockRow]) -> tuple[list[str], list[str]]:
    """Return the wards and the rules that there are to choose from."""
    wards = {in_order(row.place.ward) for row in rows if row.place.ward}
    return sorted(wards), sorted({row.rule for row in rows})
