"""What one group comes to: what is new is published, what came before is answered as it was, without I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.hl7.acknowledge import read_header
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.identities import Identities
from cordwatch.feeds.intake import Understand, records_of
from cordwatch.feeds.receipts import (
    ACCEPTED,
    Fingerprint,
    Memory,
    fingerprint_of,
    receipt_of,
    result_of,
    versions_of,
)
from cordwatch_schemas.records import Receipt

Record = tuple[str, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a piece came to, and whether the broker has all of it."""

    found: Translated
    stored: bool
    repeated: bool = False
    """The same bytes were answered before: nothing was published, and the answer is the same."""


@dataclass(frozen=True, slots=True)
class _Taken:
    found: Translated
    fingerprint: Fingerprint | None = None
    same_as: tuple[GroupReading | None, int] | None = None
    """The piece that has the same bytes, of a group before it or of this one (None), and what becomes of both."""
    repeated: bool = False
    versions: Sequence[Fingerprint] = ()
    """Of FHIR resources in it, those that were never seen."""


class GroupReading:
    """
    Reads the pieces of a group in their order.

    A message that was accepted is known by its bytes and not even read again. One
    that had faults is read again, since the profile may have been mended: if it
    comes to the same, nothing is published and the same is answered; if not,
    it is published as a new one.
    """

    def __init__(
        self,
        understand: Understand,
        memory: Memory,
        people: Identities | None = None,
        before: Sequence[GroupReading] = (),
    ) -> None:
        """Begin a group; those *before* it are not in the memory yet, and are settled first."""
        self._understand, self._memory = understand, memory
        self._people = people or Identities()
        self._before = before
        self._refused: set[int] = set()
        self._taken: list[_Taken] = []
        self._first: dict[Fingerprint, int] = {}
        self._identities: set[bytes] = set()
        self._versions: dict[bytes, bytes] = {}
        self.records: list[tuple[int, Record]] = []
        """What is to be published, each with the number of its piece."""

    def take(self, piece: Piece, received_at: datetime, found: Translated | None = None) -> None:
        """Take in the next piece; *found* is what it says, where that is known already."""
        number = len(self._taken)
        one = self._fingerprint(piece)
        if one is None:
            self._taken.append(_Taken(self._publish(number, piece, received_at, found)))
            return
        for reading in self._in_hand():
            if (first := reading.found(one)) is not None:
                same = (None if reading is self else reading, first[0])
                self._taken.append(_Taken(first[1], one, same, repeated=True))
                return
        self._first[one] = number
        told, is_reused = self._memory.look_up(one)
        if told == ACCEPTED:
            self._taken.append(_Taken(found or accepted(piece), one, repeated=True))
            return
        before = len(self.records)
        versions, is_another = self._new_versions(found)
        is_reused = told is None and (is_reused or is_another or self._is_in_hand(one))
        found = self._publish(number, piece, received_at, found, reused=is_reused)
        repeated = told is not None and told == result_of(found)
        if repeated:
            del self.records[before:]
            self._people.forget(found.identities)
        else:
            self._identities.add(one.identity)
        self._taken.append(_Taken(found, one, repeated=repeated, versions=versions))

    def receipts(self, refused: set[int]) -> list[Receipt]:
        """Return the receipts of what is published for the first time, and was not *refused*."""
        found = []
        for number, one in enumerate(self._taken):
            if one.fingerprint and not one.repeated and number not in refused:
                found.append(receipt_of(one.fingerprint, result_of(one.found)))
                found += (receipt_of(version, ACCEPTED) for version in one.versions)
        return found

    def settled(self, refused: set[int]) -> Iterator[Settled]:
        """Return for each piece, in order, what came of it."""
        self._refused, self._before = refused, ()
        for number, one in enumerate(self._taken):
            reading, first = one.same_as or (None, number)
            stored = not (reading or self).is_refused(first)
            yield Settled(one.found, stored, one.repeated and stored)

    def found(self, one: Fingerprint) -> tuple[int, Translated] | None:
        """Return which piece of this group has these bytes, and what it says."""
        number = self._first.get(one)
        return None if number is None else (number, self._taken[number].found)

    def is_refused(self, number: int) -> bool:
        """Return whether the broker would not take a piece; known once the group is settled."""
        return number in self._refused

    def names(self, one: Fingerprint) -> bool:
        """Return whether a message of this group is new under this name."""
        return one.identity in self._identities

    def version(self, identity: bytes) -> bytes | None:
        """Return what a version of a FHIR resource says that was new in this group."""
        return self._versions.get(identity)

    def _new_versions(self, found: Translated | None) -> tuple[list[Fingerprint], bool]:
        """Return the versions that were never seen, and whether another content had the name of one."""
        news, is_another = list[Fingerprint](), False
        for one in versions_of(found) if found else ():
            held = [reading.version(one.identity) for reading in self._in_hand()]
            told, is_used = self._memory.look_up(one)
            if told is None and one.content not in held:
                is_another = is_another or is_used or any(held)
                news.append(one)
                self._versions[one.identity] = one.content
        return news, is_another

    def _fingerprint(self, piece: Piece) -> Fingerprint | None:
        """Return None for what is no message: of one too large only the beginning is here."""
        if not self._memory.remembers or piece.kind != "message" or not piece.data:
            return None
        return fingerprint_of(piece.data)

    def _publish(
        self,
        number: int,
        piece: Piece,
        received_at: datetime,
        found: Translated | None,
        *,
        reused: bool = False,
    ) -> Translated:
        understood = found or self._understand(piece, received_at)
        if reused:
            understood = replace(understood, control_id_reused=True)
        found, records = records_of(self._people.only_news(understood), received_at)
        self.records += ((number, (one.topic, one.key, one.value)) for one in records)
        return found

    def _is_in_hand(self, one: Fingerprint) -> bool:
        """Return whether other bytes under this name of sender and control id were just read."""
        return one.has_control_id and any(reading.names(one) for reading in self._in_hand())

    def _in_hand(self) -> Sequence[GroupReading]:
        # Made anew each time: one that held itself would be left to the garbage collector, all messages with it.
        return (*self._before, self)


def accepted(piece: Piece) -> Translated:
    """Return what is told of a message that was accepted before: no fault, and nothing new."""
    header = read_header(piece.data)
    item = Item("message", "hl7v2", piece.data, peer=piece.peer)
    sender = "|".join(header.field(number).decode("latin-1") or "-" for number in (3, 4))
    control_id = header.field(10).decode("latin-1") or "-"
    return Translated(item, "irrelevant", sender, control_id, None)
