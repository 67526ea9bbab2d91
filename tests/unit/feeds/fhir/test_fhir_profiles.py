"""Source profiles and FHIR: which one is used, what of it counts, and that none of before SIGHUP stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cordwatch.feeds import service
from cordwatch.feeds.fhir.known import Known
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.side import FhirSide
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import UNKNOWN_SENDER, Translated, translate
from cordwatch.feeds.profile import Profile, Profiles
from cordwatch.feeds.references import References
from cordwatch.feeds.service import Feeds
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.positions import read_yaml
from cordwatch_schemas.topics import ADMISSIONS
from tests.unit.feeds.fhir.desk import AT, a_notification
from tests.unit.feeds.fhir.resources import NOW, PATIENT, a, concept
from tests.unit.feeds.fhir.test_fhir_settings import a_running
from tests.unit.feeds.test_mllp_group_commit import FakeBroker

KEY = References(b"a key of this test")
HOUSE = "urn:oid:1.2.3"


def profiles(*texts: str) -> Profiles:
    """Return the profiles in *texts*, in this order."""
    found = tuple(read_yaml(text, Profile, "x.yaml") for text in texts)
    return Profiles(found, tuple(one.source(KEY) for one in found))


def read(by: Profiles, *resources: dict[str, Any], known: Known | None = None) -> Translated:
    """Return what *resources* of the patient come to."""
    entries = [{"resource": one} for one in (*resources, PATIENT)]
    data = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()
    return translate(Item("message", "fhir", data), by, NOW, known=(known or Known()).find)


def an_order(**more: Any) -> dict[str, Any]:
    """Return an order with a code of the house's own."""
    members = {"identifier": [{"value": "R1"}], "status": "active", "intent": "order"}
    return a("ServiceRequest", **{**members, "code": concept(HOUSE, "MRWK"), **more})


def a_stay(**more: Any) -> dict[str, Any]:
    """Return a stay that nobody says the hospital of."""
    return a("Encounter", **{"status": "in-progress", "period": {"start": AT}, **more})


def test_the_first_profile_that_asks_for_no_sender_is_used() -> None:
    """FHIR has no MSH: a profile for an application is not for it."""
    ris = "profile: ris\nfrom: {applications: [RIS]}\nfacility: RIS"
    north = "profile: north\nfacility: NORTH"
    stay, _ = read(profiles(ris, north, "profile: last"), a_stay()).told
    assert stay.model_dump()["facility"] == "NORTH"
    refused = read(profiles(ris), a_stay())
    assert (refused.outcome, refused.faults) == ("quarantined", (UNKNOWN_SENDER,))


def test_the_hospital_that_a_stay_names_goes_before_that_of_the_profile() -> None:
    """As PV1-3.4 does."""
    stay = a_stay(serviceProvider={"identifier": {"value": "SOUTH"}})
    told, _ = read(profiles("facility: NORTH"), stay).told
    assert told.model_dump()["facility"] == "SOUTH"


@pytest.mark.parametrize(("system", "number"), [("urn:mrn", "4711"), ("urn:other", None)])
def test_the_numbers_that_a_profile_names_are_the_patients(system: str, number: str | None) -> None:
    """Another system's number is another patient's, or nobody's."""
    by = profiles(f"numbers: {{system: {system}}}")
    found = read(by, a_stay())
    expected = {by.reference("p", number)} if number else set()
    assert {one.patient for one in found.told} == expected
    assert bool(found.faults) is (number is None)


def test_a_code_of_the_house_is_followed_by_what_it_stands_for() -> None:
    """It is added, so that the event still has what was sent; without it the order says nothing."""
    assert read(profiles("zone: UTC"), an_order()).outcome == "irrelevant"
    [order] = read(profiles(f"codes: {{codes: {{'{HOUSE}|MRWK': LN|30855-1}}}}"), an_order()).told
    assert [(one["system"], one["code"]) for one in order.model_dump()["codes"]] == [
        (HOUSE, "MRWK"),
        ("LN", "30855-1"),
    ]


def test_a_system_under_a_name_of_its_own_is_known_by_it() -> None:
    """Whatever the code."""
    order = an_order(code=concept(HOUSE, "30855-1"))
    [told] = read(profiles(f"codes: {{systems: {{'{HOUSE}': LN}}}}"), order).told
    assert ("LN", "30855-1") in {(c["system"], c["code"]) for c in told.model_dump()["codes"]}


def test_codes_count_in_what_is_referred_to_in_another_file() -> None:
    """A report names its findings, and the file of observations was read before it."""
    by = profiles(f"codes: {{codes: {{'{HOUSE}|V': 99CORDWATCH|suspected-mescc}}}}")
    finding = a("Observation", status="final", code=concept(HOUSE, "V"), valueBoolean=True)
    finding["id"] = "o1"
    members: dict[str, Any] = {"status": "final", "hasMember": [{"reference": "Observation/o1"}]}
    group = a("Observation", **members, code=concept(HOUSE, "GROUP"))
    for codes, kinds in ((by.sources[0].codes, ["assessed"]), (None, [])):
        known = Known(codes)
        known.learn(json.dumps(finding).encode())
        found = read(by, group, known=known)
        assert [one.kind for one in found.told] == kinds  # type: ignore[union-attr]


async def test_after_sighup_fhir_too_is_read_by_the_new_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And by the one before where the new one has faults."""
    file = tmp_path / "here.yaml"

    def load(_: References = KEY) -> Profiles:
        return Profiles.of_files([file], KEY)

    file.write_text("facility: NORTH", encoding="utf-8")
    broker = FakeBroker()
    monkeypatch.setattr(service, "GroupPublisher", lambda _: broker.connect())
    side = FhirSide(FhirSettings(port=0), WallClock(), {})
    chosen = FeedsSettings.model_validate({"port": 0, "metrics_port": 0})
    feeds = Feeds(chosen, KafkaSettings(), load(), WallClock(), load_sources=load, fhir=side)
    async with a_running(feeds, side), aiohttp.ClientSession() as session:
        assert side.endpoint is not None
        host, port = side.endpoint.address
        for number, text in enumerate(("facility: NORTH", "facility: SOUTH", "zoen: UTC"), 1):
            file.write_text(text, encoding="utf-8")
            feeds.reload()
            stay = a_stay(id=f"e{number}", subject={"identifier": {"value": "4711"}})
            told = a_notification([number], {"resource": stay})
            url = f"http://{host}:{port}/notification"
            headers = {"Content-Type": "application/fhir+json"}
            async with session.post(url, json=told, headers=headers) as answer:
                assert answer.status == 200
    stays = [json.loads(value) for topic, _, value in broker.records if topic == ADMISSIONS.name]
    houses = [one["facility"] for one in stays if one["kind"] == "admitted"]
    assert houses == ["NORTH", "SOUTH", "SOUTH"]
