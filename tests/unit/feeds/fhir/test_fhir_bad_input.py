"""Bad FHIR is named and kept, holds up nothing, and tells nobody what stood there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.fhir.mapper import FAULTS_MAX, READERS, map_fhir
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import derived_records, translate
from cordwatch.feeds.source import Source
from cordwatch_schemas.records import Quarantined
from tests.unit.feeds.fhir.resources import (
    AT,
    CANARY,
    COMPRESSION,
    DEXA,
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
from tests.unit.feeds.fhir.test_fhir_mapping import ROWS

BACK_PAIN = concept("99CORDWATCH", "back-pain")


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
            "Input should be greater than or equal to 0",
        ),
        (
            a("Observation", status="final", code=BACK_PAIN, valueRange={"low": {"value": 1}}),
            "Bundle.entry[0].resource.valueRange",
            "is of a type that is not read here",
        ),
        (
            a(
                "Observation",
                status="final",
                code=concept("99CORDWATCH", "developed-over-days"),
                valueQuantity={"value": 2, "code": "fortnight"},
            ),
            "Bundle.entry[0].resource.valueQuantity.code",
            "is not a unit of time like d",
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


def test_a_simulation_runs_along_the_resources_own_times() -> None:
    """By the version, the bundle, the record itself; without any it says so."""
    resource = a("Condition", code=COMPRESSION)
    assert only(mapped(resource, received_at=None)).received_at.hour == 10
    bare = {name: value for name, value in resource.items() if name != "meta"}
    assert only(mapped(bare, received_at=None, timestamp=AT)).received_at.hour == 8
    recorded = {**bare, "recordedDate": "2026-03-02T09:00:00Z"}
    assert only(mapped(recorded, received_at=None)).received_at.hour == 9
    assert faults(mapped(bare, received_at=None)) == [
        (
            "Bundle.entry[0].resource.meta.lastUpdated",
            "no time is stated, and a simulation needs one",
        )
    ]


def test_what_is_of_no_interest_is_no_fault_whatever_is_wrong_with_it() -> None:
    """A quarantine full of laboratory values would hide what matters."""
    glucose = a("Observation", status="final", code=concept("http://loinc.org", "2345-7"))
    for more in ({"meta": {"tag": [{"code": "SUBSETTED"}]}}, {"implicitRules": "urn:x"}):
        assert mapped({**glucose, **more}, received_at=None).outcome == "irrelevant"


def test_every_bad_resource_of_a_text_goes_to_quarantine() -> None:
    """Up to a bound, and then it says so."""
    bad = a("Condition", code=COMPRESSION, onsetDateTime="never")
    assert len(mapped(*[bad] * 300).faults) == 300
    beyond = mapped(*[bad] * (FAULTS_MAX + 5))
    assert (len(beyond.faults), beyond.faults[-1].field) == (FAULTS_MAX + 1, "Bundle")


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


NAMES = [
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
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
)
JSON: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        LEAVES
        | st.lists(JSON, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)
    )
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
