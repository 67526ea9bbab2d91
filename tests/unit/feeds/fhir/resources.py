"""FHIR resources of one invented patient, and how they are mapped, for the tests of the mapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from cordwatch.feeds.fhir.mapper import FhirMapped, map_fhir
from cordwatch.feeds.source import Source

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CANARY = "Zebrafinch"
AT = "2026-03-02T08:00:00Z"
LATER = "2026-03-02T10:00:00Z"
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"value": "4711", "system": "urn:mrn"}],
    "name": [{"family": CANARY, "given": ["Anna"]}],
    "birthDate": "1940-01-01",
}
SUBJECT = {"reference": "Patient/p1"}
WHOLE, LUMBAR = "30855-1", "24967-2"


def concept(system: str, code: str) -> dict[str, Any]:
    """Return a CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


SPINE = concept("http://loinc.org", WHOLE)
DEXA = concept("http://www.whocc.no/atc", "H02AB02")
RT = concept("http://www.ama-assn.org/go/cpt", "77412")
COMPRESSION = concept("http://hl7.org/fhir/sid/icd-10", "G95.2")


def a(kind: str, **members: Any) -> dict[str, Any]:
    """Return a resource of the patient, as last updated at ten."""
    whose = {} if kind in {"Patient", "Appointment"} else {"subject": SUBJECT}
    meta = {"lastUpdated": LATER, "versionId": "2"}
    return {"resourceType": kind, "id": "x1", "meta": meta, **whose, **members}


def mapped(
    *resources: dict[str, Any], received_at: datetime | None = NOW, **more: Any
) -> FhirMapped:
    """Map a bundle of *resources* and the patient, who is context."""
    entries: list[dict[str, Any]] = [{"resource": one} for one in resources]
    entries.append({"resource": PATIENT, "search": {"mode": "include"}})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries, **more}
    return map_fhir(json.dumps(bundle).encode(), Source(), received_at)


def kinds(found: FhirMapped) -> list[str]:
    """Return the kinds of the events."""
    return [event.kind for event in found.events]  # type: ignore[attr-defined]


def only(found: FhirMapped) -> Any:
    """Return the one event."""
    assert found.faults == ()
    [event] = found.events
    return event


def faults(found: FhirMapped) -> list[tuple[str, str]]:
    """Return the faults."""
    return [(fault.field, fault.reason) for fault in found.faults]
