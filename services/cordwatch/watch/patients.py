"""The rows of the patients of owned partitions, kept as small as they are on the broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, reduce
from operator import xor
from zlib import crc32

from pydantic_core import from_json

from cordwatch.pathway.facts import Fact, decode_fact, encode_fact, merge_tellings
from cordwatch.pathway.identity import may_tell_identity, owners, persons
from cordwatch.pathway.telling import rules_over
from cordwatch_schemas.alerts import Alert

ROW_ID_BYTES = 25
"""One letter for the kind of row, and the 24 of its id."""
WAKE_ROW = "w"
WAKE_ROW_ID = WAKE_ROW.encode()
UNSENT = b"!"
"""Stands before the value of an alert's row until the broker has acknowledged the alert itself."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = -1
"""`wake_us` of a patient who need not be looked at until something arrives."""


UNVOUCHED = -1
"""`vouched` of a patient whose rows no stored wake-up belongs to."""
LINE_END = b"\n"
FACT_ROW = b"f"
ALERT_ROW = b"a"
NO_ROWS = b""


class BadRow(ValueError):
    """A state row that this version cannot read."""


@dataclass(slots=True)
class Known:
    """What the rows of a patient say."""

    facts: list[Fact]
    alerts: list[Alert]
    """Those that were published, or were about to be."""
    unsent: list[Alert]
    """Of these, those of which a former owner did not live to see that they were published."""
    unreadable: int = 0
    """Rows of a newer version, or damaged: they stay as they are, for one that can read them."""


class Patient:
    """
    One patient's rows, and when to look again.

    A row is its id followed by its bytes. Rows stay encoded, those of facts and
    those of alerts in one piece each: of a million patients few are touched in
    a minute.
    """

    __slots__ = (
        "_fingerprint",
        "open",
        "partition",
        "published",
        "reference",
        "told",
        "vouched",
        "wake_us",
    )

    def __init__(self, reference: str, partition: int) -> None:
        """Begin without rows."""
        self.reference = reference
        self.partition = partition
        self.told = NO_ROWS
        """The rows of facts, a line end before each: JSON has none inside. Other bytes whenever one is told."""
        self.published = NO_ROWS
        """The rows of alerts, likewise."""
        self._fingerprint: int | None = None
        """Kept of whoever is looked at, not of a million who are merely restored."""
        self.wake_us = NEVER
        self.open: tuple[str, ...] = ()
        """Rules of the clocks that run, as of the last look."""
        self.vouched: int | None = None
        """While rows are restored: the fingerprint of those that the stored wake-up belongs to."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is known of them."""
        return not self.told and not self.published

    @property
    def rows(self) -> tuple[bytes, ...]:
        """Return the rows, facts before alerts, each in the order in which they came first."""
        return (*_split(self.told), *_split(self.published))

    @property
    def fingerprint(self) -> int:
        """Return a number that changes with any row, whatever their order."""
        return _fingerprint_of(self.rows) if self._fingerprint is None else self._fingerprint

    def put(self, row: bytes) -> None:
        """
        Add *row*, in the place of an older one with its id.

        Raises:
            BadRow: it is none of ours.
        """
        if LINE_END in row:
            raise BadRow("line end in a row")
        self._put(row[:ROW_ID_BYTES], row)

    def drop(self, row_id: bytes) -> None:
        """Forget the row of this id."""
        self._put(row_id, b"")

    def _put(self, row_id: bytes, row: bytes) -> None:
        """Set *row* in the place of the one with this id; an empty one drops it."""
        is_fact = row_id[:1] == FACT_ROW
        lines = self.told if is_fact else self.published
        line = LINE_END + row if row else b""
        begin, before = lines.find(LINE_END + row_id), b""
        if begin < 0:
            lines += line
        else:
            end = lines.find(LINE_END, begin + 1)
            before, after = (lines[begin:], b"") if end < 0 else (lines[begin:end], lines[end:])
            lines = lines[:begin] + line + after
        if is_fact:
            self.told = lines
        else:
            self.published = lines
        if self._fingerprint is not None:
            self._fingerprint ^= crc32(before[1:]) ^ crc32(row)

    def find(self, row_id: bytes) -> bytes | None:
        """Return the row of this id."""
        lines = self.told if row_id[:1] == FACT_ROW else self.published
        begin = lines.find(LINE_END + row_id) + 1
        if begin == 0:
            return None
        end = lines.find(LINE_END, begin)
        return lines[begin:] if end < 0 else lines[begin:end]

    def learn(self, fact: Fact) -> bytes | None:
        """Take in *fact*; return the row to write, None if it told nothing new."""
        known_row = self.find(FACT_ROW + fact.id.encode())
        known = _fact_of(known_row) if known_row is not None else None
        merged = fact
        if known is not None:
            merged = merge_tellings(known, fact)
            if merged is known:
                return None
        row = fact_row(merged)
        self.put(row)
        return row

    def learn_row(self, row: bytes) -> bytes | None:
        """
        Take in a row that another owner wrote or forwarded, merging it with what is known.

        Raises:
            BadRow: it cannot be read.
        """
        try:
            if row[:1] == FACT_ROW:
                return self.learn(_fact(row))
            alert = _alert(row)
        except ValueError:
            raise BadRow("unreadable row") from None
        known_row = self.find(row[:ROW_ID_BYTES])
        known = _alert_of(known_row) if known_row is not None else None
        if known_row is not None and known is not None and known_row != row:
            same_but_sent = known == alert and is_unsent(known_row)
            if not same_but_sent and not rules_over(alert, known):
                return None
        elif known_row == row:
            return None
        self.put(row)
        return row

    def facts(self) -> list[Fact]:
        """Return the facts, decoded."""
        return self.read().facts

    def belonging_elsewhere(self, rows: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Return those of *rows* that are another patient's by a merge or move, or its undoing, and whose."""
        if not may_tell_identity(self.told):
            return
        who = persons(self.facts())
        for row in rows:
            if row[:1] == FACT_ROW:
                found = owners(fact, who) if (fact := _fact_of(row)) else set()
            else:
                found = {who.owner_of_alert(alert)} if (alert := _alert_of(row)) else set()
            for owner in sorted(found - {self.reference}):
                yield owner, row

    def read(self) -> Known:
        """Return everything that is known, decoded, and how many rows cannot be."""
        told, published = _split(self.told), _split(self.published)
        count = len(told) + len(published)
        try:
            facts, alerts = list(map(_fact, told)), list(map(_alert, published))
        except ValueError:
            told = [row for row in told if _is_readable(row)]
            published = [row for row in published if _is_readable(row)]
            facts, alerts = list(map(_fact, told)), list(map(_alert, published))
        unsent = [alert for alert, row in zip(alerts, published, strict=True) if is_unsent(row)]
        return Known(facts, alerts, unsent, count - len(facts) - len(alerts))

    def wake_row(self, pack: str) -> bytes:
        """Return what spares a restart the deciding: valid only for exactly these rows and pack."""
        self._fingerprint = self.fingerprint
        content = {"w": self.wake_us, "n": self._fingerprint, "k": pack, "o": self.open}
        return json.dumps(content, separators=(",", ":")).encode()

    def restore_wake(
        self, row: bytes, pack: str, rules: dict[tuple[str, ...], tuple[str, ...]]
    ) -> None:
        """Take the wake-up from *row*; it counts only if the rows turn out to be those it vouches for."""
        self.vouched = UNVOUCHED
        try:
            content = from_json(row)
            if content["k"] == pack:
                self.wake_us, self.vouched = int(content["w"]), int(content["n"])
                shown = tuple(content["o"])
                self.open = rules.setdefault(shown, shown)
        except (ValueError, KeyError, TypeError):
            self.vouched = UNVOUCHED


def _split(lines: bytes) -> list[bytes]:
    return lines.split(LINE_END)[1:]


def _fingerprint_of(rows: Iterable[bytes]) -> int:
    return reduce(xor, map(crc32, rows), 0)


@lru_cache(maxsize=4_096)
def _fact(row: bytes) -> Fact:
    # One more fact about a patient, and all that were told before are read again, of a merged one more than once.
    return decode_fact(row[1:ROW_ID_BYTES].decode(), row[ROW_ID_BYTES:])


def _fact_of(row: bytes) -> Fact | None:
    try:
        return _fact(row)
    except ValueError:
        return None


def _is_readable(row: bytes) -> bool:
    return (_fact_of(row) if row[:1] == FACT_ROW else _alert_of(row)) is not None


def _alert_of(row: bytes) -> Alert | None:
    try:
        return _alert(row)
    except ValueError:
        return None


def tells_identity(row: bytes) -> bool:
    """Return whether *row* may say who is who: cheap, and never wrong about a no."""
    return row[:1] == FACT_ROW and may_tell_identity(row)


def fact_row(fact: Fact) -> bytes:
    """Return the row of a fact."""
    return FACT_ROW + fact.id.encode() + encode_fact(fact)


def alert_row(alert: Alert, *, sent: bool) -> bytes:
    """Return the row of an alert: *sent*, or about to be."""
    value = alert.model_dump_json(exclude_defaults=True).encode()
    return ALERT_ROW + alert.alert_id.encode() + (value if sent else UNSENT + value)


def is_unsent(row: bytes) -> bool:
    """Return whether *row* is that of an alert about to be sent."""
    return row[:1] == ALERT_ROW and row[ROW_ID_BYTES : ROW_ID_BYTES + 1] == UNSENT


@lru_cache(maxsize=16_384)
def _alert(row: bytes) -> Alert:
    # An overdue clock is looked at every quarter of an hour, with all that it has told before.
    if row[:1] != ALERT_ROW:
        raise BadRow("a row of another kind")
    return Alert.model_validate_json(row[ROW_ID_BYTES:].removeprefix(UNSENT))


def row_key(reference: str, row: bytes) -> bytes:
    """Return the key of *row* on the facts topic."""
    return reference.encode() + b"|" + row[:ROW_ID_BYTES]


def wake_key(reference: str) -> bytes:
    """Return the key of a patient's wake-up row."""
    return f"{reference}|{WAKE_ROW}".encode()


def split_key(key: bytes) -> tuple[str, bytes]:
    """
    Return patient reference and row id of a key.

    Raises:
        BadRow: it is no such key.
    """
    reference, bar, row_id = key.partition(b"|")
    if not bar or (row_id != WAKE_ROW_ID and len(row_id) != ROW_ID_BYTES):
        raise BadRow("unreadable key")
    return reference.decode("ascii", "replace"), row_id


def micros(instant: datetime | None) -> int:
    """Return *instant* in microseconds since 1970 UTC, `NEVER` for None."""
    return NEVER if instant is None else round(instant.timestamp() * 1_000_000)


def instant(us: int) -> datetime:
    """Return the instant that is *us* microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=us)


def all_keys(patient: Patient) -> Iterator[bytes]:
    """Return the keys of every row of *patient*, the wake-up's too."""
    for row in patient.rows:
        yield row_key(patient.reference, row)
    yield wake_key(patient.reference)
