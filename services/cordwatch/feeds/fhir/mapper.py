"""The one way from a FHIR text to events: resource by resource, with the outcome of the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cordwatch.feeds.fhir.bundle import (
    Context,
    Entry,
    Resource,
    Version,
    base_of,
    canonical,
    digest_of,
    entries_of,
    key_of,
    read_json,
    stated_version,
    version_of,
)
from cordwatch.feeds.fhir.deleted import (
    NOT_KNOWN,
    NOT_SAFE,
    VOID,
    deleted_key,
    last_version,
    may_be_taken_back,
    voided,
)
from cordwatch.feeds.fhir.drugs import read_administration
from cordwatch.feeds.fhir.drugs import read_request as read_drug_request
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.findings import read_observation
from cordwatch.feeds.fhir.imaging import read_report, read_study
from cordwatch.feeds.fhir.orders import read_appointment, read_request
from cordwatch.feeds.fhir.problems import read_condition
from cordwatch.feeds.fhir.procedures import read_procedure
from cordwatch.feeds.fhir.reading import Reading, patient_number
from cordwatch.feeds.fhir.stay import read_encounter, read_patient
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.source import Source
from cordwatch_schemas.base import Event
from cordwatch_schemas.records import Identity

READERS: dict[str, Callable[[Reading], bool]] = {
    "Patient": read_patient,
    "Encounter": read_encounter,
    "Condition": read_condition,
    "Observation": read_observation,
    "ServiceRequest": read_request,
    "Appointment": read_appointment,
    "ImagingStudy": read_study,
    "DiagnosticReport": read_report,
    "MedicationRequest": read_drug_request,
    "MedicationAdministration": read_administration,
    "Procedure": read_procedure,
}
"""What is read, by type of resource; a gateway asks for these."""

FAULTS_MAX = 1_000
"""Of one text; each resource has a bound of its own."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in where no time is stated; no event ever has it."""

Outcome = Literal["mapped", "irrelevant", "quarantined"]


@dataclass(frozen=True, slots=True)
class FhirMapped:
    """What became of one text: events, faults with what they are about, and what was missing."""

    outcome: Outcome
    sender: str
    message_id: str
    sent_at: datetime | None
    events: Sequence[Event] = ()
    faults: Sequence[Fault] = ()
    excerpts: Sequence[bytes] = ()
    """For each fault the resource that it is about, which goes to quarantine; empty: the whole."""
    identities: Sequence[Identity] = ()
    missing: frozenset[str] = frozenset()
    """`Type/id` of what was referred to and is not here."""
    histories: frozenset[str] = frozenset()
    """`Type/id/_history` of records whose earlier versions would tell more."""
    types: frozenset[str] = frozenset()
    """Of the resources that it tells of, those that are read."""
    versions: Sequence[Version] = ()
    """Theirs, as far as they state any."""


def map_fhir(
    data: bytes,
    source: Source,
    received_at: datetime | None,
    *,
    replayed: bool = False,
    base: str = "",
    known: Callable[[str], Resource | None] = lambda _: None,
) -> FhirMapped:
    """
    Return the events in one FHIR text: a resource, a Bundle of any type, or a list.

    *received_at* None takes each resource's own time (`meta.lastUpdated`):
    the virtual clock of a simulation. *base* is the server's address, *known*
    finds what is not in the text. A resource that cannot be read leaves a
    fault and none of the others.
    """
    try:
        entries = list(entries_of(read_json(data)))
    except Unreadable as error:
        fault = Fault(error.field, error.reason)
        return FhirMapped("quarantined", base or "fhir", "-", None, (), (fault,), (b"",))
    found = _Text(source, received_at, _context(entries, base, known), replayed=replayed)
    for entry in sorted(entries, key=_is_part):
        found.read(entry)
    return found.mapped(entries)


def digests_of(data: bytes) -> set[str]:
    """
    Return the digests with which the ids of all events begin that any reading of a text can give.

    Raises:
        Unreadable: it is no FHIR text.
    """
    entries = list(entries_of(read_json(data)))
    context = _context(entries, "", lambda _: None)
    told = [one.resource for one in entries if one.resource and not one.is_context]
    for entry in entries:
        last = last_version(entry, context) if entry.deleted and not entry.is_context else None
        if last is not None and last.get("resourceType") in VOID:
            told.append(voided(last))
    return {digest_of(one) for one in told}


def _is_part(entry: Entry) -> int:
    """Put groups before what may be a part of them: findings of one examination are read together."""
    resource = entry.resource or {}
    return (resource.get("resourceType") == "Observation") + ("hasMember" not in resource)


def _context(entries: list[Entry], base: str, known: Callable[[str], Resource | None]) -> Context:
    urls = (base_of(entry.full_url, entry.resource) for entry in entries if entry.resource)
    context = Context(base or next((url for url in urls if url), ""), known)
    for entry in entries:
        context.learn(entry)
    return context


class _Text:
    """One text on its way to events."""

    def __init__(
        self, source: Source, received_at: datetime | None, context: Context, *, replayed: bool
    ) -> None:
        self._source, self._received_at, self._replayed = source, received_at, replayed
        self._context = context
        self._events: list[Event] = []
        self._faults: list[tuple[Fault, bytes]] = []
        self._identities: dict[str, Identity] = {}
        self._sent_at: datetime | None = None
        self._consumed = set[str]()

    def read(self, entry: Entry) -> None:
        """Read one resource, if it is one that the pathway knows."""
        if entry.deleted and not entry.is_context:
            self._read_deleted(entry)
        resource = entry.resource
        if resource is None or entry.is_context:
            return
        reader = READERS.get(str(resource.get("resourceType")))
        if reader is None or key_of(resource) in self._consumed:
            return
        try:
            reading, doubt = self._reading(entry, resource)
            if not reader(reading):
                return
            doubt = doubt if reading.events else None
            doubt = doubt or _unknown_meaning(reading.resource)
            if doubt is not None:
                raise doubt
        except Unreadable as error:
            self._fault(entry, Fault(_place(entry, error.field), error.reason))
            return
        self._events += reading.events
        self._consumed |= reading.consumed - {""}
        for fault in reading.faults:
            self._fault(entry, Fault(_place(entry, fault.field), fault.reason))
        if reading.resource.type == "Patient":
            try:
                identity = _identity(reading)
            except Unreadable as error:
                self._fault(entry, Fault(_place(entry, error.field), error.reason))
                return
            self._identities[identity.patient] = identity

    def _read_deleted(self, entry: Entry) -> None:
        """Take back what a resource said that is gone, where its last version is known and that is safe."""
        key = deleted_key(entry, self._context)
        reader = READERS.get(key.partition("/")[0])
        if key and (reader is None or key in self._consumed):
            return
        last = last_version(entry, self._context) if key else None
        if last is None or reader is None:
            self._fault(entry, Fault(entry.path, NOT_KNOWN))
            return
        self._consumed.add(key)
        try:
            said, _ = self._reading(entry, last)
            if not reader(said) or not said.events:
                return
            if said.resource.type not in VOID or not may_be_taken_back(said.events):
                raise Unreadable(entry.path, NOT_SAFE)
            reading, _ = self._reading(entry, voided(last))
            reader(reading)
        except Unreadable as error:
            self._fault(entry, Fault(error.field, error.reason))
            return
        self._events += reading.events
        for fault in (*said.faults, *reading.faults):
            self._fault(entry, fault)

    def _reading(self, entry: Entry, resource: Resource) -> tuple[Reading, Unreadable | None]:
        """Return a resource about to be read, and why its time is in doubt, if it is."""
        element, doubt, said = Element.of(resource, self._source.codes), None, None
        try:
            said = _said(element, entry, self._source, simulated=self._received_at is None)
        except Unreadable as error:
            doubt = error
        received_at = self._received_at or (said.at if said else None)
        if received_at is None:
            where = f"{element.path}.meta.lastUpdated"
            doubt = doubt or Unreadable(where, "no time is stated, and a simulation needs one")
            received_at = EPOCH
        self._sent_at = self._sent_at or (said.at if said else None)
        reading = Reading(
            element,
            self._source,
            self._context,
            self._context.base or "fhir",
            received_at,
            said or Stamp(received_at, received_at, "second", "message"),
            replayed=self._replayed,
        )
        return reading, doubt

    def _fault(self, entry: Entry, fault: Fault) -> None:
        if len(self._faults) < FAULTS_MAX:
            excerpt = canonical(entry.resource) if entry.resource is not None else b""
            self._faults.append((fault, excerpt))
        elif len(self._faults) == FAULTS_MAX:
            reason = f"more than {FAULTS_MAX} faults: what is behind is in the raw record alone"
            self._faults.append((Fault("Bundle", reason), b""))

    def mapped(self, entries: list[Entry]) -> FhirMapped:
        """Return what became of it all."""
        outcome: Outcome = "irrelevant"
        if self._events:
            outcome = "mapped"
        elif self._faults:
            outcome = "quarantined"
        told = [one.resource for one in entries if one.resource and not one.is_context]
        first = told[0] if told else None
        return FhirMapped(
            outcome,
            self._context.base or "fhir",
            version_of(first)[:200] if first else "-",
            self._sent_at,
            tuple(self._events),
            tuple(fault for fault, _ in self._faults),
            tuple(excerpt for _, excerpt in self._faults),
            tuple(self._identities.values()),
            frozenset(self._context.missing),
            frozenset(self._context.histories),
            frozenset(str(one.get("resourceType")) for one in told) & READERS.keys(),
            tuple(
                version
                for one in told
                if one.get("resourceType") in READERS and (version := stated_version(one))
            ),
        )


_WRITTEN = ("issued", "recordedDate", "authoredOn", "recorded", "created", "started")
_HAPPENED = ("effective", "performed", "occurrence", "occurence", "deceased", "onset")
_PERIODS = ("actualPeriod", "period", *(f"{name}Period" for name in _HAPPENED))


def _said(element: Element, entry: Entry, source: Source, *, simulated: bool) -> Stamp | None:
    """
    Return when this version was written: `meta.lastUpdated`, else the bundle's own time.

    A simulation goes by the times in the resource where there is neither: made
    data and exports often leave both out.

    Raises:
        Unreadable: the first that is stated is no time.
    """
    meta, zone = element.one("meta"), source.zone
    said = meta.time(zone, "lastUpdated") if meta else None
    if said is None and entry.timestamp:
        bundle = Element({"timestamp": entry.timestamp}, "Bundle")
        said = bundle.time(zone, "timestamp")
    if said is None and simulated:
        said = element.time(zone, *_WRITTEN, *(f"{name}DateTime" for name in _HAPPENED))
        for name in _PERIODS if said is None else ():
            period = element.one(name)
            said = said or (period.time(zone, "end", "start") if period else None)
    return said


def _unknown_meaning(element: Element) -> Unreadable | None:
    """Return why a resource must not be read: it is not whole, or means something else than it says."""
    meta = element.one("meta")
    tags = meta.many("tag") if meta else ()
    if any(tag.text("code") == "SUBSETTED" for tag in tags):
        return Unreadable(f"{element.path}.meta.tag", "is a summary, not the whole resource")
    if element.has("implicitRules"):
        return Unreadable(f"{element.path}.implicitRules", "rules that are not known here")
    if element.has("modifierExtension"):
        where = f"{element.path}.modifierExtension"
        return Unreadable(where, "changes the meaning in a way that is not known here")
    return None


def _place(entry: Entry, field: str) -> str:
    """Return the path of an element from the top of the text, as FHIRPath has it."""
    kind, _, rest = field.partition(".")
    if (
        entry.resource is None
        or kind != entry.resource.get("resourceType")
        or "entry" not in entry.path
    ):
        return field
    return f"{entry.path}.{rest}" if rest else entry.path


def _identity(reading: Reading) -> Identity:
    """Return name, number and birth date behind the reference, for the board alone."""
    person = reading.resource
    names = sorted(person.many("name"), key=lambda one: one.text("use") != "official")
    shown = ""
    if names:
        given = names[0].value.get("given")
        first = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        shown = " ".join((*first, names[0].text("family"))).strip() or names[0].text("text")
    return Identity(
        patient=reading.patient,
        number=patient_number(person.many("identifier"), reading.source.patient_system)[:200],
        name=shown[:200] or None,
        birth_date=person.text("birthDate")[:200] or None,
        received_at=reading.received_at,
    )
