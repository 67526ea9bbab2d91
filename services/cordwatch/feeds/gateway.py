"""The way of every message into Kafka: kept raw first, then its events, or the reason why not."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from cordwatch.feeds.digest import digest_of
from cordwatch.feeds.fhir.bundle import Resource, Version
from cordwatch.feeds.fhir.mapper import map_fhir
from cordwatch.feeds.files import Item
from cordwatch.feeds.hl7.encoding import Unreadable, read_delimiters
from cordwatch.feeds.hl7.framing import BOM
from cordwatch.feeds.mapping.mapper import map_message
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.source import Sources
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import BadEvent, read_answer, read_event, topic_of
from cordwatch_schemas.records import FeedPosition, Identity, Quarantined, RawMessage
from cordwatch_schemas.synthetic import claims_to_be_synthetic
from cordwatch_schemas.topics import (
    ACKS,
    IDENTITIES,
    POSITIONS,
    QUARANTINE,
    RAW,
    RECEIPTS,
    SOURCES,
    TOPICS,
)

Outcome = Literal["mapped", "irrelevant", "quarantined"]
Told = Event | Answer

WRITTEN = (RAW, QUARANTINE, IDENTITIES, POSITIONS, RECEIPTS, ACKS, *SOURCES)
"""Every topic that a message may leave something on."""

_NAMES = {topic.noun: topic.name for topic in TOPICS}
ID_CHARACTERS_MAX = 200
"""As long as a `RecordId` may be."""

_ANSWERS = (b'"acknowledged"', b'"stood-down"', b'"classified"')


@dataclass(frozen=True, slots=True)
class Published:
    """A record to be sent: topic, key, value."""

    topic: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Translated:
    """What one item of input came to."""

    item: Item
    outcome: Outcome
    sender: str
    control_id: str
    sent_at: datetime | None
    told: Sequence[Told] = ()
    faults: Sequence[Fault] = ()
    identities: Sequence[Identity] = ()
    excerpts: Sequence[bytes] = ()
    """For each fault the part of the item that it is about; none, or empty: the whole."""
    missing: frozenset[str] = frozenset()
    """FHIR: what was referred to and is not there."""
    histories: frozenset[str] = frozenset()
    """FHIR: earlier versions that would tell more, and are not there."""
    control_id_reused: bool = False
    """Its sender used the control id for other bytes before."""
    position: FeedPosition | None = None
    """How far a feed was read, once all before it is safe."""
    profile: str = ""
    """Name of the profile by which it was read; empty: none fits, or it is of our own."""
    message_type: str = ""
    """`ADT^A01`, as far as it is known; `FHIR`."""
    resource_types: frozenset[str] = frozenset()
    """FHIR: what it tells of, of the types that are read."""
    versions: Sequence[Version] = ()
    """FHIR: the versions of these, each a name that should stand for one content."""
    besides: Sequence[Published] = ()
    """Records of the gateway's own that go with it."""


FHIR_TYPE = "FHIR"
"""What stands for the message type of a FHIR text, which tells of resources of several kinds."""

UNKNOWN_SENDER = Fault("MSH-3", "sender is not known to any profile")
RESERVED = Fault("patient", "has a mark of the synthetic patient, which cordwatch alone tells of")


def nothing_known(_: str) -> Resource | None:
    """Find nothing: where a text is all there is."""


def translate(
    item: Item,
    sources: Sources,
    received_at: datetime | None,
    *,
    replayed: bool = False,
    peer: str = "",
    known: Callable[[str], Resource | None] = nothing_known,
) -> Translated:
    """
    Return the events in *item*, or why there are none.

    *sources* say how it is to be read, by its header and by the *peer* who sent it.
    *received_at* None takes the message's own time: simulation, and replay `--as-recorded`.
    *known* finds FHIR resources beyond the item.
    """
    if item.kind != "message":
        return Translated(item, "quarantined", "-", "-", None, (), (Fault("message", item.reason),))
    if item.format == "event-json":
        return _without_reserved(_from_json(item, received_at, replayed=replayed))
    if item.format == "fhir":
        return from_fhir(item, sources, received_at, replayed=replayed, known=known)
    source = sources.of(item.data, peer)
    if source is None:
        return Translated(item, "quarantined", "-", "-", None, (), (without_source(item.data),))
    mapped = map_message(item.data, source, received_at, replayed=replayed)
    return _without_reserved(
        Translated(
            item,
            mapped.outcome,
            mapped.sender,
            mapped.control_id,
            mapped.sent_at,
            mapped.events,
            mapped.faults,
            (mapped.identity,) if mapped.identity else (),
            profile=source.name,
            message_type=mapped.message_type,
        )
    )


def from_fhir(
    item: Item,
    sources: Sources,
    received_at: datetime | None,
    *,
    replayed: bool = False,
    known: Callable[[str], Resource | None] = nothing_known,
    base: str = "",
) -> Translated:
    """
    Return the events in a FHIR text; *base* is the address of the server that it comes from.

    It has no header by which to choose a profile: the first that asks for no
    application and no facility is how it is read.
    """
    source = sources.of(item.data, "")
    if source is None:
        return Translated(item, "quarantined", base or "fhir", "-", None, (), (UNKNOWN_SENDER,))
    found = map_fhir(item.data, source, received_at, replayed=replayed, base=base, known=known)
    return _without_reserved(
        Translated(
            item,
            found.outcome,
            found.sender,
            found.message_id,
            found.sent_at,
            found.events,
            found.faults,
            found.identities,
            found.excerpts,
            found.missing,
            profile=source.name,
            message_type=FHIR_TYPE,
            histories=found.histories,
            resource_types=found.types,
            versions=found.versions,
        )
    )


def _without_reserved(found: Translated) -> Translated:
    """
    Return *found* without events that only the synthetic patient may have, and with the fault.

    What else a message says stands: it may be about somebody.
    """
    told = [
        one for one in found.told if not (isinstance(one, Event) and claims_to_be_synthetic(one))
    ]
    if len(told) == len(found.told):
        return found
    return replace(
        found,
        outcome=found.outcome if told else "quarantined",
        told=tuple(told),
        faults=(*found.faults, RESERVED),
        identities=found.identities if told else (),
        excerpts=(*found.excerpts, b"") if found.excerpts else (),
    )


def without_source(data: bytes) -> Fault:
    """Return why there is no source for a message: its header, or that nobody knows its sender."""
    try:
        read_delimiters(data.removeprefix(BOM))
    except Unreadable as error:
        return Fault(error.field, error.reason)
    return UNKNOWN_SENDER


def _from_json(item: Item, received_at: datetime | None, *, replayed: bool) -> Translated:
    told: Told
    try:
        if any(kind in item.data for kind in _ANSWERS):
            told = read_answer(item.data)
        else:
            told = read_event(item.data)
    except BadEvent as error:
        fault = Fault(error.field, error.reason)
        return Translated(item, "quarantined", "json", "-", None, (), (fault,))
    update: dict[str, object] = {"received_at": received_at} if received_at else {}
    if replayed and isinstance(told, Event):
        update["replayed"] = True
    told = told.model_copy(update=update) if update else told
    message_id = told.source_message_id if isinstance(told, Event) else told.event_id
    return Translated(item, "mapped", "json", message_id, told.received_at, (told,))


def _id(text: str) -> str:
    """Return an identifier that fits the contract; the message itself has it whole."""
    return text[:ID_CHARACTERS_MAX] or "-"


def raw_record(found: Translated, received_at: datetime, *, replayed: bool = False) -> Published:
    """Return the message as it came, for the raw topic; *replayed* from a file `--as-recorded`."""
    raw = RawMessage(
        source=_id(found.sender),
        source_message_id=_id(found.control_id),
        content_sha256=digest_of(found.item.data).hex(),
        received_at=received_at,
        format=found.item.format,
        piece=found.item.kind,
        peer=found.item.peer[:200],
        replayed=replayed,
        content_base64=base64.b64encode(found.item.data).decode(),
        control_id_reused=found.control_id_reused,
    )
    # By sender alone: what a group brings of one sender goes to the broker as one batch.
    return Published(RAW.name, found.sender.encode(), raw.model_dump_json().encode())


def derived_records(found: Translated, received_at: datetime) -> Iterator[Published]:
    """Return what follows from the message: events, identity, and what goes to quarantine."""
    yield from told_records(found)
    yield from found.besides
    if found.position is not None:
        key = found.position.feed.encode()
        yield Published(POSITIONS.name, key, found.position.model_dump_json().encode())
    key = f"{found.sender}|{found.control_id}".encode()
    for kept in quarantine_records(found, received_at):
        yield Published(QUARANTINE.name, key, kept.model_dump_json().encode())


def told_records(found: Translated) -> Iterator[Published]:
    """Return what the message says: events, answers and identities."""
    for told in found.told:
        topic = _NAMES[topic_of(told)] if isinstance(told, Event) else ACKS.name
        yield Published(topic, told.patient.encode(), told.model_dump_json().encode())
    for identity in found.identities:
        key = identity.patient.encode()
        yield Published(IDENTITIES.name, key, identity.model_dump_json().encode())


def quarantine_records(found: Translated, received_at: datetime) -> Iterator[Quarantined]:
    """Return what of the message could not be understood, a record for each fault."""
    for number, fault in enumerate(found.faults):
        data = (found.excerpts[number] if found.excerpts else b"") or found.item.data
        content = digest_of(data).hex()
        yield Quarantined(
            quarantine_id=f"{content[:32]}-{number}",
            source=_id(found.sender),
            source_message_id=_id(found.control_id),
            received_at=received_at,
            stage="framing" if found.item.kind != "message" else "mapping",
            field=fault.field[:200],
            reason=fault.reason[:200],
            content_sha256=content,
            content_base64=base64.b64encode(data).decode(),
            peer=found.item.peer or None,
        )
