"""What is kept of the input itself: the raw message, and what could not be understood."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.base import Contract, Instant, PatientRef, RecordId, ShortText

Resolution = Literal["retried", "dismissed"]
"""How a record left quarantine: read after all by mended profiles, or put aside by a named person."""


class RawMessage(Contract):
    """A message as it came, kept before anything is read out of it (topic `cordwatch.raw.v1`)."""

    schema_version: Literal[1] = 1
    source: RecordId
    source_message_id: RecordId
    content_sha256: RecordId
    received_at: Instant
    format: Literal["hl7v2", "event-json", "fhir"]
    piece: Literal["message", "unreadable", "oversized"] = "message"
    """Whether it is whole: a cut frame, or the head of one that was too large, must never be read as a message."""
    peer: ShortText = ""
    """Address of who sent it, by which a source profile may be chosen; empty for a file."""
    replayed: bool = False
    """From a file told again `--as-recorded`: so are its events, however often they are read anew."""
    content_base64: str
    control_id_reused: bool = False
    """
    Its sender used the control id for other bytes within the days that receipts are kept.

    FHIR: the name of a resource's version for another content.
    """


class Quarantined(Contract):
    """
    Something that could not be understood, with the original and the reason.

    `reason` names the field and the fault, never the content. The original is
    only here, on an access-controlled topic.

    The last record of a key and id counts: what was read after all, or put
    aside by a person, is told by a further record with a `resolution`, and what
    fails again for another reason by one with that reason. These do not repeat
    the original, so that it is kept no longer than it was to be.
    """

    schema_version: Literal[1] = 1
    quarantine_id: RecordId
    source: RecordId
    source_message_id: RecordId
    received_at: Instant
    stage: Literal["framing", "parsing", "mapping", "watch", "state"]
    field: ShortText
    reason: ShortText
    content_sha256: RecordId
    content_base64: str
    """The original; empty in a further record of the same id."""
    peer: ShortText | None = None
    """Address that sent it, by which a profile may be chosen; none: a file, or no HL7 v2."""
    resolution: Resolution | None = None
    """Absent: nobody has mended it yet."""
    resolved_at: Instant | None = None
    resolved_by: ShortText | None = None
    """Who put it aside, by name or staff id."""
    resolved_because: ShortText | None = None


class Identity(Contract):
    """Name, number and birth date behind a reference: written by feeds, read by the board alone."""

    schema_version: Literal[1] = 1
    patient: PatientRef
    number: ShortText
    name: ShortText | None = None
    birth_date: ShortText | None = None
    received_at: Instant


class FeedPosition(Contract):
    """
    How far a feed was read that has to be asked: written by feeds, and read by them after a restart.

    Published only after everything up to it is safe, so that it can be behind
    what is known, never ahead of it.
    """

    schema_version: Literal[1] = 1
    feed: RecordId
    """Which one: a type of resource at a FHIR server, or a subscription there."""
    read_until: Instant | None = None
    """`meta.lastUpdated` up to which a search has seen everything."""
    event_number: int | None = None
    """The notification of a subscription up to which none is missing."""
    received_at: Instant


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""64 bits of a SHA-256."""


class Receipt(Contract):
    """That a message was answered: who sent it, which bytes, and with what result."""

    identity: Digest
    """Of sending application, facility and control id."""
    content: Digest
    """Of its bytes."""
    result: Digest | None = None
    """Of its faults and events; None: accepted without a fault."""


class Receipts(Contract):
    """
    What a gateway is about to answer: published when messages and events are safe, before the answers leave.

    Digests alone, nothing of the messages. By these every gateway knows a message that comes again.
    """

    schema_version: Literal[1] = 1
    received_at: Instant
    """When the last of the messages came."""
    receipts: tuple[Receipt, ...]
