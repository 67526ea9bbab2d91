"""A limit to wards, over every route: who has one sees and changes nothing of other patients."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from cordwatch.board.board_state import BoardState
from cordwatch.board.cds.cards import CardId
from cordwatch.board.clock_row import ClockRow, Place
from cordwatch.board.limits import WardLimit
from cordwatch.board.live import Hub, Topic
from cordwatch.board.routes import ROUTES
from cordwatch.board.site import Route
from cordwatch.board.view import View
from tests.builders import T, a_suspicion, a_transfer, an_admission, an_mri_done, known_lymphoma
from tests.unit.board.browsing import NUMBERS, Browser, StoppedClock, browser
from tests.unit.board.hospital import Record, an_identity, kept, projected

NOW = T(7)
HEADER = "X-Remote-Wards"
MINE, THEIRS = "HAEM-4", "ONC-2"
OPEN = {MINE: "HAEMopen", THEIRS: "ONCOopen"}
OVER = {MINE: "HAEMover", THEIRS: "ONCOover"}
NAMES = {MINE: "ZEBRAFINCH", THEIRS: "OKAPI"}
NUMBER_OF = {MINE: "5550123", THEIRS: "7770456"}


def records() -> Iterator[Record]:
    """Yield, of each ward, a patient whose clock runs and one whose clock ended today."""
    for ward in (MINE, THEIRS):
        for patient, more in ((OPEN[ward], ()), (OVER[ward], (an_mri_done,))):
            told = [
                known_lymphoma(patient=patient),
                an_admission(patient=patient, encounter=f"V-{patient}", ward=ward, bed=f"{ward}b"),
                a_suspicion(patient=patient),
                *(made(T(5), patient=patient) for made in more),
            ]
            yield from kept(told, NOW)
            name = NAMES[ward] if patient in OPEN.values() else "NOBODY"
            yield an_identity(patient, f"{name}^X", T(0), number=NUMBER_OF[ward] + patient[-4:])


RECORDS = tuple(records())

LISTS = {
    "GET /",
    "POST /search",
    "GET /live",
    "GET /print",
    "GET /downtime.html",
    "GET /wall",
    "GET /wall/live",
    "GET /api/clocks",
    "GET /api/alerts",
}
"""Show the open clocks."""
CLOSED = {"GET /closed"}
OF_ONE = {
    "GET /clock/{clock}",
    "POST /clock/{clock}/acknowledge",
    "POST /clock/{clock}/stand-down",
    "POST /clock/{clock}/classify",
    "GET /api/episodes/{reference}",
    "POST /cds-services/{service}",
    "POST /cds-services/{service}/feedback",
}
"""Show or change something of the patient in their address or body."""
OF_NOBODY = {"GET /static/{name}", "GET /api/openapi.json", "GET /cds-services"}


def key_of(route: Route) -> str:
    """Return what a route is called."""
    return f"{route.method} {route.path}"


def words_of(one: Browser, ward: str) -> set[str]:
    """Return by what a patient of *ward* could be recognised."""
    projection = one.site.state.projection
    clocks = {row.id for who in (OPEN[ward], OVER[ward]) for row in projection.rows_of_patient(who)}
    return {ward, OPEN[ward], OVER[ward], NAMES[ward], NUMBER_OF[ward], *clocks}


def row_of(one: Browser, ward: str) -> ClockRow:
    """Return the open clock of a ward's patient."""
    (row,) = one.site.state.projection.rows_of_patient(OPEN[ward])
    return row


def headers(one: Browser, route: Route, wards: str) -> dict[str, str]:
    """Return what the proxy sends for somebody of *wards* who may all that a role may."""
    origin = f"http://{one.client.host}:{one.client.port}"
    role = "ehr" if route.by_ehr else "coordinator"
    return one.headers(role, Origin=origin, **{HEADER: wards})


async def asked(one: Browser, route: Route, wards: str, about: str = THEIRS) -> tuple[int, str]:
    """Return status and text of *route*, asked by somebody of *wards* about the patient of *about*."""
    row = row_of(one, about)
    path = route.path.replace("{clock}", row.id).replace("{reference}", row.patient)
    path = path.replace("{name}", "board.css").replace("{service}", "cordwatch-patient-view")
    sent = await body(one, route, row, wards)
    async with one.client.request(
        route.method, path, headers=headers(one, route, wards), allow_redirects=False, **sent
    ) as answer:
        if answer.content_type != "text/event-stream":
            return answer.status, await answer.text()
        text = ""
        while "data: " not in text or not text.endswith("\n\n"):
            text += (await answer.content.readany()).decode()
        return answer.status, text


async def body(one: Browser, route: Route, row: ClockRow, wards: str) -> dict[str, Any]:
    """Return what is sent along: what would be taken from who may."""
    if route.path.endswith("/feedback"):
        card = CardId(row.id, row.state(NOW)).uuid
        told = {"card": card, "outcome": "accepted", "outcomeTimestamp": "2026-03-02T16:00:00Z"}
        return {"json": {"feedback": [told]}}
    if route.by_ehr:
        number = one.site.state.projection.people.find(row.patient)
        assert number is not None
        identifier = [{"system": NUMBERS, "value": number.number}]
        patient = {"resourceType": "Patient", "id": "f-1", "identifier": identifier}
        context = {"patientId": "f-1", "userId": "Practitioner/abc"}
        call = {"hook": "patient-view", "hookInstance": str(uuid.uuid4()), "context": context}
        return {"json": {**call, "prefetch": {"patient": patient}}}
    if route.method != "POST":
        return {}
    if route.path == "/search":
        return {"data": {"search": "MRI"}}
    # The forms of a clock that the reader may open, sent about this one.
    mine = row_of(one, MINE)
    page = await one.client.get(f"/clock/{mine.id}", headers=headers(one, route, MINE))
    text = await page.text()
    token = re.search(r'name="token" value="([^"]*)"', text)
    assert token is not None
    reason = "positive" if route.path.endswith("classify") else "acting"
    if route.path.endswith("stand-down"):
        reason = "declined"
    form = {"token": token[1], "key": uuid.uuid4().hex, "version": row.version, "report": "R1"}
    return {"data": {**form, "reason": reason}}


def test_every_route_is_in_the_matrix() -> None:
    """A route that is added says what it shows of whom."""
    assert {key_of(route) for route in ROUTES} == LISTS | CLOSED | OF_ONE | OF_NOBODY


@pytest.mark.parametrize("route", ROUTES, ids=key_of)
async def test_no_route_shows_or_changes_anything_of_another_ward(route: Route) -> None:
    """Asked for everything, or straight for the other patient: nothing by which that one is known comes back."""
    async with browser(RECORDS, NOW, wards_header=HEADER) as one:
        before = len(one.topics.answers())
        status, text = await asked(one, route, MINE)
        if key_of(route) in OF_ONE:
            # A clock in a form's way back stands there as it was sent.
            assert not [
                word for word in words_of(one, THEIRS) - {row_of(one, THEIRS).id} if word in text
            ]
            assert (status, len(one.topics.answers())) == (200 if route.by_ehr else 404, before)
        else:
            assert status == 200
            assert not [word for word in words_of(one, THEIRS) if word in text]
        if key_of(route) == "POST /cds-services/{service}":
            assert json.loads(text) == {"cards": []}


@pytest.mark.parametrize("wards", [THEIRS, "haem-4, onc-2", "*"])
@pytest.mark.parametrize("route", ROUTES, ids=key_of)
async def test_every_route_shows_the_patients_of_ones_wards(route: Route, wards: str) -> None:
    """Nothing is hidden that may be seen: by the ward itself, among several, however it is written, or by all."""
    async with browser(RECORDS, NOW, wards_header=HEADER) as one:
        status, text = await asked(one, route, wards)
        row = row_of(one, THEIRS)
        if key_of(route) in LISTS:
            assert (status, row.id in text or row.patient in text) == (200, True)
        elif key_of(route) in CLOSED:
            assert OVER[THEIRS] in text
        elif key_of(route) == "POST /cds-services/{service}":
            assert row.id in text
        elif route.method == "POST":
            assert status in {200, 303}
        else:
            assert status == 200


async def test_a_patient_of_another_ward_is_as_one_who_is_not_there() -> None:
    """The answer does not tell whether there is such a clock; the audit trail and the counts do."""
    async with browser(RECORDS, NOW, wards_header=HEADER) as one:
        route = next(one for one in ROUTES if one.path == "/clock/{clock}")
        sent = headers(one, route, MINE)
        hidden = await one.client.get(f"/clock/{row_of(one, THEIRS).id}", headers=sent)
        absent = await one.client.get(f"/clock/{'0' * 24}", headers=sent)
        assert (hidden.status, await hidden.text()) == (absent.status, await absent.text())
        for path in (f"/live?clock={row_of(one, THEIRS).id}", "/live?clock=none"):
            answer = await one.client.get(path, headers=sent)
            text = ""
            while "data: " not in text or not text.endswith("\n\n"):
                text += (await answer.content.readany()).decode()
            told = json.loads(text.partition("data: ")[2])
            assert (told["rows"], told["order"], told["mark"]) == ({}, [], "gone")
        one.site.audit.stop(5)
        (refused,) = [r.event for r in one.topics.audit() if r.event["outcome"] != "0"]
        assert refused["subtype"][0]["code"] == "refused"
        assert refused["entity"][0]["what"]["identifier"]["value"] == OPEN[THEIRS]
        assert one.site.metrics.refused.labels("ward")._value.get() == 1


@pytest.mark.parametrize("path", ["/", "/wall", "/print", "/downtime.html"])
async def test_a_page_says_that_it_is_limited_and_what_it_leaves_out(path: str) -> None:
    """Counts are those of what is shown; how many clocks run elsewhere is said, and none of whose."""
    async with browser(RECORDS, NOW, wards_header=HEADER) as one:
        answer = await one.client.get(path, headers=one.headers("coordinator", **{HEADER: MINE}))
        text = re.sub(r"<[^>]+>", "", await answer.text())
        assert "Limited to the wards HAEM-4, and to patients of whom no ward is known" in text
        assert "Open clocks elsewhere, not shown: 1." in text
        assert "1 open · 0 overdue · 1 in nobody" in text
        whole = await one.client.get(path, headers=one.headers("coordinator", **{HEADER: "*"}))
        assert "Limited to" not in await whole.text()
        told = await one.client.get("/api/clocks", headers=one.headers("viewer", **{HEADER: MINE}))
        assert (await told.json())["limited_to"] == MINE


async def test_nothing_open_on_ones_wards_is_not_nothing_open() -> None:
    """An empty page of a ward does not read as a calm hospital."""
    async with browser(RECORDS, NOW, wards_header=HEADER) as one:
        answer = await one.client.get("/", headers=one.headers("viewer", **{HEADER: "SURG-1"}))
        text = re.sub(r"<[^>]+>", "", await answer.text())
        assert "0 clocks are open there." in text
        assert "Open clocks elsewhere, not shown: 2." in text


@pytest.mark.parametrize("named", [{}, {HEADER: ""}, {HEADER: " , "}])
async def test_who_has_no_ward_is_told_so(named: dict[str, str]) -> None:
    """No empty board, which would look like a calm one: a refusal, by every route with something of a patient."""
    async with browser(RECORDS, NOW, wards_header=HEADER) as one:
        for path in ("/", "/wall", "/live", "/api/clocks", "/print"):
            answer = await one.client.get(path, headers=one.headers("coordinator", **named))
            assert (answer.status, "your account names none" in await answer.text()) == (403, True)


async def test_whose_ward_nobody_told_is_seen_by_everybody() -> None:
    """Hidden from every ward, such a patient would be nobody's."""
    told = (known_lymphoma(patient="NOWHEREA"), a_suspicion(patient="NOWHEREA"))
    async with browser(tuple(kept(told, NOW)), NOW, wards_header=HEADER) as one:
        answer = await one.client.get("/", headers=one.headers("viewer", **{HEADER: MINE}))
        assert "NOWHEREA" in await answer.text()


async def test_who_moves_leaves_one_wards_pages_and_comes_onto_the_others() -> None:
    """In the open streams too, those of the wall and of the clock's own page: within one turn, without a reload."""
    stay: dict[str, Any] = {"patient": "MOVINGPA", "encounter": "V-M"}
    told = [known_lymphoma(patient="MOVINGPA"), an_admission(ward=MINE, **stay)]
    told.append(a_suspicion(patient="MOVINGPA"))
    state = BoardState(projected(kept(told, NOW)), StoppedClock(NOW), ready=True)
    (row,) = state.open_rows(NOW)
    hub = Hub(state)
    topics = {
        (ward, wall, only): hub.channel(
            Topic(View(limit=WardLimit.of([ward])), wall=wall, only=only)
        )
        for ward in (MINE, THEIRS)
        for wall, only in ((False, ""), (True, ""), (False, row.id))
    }
    shown = {key: one._signs.keys() for key, one in topics.items()}
    assert {key for key, rows in shown.items() if rows} == {k for k in topics if k[0] == MINE}
    for record in kept(
        [*told, a_transfer(T(6.9), THEIRS, encounter="V-M", patient="MOVINGPA")], NOW
    ):
        state.projection.take(*record)
    state.projection.refresh()
    for (ward, _, only), channel in topics.items():
        news = channel.news(state.look())
        assert news["order"] == ([row.id] if ward == THEIRS else [])
        assert ("MOVINGPA" in str(news)) == (ward == THEIRS)
        if only:
            assert (news["mark"] == "gone") == (ward == MINE)


@pytest.mark.parametrize(
    ("named", "place", "is_seen"),
    [
        (["HAEM-4"], Place("NORTH", "HAEM-4"), True),
        (["haem-4 "], Place("NORTH", "HAEM-4"), True),
        (["NORTH/HAEM-4"], Place("NORTH", "HAEM-4"), True),
        (["NORTH/HAEM-4"], Place("SOUTH", "HAEM-4"), False),
        (["NORTH/HAEM-4"], Place(None, "HAEM-4"), False),
        (["HAEM"], Place("NORTH", "HAEM-4"), False),
        (["HAEM-4"], Place("NORTH", "HAEM"), False),
        ([12, True, None, ["HAEM-4"]], Place("NORTH", "12"), True),
        ([None, ["HAEM-4"]], Place("NORTH", "HAEM-4"), False),
        (["HAEM-4"], Place("NORTH", "\u202eHAEM-4"), True),
        (["HAEM-4"], Place("NORTH", None), True),
        ([], Place("NORTH", None), False),
    ],
)
def test_a_ward_is_named_whole(named: list[object], place: Place, is_seen: bool) -> None:
    """By itself, or with its house where two have one of that name; no part of a name stands for it."""
    limit = WardLimit.of(named)
    assert limit is not None
    assert limit.permits(place) is is_seen
