"""The rows of the patients of owned partitions, kept as small as they are on the broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, reduce
from operator import xor
from zlib import crc32

from pydantic import ValidationError
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


@dataclass(frozen=True, slots=True)
class Published:
    """What the rows of a patient say about alerts."""

    alerts: list[Alert]
    """Those that were published, or were about to be."""
    unsent: list[Alert]
    """Of these, those of which a former owner did not live to see that they were published."""


class Patient:
    """
    One patient's rows, and when to look again.

    A row is its id followed by its bytes. Rows stay encoded, those of facts and
    those of alerts in one piece each: of a million patients few are touched in
    a minute.
    """

    __slots__ = ("open", "partition", "published", "reference", "told", "vouched", "wake_us")

    def __init__(self, reference: str, partition: int) -> None:
        """Begin without rows."""
        self.reference = reference
        self.partition = partition
        self.told = NO_ROWS
        """The rows of facts, a line end before each: JSON has none inside. Other bytes whenever one is told."""
        self.published = NO_ROWS
        """The rows of alerts, likewise."""
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
        return reduce(xor, map(crc32, self.rows), 0)

    def put(self, row: bytes) -> None:
        """
        Add *row*, in the place of an older one with its id.

        Raises:
            BadRow: it is none of ours.
        """
        if LINE_END in row:
            raise BadRow("line end in a row")
        lines = self._lines_like(row)
        begin = lines.find(LINE_END + row[:ROW_ID_BYTES])
        line = LINE_END + row
        self._set_lines(row, lines + line if begin < 0 else _replaced(lines, begin, line))

    def drop(self, row_id: bytes) -> None:
        """Forget the row of this id."""
        lines = self._lines_like(row_id)
        begin = lines.find(LINE_END + row_id)
        if begin >= 0:
            self._set_lines(row_id, _replaced(lines, begin, b""))

    def find(self, row_id: bytes) -> bytes | None:
        """Return the row of this id."""
        lines = self._lines_like(row_id)
        begin = lines.find(LINE_END + row_id) + 1
        if begin == 0:
            return None
        end = lines.find(LINE_END, begin)
        return lines[begin:] if end < 0 else lines[begin:end]

    def _lines_like(self, row: bytes) -> bytes:
        return self.told if row[:1] == FACT_ROW else self.published

    def _set_lines(self, row: bytes, lines: bytes) -> None:
        if row[:1] == FACT_ROW:
            self.told = lines
        else:
            self.published = lines

    def learn(self, fact: Fact) -> bytes | None:
        """Take in *fact*; return the row to write, None if it told nothing new."""
        known_row = self.find(FACT_ROW + fact.id.encode())
        merged = fact
        if known_row is not None:
            known = _fact(known_row)
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
        except (ValueError, ValidationError):
            raise BadRow("unreadable row") from None
        known_row = self.find(row[:ROW_ID_BYTES])
        if known_row is not None and known_row != row:
            known = _alert(known_row)
            same_but_sent = known == alert and is_unsent(known_row)
            if not same_but_sent and not rules_over(alert, known):
                return None
        elif known_row == row:
            return None
        self.put(row)
        return row

    def facts(self) -> list[Fact]:
        """Return the facts, decoded."""
        return [_fact(row) for row in _split(self.told)]

    def alerts(self) -> Published:
        """Return what was published, decoded."""
        rows = [row for row in _split(self.published) if row[:1] == ALERT_ROW]
        alerts = [_alert(row) for row in rows]
        unsent = [alert for alert, row in zip(alerts, rows, strict=True) if is_unsent(row)]
        return Published(alerts, unsent)

    def belonging_elsewhere(self, rows: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Return those of *rows* that are another patient's by a merge or move, or its undoing, and whose."""
        if not may_tell_identity(self.told):
            return
        who = persons(self.facts())
        for row in rows:
            is_fact = row[:1] == FACT_ROW
            found = owners(_fact(row), who) if is_fact else {who.owner_of_alert(_alert(row))}
            for owner in sorted(found - {self.reference}):
                yield owner, row

    def wake_row(self, pack: str) -> bytes:
        """Return what spares a restart the deciding: valid only for exactly these rows and pack."""
        content = {"w": self.wake_us, "n": self.fingerprint, "k": pack, "o": self.open}
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


def _replaced(lines: bytes, begin: int, line: bytes) -> bytes:
    """Return *lines* with *line* in the place of the one that stands at *begin*."""
    end = lines.find(LINE_END, begin + 1)
    return lines[:begin] + line + (b"" if end < 0 else lines[end:])


def _fact(row: bytes) -> Fact:
    return decode_fact(row[1:ROW_ID_BYTES].decode(), row[ROW_ID_BYTES:])


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


def all_keys(patient: Patient) -> Iterator[bytes]:
    """Return the keys of every row of *patient*, the wake-up's too."""
    for row in patient.rows:
        yield row_key(patient.reference, row)
    yield wake_key(patient.reference)
