"""The one way from a raw HL7 message to events: read, dispatched by type, with its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cordwatch.feeds.hl7.message import Message, Unreadable, parse
from cordwatch.feeds.mapping.appointments import SIU_TRIGGERS, read_appointment
from cordwatch.feeds.mapping.drugs import (
    read_administrations,
    read_any_orders,
    read_drug_orders,
)
from cordwatch.feeds.mapping.orders import read_orders
from cordwatch.feeds.mapping.problems import read_problems
from cordwatch.feeds.mapping.reading import PATIENT_NUMBERS, Fault, Reading
from cordwatch.feeds.mapping.results import read_results
from cordwatch.feeds.mapping.stay import ADT_TRIGGERS, read_stay
from cordwatch.feeds.source import Source
from cordwatch_schemas.base import Event
from cordwatch_schemas.records import Identity

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in until the message's own time is read."""

Outcome = Literal["mapped", "irrelevant", "quarantined"]

_READERS: dict[str, Callable[[Reading], bool]] = {
    "ADT": read_stay,
    "ORM^O01": read_any_orders,
    "OMI^O23": read_orders,
    "OMG^O19": read_orders,
    "ORU^R01": read_results,
    "RDE^O01": read_drug_orders,
    "RDE^O11": read_drug_orders,
    "RDE^O25": read_drug_orders,
    "OMP^O09": read_drug_orders,
    "RAS^O01": read_administrations,
    "RAS^O17": read_administrations,
    "PPR^PC1": read_problems,
    "PPR^PC2": read_problems,
    "PPR^PC3": read_problems,
    "SIU": read_appointment,
}
"""By message type and trigger, else by type alone. RDE^O01 and RAS^O01: up to v2.3."""

_ONLY_TRIGGER = {"ORU": "R01", "ORM": "O01", "RDE": "O01", "RAS": "O01"}
"""What is meant where no trigger is stated: it may be left out up to v2.2."""

_WITH_EARLIER_RESULTS = frozenset({"ORM", "OMI", "OMG", "OMP"})
"""Orders that may carry earlier results; these begin with a further PID."""

MESSAGE_TYPES = frozenset(
    {kind for kind in _READERS if "^" in kind}
    | {f"ADT^{trigger}" for trigger in ADT_TRIGGERS}
    | {f"SIU^{trigger}" for trigger in SIU_TRIGGERS}
)
"""Every message type that is read."""


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
    passed_over: Sequence[Fault] = ()


def kind_of(message: Message) -> str:
    """Return type and trigger; a trigger that older versions leave out is the only one, or EVN-1."""
    code, trigger = message.code, message.trigger
    if not trigger and code == "ADT":
        event = message.first("EVN")
        trigger = event.text(1) if event else ""
    trigger = trigger or _ONLY_TRIGGER.get(code, "")
    return f"{code}^{trigger}" if trigger else code


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
        message = parse(data, source.charset_fallback, source.charset_names)
    except Unreadable as error:
        return Mapped("quarantined", "?", "-", "-", None, (), (Fault(error.field, error.reason),))
    return map_parsed(message, data, source, received_at, replayed=replayed)


def map_parsed(
    message: Message,
    data: bytes,
    source: Source,
    received_at: datetime | None,
    *,
    replayed: bool = False,
) -> Mapped:
    """Return the events in a message that is parsed already; see `map_message`."""
    source.overrides.apply(message)
    reading = Reading(message, data, source, received_at or EPOCH, replayed=replayed)
    reading.begin()
    sent_at = reading.sent_at.at if reading.sent_at else None
    kind = kind_of(message)
    reader = _READERS.get(kind) or _READERS.get(kind.partition("^")[0])
    if reader is None or not source.reads(kind):
        left_out = (
            "is no message type that is read" if reader is None else "the profile leaves it out"
        )
        reading.pass_over("MSH-9", left_out)
        return _mapped(reading, kind, sent_at, known=False)
    if received_at is None:
        if sent_at is None:
            reading.fault("MSH-7", "the message states no time, and a simulation needs one")
            return _mapped(reading, kind, sent_at, known=True)
        reading.received_at = sent_at
    parts = list(_by_patient(reading, kind))
    known = not parts
    for part in parts:
        reading.begin_part(part)
        known = reader(reading) or known
    return _mapped(reading, kind, sent_at, known=known)


def _by_patient(reading: Reading, kind: str) -> Iterator[Message]:
    """Return the message in parts of one patient each; none, with a fault, where that cannot be."""
    message = reading.message
    begins = [at for at, one in enumerate(message.segments) if one.name == "PID"]
    if len(begins) < 2 or message.first("MRG") or kind == "ADT^A37":  # noqa: PLR2004 - two patients
        yield message
        return
    ends = [*begins[1:], len(message.segments)]
    numbers = {reading.number(message.segments[at], *PATIENT_NUMBERS) for at in begins}
    if kind.startswith("ORU"):
        head = message.segments[: begins[0]]
        for begin, end in zip(begins, ends, strict=True):
            yield Message([*head, *message.segments[begin:end]])
    elif len(numbers) > 1:
        reading.fault("PID", "more than one patient in a message")
    elif kind.partition("^")[0] in _WITH_EARLIER_RESULTS:
        reading.pass_over("PID", "what follows a second one are earlier results")
        yield Message(message.segments[: ends[0]])
    else:
        yield message


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
        tuple(reading.passed_over),
    )


def _identity(reading: Reading) -> Identity | None:
    """Return name, number and birth date behind the reference, for the board alone."""
    person = reading.message.first("PID")
    if person is None:
        return None
    name = " ".join(part for part in (person.text(5, 2), person.text(5)) if part)
    return Identity(
        patient=reading.patient,
        number=reading.patient_number[:200],
        name=name[:200] or None,
        birth_date=person.text(7)[:200] or None,
        received_at=reading.received_at,
    )
