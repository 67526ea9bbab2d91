"""One message being read: who, when, from whom; and where its faults are collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import ValidationError

from cordwatch.feeds.hl7.message import Message, Segment, Unreadable
from cordwatch.feeds.hl7.times import BadTime, Stamp, offset_of, read_time
from cordwatch.feeds.source import Source
from cordwatch_schemas.base import Event
from cordwatch_schemas.code_table import Meaning, meaning
from cordwatch_schemas.treatments import Modality, Site

E = TypeVar("E", bound=Event)
CodeAsSent = dict[str, str | None]

MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be understood: a field like `DG1-5`, and why."""

    field: str
    reason: str


@dataclass(slots=True)
class Reading:
    """
    A message on its way to events.

    Each event that can be made is made; each that cannot leaves a fault, so
    that one bad field neither hides the rest nor is passed over.
    """

    message: Message
    data: bytes
    source: Source
    received_at: datetime
    replayed: bool = False
    faults: list[Fault] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    patient: str = ""
    encounter: str | None = None
    sent_at: Stamp | None = None
    offset: timezone | None = None
    digest: str = ""

    def begin(self) -> None:
        """Read the header: the message's own time and its sender."""
        self.digest = sha256(self.data).hexdigest()
        written = self.message.header.text(7)
        if written:
            try:
                self.offset = offset_of(written)
                self.sent_at = read_time(written, self.source.zone)
            except BadTime as error:
                self.fault("MSH-7", str(error))

    @property
    def sender(self) -> str:
        """Return sending application and facility."""
        header = self.message.header
        return f"{header.text(3) or '-'}|{header.text(4) or '-'}"

    @property
    def control_id(self) -> str:
        """Return MSH-10."""
        return self.message.header.text(10)

    def fault(self, where: str, reason: str) -> None:
        """Note what could not be understood."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(where, reason))

    def identify(self, segment: Segment | None, where: str = "PID") -> bool:
        """Find the patient and the visit; False, with a fault, where there is no number."""
        number = self.source.patient_number(segment, 3) if segment else ""
        if not number and segment is not None:
            number = segment.text(2) or segment.text(4)
        if not number:
            self.fault(f"{where}-3", "no patient number")
            return False
        self.patient = self.source.reference("p", number)
        visit = self.message.first("PV1")
        visit_number = (visit.text(19) if visit else "") or (segment.text(18) if segment else "")
        self.encounter = self.source.reference("e", visit_number) if visit_number else None
        return True

    def stamp(self, segment: Segment | None, at: int, component: int = 1) -> Stamp | None:
        """
        Return the time in a field, None when it is empty.

        Raises:
            Unreadable: it is no time, or says no more than a month or year.
        """
        text = segment.text(at, component) if segment else ""
        if not text or segment is None:
            return None
        where = f"{segment.name}-{at}"
        try:
            stamp = read_time(text, self.source.zone, self.offset)
        except BadTime as error:
            raise Unreadable(where, str(error)) from None
        if stamp.precision in {"year", "month"}:
            raise Unreadable(where, f"says no more than the {stamp.precision}")
        return stamp

    def first_stamp(self, *places: tuple[Segment | None, int]) -> Stamp:
        """
        Return the first time that is stated, else the message's own.

        Raises:
            Unreadable: the first stated one cannot be read, or there is none at all.
        """
        for segment, at in places:
            stamp = self.stamp(segment, at)
            if stamp is not None:
                return stamp
        if self.sent_at is None:
            raise Unreadable("MSH-7", "no time anywhere in the message")
        return self.sent_at

    def recorded(self, *places: tuple[Segment | None, int]) -> datetime:
        """Return when it was written down: a stated time, else the message's."""
        return self.first_stamp(*places).at

    def add(self, model: type[E], when: Stamp, **fields: Any) -> None:
        """Make an event of *model* that happened at *when*; a misfit becomes a fault."""
        undated = fields.pop("undated", False)
        precision = "unstated" if undated else when.precision
        latest = when.latest_at if when.latest_at != when.at else None
        fields.setdefault("recorded_at", self.sent_at.at if self.sent_at else None)
        fields.setdefault("patient", self.patient)
        fields.setdefault("encounter", self.encounter)
        try:
            event = model(
                event_id=f"{self.digest[:32]}-{len(self.events)}",
                source=self.sender,
                source_message_id=self.control_id,
                occurred_at=when.at,
                occurred_latest_at=latest,
                occurred_precision=precision,
                occurred_basis=when.basis,
                received_at=self.received_at,
                replayed=self.replayed,
                **fields,
            )
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            name = ".".join(str(part) for part in first["loc"]) or "event"
            self.fault(f"{self.message.type} {name}", first["type"].replace("_", " "))
            return
        self.events.append(event)


def coded(segment: Segment, at: int) -> list[CodeAsSent]:
    """Return the codes of a CE/CWE field as sent: every repetition, main and alternate."""
    found = []
    for repetition in range(segment.repetitions(at)):
        for first in (1, 4):
            code = segment.text(at, first, repetition=repetition)
            system = segment.text(at, first + 2, repetition=repetition)
            if code:
                display = segment.text(at, first + 1, repetition=repetition)[:200] or None
                found.append(
                    {"system": (system or "L")[:120], "code": code[:80], "display": display}
                )
    return found


def meanings(codes: list[CodeAsSent]) -> Iterator[Meaning]:
    """Return what *codes* mean to the pathway, as far as they mean anything."""
    for code in codes:
        found = meaning(code["system"] or "", code["code"] or "")
        if found is not None:
            yield found


def concepts(codes: list[CodeAsSent]) -> set[str]:
    """Return the concepts that *codes* name."""
    return {found.concept for found in meanings(codes)}


_MODALITIES: dict[str, Modality] = {
    "spinal-surgery": "surgery",
    "vertebroplasty": "vertebroplasty",
    "radiotherapy": "radiotherapy",
}


def modality_of(codes: list[CodeAsSent]) -> Modality | None:
    """Return what treatment *codes* name, None where they name none."""
    found = concepts(codes)
    return next((one for concept, one in _MODALITIES.items() if concept in found), None)


def site_by(modality: Modality) -> Site | None:
    """Return the site that a treatment has by its nature; None: the code does not say."""
    return None if modality == "radiotherapy" else "spine"
