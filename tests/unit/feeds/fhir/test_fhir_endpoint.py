"""A notification is answered only when it is safe; a bad one hears which element is wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
import stamina

from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.side import BadFiles, FhirSide
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.source import Source
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.base import Event
from tests.unit.feeds.fhir.desk import (
    AT,
    SUBSCRIPTION,
    a_desk,
    a_notification,
    an_encounter,
    status_of,
)
from tests.unit.feeds.fhir.server import FhirServer, serving

RELEASES = pytest.mark.parametrize("release", ["R4", "R4B", "R5"])


def places(outcome: dict[str, Any]) -> list[str]:
    """Return the elements that an OperationOutcome names."""
    assert outcome["resourceType"] == "OperationOutcome"
    return [place for issue in outcome["issue"] for place in issue["expression"]]


@RELEASES
async def test_a_full_resource_is_answered_when_raw_and_event_are_kept(release: str) -> None:
    """The bytes as they came, and what follows from them."""
    told = a_notification([1], {"resource": an_encounter(7)}, release=release)
    async with a_desk() as desk:
        status, outcome, _ = await desk.post(told)
        assert (status, outcome) == (200, {})
        assert [one.format for one in desk.commit.raw] == ["fhir"]
        assert desk.commit.admitted == ["Encounter/e7/_history/1"]
        assert desk.value("notifications_total", kind="event-notification") == 1


@RELEASES
@pytest.mark.parametrize("kind", ["handshake", "heartbeat"])
async def test_a_sign_of_life_is_answered_and_tells_nothing(kind: str, release: str) -> None:
    """Nothing to keep; the silence is over."""
    async with a_desk() as desk:
        status, _, _ = await desk.post(a_notification([], kind=kind, release=release))
        assert (status, desk.commit.records) == (200, [])
        assert desk.value("notifications_total", kind=kind) == 1
        assert desk.value("last_notification_timestamp_seconds") > 0


@RELEASES
async def test_what_is_only_named_is_fetched_before_the_answer(release: str) -> None:
    """`id-only`: the resource, and the patient whom it refers to."""
    server = FhirServer()
    server.put(an_encounter(7, subject={"reference": "Patient/p7"}), AT)
    server.put({"resourceType": "Patient", "id": "p7", "identifier": [{"value": "7"}]}, AT)
    async with serving(server), a_desk(server=server.base) as desk:
        link = {"fullUrl": f"{server.base}/Encounter/e7", "request": {"method": "PUT", "url": "x"}}
        status, _, _ = await desk.post(a_notification([1], link, release=release))
        assert status == 200
        [event] = desk.commit.events
        assert event["patient"] == Source().reference("p", "7")
        [raw] = desk.commit.raw
        assert raw.source == server.base


async def test_what_was_kept_tells_the_same_again_without_a_server() -> None:
    """A replay of the raw record: what was fetched is in it, and found by its full address."""
    server = FhirServer()
    async with serving(server), a_desk(server=server.base) as desk:
        patient = f"{server.base}/Patient/p7"
        server.put({"resourceType": "Patient", "id": "p7", "identifier": [{"value": "7"}]}, AT)
        stay = an_encounter(7, subject={"reference": patient})
        await desk.post(a_notification([1], {"resource": stay}))
        [raw] = desk.commit.raw
        [event] = desk.commit.events
    item = Item("message", "fhir", base64.b64decode(raw.content_base64))
    [again] = translate(item, Source(), WallClock().now()).told
    assert isinstance(again, Event)
    assert (again.event_id, again.patient) == (event["event_id"], event["patient"])


async def test_a_whole_ward_is_climbed_to_by_fetching() -> None:
    """Bed, room, ward: each is known only when the one before is there."""
    server = FhirServer()
    form = {"coding": [{"code": "bd"}]}
    above = {"reference": "Location/ward"}
    server.put({"resourceType": "Location", "id": "b", "physicalType": form, "partOf": above}, AT)
    server.put({"resourceType": "Location", "id": "ward", "name": "HAEM1"}, AT)
    stay = an_encounter(
        7,
        status="in-progress",
        period={"start": AT},
        location=[{"location": {"reference": "Location/b"}}],
    )
    async with serving(server), a_desk(server=server.base) as desk:
        await desk.post(a_notification([1], {"resource": stay}))
        assert [event.get("ward") for event in desk.commit.events] == ["HAEM1", None]


async def test_an_empty_one_is_asked_for_by_its_number() -> None:
    """`empty`: `$events` tells what happened."""
    server = FhirServer()
    server.events[4] = json.dumps(a_notification([4], {"resource": an_encounter(7)})).encode()
    async with serving(server), a_desk(server=server.base) as desk:
        status, _, _ = await desk.post(a_notification([4]))
        assert (status, desk.commit.admitted) == (200, ["Encounter/e7/_history/1"])


async def test_an_empty_one_wakes_the_search_where_numbers_say_nothing() -> None:
    """Where the server does not tell by number, the search does, at once."""
    server = FhirServer()
    server.put(an_encounter(7), AT)
    async with serving(server):
        async with a_desk(server=server.base, types=("Encounter",), since_h=10**5) as desk:
            await desk.until(lambda: desk.value("last_poll_timestamp_seconds") > 0)
            server.put(an_encounter(8), "2026-03-02T09:00:00Z")
            status, _, _ = await desk.post(a_notification([4]))
            assert status == 200
            await desk.until(lambda: "Encounter/e8/_history/1" in desk.commit.admitted)


async def test_content_that_cannot_be_asked_for_is_refused() -> None:
    """Without a server an id says nothing: whoever configured that must hear of it."""
    async with a_desk() as desk:
        status, outcome, _ = await desk.post(a_notification([1], {"fullUrl": "Encounter/1"}))
        assert (status, places(outcome)) == (422, ["Bundle.entry"])
        assert [one.field for one in desk.commit.quarantined] == ["Bundle.entry"]


async def test_while_the_server_is_away_the_sender_is_told_to_come_again() -> None:
    """Nothing is half kept."""
    async with a_desk(server="http://127.0.0.1:9", request_s=0.2) as desk:
        with stamina.set_testing(True, attempts=1):
            status, outcome, headers = await desk.post(
                a_notification([1], {"fullUrl": "Encounter/1"})
            )
        assert (status, places(outcome)) == (503, ["server"])
        assert int(headers["Retry-After"]) > 0
        assert desk.commit.records == []


async def test_a_resource_that_is_gone_or_elsewhere_is_named() -> None:
    """It is kept in quarantine; the subscription goes on."""
    server = FhirServer()
    async with serving(server), a_desk(server=server.base) as desk:
        for url in ("Encounter/nobody", "https://elsewhere.example/Encounter/1"):
            status, outcome, _ = await desk.post(a_notification([1], {"fullUrl": url}))
            assert (status, places(outcome)) == (422, ["Bundle.entry.fullUrl"])
        assert [one.reason for one in desk.commit.quarantined] == [
            "is no longer on the server",
            "is not on the server that may be asked",
        ]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"<Bundle/>", "json"),
        ({"resourceType": "Patient"}, "Bundle"),
        ({"resourceType": "Bundle"}, "Bundle.entry[0].resource"),
        (
            {"resourceType": "Bundle", "entry": [{"resource": an_encounter(1)}]},
            "Bundle.entry[0].resource",
        ),
        (a_notification([1], kind="gossip"), "Bundle.entry[0].resource.type"),
        (
            {
                "resourceType": "Bundle",
                "entry": [
                    {"resource": {"resourceType": "SubscriptionStatus", "type": "heartbeat"}}
                ],
            },
            "Bundle.entry[0].resource.subscription",
        ),
        (
            {
                "resourceType": "Bundle",
                "entry": [
                    {
                        "resource": {
                            **status_of("heartbeat", [], 1, "R5"),
                            "eventsSinceSubscriptionStart": "many",
                        }
                    }
                ],
            },
            "Bundle.entry[0].resource.eventsSinceSubscriptionStart",
        ),
    ],
)
async def test_a_bad_notification_hears_which_element_and_is_kept(body: Any, place: str) -> None:
    """And the good one behind it goes through."""
    async with a_desk() as desk:
        status, outcome, _ = await desk.post(body)
        assert (status, places(outcome)) == (400, [place])
        assert [one.field for one in desk.commit.quarantined] == [place]
        status, _, _ = await desk.post(a_notification([1], {"resource": an_encounter(7)}))
        assert (status, desk.commit.admitted) == (200, ["Encounter/e7/_history/1"])


async def test_a_bad_resource_beside_a_good_one_is_a_warning() -> None:
    """The good one is an event, the bad one in quarantine; a 4xx would end the subscription."""
    bad = {**an_encounter(8), "subject": 7}
    async with a_desk() as desk:
        status, outcome, _ = await desk.post(
            a_notification([1], {"resource": bad}, {"resource": an_encounter(7)})
        )
        assert (status, places(outcome)) == (200, ["Bundle.entry[1].resource.subject"])
        assert outcome["issue"][0]["severity"] == "warning"
        assert desk.commit.admitted == ["Encounter/e7/_history/1"]


async def test_a_bad_resource_alone_is_refused_and_kept() -> None:
    """422, with the element."""
    async with a_desk() as desk:
        told = a_notification([1], {"resource": {**an_encounter(8), "status": 7}})
        status, outcome, _ = await desk.post(told)
        assert (status, places(outcome)) == (422, ["Bundle.entry[1].resource.status"])
        assert [one.stage for one in desk.commit.quarantined] == ["mapping"]


async def test_while_the_broker_is_away_nothing_is_acknowledged() -> None:
    """503 at once when that is known, else when the patience is over; later it is kept all the same."""
    told = a_notification([1], {"resource": an_encounter(7)})
    async with a_desk(answer_s=0.1) as desk:
        desk.commit.silent = True
        status, outcome, headers = await desk.post(told)
        assert (status, places(outcome)) == (503, ["broker"])
        assert "Retry-After" in headers
        desk.commit.broker_away = True
        assert (await desk.post(told))[0] == 503
        assert desk.commit.records == []
        desk.commit.silent = desk.commit.broker_away = False
        assert (await desk.post(told))[0] == 200
        assert len(set(desk.commit.admitted)) == 1


async def test_a_record_that_the_broker_does_not_take_is_said() -> None:
    """413: repeating it will not help."""
    async with a_desk() as desk:
        desk.commit.refuses = lambda _: True
        assert (await desk.post(a_notification([1], {"resource": an_encounter(7)})))[0] == 413


async def test_a_body_above_the_limit_is_refused_and_its_begin_kept() -> None:
    """And the next one is taken."""
    async with a_desk(max_body_bytes=2_000) as desk:
        big = a_notification([1], {"resource": an_encounter(7, text={"div": "x" * 5_000})})
        status, outcome, _ = await desk.post(big)
        assert (status, places(outcome)) == (413, ["Bundle"])
        assert len(desk.commit.quarantined) == 1
        assert (await desk.post(a_notification([1], {"resource": an_encounter(7)})))[0] == 200


async def test_a_full_buffer_turns_away() -> None:
    """Bounded memory, however many send at once."""
    async with a_desk(buffer_bytes=1_024) as desk:
        told = a_notification([1], {"resource": an_encounter(7, text={"div": "x" * 2_000})})
        assert (await desk.post(told))[0] == 503
        assert (await desk.post(a_notification([], kind="heartbeat")))[0] == 200


async def test_who_does_not_know_the_token_is_turned_away(tmp_path: Path) -> None:
    """Two tokens may hold while one takes the other's place."""
    file = tmp_path / "tokens"
    file.write_text("the-first-secret-of-all\n\nthe-second-secret-of-all\n")
    async with a_desk(token_file=file) as desk:
        told = a_notification([], kind="heartbeat")
        answers = [
            await desk.post(told, token)
            for token in ("", "wrong", "the-first-secret-of-all", "the-second-secret-of-all")
        ]
        assert [status for status, _, _ in answers] == [401, 401, 200, 200]
        assert answers[0][2]["WWW-Authenticate"] == "Bearer"
        assert desk.commit.records == []


async def test_a_peer_from_elsewhere_and_another_format_are_turned_away() -> None:
    """403 and 415."""
    told = a_notification([], kind="heartbeat")
    async with a_desk(allow="192.0.2.0/24") as desk:
        assert (await desk.post(told))[0] == 403
    async with a_desk() as desk:
        assert (await desk.post(told, kind="application/fhir+xml"))[0] == 415


async def test_a_subscription_names_itself_in_the_position() -> None:
    """Up to which event nothing is missing."""
    async with a_desk() as desk:
        await desk.post(a_notification([1], {"resource": an_encounter(7)}))
        await desk.post(a_notification([2], {"resource": an_encounter(8)}))
        assert desk.side.subscriptions is not None
        await desk.side.subscriptions.save()
        [position] = desk.commit.positions.values()
        assert (position.feed, position.event_number) == (f"fhir|{SUBSCRIPTION}", 2)


@pytest.mark.parametrize(
    "content", ["", "\n \n", "too-short-a-one", "long-enough-to-be-one\nshort"]
)
def test_a_file_without_a_token_is_refused_at_the_start(content: str, tmp_path: Path) -> None:
    """An empty file must not let everybody in, nor a token that can be guessed: 16 bytes are the least."""
    file = tmp_path / "tokens"
    file.write_text(content)
    with pytest.raises(BadFiles, match="token_file"):
        FhirSide(FhirSettings(port=0, token_file=file), WallClock(), {})


async def test_many_at_once_are_all_kept() -> None:
    """Two hundred senders, each answered."""
    async with a_desk() as desk:
        told = [a_notification([n], {"resource": an_encounter(n)}) for n in range(1, 201)]
        answers = await asyncio.gather(*(desk.post(one) for one in told))
        assert {status for status, _, _ in answers} == {200}
        assert len(set(desk.commit.admitted)) == 200
