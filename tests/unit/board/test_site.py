"""The site over all routes and roles: who may have what, and what every answer carries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cordwatch.board.access import ALLOWS, ROLES
from cordwatch.board.look import static_file
from cordwatch.board.routes import ROUTES
from cordwatch.board.security import HEADERS, Allowance, headers_of
from cordwatch.board.settings import BoardSettings
from cordwatch.board.site import Route
from tests.builders import T, a_suspicion, an_admission, known_lymphoma
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.hospital import (
    a_gateway,
    a_page,
    a_silence,
    alert_of,
    an_identity,
    kept,
)

TOLD = (known_lymphoma(), an_admission(bed="12"), a_suspicion())
RECORDS = (*kept(TOLD, T(7)), an_identity("A", "ZEBRAFINCH^ZOE", T(0), number="5550123"))
NAME, NUMBER = "ZEBRAFINCH", "5550123"

PUBLIC = {"/static/{name}", "/api/openapi.json", "/cds-services"}
"""Has nothing of a patient in it, and asks for nobody."""


async def asked(one: Browser, route: Route, headers: dict[str, str]) -> int:
    """Return the status of *route*, its places filled in."""
    (row,) = one.site.state.open_rows(T(7))
    path = route.path.replace("{clock}", row.id).replace("{reference}", "A")
    path = path.replace("{name}", "board.css").replace("{service}", "cordwatch-patient-view")
    async with one.client.request(
        route.method, path, headers=headers, allow_redirects=False
    ) as answer:
        for name, value in headers_of(answer.content_type).items():
            assert answer.headers[name] == value, (route.path, name)
        return answer.status


@pytest.mark.parametrize("role", ["nobody", "no-role", *ROLES])
async def test_every_route_asks_for_its_role(role: str) -> None:
    """The whole matrix: 401 for nobody, 403 for another role, and never that for who may; headers on each."""
    async with browser(RECORDS, T(7)) as one:
        headers = {"X-Remote-User": "n.jansen"} if role == "nobody" else one.headers(role)
        allowed = ALLOWS.get(role, frozenset())  # type: ignore[call-overload]
        for route in ROUTES:
            status = await asked(one, route, headers)
            if route.path in PUBLIC:
                assert status == 200, route.path
            elif role == "nobody":
                assert status == 401, route.path
            elif route.by_ehr and route.needs in allowed:
                # Who may is refused for another reason: there is no body.
                assert status == 415, route.path
            elif route.method == "POST":
                # Who may is refused for another reason: no origin, no token. See below.
                assert status == 403, route.path
            else:
                assert status == (200 if route.needs in allowed else 403), route.path


def test_no_route_is_open_by_mistake() -> None:
    """What each route asks for, written down a second time: a change of it is meant."""
    assert {route.path for route in ROUTES if route.needs is None} == PUBLIC
    assert {f"{route.method} {route.path}": route.needs for route in ROUTES} == {
        "GET /": "see-board",
        "POST /search": "see-board",
        "GET /closed": "see-board",
        "GET /live": "see-board",
        "GET /clock/{clock}": "see-board",
        "GET /print": "export",
        "GET /downtime.html": "export",
        "GET /wall": "see-wall",
        "GET /wall/live": "see-wall",
        "POST /clock/{clock}/acknowledge": "acknowledge",
        "POST /clock/{clock}/stand-down": "stand-down",
        "POST /clock/{clock}/classify": "classify",
        "GET /api/clocks": "see-board",
        "GET /api/episodes/{reference}": "see-board",
        "GET /api/alerts": "see-board",
        "GET /api/openapi.json": None,
        "GET /cds-services": None,
        "POST /cds-services/{service}": "ask-cards",
        "POST /cds-services/{service}/feedback": "ask-cards",
        "GET /static/{name}": None,
    }


LOOKED_AT = {
    "/": "board-opened",
    "/search": "board-opened",
    "/wall": "wall-opened",
    "/print": "printed",
    "/downtime.html": "exported",
    "/clock/{clock}": "row-opened",
    "/api/clocks": "board-opened",
    "/api/alerts": "board-opened",
    "/api/episodes/{reference}": "row-opened",
}
PART_OF_A_PAGE = {"/live", "/wall/live", "/closed"}
"""Brought to a page whose opening is written down."""


async def test_whatever_shows_a_patient_is_written_down() -> None:
    """By every route that does: pages and the interface for programs; of one patient with the reference."""
    shows = {route.path for route in ROUTES if route.needs in {"see-board", "see-wall", "export"}}
    assert shows == set(LOOKED_AT) | PART_OF_A_PAGE
    async with browser(RECORDS, T(7)) as one:
        (row,) = one.site.state.open_rows(T(7))
        origin = f"http://{one.client.host}:{one.client.port}"
        headers = one.headers("coordinator", Origin=origin)
        for path in LOOKED_AT:
            method = "POST" if path == "/search" else "GET"
            asked = path.format(clock=row.id, reference="A")
            assert (await one.client.request(method, asked, headers=headers)).status == 200
        one.site.audit.stop(5)
        told = [record.event for record in one.topics.audit()]
        assert [one["subtype"][0]["code"] for one in told] == list(LOOKED_AT.values())
        about = [one["entity"] for one in told if one["subtype"][0]["code"] == "row-opened"]
        assert [one[0]["what"]["identifier"]["value"] for one in about] == ["A", "A"]


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/static/../secret", 404), ("/static/x", 404)]
)
async def test_errors_carry_the_headers_too(path: str, status: int) -> None:
    """What is not there is refused as safely as what is."""
    async with browser(RECORDS, T(7)) as one:
        answer = await one.client.get(path, headers=one.headers("viewer"))
        assert answer.status == status
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/", "/wall", "/api/clocks"])
async def test_an_error_of_ours_says_nothing_of_itself(
    path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence, with the headers of every answer; that it went wrong is in the log, and the board goes on."""

    def broken(*_: object) -> None:
        raise RuntimeError(f"of {NAME}, {NUMBER}")

    async with browser(RECORDS, T(7)) as one:
        monkeypatch.setattr(type(one.site.state), "counted", broken)
        monkeypatch.setattr(type(one.site.state), "open_rows", broken)
        answer = await one.client.get(path, headers=one.headers("coordinator"))
        text = await answer.text()
        assert (answer.status, "It has been logged." in text) == (500, True)
        assert not re.search(f"{NAME}|{NUMBER}|RuntimeError|Traceback|\\.py", text)
        expected = headers_of(answer.content_type)
        assert {name: answer.headers[name] for name in expected} == expected
        assert "a page could not be made" in caplog.text
        assert (await one.client.get("/static/board.css")).status == 200


@pytest.mark.parametrize(
    ("settings", "is_secure"),
    [
        ({}, False),
        ({"url": "http://127.0.0.1:8080"}, False),
        ({"url": "https://board.example"}, True),
        ({"tls_cert": Path("board.pem"), "tls_key": Path("board.key")}, True),
    ],
)
def test_a_board_knows_that_browsers_come_over_tls(
    settings: dict[str, Any], is_secure: bool
) -> None:
    """Where it ends TLS itself, or its own address says that a proxy does."""
    assert BoardSettings(**settings).is_secure is is_secure


@pytest.mark.parametrize(("is_secure", "told"), [(True, True), (False, False)])
async def test_a_board_over_tls_tells_browsers_to_stay_there(is_secure: bool, told: bool) -> None:
    """For a year, with all hosts below it, on every answer; one in the clear says nothing that nobody would believe."""
    async with browser(RECORDS, T(7)) as one:
        one.site.is_secure = is_secure
        for path in ("/", "/static/board.css", "/nothing", "/api/clocks"):
            answer = await one.client.get(path, headers=one.headers("viewer"))
            found = answer.headers.get("Strict-Transport-Security")
            assert found == ("max-age=31536000; includeSubDomains" if told else None), path


@pytest.mark.parametrize(
    ("is_secure", "name"), [(True, "__Host-cordwatch-form"), (False, "cordwatch-form")]
)
async def test_the_cookie_of_the_forms_is_for_this_board_alone(is_secure: bool, name: str) -> None:
    """No script reads it and no other site sends it; over TLS no other host, and nobody in the clear, can have set it."""
    async with browser(RECORDS, T(7)) as one:
        one.site.is_secure = is_secure
        (row,) = one.site.state.open_rows(T(7))
        answer = await one.client.get(f"/clock/{row.id}", headers=one.headers("clinician"))
        (cookie,) = answer.cookies.values()
        assert cookie.key == name
        assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("Strict", True, "/")
        assert bool(cookie["secure"]) is is_secure
        assert cookie["domain"] == ""
        (set_cookie,) = answer.headers.getall("Set-Cookie")
        assert "Domain" not in set_cookie


@pytest.mark.parametrize(
    ("role", "path", "shows"),
    [
        ("viewer", "/", False),
        ("administrator", "/", False),
        ("clinician", "/", True),
        ("coordinator", "/", True),
        ("coordinator", "/print", True),
        ("administrator", "/print", False),
        ("coordinator", "/downtime.html", False),
        ("wall", "/wall", False),
        ("coordinator", "/wall", False),
        ("coordinator", "/api/clocks", False),
    ],
)
async def test_names_are_for_clinical_staff_alone(role: str, path: str, shows: bool) -> None:
    """Name and number stand on the pages of who treats the patient, and nowhere else."""
    async with browser(RECORDS, T(7)) as one:
        answer = await one.client.get(path, headers=one.headers(role))
        text = await answer.text()
        assert answer.status == 200
        assert (NAME in text, NUMBER in text) == (shows, shows)


@pytest.mark.parametrize(("role", "path"), [("clinician", "/live"), ("wall", "/wall/live")])
async def test_a_stream_shows_names_as_its_page_does(role: str, path: str) -> None:
    """The first message of a stream holds every row, with names for who may see them."""
    async with browser(RECORDS, T(7)) as one:
        answer = await one.client.get(path, headers=one.headers(role))
        text = ""
        while "data: " not in text or not text.endswith("\n\n"):
            text += (await answer.content.readany()).decode()
        assert "MRI of the whole spine" in text
        assert (NAME in text) == (role == "clinician")


async def test_a_search_finds_by_name_and_puts_it_in_no_address() -> None:
    """Who may see names may look for one; neither the page nor its stream repeats it in a link."""
    async with browser(RECORDS, T(7)) as one:
        headers = one.headers("clinician", Origin=f"http://{one.client.host}:{one.client.port}")
        found = await one.client.post("/search", data={"search": "zebra"}, headers=headers)
        text = await found.text()
        assert "MRI of the whole spine" in text
        assert not re.search(r'(href|action|src|data-stream)="[^"]*zebra', text, re.IGNORECASE)
        none = await one.client.post("/search", data={"search": "okapi"}, headers=headers)
        assert "None of 1 open clocks fits" in await none.text()


async def test_a_viewer_cannot_find_out_a_name_by_searching() -> None:
    """Who sees no names finds none either."""
    async with browser(RECORDS, T(7)) as one:
        headers = one.headers("viewer", Origin=f"http://{one.client.host}:{one.client.port}")
        answer = await one.client.post("/search", data={"search": "zebra"}, headers=headers)
        assert "None of 1 open clocks fits" in await answer.text()


async def test_a_board_that_has_not_read_everything_shows_nothing() -> None:
    """Half a board looks like a calm one: until all is read there is none."""
    async with browser(RECORDS, T(7)) as one:
        one.site.state.ready = False
        for path in ("/", "/wall", "/api/clocks", "/print"):
            answer = await one.client.get(path, headers=one.headers("coordinator"))
            assert answer.status == 503
            assert "MRI" not in await answer.text()


@pytest.mark.parametrize("path", ["/print", "/downtime.html"])
async def test_a_copy_says_when_it_was_made_and_what_was_wrong_then(path: str) -> None:
    """It is read hours later: in its first line when it was made, that it is not live, and whether it was old even then."""
    async with browser(RECORDS, T(7)) as one:
        headers = one.headers("coordinator")
        text = await (await one.client.get(path, headers=headers)).text()
        assert "Made at Mon 2 Mar 2026 16:00:00 CET. NOT LIVE" in text
        assert "No word from Kafka" not in text
        assert "nobody knows whether messages are missing" in text
        one.site.state.away_since = T(6.9)
        text = await (await one.client.get(path, headers=headers)).text()
        assert "No word from Kafka since Mon 2 Mar 2026 15:54:00 CET" in text


async def test_an_empty_board_says_what_was_checked_and_when() -> None:
    """Nothing open is told with the time, and with what is known of the feeds."""
    async with browser([], T(7)) as one:
        text = await (await one.client.get("/", headers=one.headers("viewer"))).text()
        assert "0 clocks are open." in text
        assert "Checked 16:00:00" in re.sub(r"<[^>]+>", "", text)
        assert "nobody knows whether messages are missing" in text


async def test_a_board_without_word_from_kafka_says_that_it_is_not_live() -> None:
    """The page says so by itself, and so do the stream and the interface for programs."""
    feeds = a_gateway(T(7), {"north-ris|ORU": T(6.99)})
    async with browser((*RECORDS, feeds), T(7)) as one:
        headers = one.headers("viewer")
        assert "<strong>live</strong>" in await (await one.client.get("/", headers=headers)).text()
        one.site.state.away_since = T(6.9)
        text = await (await one.client.get("/", headers=headers)).text()
        assert "No word from Kafka since Mon 2 Mar 2026 15:54:00 CET" in text
        assert 'data-live="no"' in text
        assert "<strong>live</strong>" not in text
        told = await (await one.client.get("/api/clocks", headers=headers)).json()
        assert told["live"] is False
        assert [feed["state"] for feed in told["feeds"]] == ["not known"]


async def test_markup_in_names_and_wards_is_text() -> None:
    """What came from a feed is never markup, on no page and in no stream."""
    evil = "<img src=x onerror=alert(1)>"
    told = (known_lymphoma(), an_admission(bed=evil, ward=evil), a_suspicion())
    records = (*kept(told, T(7)), an_identity("A", evil, T(0), number=evil))
    async with browser(records, T(7)) as one:
        (row,) = one.site.state.open_rows(T(7))
        for path in ("/", "/wall", "/print", "/downtime.html", f"/clock/{row.id}"):
            answer = await one.client.get(path, headers=one.headers("coordinator"))
            text = await answer.text()
            assert "<img" not in text, path
            assert "&lt;img" in text, path


async def test_who_asks_too_much_is_slowed_down() -> None:
    """One reader's broken script does not take the board from the others."""
    async with browser(RECORDS, T(7)) as one:
        one.site.pages_allowed = Allowance(3, 0.001)
        statuses = [
            (await one.client.get("/", headers=one.headers("viewer", user=user))).status
            for user in ("a", "a", "a", "a", "b")
        ]
        assert statuses == [200, 200, 200, 429, 200]


async def test_the_interface_for_programs_is_as_described() -> None:
    """Every answer has exactly the properties that OpenAPI says, down to the clocks."""
    page = a_page(alert_of(RECORDS, "reminder"), T(6.1))
    feeds = (a_gateway(T(7), {"north-ris|ORU": T(6)}), a_silence(T(6), T(7)))
    async with browser((*RECORDS, *feeds, page), T(7)) as one:
        headers = one.headers("viewer")
        described = await (await one.client.get("/api/openapi.json")).json()
        schemas = described["components"]["schemas"]
        for path, item in described["paths"].items():
            answer = await one.client.get(path.replace("{reference}", "A"), headers=headers)
            schema = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            check_shape(await answer.json(), schema, schemas, path)


def check_shape(value: Any, schema: dict[str, Any], schemas: dict[str, Any], where: str) -> None:
    """Fail where *value* has another shape than *schema* says."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if schema["type"] == "object":
        assert set(value) == set(schema["required"]) == set(schema["properties"]), where
        for name, part in schema["properties"].items():
            check_shape(value[name], part, schemas, f"{where}.{name}")
    elif schema["type"] == "array":
        assert value, f"{where} is empty, so that its shape is not shown"
        for one in value:
            check_shape(one, schema["items"], schemas, f"{where}[]")
    else:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        known = {"string": str, "boolean": bool, "integer": int, "null": type(None)}
        assert isinstance(value, tuple(known[one] for one in kinds)), where


async def test_pages_are_small_and_ask_nobody_else() -> None:
    """A page with its script and style is at most 100 KiB, and names no other host."""
    async with browser(RECORDS, T(7)) as one:
        text = await (await one.client.get("/", headers=one.headers("coordinator"))).text()
        parts = [text.encode(), static_file("board.css"), static_file("live.js")]
        assert sum(map(len, parts)) <= 100 * 1024
        found = re.findall(r'(?:src|href|action)="([^"]*)"', text)
        assert found
        assert [one for one in found if not one.startswith(("/", "#"))] == []
        assert "style=" not in text
        assert not re.search(r"<script(?![^>]*src=)", text)
