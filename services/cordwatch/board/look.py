"""Pages and rows of the board, out of its templates; every value is escaped by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b, sha256
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cordwatch.board.answering import reason_words
from cordwatch.board.clock_row import ClockRow, Seen
from cordwatch.board.feeds_heard import Feed
from cordwatch.board.limits import WardLimit
from cordwatch.board.people import People, Person
from cordwatch.board.view import View
from cordwatch.board.wording import STATE_WORDS, ago, at_time, full_time, in_order, left

STATIC: Final = {
    "board.css": "text/css",
    "live.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

ROWS_BYTES_MAX: Final = 48 * 1024
"""Of the rows in a page: with script, style and everything else it stays below 100 KiB."""


@dataclass(frozen=True, slots=True)
class Look:
    """The instant of looking, and how times are written then."""

    now: datetime
    zone: ZoneInfo

    def t(self, instant: datetime) -> str:
        """Return an instant by the hospital's clock."""
        return at_time(instant, self.now, self.zone)

    def full(self, instant: datetime) -> str:
        """Return an instant with its day, to the second."""
        return full_time(instant, self.zone)

    def left(self, due_at: datetime) -> str:
        """Return the time left, or how late it is."""
        return left(due_at, self.now)

    def ago(self, then: datetime) -> str:
        """Return how long ago *then* was."""
        return ago(then, self.now)

    def iso(self, instant: datetime) -> str:
        """Return an instant as scripts read it."""
        return instant.isoformat(timespec="seconds").replace("+00:00", "Z")

    def iso_exact(self) -> str:
        """Return the instant of looking, to the millisecond."""
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def clock(self) -> str:
        """Return what the hospital's clock shows."""
        return f"{self.now.astimezone(self.zone):%H:%M:%S}"


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as somebody sees it at an instant."""

    row: ClockRow
    state: str
    word: str
    seen: Seen | None
    why: str
    person: Person | None
    """None where names are not for who looks."""
    shared: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What stands above the rows."""

    open: int
    shown: int
    overdue: int
    unseen: int
    feeds: Sequence[Feed]
    troubles: Sequence[str]
    last_fact_at: datetime | None
    limit: WardLimit | None = None
    """To the wards of who looks; None: all."""
    elsewhere: int = 0
    """Open clocks that are not counted above, since who looks may not see their patients."""


def shown_row(row: ClockRow, now: datetime, view: View, people: People, shared: bool) -> ShownRow:
    """Return *row* as it is seen in *view* at *now*."""
    seen, state = row.seen_by(now), row.state(now)
    nobody = Person("", "", "")
    is_over = row.ended_at is not None and row.ended_at <= now
    return ShownRow(
        row=row,
        state="ended" if is_over else state,
        word="Ended" if is_over else STATE_WORDS[state],
        seen=seen,
        why=reason_words("acknowledge", seen.reason) if seen else "",
        person=(people.find(row.patient) or nobody) if view.named else None,
        shared=shared,
    )


def _in_its_order(value: object) -> object:
    """Return what is written, without signs that would turn it round."""
    return in_order(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cordwatch.board", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_in_its_order,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


def page(name: str, **content: Any) -> str:
    """Return a whole page."""
    return _template(f"{name}.html.j2").render(**content)


def row_html(one: ShownRow, look: Look, *, wall: bool) -> Markup:
    """Return one row, as it stands in the page and as it is sent to a live one."""
    macros = _template("_row.html.j2").module
    made: Markup = (macros.wall_row if wall else macros.board_row)(one, look)  # type: ignore[attr-defined]
    return made


def rows_html(shown: Iterable[ShownRow], look: Look, *, wall: bool = False) -> list[Markup]:
    """Return the first of *shown*, as many as a page may hold: its stream brings the others."""
    rows: list[Markup] = []
    left = ROWS_BYTES_MAX
    for one in shown:
        made = row_html(one, look, wall=wall)
        left -= len(made.encode())
        if rows and left < 0:
            break
        rows.append(made)
    return rows


def closed_html(closed: Sequence[ShownRow], look: Look) -> str:
    """Return what ended today, the last first."""
    return _template("_closed.html.j2").render(closed=closed, look=look)


def status_html(status: Status, look: Look) -> str:
    """Return what stands above the rows."""
    return _template("_status.html.j2").render(status=status, look=look)


def mark_of(one: ShownRow, words: int) -> str:
    """
    Return what changes when anything on the page of this clock may have: facts, alerts, answers, pages, its state.

    *words* stands for all that was told and answered of the patient: not all of it is about a clock.
    """
    content = repr((one.row.version, one.row.pages, one.state, words))
    return blake2b(content.encode(), digest_size=8).hexdigest()


@cache
def static_file(name: str) -> bytes:
    """Return a file that never changes while the board runs."""
    return (resources.files("cordwatch.board") / "web" / "static" / name).read_bytes()


@cache
def build() -> str:
    """Return what changes with the static files: browsers must not mix two versions."""
    return sha256(b"".join(static_file(name) for name in sorted(STATIC))).hexdigest()[:12]


def signature(look: Look, shown: Sequence[ShownRow]) -> Mapping[str, tuple[object, ...]]:
    """Return by row, in their order, what it looks like by, but for the passing seconds."""
    day = look.now.astimezone(look.zone).date()
    return {
        one.row.id: (
            one.row.version,
            one.row.pages,
            one.state,
            day,
            bool(one.seen),
            one.person,
            one.shared,
        )
        for one in shown
    }
