"""What stands on the event topics, in a temporary file: a fortnight of a hospital's events does not fit into memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from cordwatch.app.rereading.marks import Mark, mark_of
from cordwatch.pathway.facts import Fact, decode_fact, encode_fact, fact_of
from cordwatch_schemas.base import Event

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE said (
    event TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, content INTEGER NOT NULL, fact TEXT NOT NULL,
    told BLOB NOT NULL, source TEXT NOT NULL, message TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX said_fact ON said (fact);
"""
_NOT_SAID = frozenset({"event_id", "received_at", "replayed"})
"""What is not of the message itself: when it came, and whether it was told again from a file."""


@dataclass(frozen=True, slots=True)
class Saying:
    """An event as it stands on its topic, as far as it matters: its content, and the fact that it tells."""

    event: str
    content: int
    fact: Fact
    source: str
    message: str

    @property
    def thing(self) -> tuple[str, ...]:
        """Return what it is about: two readings of one thing have it in common."""
        return (self.fact.kind, *self.fact.numbers[:1])


def saying_of(event: Event) -> Saying:
    """Return *event* as it is compared."""
    content = blake2b(event.model_dump_json(exclude=set(_NOT_SAID)).encode(), digest_size=8)
    return Saying(
        event.event_id,
        int.from_bytes(content.digest(), "big", signed=True),
        fact_of(event),
        event.source,
        event.source_message_id,
    )


class Said:
    """
    Every event on the topics by its id, the latest where one id was told in several readings.

    The file has no name, is read by this process alone and is gone when it ends.
    It holds references, as the topics do, and nobody's name.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._marks: dict[str, Mark] = {}
        self.count = 0

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def learn(self, told: Iterable[tuple[Event, int]]) -> None:
        """Take in events with the instants that they have on their topics, in any order."""
        self._db.execute("BEGIN")
        for event, at_ms in told:
            mark = mark_of(event)
            if mark is None:
                self._put(saying_of(event), at_ms, replayed=event.replayed)
                self.count += 1
            elif mark.fact not in self._marks or self._marks[mark.fact].at_us < mark.at_us:
                self._marks[mark.fact] = mark
        self._db.execute("COMMIT")

    def of_message(self, marks: Iterable[str]) -> dict[str, Saying]:
        """
        Return what is said, and counts, under ids that begin with one of *marks*.

        What a former replay took back is as if it were not there.
        """
        found: dict[str, Saying] = {}
        for mark in marks:
            # Ids are `mark-number`, and `.` is the character after `-`.
            rows = self._db.execute(
                "SELECT event, content, fact, told, source, message FROM said"
                " WHERE event = ? OR event > ? AND event < ?",
                (mark, f"{mark}-", f"{mark}."),
            )
            for event, content, fact, told, source, message in rows:
                if self.taken_back(fact) is None:
                    known = decode_fact(fact, told)
                    found[event] = Saying(event, content, known, source, message)
        return found

    def taken_back(self, fact: str) -> Mark | None:
        """Return the note by which a reading does not count now, None where it does."""
        mark = self._marks.get(fact)
        return mark if mark is not None and mark.is_taken else None

    def is_told(self, fact: str) -> bool:
        """Return whether any event still tells *fact*."""
        found = self._db.execute("SELECT 1 FROM said WHERE fact = ? LIMIT 1", (fact,))
        return found.fetchone() is not None

    def replace(self, saying: Saying, *, replayed: bool) -> None:
        """Take in what will be said instead under the same id."""
        self._put(saying, _AFTER_ALL, replayed=replayed)
        self._marks.pop(saying.fact.id, None)

    def forget(self, event: str) -> None:
        """Leave out what a message does not say any more."""
        self._db.execute("DELETE FROM said WHERE event = ?", (event,))

    def _put(self, saying: Saying, at_ms: int, *, replayed: bool) -> None:
        # One that was told for real once counts as real, however often it is told again.
        self._db.execute(
            """
            INSERT INTO said VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event) DO UPDATE SET
                at_ms = excluded.at_ms, content = excluded.content, fact = excluded.fact,
                told = excluded.told, source = excluded.source, message = excluded.message
            WHERE excluded.at_ms >= said.at_ms AND (excluded.content != said.content OR ?)
            """,
            (
                saying.event,
                at_ms,
                saying.content,
                saying.fact.id,
                encode_fact(saying.fact),
                saying.source,
                saying.message,
                not replayed,
            ),
        )


_AFTER_ALL = 1 << 62
