"""The one way from a raw HL7 message to events: read, dispatched by type, with its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cordwatch.feeds.hl7.message import Unreadable, parse
from cordwatch.feeds.mapping.appointments import read_appointment
from cordwatch.feeds.mapping.drugs import read_administrations, read_drug_orders
from cordwatch.feeds.mapping.orders import read_orders
from cordwatch.feeds.mapping.problems import read_problems
from cordwatch.feeds.mapping.reading import Fault, Reading
from cordwatch.feeds.mapping.results import read_results
from cordwatch.feeds.mapping.stay import read_stay
from cordwatch.feeds.source import Source
from cordwatch_schemas.base import Event
from cordwatch_schemas.records import Identity

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in until the message's own time is read."""

Outcome = Literal["mapped", "irrelevant", "quarantined"]

_READERS: dict[str, Callable[[Reading], bool]] = {
    "ADT": read_stay,
    "ORM^O01": read_orders,
    "OMI^O23": read_orders,
    "OMG^O19": read_orders,
    "ORU^R01": read_results,
    "RDE^O11": read_drug_orders,
    "RDE^O25": read_drug_orders,
    "OMP^O09": read_drug_orders,
    "RAS^O17": read_administrations,
    "PPR^PC1": read_problems,
    "PPR^PC2": read_problems,
    "PPR^PC3": read_problems,
    "SIU": read_appointment,
}
"""By message type and trigger, else by type alone."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of one message: its events, its faults, and which of the three it is."""

    outcome: Outcome
    message_type: str
    sender: str
    control_id: str
    sent_at: datetime | None
    events: Sequence[Event] = ()
    faults: Sequence[Fault] = ()
    identity: Identity | None = None


def map_message(
    data: bytes, source: Source, received_at: datetime | None, *, replayed: bool = False
) -> Mapped:
    """
    Return the events in one raw message.

    *received_at* None takes the message's own time (MSH-7): the virtual clock
    of a simulation. Nothing is half understood: whatever cannot be read leaves
    a fault, with which the original goes to quarantine.
    """
    try:
        message = parse(data, source.charset_fallback)
    except Unreadable as error:
        return Mapped("quarantined", "?", "-", "-", None, (), (Fault(error.field, error.reason),))
    reading = Reading(message, data, source, received_at or EPOCH, replayed=replayed)
    reading.begin()
    sent_at = reading.sent_at.at if reading.sent_at else None
    kind = message.type
    if received_at is None:
        if sent_at is None:
            reading.fault("MSH-7", "the message states no time, and a simulation needs one")
            return _mapped(reading, kind, sent_at, known=True)
        reading.received_at = sent_at
    reader = _READERS.get(kind) or _READERS.get(message.header.text(9))
    known = reader(reading) if reader is not None else False
    return _mapped(reading, kind, sent_at, known=known)


def _mapped(reading: Reading, kind: str, sent_at: datetime | None, *, known: bool) -> Mapped:
    outcome: Outcome = "irrelevant"
    if reading.events:
        outcome = "mapped"
    elif known and reading.faults:
        outcome = "quarantined"
    faults = tuple(reading.faults) if known else ()
    return Mapped(
        outcome,
        kind,
        reading.sender,
        reading.control_id,
        sent_at,
        tuple(reading.events),
        faults,
        _identity(reading) if kind.startswith("ADT") and reading.patient else None,
    )


def _identity(reading: Reading) -> Identity | None:
    """Return name, number and birth date behind the reference, for the board alone."""
    person = reading.message.first("PID")
    if person is None:
        return None
    name = " ".join(part for part in (person.text(5, 2), person.text(5)) if part)
    return Identity(
        patient=reading.patient,
        number=reading.source.patient_number(person, 3)[:200],
        name=name[:200] or None,
        birth_date=person.text(7)[:200] or None,
        received_at=reading.received_at,
    )
