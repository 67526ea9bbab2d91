"""What a replay would change, kept in a temporary file until all of it is known and can be judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cordwatch.app.rereading.marks import Mark, given_back, taken_back
from cordwatch.app.rereading.said import Said, Saying
from cordwatch.pathway.facts import Fact, decode_fact, encode_fact
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import read_event

Change = Literal["new", "changed", "woken", "gone"]
"""`woken`: said by a replay that paged nobody, and now to be taken as it is. `gone`: not said any more."""

_AT_ONCE = 1_000
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE change (
    number INTEGER PRIMARY KEY, change TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL,
    patient TEXT NOT NULL, fact TEXT NOT NULL, body TEXT
);
CREATE TABLE taken (fact TEXT PRIMARY KEY, told BLOB NOT NULL, message TEXT NOT NULL);
CREATE TABLE mark (body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """An event that is to be published, and why."""

    number: int
    change: Change
    event: Event


@dataclass(frozen=True, slots=True)
class Count:
    """How many events of one kind about one patient change in one way."""

    source: str
    kind: str
    patient: str
    change: Change
    events: int


class Plan:
    """
    The changes in the order in which they were found.

    The file has no name and is gone when the process ends; it holds references
    only.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def tell(self, change: Change, event: Event, fact: str) -> None:
        """Note that *event*, which tells *fact*, is to be published."""
        kind: str = event.kind  # type: ignore[attr-defined]
        row = (change, event.source, kind, event.patient, fact, event.model_dump_json())
        self._insert(row)

    def leave_out(self, saying: Saying) -> None:
        """Note that a message does not say this any more."""
        fact = saying.fact
        self._insert(("gone", saying.source, fact.kind, fact.sent_as, fact.id, None))

    def take_back(self, saying: Saying) -> None:
        """Note that a reading was wrong; whether something else still tells it is seen at the end."""
        row = (saying.fact.id, encode_fact(saying.fact), saying.message)
        self._db.execute("INSERT OR IGNORE INTO taken VALUES (?, ?, ?)", row)

    def give_back(self, fact: Fact, mark: Mark, message: str, now: datetime) -> None:
        """Note that a reading that was taken back is right after all."""
        self._db.execute(
            "INSERT INTO mark VALUES (?)", (given_back(fact, mark, message, now).model_dump_json(),)
        )

    def settle(self, said: Said, now: datetime) -> None:
        """Turn what is to be taken back into events, except where another message tells it too."""
        rows = self._db.execute("SELECT fact, told, message FROM taken").fetchall()
        for fact, told, message in rows:
            if said.is_told(fact):
                self._db.execute("DELETE FROM change WHERE change = 'gone' AND fact = ?", (fact,))
                self._db.execute("DELETE FROM taken WHERE fact = ?", (fact,))
            else:
                mark = taken_back(decode_fact(fact, told), message, now)
                self._db.execute("INSERT INTO mark VALUES (?)", (mark.model_dump_json(),))

    def planned(self) -> Iterator[Planned]:
        """Return the events to be published, in order."""
        number = 0
        while rows := self._db.execute(
            "SELECT number, change, body FROM change WHERE body IS NOT NULL AND number > ?"
            " ORDER BY number LIMIT ?",
            (number, _AT_ONCE),
        ).fetchall():
            for number, change, body in rows:
                yield Planned(number, change, read_event(body))

    def marks(self) -> Iterator[Event]:
        """Return what takes readings back, or gives them back: published after all events."""
        for (body,) in self._db.execute("SELECT body FROM mark ORDER BY rowid").fetchall():
            yield read_event(body)

    def taken(self) -> frozenset[str]:
        """Return the facts that are taken back."""
        return frozenset(fact for (fact,) in self._db.execute("SELECT fact FROM taken"))

    def silence(self, planned: Planned) -> None:
        """Let an event be told without anybody being paged; one that already is needs no telling."""
        if planned.change == "woken":
            self._db.execute("DELETE FROM change WHERE number = ?", (planned.number,))
            return
        event = planned.event.model_copy(update={"replayed": True})
        self._db.execute(
            "UPDATE change SET body = ? WHERE number = ?",
            (event.model_dump_json(), planned.number),
        )

    def patients(self) -> frozenset[str]:
        """Return every reference about which something changes."""
        rows = self._db.execute(
            "SELECT patient FROM change UNION SELECT json_extract(body, '$.patient') FROM mark"
        )
        return frozenset(patient for (patient,) in rows)

    def counts(self) -> Iterator[Count]:
        """Return what changes, by source, kind and patient."""
        rows = self._db.execute(
            "SELECT source, kind, patient, change, count(*) FROM change"
            " GROUP BY source, kind, patient, change ORDER BY source, kind, patient, change"
        )
        for row in rows:
            yield Count(*row)

    def __len__(self) -> int:
        """Return how many records publishing it takes."""
        found = self._db.execute(
            "SELECT (SELECT count(*) FROM change WHERE body IS NOT NULL)"
            " + (SELECT count(*) FROM mark)"
        )
        return int(found.fetchone()[0])

    def _insert(self, row: tuple[str | None, ...]) -> None:
        self._db.execute(
            "INSERT INTO change (change, source, kind, patient, fact, body) VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
