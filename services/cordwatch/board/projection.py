"""
The board without I/O: records of the topics in, rows of clocks out.

A pure function of what the topics hold, so that every board of a hospital shows
the same, however their records came mixed. The clocks are derived with the
pathway from the same facts as in watch: the board cannot disagree with the
alerts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from cordwatch.board.clock_row import ClockRow, rows_of
from cordwatch.board.feeds_heard import FeedsHeard
from cordwatch.board.namesakes import Namesakes
from cordwatch.board.open_rows import OpenRows
from cordwatch.board.paged import Paged
from cordwatch.board.patient_numbers import Numbers
from cordwatch.board.people import People
from cordwatch.board.records import Records, Unreadable
from cordwatch.board.state_rows import fact_key
from cordwatch.board.unseen import Unseen
from cordwatch.pathway.facts import Fact, merge_tellings
from cordwatch.pathway.identity import Persons, persons
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.acknowledgements import Acknowledged, Answer
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.records import Identity
from cordwatch_schemas.synthetic import is_synthetic
from cordwatch_schemas.topics import (
    ACKS,
    ALERTS,
    FACTS,
    HISTORIES,
    IDENTITIES,
    OPERATIONS,
    PAGES,
    Topic,
)

READ: tuple[Topic, ...] = (
    FACTS,
    ALERTS,
    ACKS,
    PAGES,
    IDENTITIES,
    OPERATIONS,
    HISTORIES,
)
"""What the board reads, and all that it reads."""

Seen = tuple[Picture, list[Alert], list[Answer]]
"""What is known of a patient, what was told, and what was answered."""

Known = tuple[Picture, list[Records]]
"""What the facts say of a patient, and the records of all references that are tied together."""

Over = tuple[tuple[str, datetime], ...]
"""The clocks of a patient of whom none runs any more, and when each ended; empty: one may."""


def over_in(picture: Picture) -> Over:
    """Return the clocks of *picture* if all of them had ended when anything was last heard; else nothing."""
    heard_at = max((fact.received_at for fact in picture.history.facts), default=None)
    ends = [(clock.id, clock.end.at) for clock in picture.clocks if clock.end is not None]
    if heard_at is None or len(ends) < len(picture.clocks):
        return ()
    return tuple(ends) if all(at <= heard_at for _, at in ends) else ()


def _with_words(reference: str, picture: Picture, together: Sequence[Records]) -> Seen:
    """Return *picture* with what was told and answered: of most patients nobody asks for it."""
    alerts = {told.alert_id: told for one in together for told in one.told()}
    answers = {told.event_id: told for one in together for told in one.answered()}
    owner_of = picture.persons.owner_of_alert
    mine = [one for one in alerts.values() if owner_of(one) == reference]
    return picture, mine, list(answers.values())


class Projection:
    """Every clock of the hospital, as the topics tell it."""

    def __init__(self, packs: Packs, zone: ZoneInfo) -> None:
        """Begin with nothing read, under the rules of *packs*; days are those of *zone*."""
        self.packs, self.zone = packs, zone
        self.people = People()
        self.numbers = Numbers()
        self.feeds = FeedsHeard()
        self.paged = Paged()
        self.unseen = Unseen()
        self.unread = 0
        """Records that could not be read."""
        self.version = 0
        """Grows with every change of a row."""
        self.last_fact_at: datetime | None = None
        """When the last fact was received that the board knows of."""
        self.unreadable: set[str] = set()
        """Patients of whom something cannot be read: their rows are those from before."""
        self._records: dict[str, Records] = defaultdict(Records)
        self._touched: set[str] = set()
        self._rows: dict[str, dict[str, ClockRow]] = {}
        """By patient, by clock; of patients with a clock that is not over."""
        self._over: dict[str, Over] = {}
        """Patients whose every clock is over: most of those of a month. Their rows are made when somebody asks."""
        self._made: dict[str, dict[str, ClockRow]] = {}
        """Of these, the rows that were asked for: what ended today is asked for by every open page."""
        self._patient_of: dict[str, str] = {}
        self._open = OpenRows()
        self._namesakes = Namesakes()

    # --- records in

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take in one record of *topic*; what cannot be read is counted, and changes nothing."""
        try:
            self._take(topic, key or b"", value)
        except (Unreadable, ValidationError):
            self.unread += 1

    def _take(self, topic: str, key: bytes, value: bytes | None) -> None:
        reference = key.decode("ascii", "replace")
        if topic == FACTS.name:
            self._take_row(key, value)
        elif topic == IDENTITIES.name:
            identity = None if value is None else Identity.model_validate_json(value)
            self.numbers.take(reference, None if identity is None else identity.number)
            self.people.take(reference, identity)
            if reference in self._rows or reference in self._over:
                # No row holds a name, but it is shown beside one.
                self.version += 1
                self._namesakes.rename(reference, self.people.surname(reference))
        elif topic == PAGES.name:
            patient = self.paged.take(reference, value)
            if patient is not None:
                self._touched.add(patient)
        elif value is not None:
            self._take_word(topic, reference, value)

    def _take_word(self, topic: str, reference: str, value: bytes) -> None:
        """Take in what is told once: an alert, an answer, how the feeds are."""
        if topic == OPERATIONS.name:
            self.feeds.take_alert(value)
        elif topic == HISTORIES.name:
            self.feeds.take_state(value)
        elif is_synthetic(reference):
            self.unseen.heard(reference)
        elif topic == ALERTS.name:
            self._records[reference].take_alert(value)
            self._touched.add(reference)
        elif topic == ACKS.name:
            self._records[reference].take_answer(value)
            self._touched.add(reference)

    def _take_row(self, key: bytes, value: bytes | None) -> None:
        found = fact_key(key)
        if found is None:
            return
        patient, fact_id = found
        if value is None:
            self._records[patient].rows.pop(fact_id, None)
        else:
            self._records[patient].put_row(fact_id, value)
        self._touched.add(patient)

    # --- rows out

    def refresh(self) -> bool:
        """Work out the rows of everybody whom records concerned; return whether a row changed."""
        if not self._touched:
            return False
        todo = self._with_their_others(self._touched)
        self._touched = set()
        before = self.version
        for reference in sorted(todo):
            self._derive(reference)
        return self.version != before

    @property
    def shared(self) -> set[str]:
        """Return the patients who lie on one ward with another of the same surname."""
        return self._namesakes.shared

    def _with_their_others(self, references: Iterable[str]) -> set[str]:
        """Return *references* and everybody whom a merge or move ever tied to one of them."""
        found: set[str] = set()
        for reference in references:
            found |= self._tied(reference)
        return found

    def _tied(self, reference: str) -> set[str]:
        found, coming = {reference}, [reference]
        while coming:
            records = self._records.get(coming.pop())
            if records is None or not records.may_be_tied:
                continue
            try:
                pairs = persons(records.facts()).named
            except Unreadable:
                continue
            new = {one for pair in pairs for one in pair} - found
            found |= new
            coming += new
        return found

    def _derive(self, reference: str) -> None:
        rows: dict[str, ClockRow] = {}
        over: Over = ()
        try:
            known = self._known(reference)
            if known is not None:
                picture = known[0]
                over = over_in(picture)
                rows = {} if over else self._rows_from(reference, _with_words(reference, *known))
                if not is_synthetic(reference):
                    self._note_receipt(picture.history.facts)
                    place = picture.place if over or rows else None
                    self._namesakes.put(reference, place, self.people.surname(reference))
        except Unreadable:
            self.unreadable.add(reference)
            rows, over = self._rows.get(reference, {}), self._over.get(reference, ())
        else:
            self.unreadable.discard(reference)
            if known is None:
                self._namesakes.put(reference, None, "")
        self._replace(reference, rows, over)
        records = self._records.get(reference)
        if records is not None and records.is_empty:
            del self._records[reference]

    def _rows_from(self, reference: str, seen: Seen) -> dict[str, ClockRow]:
        picture, alerts, answers = seen
        marks = [one for one in answers if isinstance(one, Acknowledged)]
        return {one.id: one for one in rows_of(picture, reference, alerts, marks, self.paged.of)}

    def _note_receipt(self, facts: Iterable[Fact]) -> None:
        times = [fact.received_at for fact in facts]
        if self.last_fact_at is not None:
            times.append(self.last_fact_at)
        self.last_fact_at = max(times, default=None)

    def _replace(self, reference: str, rows: dict[str, ClockRow], over: Over) -> None:
        if is_synthetic(reference):
            self.unseen.put(reference, rows.values())
            return
        known, known_over = self._rows.pop(reference, {}), self._over.pop(reference, ())
        self._made.pop(reference, None)
        if rows:
            self._rows[reference] = rows
        elif over:
            self._over[reference] = over
        if rows == known and not over and not known_over:
            return
        self.version += 1
        clocks = {*rows, *(clock for clock, _ in over)}
        for gone in {*known, *(clock for clock, _ in known_over)} - rows.keys():
            # After a merge it may be the survivor's already.
            if self._patient_of.get(gone) == reference:
                del self._patient_of[gone]
                self._open.drop(gone)
        self._patient_of |= dict.fromkeys(clocks, reference)
        for clock, _ in over:
            self._open.drop(clock)
        for row in rows.values():
            if row != known.get(row.id):
                self._open.put(row)

    def picture(self, reference: str) -> Seen | None:
        """
        Return what is known of the patient who lives under *reference*; None where there is no clock to be.

        Raises:
            Unreadable: a record of the patient is none of ours.
        """
        known = self._known(reference)
        return None if known is None else _with_words(reference, *known)

    def _known(self, reference: str) -> Known | None:
        records = self._records.get(reference)
        if records is None or not records.may_have_clocks:
            return None
        tied = sorted(self._tied(reference)) if records.may_be_tied else [reference]
        together = [one for name in tied if (one := self._records.get(name))]
        facts: dict[str, Fact] = {}
        for fact in (fact for one in together for fact in one.facts()):
            known = facts.get(fact.id)
            facts[fact.id] = fact if known is None else merge_tellings(known, fact)
        who: Persons = persons(facts.values())
        if who.root(reference) != reference:
            return None
        mine = [fact for fact in facts.values() if who.owner(fact) == reference]
        return Picture(mine, who, self.packs), together

    def with_numbers(self, numbers: Iterable[str]) -> set[str]:
        """Return under which references those live now who have *numbers*: after a merge it is the survivor's."""
        found = (self.numbers.find(one) for one in numbers)
        return {self._lives_as(one) for one in found if one is not None}

    def _lives_as(self, reference: str) -> str:
        tied = self._tied(reference)
        if len(tied) == 1:
            return reference
        together = (one for name in sorted(tied) if (one := self._records.get(name)))
        try:
            return persons(fact for one in together for fact in one.facts()).root(reference)
        except Unreadable:
            return reference

    def has_answer(self, reference: str, event_id: str) -> bool:
        """Return whether an answer was read under *reference*."""
        records = self._records.get(reference)
        return records is not None and event_id in records.answers

    def words(self, reference: str) -> int:
        """Return what changes with any alert or answer of a patient; on every board the same."""
        together = (self._records.get(tied) for tied in self._tied(reference))
        return sum(one.words for one in together if one is not None)

    def row(self, clock_id: str) -> ClockRow | None:
        """Return the row of a clock, open or ended."""
        patient = self._patient_of.get(clock_id)
        return None if patient is None else self._rows_now(patient).get(clock_id)

    def rows_of_patient(self, reference: str) -> list[ClockRow]:
        """Return the rows of a patient, the earliest due first."""
        return list(self._rows_now(reference).values())

    def _rows_now(self, reference: str) -> dict[str, ClockRow]:
        rows = self._rows.get(reference)
        if rows is not None or reference not in self._over:
            return rows or {}
        if reference not in self._made:
            try:
                seen = self.picture(reference)
            except Unreadable:
                return {}
            self._made[reference] = {} if seen is None else self._rows_from(reference, seen)
        return self._made[reference]

    def open_rows(self, now: datetime) -> list[ClockRow]:
        """Return the clocks that run at *now*, the most pressing first."""
        return self._open.at(now)

    def closed_today(self, now: datetime) -> list[ClockRow]:
        """Return the clocks that ended on the day of *now*, the last first."""
        today = now.astimezone(self.zone).date()
        began_at = datetime.combine(today, time.min, self.zone).astimezone(UTC)
        over = [
            reference
            for reference, clocks in self._over.items()
            if any(began_at <= ended_at <= now for _, ended_at in clocks)
        ]
        found = [
            row
            for rows in (*self._rows.values(), *map(self._rows_now, over))
            for row in rows.values()
            if row.ended_at is not None and began_at <= row.ended_at <= now
        ]
        return sorted(found, key=lambda row: (row.ended_at, row.id), reverse=True)

    def next_change(self, now: datetime) -> datetime | None:
        """Return when a row looks different by time alone."""
        return self._open.next_change(now)

    def moment(self, now: datetime) -> int:
        """Return what grows whenever rows may look different by time alone."""
        self._open.advance(now)
        return self._open.moment

    def mark(self, clock_id: str, now: datetime) -> object | None:
        """Return what is another object as soon as a row may look different; None: the clock does not run at *now*."""
        return self._open.mark(clock_id, now)

    def wake_at(self) -> datetime | None:
        """Return when to ask for the `moment` again: never too late, sometimes for nothing."""
        return self._open.wake_at()

    def forget(self, now: datetime) -> None:
        """Let go of alerts and answers that are older than their topics keep them."""
        self._made.clear()
        before = now - timedelta(seconds=ALERTS.retention_s)
        for reference, records in self._records.items():
            if records.alerts or records.answers:
                records.forget(before)
                self._touched.add(reference)
