"""What earlier versions tell: a merge that is undone, and a resource that was deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cordwatch.feeds.fhir.mapper import READERS, FhirMapped, digests_of, map_fhir
from cordwatch.feeds.source import Source
from tests.unit.feeds.fhir.desk import a_desk, a_notification
from tests.unit.feeds.fhir.resources import (
    AT,
    COMPRESSION,
    DEXA,
    LATER,
    NOW,
    PATIENT,
    RT,
    SPINE,
    SUBJECT,
    a,
    concept,
    faults,
    kinds,
)
from tests.unit.feeds.fhir.server import FhirServer, serving

LATEST = "2026-03-02T12:00:00Z"
OTHER = {"resourceType": "Patient", "id": "p2", "identifier": [{"value": "4712"}]}
JOINED = {"link": [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}]}
ME, THEM = (Source().reference("p", number) for number in ("4711", "4712"))


def version(resource: dict[str, Any], number: int, at: str) -> dict[str, Any]:
    """Return a version of a resource."""
    return {**resource, "meta": {"versionId": str(number), "lastUpdated": at}}


def text(told: dict[str, Any], *versions: dict[str, Any]) -> bytes:
    """Return an entry with what was fetched for it: the patients, and a history."""
    history: dict[str, Any] = {"resourceType": "Bundle", "type": "history"}
    history["entry"] = [{"resource": one} for one in versions]
    context = [PATIENT, OTHER, *([history] if versions else [])]
    entries = [told, *({"resource": one, "search": {"mode": "include"}} for one in context)]
    bundle = {"resourceType": "Bundle", "type": "collection", "timestamp": LATEST}
    return json.dumps({**bundle, "entry": entries}).encode()


def read(told: dict[str, Any], *versions: dict[str, Any]) -> FhirMapped:
    """Map it."""
    return map_fhir(text(told, *versions), Source(), NOW)


def pairs(found: FhirMapped) -> set[tuple[str, str, str, str]]:
    """Return what the events say of merges, and when that was."""
    told = [one.model_dump(mode="json") for one in found.events]
    keys = ("kind", "survivor", "retired", "occurred_at")
    return {(one[keys[0]], one[keys[1]], one[keys[2]], one[keys[3]]) for one in told}


def test_a_link_that_is_gone_undoes_the_merge() -> None:
    """Under both references, when it was gone first: later versions tell the very same."""
    joined = version({**PATIENT, **JOINED}, 1, AT)
    parted = version(PATIENT, 2, LATER)
    found = read({"resource": parted}, joined)
    assert pairs(found) == {("merge-cancelled", THEM, ME, LATER)}
    assert {one.patient for one in found.events} == {ME, THEM}
    later = read({"resource": version({**PATIENT, "gender": "female"}, 3, LATEST)}, parted, joined)
    assert pairs(later) == pairs(found)
    assert [one.recorded_at for one in later.events] == [one.recorded_at for one in found.events]
    assert later.events[0].recorded_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_a_link_that_stands_or_came_again_is_a_merge() -> None:
    """By whatever address it is told; what came later than a version says nothing of it."""
    joined, parted = {**PATIENT, **JOINED}, version(PATIENT, 2, LATER)
    again = read({"resource": version(joined, 3, LATEST)}, parted, version(joined, 1, AT))
    assert pairs(again) == {("merged", THEM, ME, LATEST)}
    first = read({"resource": version(joined, 1, AT)}, parted)
    assert pairs(first) == {("merged", THEM, ME, AT)}
    whole = {
        "link": [{"type": "replaced-by", "other": {"reference": "Patient/p2", "display": "x"}}]
    }
    same = read({"resource": version({**PATIENT, **whole}, 2, LATER)}, version(joined, 1, AT))
    assert pairs(same) == {("merged", THEM, ME, LATER)}


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [({"versionId": "1"}, set()), ({}, set()), ({"versionId": "2"}, {"Patient/p1/_history"})],
)
def test_earlier_versions_are_asked_for_where_there_may_be_any(
    stated: dict[str, str], wanted: set[str]
) -> None:
    """Without them nothing is a fault that was none."""
    found = map_fhir(json.dumps({**PATIENT, "meta": stated}).encode(), Source(), NOW)
    assert found.histories == wanted
    assert (set(found.missing), list(found.faults)) == (set(), [])


VERTEBROPLASTY = concept("http://www.ama-assn.org/go/cpt", "22510")
SAID: dict[str, dict[str, Any]] = {
    "order": a("ServiceRequest", status="active", intent="order", code=SPINE, authoredOn=AT),
    "suspicious order": a(
        "ServiceRequest",
        status="active",
        intent="order",
        code=SPINE,
        authoredOn=AT,
        reasonCode=[COMPRESSION],
    ),
    "scan": a("ImagingStudy", status="available", started=AT, procedureCode=[SPINE]),
    "treatment": a("Procedure", status="completed", code=RT, performedDateTime=AT),
    "stay": a(
        "Encounter",
        status="in-progress",
        period={"start": AT},
        **{"class": {"code": "IMP"}},
    ),
    "death at the end of a stay": a(
        "Encounter",
        status="finished",
        period={"start": AT, "end": LATER},
        hospitalization={"dischargeDisposition": concept("urn:x", "exp")},
        **{"class": {"code": "IMP"}},
    ),
    "diagnosis": a("Condition", code=COMPRESSION, onsetDateTime=AT),
    "dose": a("MedicationAdministration", status="completed", effectiveDateTime=AT)
    | {"medicationCodeableConcept": DEXA},
    "drug order": a("MedicationRequest", status="active", intent="order", authoredOn=AT)
    | {"medicationCodeableConcept": DEXA},
    "report": a("DiagnosticReport", status="final", code=SPINE, issued=AT, effectiveDateTime=AT),
    "nothing": a("Procedure", status="completed", code=concept("urn:x", "wash"))
    | {"performedDateTime": AT},
}


def deleted(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the entry that says that a resource is gone."""
    return {"request": {"method": "DELETE", "url": f"{resource['resourceType']}/x1"}}


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("order", "imaging-cancelled"),
        ("suspicious order", "imaging-cancelled"),
        ("scan", "record-retracted"),
        ("treatment", "record-retracted"),
        ("stay", "admission-cancelled"),
    ],
)
def test_what_satisfied_something_is_taken_back_with_its_record(what: str, kind: str) -> None:
    """Its clock is open again, or a notice is raised; told as of now, not as of then."""
    said = map_fhir(text({"resource": SAID[what]}), Source(), NOW)
    assert said.events
    found = read(deleted(SAID[what]), SAID[what])
    assert (kinds(found), faults(found)) == ([kind], [])
    (event,) = found.events
    assert event.patient == ME
    assert event.recorded_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    if kind == "record-retracted":
        (first, *_) = said.events
        told = event.model_dump()
        assert (told["target_kind"], told["target"]) == (kinds(said)[0], first.record_id)


@pytest.mark.parametrize(
    "what", ["diagnosis", "dose", "drug order", "report", "death at the end of a stay"]
)
def test_what_could_silence_an_alarm_stands(what: str) -> None:
    """Records are deleted to tidy up, too: somebody must look."""
    assert map_fhir(text({"resource": SAID[what]}), Source(), NOW).events
    found = read(deleted(SAID[what]), SAID[what])
    assert (found.events, found.outcome) == ((), "quarantined")
    ((field, reason),) = faults(found)
    assert (field, "could silence an alarm" in reason) == ("Bundle.entry[0]", True)


def test_vertebroplasty_is_asked_about_and_stands() -> None:
    """Without it nobody would ask for the pain afterwards."""
    done = a("Procedure", status="completed", code=VERTEBROPLASTY, performedDateTime=AT)
    assert kinds(map_fhir(text({"resource": done}), Source(), NOW)) == ["treatment-started"]
    assert faults(read(deleted(done), done))


def test_what_said_nothing_is_deleted_without_a_word() -> None:
    """Nor is a type that is never read."""
    assert read(deleted(SAID["nothing"]), SAID["nothing"]).outcome == "irrelevant"
    gone = {"request": {"method": "DELETE", "url": "Device/x1"}}
    assert "Device" not in READERS
    assert read(gone).outcome == "irrelevant"


def test_a_deletion_told_twice_is_one_and_a_replay_knows_its_ids() -> None:
    """And what a history says of a deletion says nothing by itself."""
    bundle = json.loads(text(deleted(SAID["scan"]), SAID["scan"]))
    history = bundle["entry"][-1]["resource"]
    history["entry"].insert(0, deleted(SAID["scan"]))
    bundle["entry"].append(deleted(SAID["scan"]))
    data = json.dumps(bundle).encode()
    (event,) = map_fhir(data, Source(), NOW).events
    assert any(event.event_id.startswith(one[:32]) for one in digests_of(data))
    bundle["entry"] = [bundle["entry"][-2]]
    assert map_fhir(json.dumps(bundle).encode(), Source(), NOW).outcome == "irrelevant"


def a_server() -> FhirServer:
    """Return a server with two patients, once joined, and a scan."""
    server = FhirServer()
    server.put(OTHER, AT)
    server.put({**PATIENT, **JOINED}, AT)
    server.put(PATIENT, LATER)
    server.put({**SAID["scan"], "subject": SUBJECT}, AT)
    return server


@pytest.mark.parametrize("tells_history", [True, False])
async def test_the_history_is_asked_for_and_kept_with_the_text(*, tells_history: bool) -> None:
    """A replay needs no server; a server that has none is no reason to refuse a patient."""
    server = a_server()
    server.tells_history = tells_history
    async with serving(server), a_desk(server=server.base) as desk:
        status, _, _ = await desk.post(a_notification([1], {"fullUrl": "Patient/p1"}))
        assert status == 200
        assert server.asked["Patient/p1/_history"] == 1
        wanted = {"merge-cancelled"} if tells_history else set()
        assert {one["kind"] for one in desk.commit.events} == wanted
        (raw,) = desk.commit.raw
        assert desk.commit.quarantined == []
        assert raw.piece == "message"
        server.put({**PATIENT, "gender": "female"}, LATEST)
        await desk.post(a_notification([2], {"fullUrl": "Patient/p1"}))
        # A server that refuses it once is not asked for every patient.
        assert server.asked["Patient/p1/_history"] == (2 if tells_history else 1)


@pytest.mark.parametrize("how", ["410", "DELETE"])
async def test_a_deleted_scan_opens_its_clock_again(how: str) -> None:
    """Asked for in vain (410), or told by the notification itself."""
    server = a_server()
    async with serving(server), a_desk(server=server.base) as desk:
        server.delete("ImagingStudy/x1")
        entry = {"fullUrl": "ImagingStudy/x1"} | (
            {"request": {"method": "DELETE", "url": "ImagingStudy/x1"}} if how == "DELETE" else {}
        )
        status, outcome, _ = await desk.post(a_notification([1], entry))
        assert (status, outcome) == (200, {})
        (event,) = desk.commit.events
        assert (event["kind"], event["target_kind"]) == ("record-retracted", "imaging-done")
        assert desk.commit.quarantined == []


async def test_without_a_server_a_deletion_is_kept_and_named() -> None:
    """Its content is the word that it is gone."""
    async with a_desk() as desk:
        entry = {"request": {"method": "DELETE", "url": "ImagingStudy/x1"}}
        status, _, _ = await desk.post(a_notification([1], entry))
        assert status == 422
        (kept,) = desk.commit.quarantined
        assert kept.reason == "was deleted: what it said stands, until retracted"
