"""A row of the board: one clock of one patient, as the facts give it, and what was told and answered about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal

from cordwatch.board.chain import NEEDS, Chain, Link, chain_of
from cordwatch.board.paged import Page
from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.facts import digest
from cordwatch.pathway.levels import fixed_steps
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.where import PLACES
from cordwatch_schemas.acknowledgements import Acknowledged
from cordwatch_schemas.alerts import Alert, Level

State = Literal["running", "prompt", "reminder", "warning", "urgent", "due", "overdue"]
"""How far a clock has run; `running` until its first level."""

PRESENTATIONS = {
    "back-pain": "Back pain",
    "radicular-pain": "Radicular pain, one side",
    "deficit-slow": "Deficit, over more than 7 days",
    "deficit-rapid": "Deficit, within 7 days",
    "mescc-suspected": "Cord compression suspected",
    "mescc-confirmed": "Cord compression confirmed",
    "deficit-or-confirmed": "Progressive deficit",
    "dexamethasone-begun": "Dexamethasone begun",
}
"""What started a clock, as the ward says it."""


LATE_AFTER = timedelta(seconds=1)
"""Done exactly at due is in time; a second later it is late, whenever the first repeat is raised."""


NO_LONGER_KNOWN = timedelta(days=30)
"""What was told before is perhaps no longer on its topic: half of what that keeps."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the patient lies, as far as anybody told."""

    facility: str | None = None
    ward: str | None = None
    bed: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody acknowledged: who, when, why."""

    by: str
    at: datetime
    reason: str | None
    by_id: str | None = None
    """Who it was for good, where that is known: the name is for people."""


@dataclass(frozen=True, slots=True)
class Word:
    """An alert, as told: level or notice, and how it stands."""

    alert_id: str
    rule: str
    level: Level | None
    repeat: int
    severity: str
    paged: bool
    status: str
    raised_at: datetime
    late_by_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClockRow:
    """
    What the board shows of one clock. Nothing in it depends on the time of looking.

    `version` changes with any of it: an answer is taken only from who has seen
    the row as it stands.
    """

    id: str
    patient: str
    encounter: str | None
    """That of its cause: an answer goes where the encounter goes."""
    episode: str
    rule: str
    need: str
    presentation: str
    chain: Chain
    steps: tuple[tuple[datetime, Level], ...]
    start_at: datetime
    due_at: datetime
    overdue_at: datetime
    ended_at: datetime | None
    how: str
    """How it ended, in words; empty while nothing ends it."""
    status: str
    place: Place
    silent: bool
    flags: tuple[str, ...]
    clause: str
    basis: str
    pack: str
    told: tuple[Word, ...]
    beside: tuple[Word, ...]
    """Notices and advisories about this clock that stand open."""
    seen: tuple[Seen, ...]
    pages: tuple[Page, ...]
    """Whom the pager told. No part of `version`: to be told of somebody else stops nobody's answer."""
    heard_at: datetime
    """When anything was last heard of the patient."""
    version: str = ""

    def is_open(self, at: datetime) -> bool:
        """Return whether the clock runs at *at*."""
        return self.start_at <= at and (self.ended_at is None or self.ended_at > at)

    def state(self, at: datetime) -> State:
        """Return how far the clock has run at *at*."""
        if at >= self.overdue_at:
            return "overdue"
        reached: State = "running"
        for step_at, level in self.steps:
            if step_at <= at:
                reached = level
        return reached

    def seen_by(self, at: datetime) -> Seen | None:
        """
        Return who has the clock in hand at *at*: the last to acknowledge since it reached its present level.

        A further level asks again: who saw a reminder has not seen that it is due.
        """
        if not self.seen:
            return None
        present = self.state(at)
        known = [one for one in self.seen if one.at <= at and self.state(one.at) == present]
        return known[-1] if known else None

    def is_untold(self, at: datetime, patience: timedelta) -> bool:
        """
        Return whether a level was reached of which nobody has been told, for longer than *patience*.

        Then watch is behind, or not there: the row is right, but it may have paged nobody.
        """
        reached = [(step, level) for step, level in self.steps if step <= at]
        if not reached or not self.is_open(at):
            return False
        since = max(reached[-1][0], self.heard_at)
        told = {word.level for word in self.told}
        is_of_now = patience < at - since < NO_LONGER_KNOWN
        return is_of_now and not told & {reached[-1][1], "overdue"}

    def changes_after(self, at: datetime) -> list[datetime]:
        """Return the instants after *at* at which it looks different by time alone."""
        times = [self.start_at, self.overdue_at, *(step for step, _ in self.steps)]
        times += [self.due_at - span for span in SOON]
        # Whoever answered may have a clock that is ahead of ours.
        times += [one.at for one in self.seen]
        if self.ended_at is not None:
            times.append(self.ended_at)
        return [one for one in times if one > at]

    def link(self, word: str) -> Link | None:
        """Return the step called *word*."""
        return next((one for one in self.chain.links if one.word == word), None)


SOON = tuple(timedelta(hours=hours) for hours in (0, 1, 4, 12, 24))
"""Overdue, within the hour, and so on: of what is about as soon, what nobody has in hand comes first."""


def order_of(row: ClockRow, at: datetime) -> tuple[object, ...]:
    """Return by what rows are sorted: how soon they are due, then in nobody's hand, then least time left."""
    soon = sum(row.due_at - at > span for span in SOON)
    return (soon, row.seen_by(at) is not None, row.due_at, row.id)


def rows_of(
    picture: Picture,
    patient: str,
    alerts: Sequence[Alert],
    seen: Iterable[Acknowledged],
    pages_of: Callable[[str], tuple[Page, ...]] = lambda _: (),
) -> list[ClockRow]:
    """Return a row for each clock of *picture*, open or ended, the earliest due first."""
    answers = sorted(seen, key=lambda one: (one.occurred_at, one.event_id))
    place = place_of(picture)
    rows = [
        stamped(_row(clock, picture, patient, place, alerts, answers), pages_of(clock.id))
        for clock in picture.clocks
    ]
    return sorted(rows, key=lambda one: (one.due_at, one.id))


def place_of(picture: Picture) -> Place:
    """Return where the patient lies: the last bed is of no use once the ward is another."""
    known = picture.place
    moves = [
        fact
        for fact in picture.history.standing(*PLACES)
        if fact.values.get("ward") == known.ward and fact.values.get("bed")
    ]
    last = max(moves, key=lambda fact: (fact.at, fact.known_at, fact.id), default=None)
    return Place(known.facility, known.ward, last.values["bed"] if last else None)


def _row(
    clock: Clock,
    picture: Picture,
    patient: str,
    place: Place,
    alerts: Sequence[Alert],
    answers: Sequence[Acknowledged],
) -> ClockRow:
    mine = [one for one in alerts if one.clock == clock.id]
    told = [one for one in mine if one.kind == "clock"]
    beside = [one for one in mine if one.kind != "clock" and one.status == "open"]
    ids = {one.alert_id for one in mine} | _ids_told(clock, told)
    return ClockRow(
        id=clock.id,
        patient=patient,
        encounter=clock.cause.encounter,
        episode=clock.episode,
        rule=clock.rule.id,
        need=NEEDS[clock.rule.satisfied_by],
        presentation=_presentation(clock),
        chain=chain_of(clock, picture.endings),
        steps=tuple((step.at, step.level) for step in fixed_steps(clock)),
        start_at=clock.start_at,
        due_at=clock.due_at,
        overdue_at=clock.due_at + LATE_AFTER,
        ended_at=clock.end.at if clock.end else None,
        how=clock.end.reason if clock.end else "",
        status=clock.end.status if clock.end else "open",
        place=place,
        silent=clock.is_silent,
        flags=clock.flags,
        clause=clock.rule.clause,
        basis=clock.rule.basis,
        pack=clock.pack.label,
        told=_words(told),
        beside=_words(beside),
        pages=(),
        heard_at=max(fact.received_at for fact in picture.history.facts),
        seen=tuple(
            Seen(one.by, one.occurred_at, one.reason, one.by_id)
            for one in answers
            if one.alert_id in ids
        ),
    )


def _presentation(clock: Clock) -> str:
    trigger = clock.rule.starts_at
    if trigger == "deficit-or-confirmed" and clock.cause.kind != "assessed":
        trigger = "mescc-confirmed"
    return PRESENTATIONS[trigger]


def stamped(row: ClockRow, pages: tuple[Page, ...]) -> ClockRow:
    """Return *row*, which has neither yet, with the version that belongs to what it shows, and with *pages*."""
    version = blake2b(repr(row).encode(), digest_size=8).hexdigest()
    return replace(row, version=version, pages=pages)


def alert_id(clock_id: str, level: str, repeat: int) -> str:
    """Return the id that an alert of a clock has: from clock and level alone."""
    return digest("alert", clock_id, level, str(repeat))


def _ids_told(clock: Clock, told: Sequence[Alert]) -> set[str]:
    """Return the ids of every repeat up to the last one told: of these only the last is kept."""
    last = max((one.repeat for one in told), default=0)
    return {alert_id(clock.id, "overdue", repeat) for repeat in range(1, last + 1)}


def _words(alerts: Iterable[Alert]) -> tuple[Word, ...]:
    ordered = sorted(alerts, key=lambda one: (one.raised_at, one.repeat, one.alert_id))
    return tuple(
        Word(
            one.alert_id,
            one.rule,
            one.level,
            one.repeat,
            one.severity,
            one.paged,
            one.status,
            one.raised_at,
            one.late_by_s,
            one.reason,
        )
        for one in ordered
    )
