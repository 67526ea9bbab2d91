"""Reading a record of a watched topic: the fact that it tells, or why it cannot be read."""

from __future__ import annotations

import base64
from datetime import datetime
from hashlib import sha256

from cordwatch.pathway.facts import Fact, fact_of, fact_of_answer
from cordwatch.watch.effects import Outgoing, Record
from cordwatch_schemas.events import TOPIC_KINDS, BadEvent, read_answer, read_event
from cordwatch_schemas.records import Quarantined


def read_fact(record: Record, reference: str) -> tuple[str, Fact | None]:
    """
    Return the kind of *record*, keyed by *reference*, and its fact; None for a mere acknowledgement.

    Raises:
        BadEvent: it is none, stands on the wrong topic, or under another patient's key.
    """
    if record.value is None:
        raise BadEvent("value", "is empty")
    if record.noun == "acks":
        answer = read_answer(record.value)
        kind, named, fact = answer.kind, answer.patient, fact_of_answer(answer)
    else:
        event = read_event(record.value)
        kind, named = event.kind, event.patient  # type: ignore[attr-defined]
        if kind not in TOPIC_KINDS[record.noun]:
            raise BadEvent("kind", "does not belong on this topic")
        fact = fact_of(event)
    if named != reference:
        raise BadEvent("patient", "is not the key of the record")
    return kind, fact


def quarantined(record: Record, error: BadEvent, received_at: datetime) -> Outgoing:
    """Return the message that keeps a record that could not be read, with the reason."""
    value = record.value or b""
    kept = Quarantined(
        quarantine_id=f"{record.noun}-{record.partition}-{record.offset}",
        source=record.noun,
        source_message_id=f"{record.partition}/{record.offset}",
        received_at=received_at,
        stage="watch",
        field=error.field[:200],
        reason=error.reason[:200],
        content_sha256=sha256(value).hexdigest(),
        content_base64=base64.b64encode(value).decode(),
    )
    key = f"{record.noun}|{record.partition}/{record.offset}"
    return Outgoing("quarantine", key.encode(), kept.model_dump_json().encode())
