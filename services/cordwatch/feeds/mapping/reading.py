"""One message being read: who, when, from whom; and where its faults are collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar

from pydantic import ValidationError

from cordwatch.feeds import code_map
from cordwatch.feeds.digest import digest_of
from cordwatch.feeds.event_ids import EventIds
from cordwatch.feeds.hl7.message import Message, Segment, Unreadable
from cordwatch.feeds.hl7.times import BadTime, Stamp, as_precise_as, offset_of, read_time
from cordwatch.feeds.source import Source
from cordwatch_schemas.base import Event
from cordwatch_schemas.code_table import Meaning, meaning
from cordwatch_schemas.events import refusal
from cordwatch_schemas.treatments import Modality, Site

E = TypeVar("E", bound=Event)
CodeAsSent = code_map.CodeAsSent

MAX_FAULTS = 20

PATIENT_NUMBERS = (3, 2, 4)
"""Fields of PID: the list of numbers, then what stood for it up to v2.2."""
PRIOR_NUMBERS = (1, 4, 2)
"""The same in MRG."""


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
    passed_over: list[Fault] = field(default_factory=list)
    """What was understood and left out, and why: nobody's fault, for `cordwatch profile try`."""
    events: list[Event] = field(default_factory=list)
    patient: str = ""
    patient_number: str = ""
    """What *patient* is the reference for; for the board's list of identities alone."""
    encounter: str | None = None
    sent_at: Stamp | None = None
    offset: timezone | None = None
    digest: str = ""
    ids: EventIds = field(default_factory=EventIds)

    def begin(self) -> None:
        """Read the header: the message's own time and its sender."""
        self.digest = digest_of(self.data).hex()
        written = self.message.header.text(7)
        if written:
            try:
                self.offset = offset_of(written)
                self.sent_at = self.stamp(self.message.header, 7)
            except BadTime as error:
                self.fault("MSH-7", str(error))
            except Unreadable as error:
                self.fault(error.field, error.reason)

    def begin_part(self, message: Message) -> None:
        """Go on with a part of the message, which is of one patient."""
        self.message = message
        self.patient, self.patient_number, self.encounter = "", "", None

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

    def pass_over(self, where: str, reason: str) -> None:
        """Note what was left out on purpose."""
        if len(self.passed_over) < MAX_FAULTS:
            self.passed_over.append(Fault(where, reason))

    def number(self, segment: Segment | None, *places: int) -> str:
        """Return the patient number in the first of *places* that holds one; empty if none does."""
        if segment is None:
            return ""
        for at in places:
            number = self.source.patient_number(segment, at)
            if number:
                return number
        return ""

    def identify(self, segment: Segment | None, where: str = "PID") -> bool:
        """Find the patient and the visit; False, with a fault, where there is no number."""
        number = self.number(segment, *PATIENT_NUMBERS)
        if not number:
            self.fault(f"{where}-3", "no patient number")
            return False
        self.patient, self.patient_number = self.source.reference("p", number), number
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
        if component == 1:
            text = as_precise_as(text, segment.text(at, 2))
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

    def coded(self, segment: Segment, at: int, method: int = 0) -> list[CodeAsSent]:
        """
        Return the codes of a field: as sent, and behind them what the profile says that they are.

        *method* is the field that names the code system where the code itself
        does not (DG1-2, PR1-2; the only way up to v2.2).
        """
        system = segment.text(method) if method else ""
        return self.source.codes.applied(coded(segment, at, system))

    def add(self, model: type[E], when: Stamp, **fields: Any) -> None:
        """Make an event of *model* that happened at *when*; a misfit becomes a fault."""
        undated = fields.pop("undated", False)
        precision = "unstated" if undated else when.precision
        latest = when.latest_at if when.latest_at != when.at else None
        fields.setdefault("recorded_at", self.sent_at.at if self.sent_at else None)
        fields.setdefault("patient", self.patient)
        fields.setdefault("encounter", self.encounter)
        kind = model.model_fields["kind"].default
        try:
            event = model(
                event_id=self.ids.name(self.digest, kind, fields),
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
            refused = refusal(error)
            self.fault(f"{self.message.type} {refused.field}", refused.reason)
            return
        self.events.append(event)


def booking(when: Stamp) -> dict[str, Any]:
    """
    Return the fields of a booking for *when*.

    A vague time is read at its latest: that it may be too late must be said, not
    hoped away. A doubtful one is flagged.
    """
    doubtful = when.basis in {"ambiguous", "nonexistent"}
    return {"scheduled_at": when.latest_at, "scheduled_basis": when.basis if doubtful else None}


def coded(segment: Segment, at: int, unnamed: str = "") -> list[CodeAsSent]:
    """
    Return the codes of a CE/CWE field as sent: every repetition, main and alternate.

    A code whose system is not named is of *unnamed*, else of the source's own (`L`).
    """
    found = []
    for repetition in range(segment.repetitions(at)):
        for first in (1, 4):
            code = segment.text(at, first, repetition=repetition)
            system = segment.text(at, first + 2, repetition=repetition)
            if code:
                display = segment.text(at, first + 1, repetition=repetition)[:200] or None
                found.append(
                    {
                        "system": (system or unnamed or "L")[:120],
                        "code": code[:80],
                        "display": display,
                    }
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
