"""
The words of a page, for somebody who was asleep: what is missing, how late it is, where, and what to do.

One text for all transports; each takes of it what it has room for, from the
top. Of what came from outside only this passes: the words of the core
(`Matter.reason`, the pack's clause), ward and facility and the first characters
of the patient reference where the plan allows it, the name in `Page.note`, and
for operational matters the hospital's own names of its feeds. Flags and what is
missing are looked up; what is not known there stays out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from cordwatch.pager.next_steps import DOUBTS, ENDS, MISSING, OTHER_DOUBT, guidance
from cordwatch.pager.safe_words import cut, foreign, one_line
from cordwatch.pager.transports.transport import Page
from cordwatch_schemas.pages import Matter

TITLE_MAX = 200
WORDS_MAX = 500
PLACE_MAX = 40
NOTE_MAX = 160
REFERENCE_SHOWN = 10

NOT_AN_AUTHORITY = "Decision support, not a clinical authority."


@dataclass(frozen=True, slots=True)
class Wording:
    """What a hospital's plan says about texts."""

    zone: str = "UTC"
    board_url: str | None = None
    show_ward: bool = True
    show_reference: bool = True
    """Whether a text, never a title, has the first characters of the patient reference."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is said, and what it is about."""

    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Text:
    """A page in words."""

    title: str
    lines: tuple[Line, ...]
    """The most needed first: where room is short, the last ones go."""
    link: str | None

    def plain(self, limit: int) -> str:
        """Return it as plain lines in at most *limit* code points: whole lines, the link kept longest."""
        end = f"\n{self.link}" if self.link else ""
        kept = cut(self.title, limit)
        room = limit - len(end)
        if len(kept) + len(end) > limit:
            return kept
        for line in self.lines:
            more = f"\n{line.label}: {line.words}"
            if len(kept) + len(more) > room:
                break
            kept += more
        return kept + end


def text_of(page: Page, wording: Wording) -> Text:
    """Return what *page* says."""
    return Text(_title(page, wording), tuple(_lines(page, wording)), link_to(page.matter, wording))


def link_to(matter: Matter, wording: Wording) -> str | None:
    """Return where the board shows it: by the clock's id, since an address is read by many; else the board itself."""
    if wording.board_url is None:
        return None
    where = f"clock/{quote(matter.clock, safe='')}" if matter.clock else ""
    return f"{wording.board_url.rstrip('/')}/{where}"


def _title(page: Page, wording: Wording) -> str:
    matter = page.matter
    match page.action:
        case "tell":
            again = "AGAIN: " if page.round > 1 else ""
            said = f"{again}{_urgency(matter, page.at)}: {_reason(matter)}"
        case "acknowledge":
            answer = foreign(page.note, NOTE_MAX) or "seen"
            said = f"{answer[0].upper()}{answer[1:]}: {guidance(matter.rule).name}"
        case "close":
            said = f"{ENDS[matter.status]}: {guidance(matter.rule).name}"
    place = _place(matter, wording)
    where = f" ({place})" if place else ""
    return cut(said, TITLE_MAX - len(where)) + where


def _lines(page: Page, wording: Wording) -> Iterator[Line]:
    matter, rule = page.matter, guidance(page.matter.rule)
    if page.action == "tell":
        yield Line("What", rule.name)
        if missing := _missing(matter):
            yield Line("Missing", missing)
        if matter.due_at is not None:
            yield Line("Time", _time(matter.due_at, page.at, wording))
        yield Line("Do", rule.do)
    else:
        if matter.status != "open":
            yield Line("How", _reason(matter))
        if note := foreign(page.note, NOTE_MAX):
            yield Line("Why" if page.action == "close" else "Answer", note)
    if place := _place(matter, wording):
        yield Line("Where", place)
    if doubt := _doubt(matter):
        yield Line("Doubt", doubt)
    yield Line("For", _told_as(page))
    if wording.show_reference and matter.patient is not None:
        yield Line("Reference", f"{foreign(matter.patient, 80)[:REFERENCE_SHOWN]}...")
    if matter.clause:
        yield Line("Rule", cut(one_line(f"{matter.rule}, {matter.clause}"), WORDS_MAX))
    pack = f" Pack {one_line(matter.pack)}." if matter.pack else ""
    yield Line("Note", NOT_AN_AUTHORITY + cut(pack, WORDS_MAX))


def _urgency(matter: Matter, at: datetime) -> str:
    if matter.kind == "operational":
        return "CORDWATCH ITSELF"
    if matter.kind != "clock" or matter.level is None:
        return matter.kind.upper()
    level = matter.level.upper()
    return f"{level}, {left(matter.due_at, at)}" if matter.due_at is not None else level


def left(due_at: datetime, at: datetime) -> str:
    """Return how long is left until *due_at*, or how late it is, rounded down to minutes."""
    if abs(due_at - at) < timedelta(minutes=1):
        return "due now"
    if due_at > at:
        return f"{span(due_at - at)} left"
    return f"{span(at - due_at)} late"


def span(length: timedelta) -> str:
    """Return a length as the ward says it: days and hours, hours and minutes, or minutes."""
    minutes = int(length / timedelta(minutes=1))
    hours, days = minutes // 60, minutes // (24 * 60)
    if days >= 2:  # noqa: PLR2004 - below two days the ward counts hours
        return f"{days} d {hours - days * 24} h" if hours - days * 24 else f"{days} d"
    if hours:
        return f"{hours} h {minutes - hours * 60} min" if minutes - hours * 60 else f"{hours} h"
    return f"{minutes} min"


def _time(due_at: datetime, at: datetime, wording: Wording) -> str:
    zone = ZoneInfo(wording.zone)
    due, now = due_at.astimezone(zone), at.astimezone(zone)
    day = "" if due.date() == now.date() else f"{due:%Y-%m-%d} "
    return f"due {day}{due:%H:%M} ({wording.zone}), {left(due_at, at)}"


def _reason(matter: Matter) -> str:
    return cut(one_line(matter.reason[: WORDS_MAX * 2]), WORDS_MAX) or guidance(matter.rule).name


def _missing(matter: Matter) -> str:
    if matter.kind == "operational":
        # What the hospital itself calls its gateway, source and message type.
        return ", ".join(foreign(one, PLACE_MAX * 3) for one in matter.missing)
    known = [one.replace("-", " ") for one in matter.missing if one in MISSING]
    return ", ".join(known)


def _place(matter: Matter, wording: Wording) -> str:
    if not wording.show_ward:
        return ""
    ward, facility = (foreign(one or "", PLACE_MAX) for one in (matter.ward, matter.facility))
    said = [f"ward {ward}" if ward else "", facility]
    return ", ".join(one for one in said if one)


def _doubt(matter: Matter) -> str:
    stale = ["a source could not be read up to now, it may be done already"]
    words = [*(stale if matter.data_stale else []), *(DOUBTS.get(f, "") for f in matter.flags)]
    known = list(dict.fromkeys(one or OTHER_DOUBT for one in words))
    return "; ".join(known)


def _told_as(page: Page) -> str:
    role = foreign(page.role.replace("-", " "), PLACE_MAX)
    return f"{role}, round {page.round}" if page.round > 1 else role
