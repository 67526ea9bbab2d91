"""FHIR resources to events: what becomes of each, in the shapes of every release."""

from __future__ import annotations

from typing import Any

import pytest

from cordwatch.feeds.fhir.mapper import READERS
from tests.unit.feeds.fhir.resources import (
    AT,
    COMPRESSION,
    DEXA,
    LATER,
    PATIENT,
    RT,
    SPINE,
    SUBJECT,
    a,
    concept,
    faults,
    kinds,
    mapped,
)

PERIOD = {"start": AT}
ROWS: list[tuple[dict[str, Any], list[str]]] = [
    (a("Encounter", status="in-progress", period=PERIOD), ["admitted", "discharge-cancelled"]),
    (
        a("Encounter", status="in-progress", actualPeriod=PERIOD),
        ["admitted", "discharge-cancelled"],
    ),
    (
        a("Encounter", status="finished", period={**PERIOD, "end": LATER}),
        ["admitted", "discharged"],
    ),
    (a("Encounter", status="discharged", actualPeriod=PERIOD), ["admitted", "discharged"]),
    (
        a(
            "Encounter",
            status="finished",
            period={**PERIOD, "end": LATER},
            hospitalization={"dischargeDisposition": concept("d", "exp")},
        ),
        ["admitted", "discharged", "died"],
    ),
    (a("Encounter", status="cancelled"), ["admission-cancelled"]),
    (a("Encounter", status="planned"), ["admitted"]),
    (a("Encounter", status="unknown"), []),
    (a("Condition", code=COMPRESSION), ["diagnosed"]),
    (
        a("Condition", code=COMPRESSION, verificationStatus=concept("v", "refuted")),
        ["diagnosis-retracted"],
    ),
    (
        a("Condition", code=COMPRESSION, verificationStatus=concept("v", "entered-in-error")),
        ["record-retracted"],
    ),
    (a("Condition", code=concept("urn:cordwatch:findings", "suspected-mescc")), ["assessed"]),
    (a("ServiceRequest", status="active", intent="order", code=SPINE), ["imaging-ordered"]),
    (
        a("ServiceRequest", status="active", intent="order", code={"concept": SPINE}),
        ["imaging-ordered"],
    ),
    (a("ServiceRequest", status="revoked", intent="order", code=SPINE), ["imaging-cancelled"]),
    (a("ServiceRequest", status="completed", intent="order", code=SPINE), ["imaging-ordered"]),
    (a("ServiceRequest", status="draft", intent="order", code=SPINE), []),
    (a("ServiceRequest", status="active", intent="proposal", code=SPINE), []),
    (
        a("ServiceRequest", status="active", intent="order", code=SPINE, doNotPerform=True),
        [],
    ),
    (
        a("ServiceRequest", status="entered-in-error", intent="order", code=SPINE),
        ["record-retracted"] * 3,
    ),
    (a("ServiceRequest", status="active", intent="plan", code=RT), ["treatment-planned"]),
    (a("ServiceRequest", status="revoked", intent="order", code=RT), ["treatment-cancelled"]),
    (
        a("ImagingStudy", status="available", started=AT, procedureCode=[SPINE]),
        ["imaging-done"],
    ),
    (
        a("ImagingStudy", status="available", started=AT, procedure=[{"concept": SPINE}]),
        ["imaging-done"],
    ),
    (a("ImagingStudy", status="registered", started=AT, procedureCode=[SPINE]), []),
    (a("ImagingStudy", status="entered-in-error", procedureCode=[SPINE]), ["record-retracted"]),
    (a("DiagnosticReport", status="final", code=SPINE, issued=AT), ["imaging-reported"]),
    (a("DiagnosticReport", status="registered", code=SPINE), []),
    (a("DiagnosticReport", status="entered-in-error", code=SPINE), ["record-retracted"]),
    (
        a("DiagnosticReport", status="final", issued=AT, conclusionCode=[COMPRESSION]),
        ["diagnosed"],
    ),
    (
        a(
            "Appointment",
            status="booked",
            start=AT,
            serviceType=[SPINE],
            participant=[{"actor": SUBJECT}],
        ),
        ["imaging-scheduled"],
    ),
    (
        a("Appointment", status="noshow", serviceType=[{"concept": SPINE}], subject=SUBJECT),
        ["imaging-no-show"],
    ),
    (
        a("Appointment", status="booked", start=AT, serviceType=[RT], subject=SUBJECT),
        ["treatment-booked"],
    ),
    (
        a("MedicationRequest", status="active", intent="order", medicationCodeableConcept=DEXA),
        ["record-retracted", "medication-ordered"],
    ),
    (
        a("MedicationRequest", status="on-hold", intent="order", medication={"concept": DEXA}),
        ["medication-stopped"],
    ),
    (
        a("MedicationRequest", status="active", intent="plan", medicationCodeableConcept=DEXA),
        [],
    ),
    (
        a(
            "MedicationAdministration",
            status="completed",
            medicationCodeableConcept=DEXA,
            effectiveDateTime=AT,
        ),
        ["medication-given"],
    ),
    (
        a(
            "MedicationAdministration",
            status="completed",
            medication={"concept": DEXA},
            occurencePeriod={"start": AT},
        ),
        ["medication-given"],
    ),
    (
        a(
            "MedicationAdministration",
            status="not-done",
            medicationCodeableConcept=DEXA,
            effectiveDateTime=AT,
        ),
        ["medication-not-given"],
    ),
    (a("MedicationAdministration", status="in-progress", effectiveDateTime=AT), []),
    (a("MedicationAdministration", status="entered-in-error"), ["record-retracted"]),
    (
        a("Procedure", status="in-progress", code=RT, performedPeriod=PERIOD),
        ["treatment-started"],
    ),
    (
        a("Procedure", status="completed", code=RT, occurrencePeriod={"start": AT, "end": LATER}),
        ["treatment-started", "treatment-ended"],
    ),
    (a("Procedure", status="preparation", code=RT), []),
    (a("Procedure", status="not-done", code=RT), ["treatment-cancelled"]),
    (a("Procedure", status="entered-in-error", code=RT), ["record-retracted"]),
    ({**PATIENT, "deceasedBoolean": True, "meta": {"lastUpdated": AT}}, ["died"]),
    ({**PATIENT, "deceasedBoolean": False}, ["death-cancelled"]),
    ({**PATIENT, "deceasedDateTime": AT}, ["died"]),
    (PATIENT, []),
    (a("Device"), []),
]


@pytest.mark.parametrize(("resource", "expected"), ROWS)
def test_a_resource_becomes_its_events(resource: dict[str, Any], expected: list[str]) -> None:
    """One row per status and shape that the pathway reads."""
    found = mapped(resource)
    assert (kinds(found), faults(found)) == (expected, [])


def test_every_type_that_is_searched_for_has_a_row() -> None:
    """So that a new reader comes with a test."""
    told = {resource["resourceType"] for resource, expected in ROWS if expected}
    assert told | {"Observation"} == set(READERS)
