"""What was answered in the last days: by it a message that comes again is known, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from sqlite3 import connect
from threading import Lock

from cordwatch.feeds.digest import digest_of
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.hl7.acknowledge import read_header
from cordwatch_schemas.records import Receipt

DIGEST_BYTES = 8
"""
A message is known by two of them: who sent it under which control id, and its bytes.

Together they agree by chance for no two messages that any hospital will ever send.
"""

ACCEPTED = b""
"""The result of a message without a fault: most are, and it takes no room."""

_TABLE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE receipts (
    identity INTEGER NOT NULL,
    content INTEGER NOT NULL,
    day INTEGER NOT NULL,
    result BLOB,
    PRIMARY KEY (identity, content)
) WITHOUT ROWID
"""
_IS_KNOWN = "SELECT 1 FROM receipts WHERE identity = ? LIMIT 1"
_RESULT = "SELECT result FROM receipts WHERE identity = ? AND content = ?"


def _digest(*parts: bytes) -> bytes:
    return sha256(b"\x1d".join(parts)).digest()[:DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Under which name a message was sent, and which bytes it has."""

    identity: bytes
    """Of MSH-3, 4 and 10."""
    content: bytes
    has_control_id: bool
    """Without one, or with more than can be echoed, no other bytes are a second text of it."""


def fingerprint_of(data: bytes) -> Fingerprint:
    """Return the fingerprint of an HL7 message, or of a text without such a header."""
    header = read_header(data)
    control_id = header.field(10)
    identity = _digest(header.field(3), header.field(4), control_id)
    return Fingerprint(identity, digest_of(data)[:DIGEST_BYTES], bool(control_id))


def versions_of(found: Translated) -> Iterator[Fingerprint]:
    """Return the fingerprints of the versions in a FHIR text: the server's name of each, and what it says."""
    for one in found.versions:
        identity = _digest(found.sender.encode(), one.name.encode("utf-8", "surrogatepass"))
        yield Fingerprint(identity, _digest(one.content.encode()), has_control_id=True)


def result_of(found: Translated) -> bytes:
    """Return what stands for the answer to a message: its faults, and which events it became."""
    if not found.faults:
        return ACCEPTED
    faults = (f"{fault.field}\x1f{fault.reason}" for fault in found.faults)
    return _digest(
        *(one.encode() for one in (*faults, "", *(told.event_id for told in found.told)))
    )


def receipt_of(one: Fingerprint, result: bytes) -> Receipt:
    """Return the record of an answer; the message itself is not in it."""
    return Receipt(
        identity=one.identity.hex(),
        content=one.content.hex(),
        result=result.hex() if result else None,
    )


class Memory:
    """
    The receipts of the last days, in a table of SQLite that is nowhere but in memory.

    It takes 33 bytes a message, a set of Python's 180. Filled from two sides, by
    what this gateway answers and by what the topic tells of the others: each on a
    thread of its own.
    """

    def __init__(self, days: int = 7) -> None:
        """Keep what is at most *days* old, and no more than a day longer; 0: nothing."""
        self._span = timedelta(days=days)
        self._oldest = 0
        self._lock = Lock()
        self._rows = connect(":memory:", check_same_thread=False, isolation_level=None)
        self._rows.executescript(_TABLE)

    @property
    def remembers(self) -> bool:
        """Return whether anything is kept at all."""
        return bool(self._span)

    @property
    def size(self) -> int:
        """Return how many messages are remembered."""
        with self._lock:
            return int(self._rows.execute("SELECT count(*) FROM receipts").fetchone()[0])

    def look_up(self, one: Fingerprint) -> tuple[bytes | None, bool]:
        """Return with what result these very bytes were answered (None: never); else whether others were under their name."""
        name = _number(one.identity)
        with self._lock:
            # Most messages come once, and under an id of their own.
            if self._rows.execute(_IS_KNOWN, (name,)).fetchone() is None:
                return None, False
            found = self._rows.execute(_RESULT, (name, _number(one.content))).fetchone()
        return (None, one.has_control_id) if found is None else (found[0] or ACCEPTED, False)

    def learn(self, receipts: Iterable[Receipt], received_at: datetime) -> None:
        """Take in receipts; too old ones are passed over, of one message the last counts."""
        day = received_at.toordinal()
        if not self._span or day < self._oldest:
            return
        rows = [
            (
                _number(bytes.fromhex(one.identity)),
                _number(bytes.fromhex(one.content)),
                day,
                bytes.fromhex(one.result) if one.result else None,
            )
            for one in receipts
        ]
        with self._lock:
            self._rows.executemany("REPLACE INTO receipts VALUES (?, ?, ?, ?)", rows)

    def forget(self, now: datetime) -> datetime:
        """Forget the days that are over for good at *now*; return since when all is remembered."""
        since = now - self._span
        if since.toordinal() > self._oldest:
            self._oldest = since.toordinal()
            with self._lock:
                self._rows.execute("DELETE FROM receipts WHERE day < ?", (self._oldest,))
        return since


def _number(digest: bytes) -> int:
    return int.from_bytes(digest, "big", signed=True)
