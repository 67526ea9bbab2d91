"""What is in quarantine, and what becomes of it when it is read again: pure, bytes in and records out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import ValidationError

from cordwatch.feeds.files import Format, Item
from cordwatch.feeds.gateway import (
    ID_CHARACTERS_MAX,
    Published,
    Translated,
    from_fhir,
    quarantine_records,
    told_records,
    translate,
)
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import NOT_LISTED, understand
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.source import Sources
from cordwatch_schemas.records import Quarantined, RawMessage, Resolution
from cordwatch_schemas.topics import QUARANTINE

Result = Literal["mapped", "irrelevant", "fails", "gone"]

NO_MESSAGE = Fault("message", "is no whole message: only its sender can send it again")
GONE = Fault("message", "the original is no longer kept")


@dataclass(frozen=True, slots=True)
class Held:
    """One fault that is in quarantine, by the last word on it; without the original."""

    key: bytes
    """That of its records: the words on a fault stay in order, since they stand on one partition."""
    kept: Quarantined
    format: Format

    @property
    def is_open(self) -> bool:
        """Return whether nobody has mended it yet."""
        return self.kept.resolution is None

    @property
    def message(self) -> tuple[object, ...]:
        """Return what names the message that it is about; a FHIR text is kept in parts."""
        whole = self.kept.received_at if self.format == "fhir" else self.kept.content_sha256
        return (self.key, whole)


def format_of(kept: Quarantined, data: bytes) -> Format:
    """Return what an original is: an event where watch could not read it, else by how it begins."""
    if kept.stage in {"watch", "state"}:
        return "event-json"
    if not data.lstrip().startswith((b"{", b"[")):
        return "hl7v2"
    return "fhir" if b'"resourceType"' in data else "event-json"


def original_of(kept: Quarantined) -> bytes:
    """Return the bytes that a record holds; empty where it is a further word on one that does."""
    try:
        return base64.b64decode(kept.content_base64)
    except (binascii.Error, ValueError):
        return b""


class Shelf:
    """All that is in quarantine, as the records of its topic tell one after the other."""

    def __init__(self) -> None:
        """Begin empty."""
        self._held: dict[tuple[bytes, str], Held] = {}
        self.unread = 0
        """Records that are none."""

    def read(self, key: bytes | None, value: bytes | None) -> None:
        """Take in the next record."""
        try:
            kept = Quarantined.model_validate_json(value or b"")
        except ValidationError:
            self.unread += 1
            return
        place = (key or b"", kept.quarantine_id)
        before = self._held.get(place)
        data = original_of(kept)
        form = format_of(kept, data) if data or before is None else before.format
        if before is not None and before.is_open:
            # Sent again: we first got it when it came the first time.
            first = min(before.kept.received_at, kept.received_at)
            kept = kept.model_copy(update={"received_at": first})
        kept = kept.model_copy(update={"content_base64": ""})
        self._held[place] = Held(place[0], kept, form)

    def held(self) -> list[Held]:
        """Return every fault, the oldest first."""
        return sorted(
            self._held.values(), key=lambda one: (one.kept.received_at, one.kept.quarantine_id)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which faults are meant; what is not stated fits all."""

    ids: frozenset[str] = frozenset()
    source: str | None = None
    field: str | None = None
    reason: str | None = None
    """A part of it."""
    resolved: bool = False
    """Whether also those that nobody need look at any more."""

    def fits(self, held: Held) -> bool:
        """Return whether *held* is one of these."""
        kept = held.kept
        return (
            (held.is_open or self.resolved)
            and (not self.ids or kept.quarantine_id in self.ids)
            and (self.source is None or self.source in {kept.source, kept.source.split("|")[0]})
            and (self.field is None or kept.field == self.field)
            and (self.reason is None or self.reason.lower() in kept.reason.lower())
        )


def by_message(chosen: Iterable[Held], all_held: Iterable[Held]) -> list[list[Held]]:
    """Return the open faults of each message of which one was *chosen*: it is read as a whole."""
    wanted = dict.fromkeys(one.message for one in chosen)
    messages: dict[tuple[object, ...], list[Held]] = {name: [] for name in wanted}
    for one in all_held:
        if one.is_open and one.message in messages:
            messages[one.message].append(one)
    return list(messages.values())


def by_content(held: Sequence[Held]) -> list[list[Held]]:
    """Return the faults of a message by the part that each is about, where the whole is gone."""
    parts: dict[str, list[Held]] = {}
    for one in held:
        parts.setdefault(one.kept.content_sha256, []).append(one)
    return list(parts.values())


@dataclass(frozen=True, slots=True)
class Reread:
    """What a message in quarantine came to when it was read again, and what is to be published."""

    held: Sequence[Held]
    result: Result
    found: Translated | None
    faults: Sequence[Fault]
    """Why it, or a part of it, stays."""
    words: Sequence[Quarantined]
    """What is to be said on the quarantine topic: mended, or staying for another reason."""

    def told(self) -> Iterator[Published]:
        """Return what the message says: to be safe before `closing` is said."""
        if self.found is not None:
            yield from told_records(self.found)

    def closing(self) -> Iterator[Published]:
        """Return the words on the quarantine topic."""
        return (said(self.held[0].key, word) for word in self.words)

    @property
    def resolved(self) -> list[str]:
        """Return the ids of the faults that are mended."""
        return [word.quarantine_id for word in self.words if word.resolution is not None]


def said(key: bytes, word: Quarantined) -> Published:
    """Return a word on a fault as a record, on the partition of those before it."""
    return Published(QUARANTINE.name, key, word.model_dump_json().encode())


def settled(
    held: Held,
    resolution: Resolution,
    at: datetime,
    by: str | None = None,
    because: str | None = None,
) -> Quarantined:
    """Return the word that a fault need be looked at no more."""
    update = {
        "resolution": resolution,
        "resolved_at": at,
        "resolved_by": by,
        "resolved_because": because,
    }
    return held.kept.model_copy(update=update)


def reread(
    held: Sequence[Held],
    data: bytes,
    sources: Sources,
    at: datetime,
    applications: Collection[str] = (),
) -> Reread:
    """
    Return what the original *data* of a message comes to with the present *sources*.

    Its events have the ids that the message gives, so that what was told of it
    already is told again and not twice. They were received when the message
    was: that we could not read it is no lateness of the ward's (docs/quarantine.md).
    """
    if not data:
        return Reread(held, "gone", None, (GONE,), ())
    if held[0].kept.stage == "framing":
        return Reread(held, "fails", None, (NO_MESSAGE,), ())
    found = _read(held[0], data, sources, applications)
    words = _words(held, found, at)
    result: Result = "mapped" if found.told else "irrelevant"
    return Reread(held, "fails" if found.faults else result, found, found.faults, words)


def _read(held: Held, data: bytes, sources: Sources, applications: Collection[str]) -> Translated:
    kept = held.kept
    if held.format == "event-json":
        # It says itself when it was received.
        return translate(Item("message", "event-json", data), sources, None)
    if held.format == "fhir":
        base = kept.source if kept.source.startswith("http") else ""
        item = Item("message", "fhir", data)
        return from_fhir(item, sources, kept.received_at, base=base)
    piece = Piece("message", data, peer=kept.peer or "")
    found = understand(piece, sources, kept.received_at, applications)
    if not applications and (kept.field, kept.reason) == (NOT_LISTED.field, NOT_LISTED.reason):
        # Whoever does not say which applications are listed has not listed this one.
        return Translated(
            found.item, "quarantined", found.sender, found.control_id, None, (), (NOT_LISTED,)
        )
    return found


def _words(held: Sequence[Held], found: Translated, at: datetime) -> tuple[Quarantined, ...]:
    """Return what changes in quarantine: each fault is known by its id, its number in the message."""
    first = held[0].kept
    now = {one.quarantine_id: one for one in quarantine_records(found, first.received_at)}
    if first.stage in {"watch", "state"}:
        # Its id is that of the record, which has one fault.
        now = {first.quarantine_id: next(iter(now.values()))} if now else {}
    before = {one.kept.quarantine_id: one for one in held}
    words = [settled(one, "retried", at) for name, one in before.items() if name not in now]
    kept_already = {one.kept.content_sha256 for one in held}
    for name, one in now.items():
        old = before.get(name)
        if old is None or (old.kept.field, old.kept.reason) != (one.field, one.reason):
            update: dict[str, object] = {
                "quarantine_id": name,
                "source": first.source,
                "source_message_id": first.source_message_id,
                "stage": first.stage,
                "peer": first.peer,
            }
            if one.content_sha256 in kept_already:
                update["content_base64"] = ""
            words.append(one.model_copy(update=update))
    return tuple(words)


def originals(
    records: Iterable[tuple[bytes | None, bytes | None] | None], messages: Sequence[Sequence[Held]]
) -> Iterator[tuple[Sequence[Held], bytes]]:
    """
    Return the original of each message as the records of the quarantine topic give it, once.

    One after the other, so that no more than one is in memory.
    """
    wanted: dict[tuple[bytes, str], Sequence[Held]] = {
        (held[0].key, held[0].kept.content_sha256): held for held in messages
    }
    for record in records:
        if record is None or record[1] is None:
            continue
        try:
            kept = Quarantined.model_validate_json(record[1])
        except ValidationError:
            continue
        data = original_of(kept)
        name = (record[0] or b"", kept.content_sha256)
        if data and name in wanted:
            yield wanted.pop(name), data
            if not wanted:
                return
    yield from ((held, b"") for held in wanted.values())


def raw_texts(
    records: Iterable[tuple[bytes | None, bytes | None] | None],
    messages: Iterable[Sequence[Held]],
) -> Iterator[tuple[Sequence[Held], bytes]]:
    """
    Return FHIR texts as the raw topic has them, whole, since a part alone lacks what it refers to.

    Those that are not there any more come last, empty.
    """
    wanted = {_sent_as(held[0].kept): held for held in messages}
    sources = {source for source, _, _ in wanted}
    for record in records:
        if not wanted:
            return
        if record is None or record[1] is None:
            continue
        # The key is the source; most records are of others, and need not be read.
        if (record[0] or b"").decode(errors="replace")[:ID_CHARACTERS_MAX] not in sources:
            continue
        try:
            raw = RawMessage.model_validate_json(record[1])
        except ValidationError:
            continue
        held = wanted.pop(_sent_as(raw), None)
        if held is not None:
            yield held, base64.b64decode(raw.content_base64)
    yield from ((held, b"") for held in wanted.values())


def _sent_as(one: Quarantined | RawMessage) -> tuple[str, str, datetime]:
    return one.source, one.source_message_id, one.received_at
