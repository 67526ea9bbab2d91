"""One resource being read: whose it is, when, under which numbers; and where its faults are collected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from cordwatch.feeds.event_ids import EventIds
from cordwatch.feeds.fhir.bundle import Context, Resource, digest_of, version_of
from cordwatch.feeds.fhir.coding import coded
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import MAX_FAULTS, CodeAsSent, Fault
from cordwatch.feeds.source import Source
from cordwatch_schemas.admissions import RecordRetracted
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import refusal

E = TypeVar("E", bound=Event)
Number = str | None

PATIENT_TYPES = ("MR", "MRN", "PI", "PT", "")
_FILLER = frozenset({"FILL", "ACSN"})
_STUDY_UID = "urn:dicom:uid"


@dataclass(slots=True)
class Reading:
    """
    A resource on its way to events.

    It tells a state, not an event: every version tells all of it again, under
    the same instants, so that a version that was missed leaves no hole and one
    that comes twice adds nothing.
    """

    resource: Element
    source: Source
    context: Context
    sender: str
    received_at: datetime
    said_at: Stamp
    """When this version was written, as far as anybody says."""
    replayed: bool = False
    faults: list[Fault] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    patient: str = ""
    encounter: str | None = None
    consumed: set[str] = field(default_factory=set)
    """`Type/id` of resources that were read as a part of this one."""
    _digest: str = ""
    _ids: EventIds = field(default_factory=EventIds)

    @property
    def status(self) -> str:
        """Return the resource's status."""
        return self.resource.text("status")

    @property
    def record(self) -> str | None:
        """Return `Type/id`: the number of this very record."""
        name = self.resource.text("id")
        return f"{self.resource.type}/{name}"[:200] if name else None

    def fault(self, where: str, reason: str) -> None:
        """Note what could not be understood."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(where, reason))

    def find(self, reference: Element | None, *, ask: bool = True) -> Element | None:
        """
        Return the resource that a Reference (or CodeableReference) points to, if it is here.

        What is not here is noted as missing, unless it is not worth a question (*ask*).
        """
        if reference is None:
            return None
        inner = reference.one("reference") if not _is_text(reference, "reference") else None
        target = (inner or reference).text("reference")
        found = self.context.find(target, self.resource.value, ask=ask) if target else None
        return Element.of(found, self.source.codes) if found is not None else None

    def earlier(self) -> list[Element]:
        """Return what is known of the versions before this one; the first has none."""
        record, meta = self.record, self.resource.one("meta")
        version = meta.text("versionId") if meta else ""
        if record is None or version in {"", "1"}:
            return []
        found = self.context.versions(record)
        own = str(meta.text("lastUpdated")) if meta else ""
        return [
            Element.of(one, self.source.codes)
            for one in found
            if _updated_before(one, version, own)
        ]

    def identify(self, *names: str) -> None:
        """
        Find the patient (*names* are the members that may refer to one) and the encounter.

        Raises:
            Unreadable: nobody's; or the patient is neither here nor could be fetched.
        """
        place = next((name for name in names if self.resource.has(name)), names[0])
        self.patient = self.person(self.resource.one(place), f"{self.resource.path}.{place}")
        visit = self.resource.one("encounter", "context")
        self.encounter = self.visit(visit) if visit is not None else None

    def person(self, reference: Element | None, where: str) -> str:
        """
        Return the patient reference of a FHIR Reference.

        Raises:
            Unreadable: there is none, or no number can be found for it.
        """
        if reference is None:
            raise Unreadable(where, "no patient")
        logical = reference.one("identifier")
        number = patient_number([logical], self.source.patient_system) if logical else ""
        found = self.find(reference)
        if not number and found is None:
            raise Unreadable(where, "the patient is neither in the bundle nor could be fetched")
        if not number and found is not None:
            number = patient_number(found.many("identifier"), self.source.patient_system)
        if not number:
            raise Unreadable("Patient.identifier", "no patient number")
        return self.source.reference("p", number)

    def visit(self, reference: Element) -> str | None:
        """Return the encounter reference of a FHIR Reference, None where it names none."""
        logical, found = reference.one("identifier"), self.find(reference)
        number = logical.text("value") if logical else ""
        if not number and found is not None and found.type == "Encounter":
            number = visit_number(found)
        if not number and found is None:
            key = self.context.local(reference.text("reference"))
            number = key.removeprefix("Encounter/") if key.startswith("Encounter/") else ""
        return self.source.reference("e", number) if number else None

    def period(self, *names: str) -> tuple[Stamp | None, Stamp | None]:
        """
        Return begin and end of a time that may be an instant or a period: `effective`, `performed`.

        Raises:
            Unreadable: one of them is no time, or too vague.
        """
        zone = self.source.zone
        for name in names:
            told = self.resource.time(zone, f"{name}DateTime", f"{name}Instant")
            if told is not None:
                return told, None
            span = self.resource.one(f"{name}Period")
            if span is not None:
                return span.time(zone, "start"), span.time(zone, "end")
        return None, None

    def time(self, *names: str) -> Stamp | None:
        """Return the first of the resource's own times that is stated."""
        return self.resource.time(self.source.zone, *names)

    def numbers_of(self, request: Element | None) -> tuple[Number, Number]:
        """Return placer and filler number that a resource bears among its identifiers."""
        placer = filler = None
        for one in request.many("identifier") if request else ():
            value, kind = one.text("value")[:200], kind_of(one)
            if not value or one.text("system") == _STUDY_UID:
                continue
            if kind in _FILLER:
                filler = filler or value
            elif kind == "PLAC" or placer is None:
                placer = value
        return placer, filler

    def order(self, *names: str) -> tuple[Number, Number, Element | None]:
        """Return the numbers of the order that this resource goes back to, and the order itself."""
        for reference in self.resource.many(*names):
            found, logical = self.find(reference), reference.one("identifier")
            if found is not None:
                placer, filler = self.numbers_of(found)
                return placer or (None if filler else _name(found)), filler, found
            number = logical.text("value")[:200] if logical else ""
            if not number and _is_text(reference, "reference"):
                number = self.context.local(reference.text("reference")).partition("/")[2]
            if number:
                return number, None, None
        return None, None, None

    def concept(self, *names: str) -> list[CodeAsSent]:
        """Return the codes of members that are concepts, references to what bears a code, or lists of these."""
        for name in names:
            if not self.resource.has(name):
                continue
            codes: list[CodeAsSent] = []
            for one in self.resource.many(name):
                target = None if one.has("coding") or one.has("concept") else self.find(one)
                codes += coded(target.one("code")) if target else coded(one)
            return codes
        return []

    def retract(self, *models: type[Event], target: str | None = None) -> None:
        """Take back what this record said: it was entered in error."""
        record = target or self.record
        if record is None:
            self.fault(
                f"{self.resource.path}.id", "a retraction without the id of what it retracts"
            )
            return
        for model in models:
            self.add(
                RecordRetracted,
                self.said_at,
                target_kind=model.model_fields["kind"].default,
                target=record,
                record_id=f"{record}/retraction"[:200],
            )

    def add(self, model: type[E], when: Stamp, **fields: Any) -> None:
        """Make an event of *model* that happened at *when*; a misfit becomes a fault."""
        undated = fields.pop("undated", False)
        fields.setdefault("recorded_at", self.said_at.at)
        fields.setdefault("patient", self.patient)
        fields.setdefault("encounter", self.encounter)
        self._digest = self._digest or digest_of(self.resource.value)
        kind = model.model_fields["kind"].default
        try:
            event = model(
                event_id=self._ids.name(self._digest, kind, fields),
                source=self.sender[:200] or "fhir",
                source_message_id=version_of(self.resource.value)[:200],
                occurred_at=when.at,
                occurred_latest_at=when.latest_at if when.latest_at != when.at else None,
                occurred_precision="unstated" if undated else when.precision,
                occurred_basis=when.basis,
                received_at=self.received_at,
                replayed=self.replayed,
                **fields,
            )
        except ValidationError as error:
            refused = refusal(error)
            self.fault(f"{self.resource.path} {refused.field}", refused.reason)
            return
        self.events.append(event)


def _updated_before(resource: Resource, version: str, updated: str) -> bool:
    """Return whether another version was written before one: its own time says so, and its name is another."""
    meta = resource.get("meta")
    stated = meta if isinstance(meta, Mapping) else {}
    at = stated.get("lastUpdated")
    return stated.get("versionId") != version and isinstance(at, str) and at <= updated


def kind_of(identifier: Element) -> str:
    """Return the type of an identifier by HL7 table 0203: MR, VN, PLAC, FILL, ACSN; empty if unsaid."""
    codes = coded(identifier.one("type"))
    return (codes[0]["code"] or "").upper() if codes else ""


def patient_number(identifiers: Sequence[Element] | Iterator[Element], system: str | None) -> str:
    """Return the patient's own number among *identifiers*, as for PID-3; empty if there is none."""
    found: dict[str, str] = {}
    for one in identifiers:
        value = one.text("value")
        if not value or one.text("use") == "old" or system not in {None, one.text("system")}:
            continue
        found.setdefault(kind_of(one), value)
    return next((found[kind] for kind in PATIENT_TYPES if kind in found), "") or next(
        iter(found.values()), ""
    )


def visit_number(encounter: Element) -> str:
    """Return the visit number of an Encounter: an identifier, else its id."""
    numbers = [one.text("value") for one in encounter.many("identifier")]
    return next((number for number in numbers if number), "") or encounter.text("id")


def _is_text(element: Element, name: str) -> bool:
    return isinstance(element.value.get(name), str)


def _name(found: Element) -> Number:
    return found.text("id")[:200] or None
