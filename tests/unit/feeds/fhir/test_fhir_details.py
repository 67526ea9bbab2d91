"""What is read out of FHIR resources: wards, numbers, doses, findings, times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cordwatch.feeds.fhir.mapper import map_fhir
from cordwatch.feeds.source import Source
from tests.unit.feeds.fhir.resources import (
    AT,
    COMPRESSION,
    DEXA,
    LATER,
    NOW,
    PATIENT,
    SPINE,
    a,
    concept,
    faults,
    kinds,
    mapped,
    only,
)


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
        period={"start": AT},
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
