"""FHIR resources to events: what becomes of each, in the shapes of every release, and of bad ones."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.fhir.mapper import READERS, FhirMapped, map_fhir
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import derived_records, translate
from cordwatch.feeds.source import Source
from cordwatch_schemas.records import Quarantined

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


@pytest.mark.parametrize(
    ("resource", "field", "reason"),
    [
        (
            a("Condition", code=COMPRESSION, onsetDateTime="2019"),
            "Bundle.entry[0].resource.onsetDateTime",
            "says no more than the year",
        ),
        (
            a("Condition", code=COMPRESSION, onsetDateTime="yesterday"),
            "Bundle.entry[0].resource.onsetDateTime",
            "is not a FHIR time",
        ),
        (
            a("Condition", code={"coding": "G95.2"}),
            "Bundle.entry[0].resource.code.coding",
            "is not an object",
        ),
        (
            a("Condition", code=COMPRESSION, subject={"reference": "Patient/p2"}),
            "Bundle.entry[0].resource.subject",
            "the patient is neither in the bundle nor could be fetched",
        ),
        (
            a("ImagingStudy", status="available", procedureCode=[SPINE]),
            "Bundle.entry[0].resource.started",
            "a scan without a time",
        ),
        (
            a("Encounter", status="in-progress"),
            "Bundle.entry[0].resource.period.start",
            "an encounter without a begin",
        ),
        (
            a("Condition", code=COMPRESSION, modifierExtension=[{"url": "urn:not"}]),
            "Bundle.entry[0].resource.modifierExtension",
            "changes the meaning in a way that is not known here",
        ),
        (
            a("Condition", code=COMPRESSION, implicitRules="urn:rules"),
            "Bundle.entry[0].resource.implicitRules",
            "rules that are not known here",
        ),
        (
            {**a("Condition", code=COMPRESSION), "meta": {"tag": [{"code": "SUBSETTED"}]}},
            "Bundle.entry[0].resource.meta.tag",
            "is a summary, not the whole resource",
        ),
        (
            a(
                "MedicationAdministration",
                status="completed",
                medicationCodeableConcept=DEXA,
                effectiveDateTime=AT,
                dosage={"dose": {"value": "16"}},
            ),
            "Bundle.entry[0].resource.dosage.dose.value",
            "is not a number",
        ),
        (
            a(
                "MedicationAdministration",
                status="completed",
                medicationCodeableConcept=DEXA,
                effectiveDateTime=AT,
                dosage={"dose": {"value": -1}},
            ),
            "MedicationAdministration dose",
            "greater than equal",
        ),
    ],
)
def test_what_cannot_be_read_is_named_and_the_good_behind_it_is(
    resource: dict[str, Any], field: str, reason: str
) -> None:
    """The path of the element; the resource itself goes to quarantine, the next one to the wards."""
    good = a("Condition", code=COMPRESSION, onsetDateTime=AT) | {"id": "good"}
    found = mapped(resource, good)
    assert faults(found) == [(field, reason)]
    assert kinds(found) == ["diagnosed"]
    assert [json.loads(one)["id"] for one in found.excerpts] == [resource["id"]]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xff{}", "json"),
        (b"[" * 100_000, "json"),
        (b'{"resourceType":"Condition","x":NaN}', "json"),
        (b"7", "json"),
        (b"{}", "json"),
        (b'{"resourceType":"Bundle","entry":7}', "Bundle.entry"),
        (b'{"resourceType":"Bundle","entry":[7]}', "Bundle.entry[0]"),
        (b'{"resourceType":"Bundle","entry":[{"resource":7}]}', "Bundle.entry[0].resource"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{}}]}', "Bundle.entry[0].resource"),
        (b'{"resourceType":"Bundle","entry":[%s]}' % b",".join([b"{}"] * 10_001), "Bundle.entry"),
        (
            b'{"resourceType":"Bundle","entry":[{"resource":' * 6 + b"null" + b"}]}" * 6,
            "Bundle.entry[0]" + ".Bundle.entry[0]" * 3,
        ),
    ],
)
def test_a_text_that_is_no_fhir_says_where(data: bytes, field: str) -> None:
    """And never what stood there."""
    found = map_fhir(data, Source(), NOW)
    assert (found.outcome, [fault.field for fault in found.faults]) == ("quarantined", [field])


def test_a_deleted_resource_is_kept_and_named() -> None:
    """What it said cannot be taken back without its content."""
    entry = {"fullUrl": "Condition/1", "request": {"method": "DELETE", "url": "Condition/1"}}
    bundle = {"resourceType": "Bundle", "type": "history", "entry": [entry]}
    found = map_fhir(json.dumps(bundle).encode(), Source(), NOW)
    assert faults(found) == [
        ("Bundle.entry[0]", "was deleted: what it said stands, until retracted")
    ]


def test_the_same_resource_has_the_same_ids_however_it_came() -> None:
    """Alone, in a bundle, its members in another order: pushed and searched are one."""
    resource = a("Condition", code=COMPRESSION, onsetDateTime=AT, contained=[PATIENT])
    resource["subject"] = {"reference": "#p1"}
    turned = dict(reversed(resource.items()))
    alone = map_fhir(json.dumps(turned, indent=1).encode(), Source(), NOW)
    assert [one.event_id for one in alone.events] == [
        one.event_id for one in mapped(resource).events
    ]


def test_a_merge_is_told_under_both_references() -> None:
    """Each lives on a partition of its own."""
    other = {"resourceType": "Patient", "id": "p2", "identifier": [{"value": "12"}]}
    link = {"type": "replaced-by", "other": {"reference": "Patient/p2"}}
    retired = {**PATIENT, "meta": {"lastUpdated": AT}, "link": [link]}
    found = mapped(retired, other)
    source = Source()
    one, two = found.events
    assert {one.patient, two.patient} == {
        source.reference("p", "4711"),
        source.reference("p", "12"),
    }
    assert {(event.survivor, event.retired) for event in (one, two)} == {  # type: ignore[attr-defined]
        (source.reference("p", "12"), source.reference("p", "4711"))
    }


def test_links_that_join_nothing_are_no_merge() -> None:
    """`seealso` and `refer` leave two records two."""
    link = {"type": "seealso", "other": {"reference": "Patient/p2"}}
    assert kinds(mapped({**PATIENT, "link": [link]})) == []


def test_a_patient_number_of_another_system_is_not_taken() -> None:
    """A hospital names the system of its numbers; others are none of its patients'."""
    resource = a("Condition", code=COMPRESSION)
    data = json.dumps(
        {"resourceType": "Bundle", "entry": [{"resource": resource}, {"resource": PATIENT}]}
    )
    taken = map_fhir(data.encode(), Source(patient_system="urn:mrn"), NOW)
    assert [one.patient for one in taken.events] == [Source().reference("p", "4711")]
    other = map_fhir(data.encode(), Source(patient_system="urn:other"), NOW)
    assert {fault.reason for fault in other.faults} == {"no patient number"}


def test_wards_follow_each_other_and_a_bed_belongs_to_its_ward() -> None:
    """Admitted to the first, transferred to the second, in bed 4 there."""
    form = "physicalType"
    bed = {
        "resourceType": "Location",
        "id": "bed4",
        "name": "4",
        form: concept("t", "bd"),
        "partOf": {"reference": "Location/onc"},
    }
    ward = {"resourceType": "Location", "id": "onc", "name": "ONC3", form: concept("t", "wa")}
    stay = a(
        "Encounter",
        status="in-progress",
        period=PERIOD,
        location=[
            {"location": {"reference": "Location/bed4"}, "period": {"start": LATER}},
            {"location": {"display": "HAEM1"}, "period": {"start": AT}},
        ],
    )
    admitted, transferred, _ = mapped(stay, bed, ward).events
    assert (admitted.kind, admitted.ward) == ("admitted", "HAEM1")  # type: ignore[attr-defined]
    assert (transferred.ward, transferred.bed) == ("ONC3", "4")  # type: ignore[attr-defined]


def test_findings_of_one_examination_are_read_together() -> None:
    """As components, as members, or as results of a report: a slow deficit is not a rapid one."""
    own = "urn:cordwatch:findings"
    sign: dict[str, Any] = {"code": concept(own, "radicular-deficit"), "valueString": "unilateral"}
    days: dict[str, Any] = {
        "code": concept(own, "developed-over-days"),
        "valueQuantity": {"value": 2, "code": "wk"},
    }
    parts = [
        a("Observation", status="final", effectiveDateTime=AT, **one) | {"id": f"o{place}"}
        for place, one in enumerate((sign, days))
    ]
    links = [{"reference": f"Observation/o{place}"} for place in range(2)]
    for told in (
        [a("Observation", status="final", code=concept("h", "1"), component=[sign, days])],
        [*parts, a("Observation", status="final", code=concept("h", "1"), hasMember=links)],
        [*parts, a("DiagnosticReport", status="final", code=concept("h", "1"), result=links)],
    ):
        event = only(mapped(*told))
        assert (event.radicular_deficit, event.developed_over_d) == ("unilateral", 14.0)


def test_a_correction_names_what_it_corrects() -> None:
    """The version that came before is replaced, not joined."""
    code = concept("99CORDWATCH", "back-pain")
    event = only(mapped(a("Observation", status="corrected", code=code, valueBoolean=True)))
    assert (event.back_pain, event.corrects, event.record_id) == (
        True,
        "Observation/x1",
        "Observation/x1",
    )


@pytest.mark.parametrize(
    ("conclusion", "finding"),
    [
        ([COMPRESSION], "positive"),
        ([concept("99CORDWATCH", "negative")], "negative"),
        ([concept("urn:cordwatch:findings", "positive")], "positive"),
        ([{"text": "cord compression"}], None),
        ([], None),
    ],
)
def test_a_report_is_classified_by_codes_alone(
    conclusion: list[dict[str, Any]], finding: str | None
) -> None:
    """Free text is never interpreted."""
    report = a(
        "DiagnosticReport",
        status="final",
        code=SPINE,
        issued=AT,
        effectivePeriod={"start": "2026-03-02T07:00:00Z", "end": AT},
        conclusionCode=conclusion,
        conclusion="compression of the cord",
    )
    event = only(mapped(report))
    assert (event.finding, event.status) == (finding, "final")
    assert (event.exam_at, event.exam_latest_at) == (
        datetime(2026, 3, 2, 7, tzinfo=UTC),
        datetime(2026, 3, 2, 8, tzinfo=UTC),
    )


def test_what_the_series_show_is_what_was_imaged() -> None:
    """The lumbar part alone, though the whole spine was ordered."""
    site = {"system": "http://snomed.info/sct", "code": "122496007"}
    study = a(
        "ImagingStudy",
        status="available",
        started=AT,
        modality=[{"code": "MR"}],
        procedureCode=[SPINE],
        series=[{"bodySite": site}],
    )
    event = only(mapped(study))
    assert (event.regions, event.modality) == (("L",), "MR")


def test_numbers_tie_order_study_and_report_together() -> None:
    """Placer and accession number, through the order that both go back to."""
    types = "http://terminology.hl7.org/CodeSystem/v2-0203"
    order = a(
        "ServiceRequest",
        status="active",
        intent="order",
        code=SPINE,
        identifier=[
            {"type": concept(types, "PLAC"), "value": "R7"},
            {"type": concept(types, "FILL"), "value": "F7"},
        ],
    )
    back = [{"reference": "ServiceRequest/x1"}]
    study = a("ImagingStudy", status="available", started=AT, basedOn=back) | {"id": "s"}
    report = a("DiagnosticReport", status="final", code=SPINE, basedOn=back) | {"id": "d"}
    found = mapped(order, study, report)
    assert faults(found) == []
    assert {(one.order_number, one.accession_number) for one in found.events} == {("R7", "F7")}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        ({"timing": {"code": concept("t", "Q6H")}}, "Q6H"),
        ({"timing": {"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}}}, "4XD"),
        ({"timing": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}}, "Q8H"),
        ({"timing": {"repeat": {"frequency": 3, "period": 2, "periodUnit": "d"}}}, "Q16H"),
        ({"timing": {"repeat": {"count": 1}}}, "ONCE"),
        ({"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}}, None),
        ({"timing": {"repeat": {"frequency": 1, "frequencyMax": 3, "periodUnit": "d"}}}, None),
        ({"asNeededBoolean": True, "timing": {"code": concept("t", "BID")}}, "PRN"),
        ({"asNeededFor": [concept("c", "1")]}, "PRN"),
        ({}, None),
    ],
)
def test_how_often_is_said_as_in_hl7(dosage: dict[str, Any], expected: str | None) -> None:
    """So that the daily dose is computed by one rule; what cannot be said is not guessed."""
    request = a(
        "MedicationRequest",
        status="active",
        intent="order",
        authoredOn=AT,
        medicationCodeableConcept=DEXA,
        dosageInstruction=[dosage],
    ) | {"meta": {"lastUpdated": LATER, "versionId": "1"}}
    assert only(mapped(request)).frequency == expected


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (concept("http://snomed.info/sct", "26643006"), "PO"),
        (concept("http://snomed.info/sct", "54485002"), "OPHTHALMIC"),
        (concept("http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration", "IV"), "IV"),
        (
            {
                "coding": [
                    {
                        "system": "http://standardterms.edqm.eu",
                        "code": "20049000",
                        "display": "Ocular use",
                    }
                ]
            },
            "OPHTHALMIC",
        ),
        ({"text": "Oral route"}, "Oral"),
        (concept("http://snomed.info/sct", "1"), "1"),
    ],
)
def test_a_route_is_a_word_that_the_pathway_knows(route: dict[str, Any], expected: str) -> None:
    """An eye drop must never pass for a dose that reaches the cord."""
    given = a(
        "MedicationAdministration",
        status="completed",
        medicationCodeableConcept=DEXA,
        effectiveDateTime=AT,
        dosage={"route": route},
    )
    assert only(mapped(given)).route == expected


def test_two_dosages_at_one_time_add_up() -> None:
    """Eight in the morning and four at night are two orders; one would hide the other."""
    doses = [{"doseAndRate": [{"doseQuantity": {"value": mg, "code": "mg"}}]} for mg in (8, 4)]
    request = a(
        "MedicationRequest",
        status="active",
        intent="order",
        authoredOn=AT,
        medicationCodeableConcept=DEXA,
        dosageInstruction=doses,
    ) | {"meta": {"lastUpdated": LATER}}
    one, two = mapped(request).events
    assert (one.order_number, one.dose, two.order_number, two.dose) == ("x1", 8, "x1/2", 4)  # type: ignore[attr-defined]


def test_a_vague_onset_gives_way_to_an_exact_time() -> None:
    """Since 2019 says no hour; that it was recorded on a day does."""
    event = only(
        mapped(a("Condition", code=COMPRESSION, onsetDateTime="2019", recordedDate="2026-03-02"))
    )
    assert (event.occurred_precision, event.occurred_latest_at) == (
        "day",
        datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC),
    )


def test_an_undated_condition_has_no_time_of_its_own() -> None:
    """So that every version of it is the same fact."""
    assert only(mapped(a("Condition", code=COMPRESSION))).occurred_precision == "unstated"


def test_a_simulation_runs_along_the_resources_own_times() -> None:
    """Or along the bundle's; without either it says so."""
    resource = a("Condition", code=COMPRESSION)
    assert only(mapped(resource, received_at=None)).received_at == datetime(
        2026, 3, 2, 10, tzinfo=UTC
    )
    bare = {name: value for name, value in resource.items() if name != "meta"}
    assert only(mapped(bare, received_at=None, timestamp=AT)).received_at.hour == 8
    assert faults(mapped(bare, received_at=None)) == [
        (
            "Bundle.entry[0].resource.meta.lastUpdated",
            "no time is stated, and a simulation needs one",
        )
    ]


def test_nothing_that_the_feed_makes_holds_a_name_or_number() -> None:
    """References only, on every topic that is not access-controlled."""
    bad = a("Condition", code=COMPRESSION, onsetDateTime=CANARY) | {"id": "b"}
    patient = {**PATIENT, "deceasedBoolean": True, "meta": {"lastUpdated": AT}}
    found = mapped(patient, bad)
    told = " ".join(event.model_dump_json() for event in found.events)
    assert CANARY not in told
    assert "4711" not in told
    assert CANARY not in " ".join(f"{one.field} {one.reason}" for one in found.faults)
    assert [(one.name, one.number) for one in found.identities] == [(f"Anna {CANARY}", "4711")]


def test_a_bad_resource_alone_goes_to_quarantine(tmp_path: Path) -> None:
    """Not the whole export that it came in."""
    bad = a("Condition", code=COMPRESSION, onsetDateTime="never")
    lines = [PATIENT, bad, a("Condition", code=COMPRESSION, onsetDateTime=AT) | {"id": "good"}]
    file = tmp_path / "export.ndjson"
    file.write_text("\n".join(json.dumps(one) for one in lines))
    known = {"Patient/p1": PATIENT}
    found = [translate(item, Source(), NOW, known=known.get) for item in read_file(file)]
    assert [one.outcome for one in found] == ["irrelevant", "quarantined", "mapped"]
    kept = [
        Quarantined.model_validate_json(record.value)
        for one in found
        for record in derived_records(one, NOW)
        if record.topic == "cordwatch.quarantine.v1"
    ]
    assert [(one.field, one.reason) for one in kept] == [
        ("Condition.onsetDateTime", "is not a FHIR time")
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "meta",
                    "code",
                    "coding",
                    "system",
                    "status",
                    "subject",
                    "reference",
                    "period",
                    "start",
                    "location",
                    "type",
                    "identifier",
                    "value",
                    "link",
                    "other",
                    "component",
                    "dosage",
                    "timing",
                    "repeat",
                    "result",
                    "started",
                    "series",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    st.sampled_from(sorted(READERS)), st.dictionaries(st.text(max_size=8), JSON, max_size=3), JSON
)
def test_any_json_is_mapped_irrelevant_or_quarantined(
    kind: str, members: dict[str, Any], broken: Any
) -> None:
    """Never an exception, whatever stands where something else should."""
    whole = (
        next(one for one, _ in ROWS if one["resourceType"] == kind) if kind != "Observation" else {}
    )
    for name in whole or {"code": 1}:
        resource = {**whole, **members, name: broken, "resourceType": kind}
        assert mapped(resource).outcome in {"mapped", "irrelevant", "quarantined"}


@given(st.binary(max_size=300))
def test_any_bytes_are_quarantined_or_read(data: bytes) -> None:
    """Never an exception."""
    assert map_fhir(data, Source(), NOW).outcome in {"mapped", "irrelevant", "quarantined"}


def test_every_file_of_the_corpus_is_read() -> None:
    """Third-party resources, by count: mapped, of no interest, or quarantined with a reason."""
    corpus = os.environ.get("CORDWATCH_CORPUS")
    if not corpus:
        pytest.skip("CORDWATCH_CORPUS names no folder")
    events = 0
    for file in sorted((Path(corpus) / "fhir").iterdir()):
        for item in read_file(file):
            assert item.format == "fhir"
            found = translate(item, Source(), NOW)
            assert found.outcome != "quarantined" or found.faults
            events += len(found.told)
    assert events > 100
