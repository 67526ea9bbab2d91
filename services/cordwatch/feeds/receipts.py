"""What was answered in the last days: by it a message that comes again is known, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock

from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.hl7.acknowledge import read_header
from cordwatch_schemas.records import Receipt

DIGEST_BYTES = 12
"""Two messages of a week that are not the same agree in so many by chance once in 10^16 years."""

ACCEPTED = b""
"""The result of a message without a fault: most are, and it takes no room."""


def _digest(*parts: bytes) -> bytes:
    return sha256(b"\x1d".join(parts)).digest()[:DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which bytes, and under which name they were sent."""

    content: bytes
    identity: bytes | None
    """Of MSH-3, 4 and 10; None where there is no control id, or more than can be echoed."""


def fingerprint_of(data: bytes) -> Fingerprint:
    """Return the fingerprint of an HL7 message, or of a text without such a header."""
    header = read_header(data)
    control_id = header.field(10)
    named = _digest(header.field(3), header.field(4), control_id) if control_id else None
    return Fingerprint(_digest(data), named)


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
        identity=one.identity.hex() if one.identity else None,
        content=one.content.hex(),
        result=result.hex() if result else None,
    )


@dataclass(slots=True)
class _Day:
    results: dict[bytes, bytes] = field(default_factory=dict)
    identities: set[bytes] = field(default_factory=set)


class Memory:
    """
    The receipts of the last days, told by day so that a whole one is forgotten at once.

    Filled from two sides, by what this gateway answers and by what the topic
    tells of the others: each on a thread of its own.
    """

    def __init__(self, days: int = 7) -> None:
        """Keep what is at most *days* old, and no more than a day longer; 0: nothing."""
        self._span = timedelta(days=days)
        self._days: dict[int, _Day] = {}
        self._oldest = 0
        self._lock = Lock()

    @property
    def remembers(self) -> bool:
        """Return whether anything is kept at all."""
        return bool(self._span)

    @property
    def size(self) -> int:
        """Return how many messages are remembered."""
        return sum(len(day.results) for day in self._each_day())

    def result(self, one: Fingerprint) -> bytes | None:
        """Return with what result these very bytes were answered; None: they never were."""
        for day in self._each_day():
            found = day.results.get(one.content)
            if found is not None:
                return found
        return None

    def is_used(self, identity: bytes | None) -> bool:
        """Return whether something was answered under this name of sender and control id."""
        return identity is not None and any(identity in day.identities for day in self._each_day())

    def learn(self, receipts: Iterable[Receipt], received_at: datetime) -> None:
        """Take in receipts; too old ones are passed over, later ones count."""
        number = received_at.toordinal()
        if not self._span or number < self._oldest:
            return
        with self._lock:
            day = self._days.setdefault(number, _Day())
            for receipt in receipts:
                content = bytes.fromhex(receipt.content)
                self._drop_elsewhere(content, number)
                day.results[content] = bytes.fromhex(receipt.result) if receipt.result else ACCEPTED
                if receipt.identity is not None:
                    day.identities.add(bytes.fromhex(receipt.identity))

    def forget(self, now: datetime) -> datetime:
        """Forget the days that are over for good at *now*; return since when all is remembered."""
        since = now - self._span
        self._oldest = since.toordinal()
        if any(number < self._oldest for number in tuple(self._days)):
            with self._lock:
                self._days = {n: day for n, day in self._days.items() if n >= self._oldest}
        return since

    def _each_day(self) -> Iterator[_Day]:
        return iter(tuple(self._days.values()))

    def _drop_elsewhere(self, content: bytes, number: int) -> None:
        """A message that is read anew has one result: the last."""
        for other, day in self._days.items():
            if other != number:
                day.results.pop(content, None)
