"""Fields that nobody asked for, and those that stand there twice; and what a browser may do with which answer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cordwatch.board.cds.asked import Refused, read_asked, read_feedback
from cordwatch.board.cds.setup import CdsHooks
from cordwatch.board.routes import ROUTES
from cordwatch.board.security import HEADERS
from cordwatch.board.signing import Anybody
from cordwatch_schemas.acknowledgements import Acknowledged
from tests.builders import T, a_suspicion, an_admission, known_lymphoma
from tests.unit.board.browsing import BOARD_URL, NUMBERS, Browser, browser
from tests.unit.board.hospital import kept

NOW = T(7)
RECORDS = tuple(kept((known_lymphoma(), an_admission(), a_suspicion()), NOW))


async def a_form(one: Browser) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return where a form goes, what it holds, and the headers that go with it."""
    (row,) = one.site.state.open_rows(NOW)
    headers = one.headers("clinician", Origin=f"http://{one.client.host}:{one.client.port}")
    page = await (await one.client.get(f"/clock/{row.id}", headers=headers)).text()
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return f"/clock/{row.id}/acknowledge", {**fields, "reason": "acting", "text": ""}, headers


async def test_a_field_that_nobody_asked_for_changes_nothing() -> None:
    """Who answered, when, of whom and about what is the board's to say, whatever a form says beside its fields."""
    more = {
        "by": "somebody.else",
        "by_id": "x",
        "patient": "B",
        "alert_id": "other",
        "event_id": "chosen",
        "occurred_at": "2020-01-01T00:00:00Z",
        "until": "2030-01-01T00:00:00Z",
        "channel": "pager",
        "kind": "stood-down",
        "roles": "coordinator",
    }
    async with browser(RECORDS, NOW) as one:
        path, fields, headers = await a_form(one)
        sent = await one.client.post(
            path, data={**more, **fields}, headers=headers, allow_redirects=False
        )
        assert sent.status == 303
        (answer,) = one.topics.answers()
        (row,) = one.site.state.open_rows(NOW)
        assert isinstance(answer, Acknowledged)
        told = answer.model_dump()
        assert told.pop("event_id") != "chosen"
        assert told == {
            "schema_version": 1,
            "kind": "acknowledged",
            "patient": "A",
            "by": "n.jansen",
            "by_id": None,
            "occurred_at": NOW,
            "received_at": NOW,
            "channel": "board",
            "alert_id": row.told[-1].alert_id,
            "reason": "acting",
            "until": None,
        }


@pytest.mark.parametrize("name", ["reason", "token", "version", "key", "text"])
async def test_a_field_that_stands_there_twice_is_refused(name: str) -> None:
    """The first or the last of them could be believed: neither is, and nothing is answered."""
    async with browser(RECORDS, NOW) as one:
        path, fields, headers = await a_form(one)
        for twice in ([*fields.items(), (name, fields[name])], [*fields.items(), (name, "x")]):
            answer = await one.client.post(path, data=twice, headers=headers, allow_redirects=False)
            assert answer.status == 400
        assert one.topics.answers() == []


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.method == "GET"], ids=lambda r: r.path
)
async def test_a_part_of_an_address_that_stands_there_twice_is_refused(route: Any) -> None:
    """On every route, whether it knows the field or not."""
    async with browser(RECORDS, NOW) as one:
        path = re.sub(r"\{\w+\}", "x", route.path)
        for query in ("ward=A&ward=B", "x=1&x=1", "clock=a&ward=A&clock=b"):
            answer = await one.client.get(f"{path}?{query}", headers=one.headers("coordinator"))
            assert answer.status == 400


async def test_a_field_in_the_address_is_none_of_the_form() -> None:
    """Each is read from where it belongs."""
    async with browser(RECORDS, NOW) as one:
        path, fields, headers = await a_form(one)
        reason = fields.pop("reason")
        answer = await one.client.post(f"{path}?reason={reason}", data=fields, headers=headers)
        assert (answer.status, one.topics.answers()) == (400, [])


@pytest.mark.parametrize(
    "body",
    [
        b'{"hook": "patient-view", "hook": "patient-view"}',
        b'{"hook": "patient-view", "context": {"patientId": "a", "patientId": "b"}}',
    ],
)
def test_a_name_that_stands_twice_in_what_a_record_system_sends_is_refused(body: bytes) -> None:
    """At any depth: of two patients it is not guessed which is meant."""
    with pytest.raises(Refused, match="no JSON"):
        read_asked(body, "patient-view", CdsHooks(BOARD_URL, NUMBERS, Anybody("ehr")))
    with pytest.raises(Refused, match="no JSON"):
        read_feedback(b'{"feedback": [{"card": "a", "card": "b"}]}')


# --- answers that are opened by themselves

PAGES = {"/", "/clock/{clock}", "/print", "/downtime.html", "/wall"}
PARTS = {"/closed", "/live", "/wall/live"}


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.method == "GET"], ids=lambda r: r.path
)
async def test_an_answer_is_shown_as_a_page_only_where_it_is_one(route: Any) -> None:
    """What is no page runs nothing and is of no origin (sandbox), JSON is kept as a file, a part is for its page's script alone."""
    async with browser(RECORDS, NOW) as one:
        (row,) = one.site.state.open_rows(NOW)
        places = {"{clock}": row.id, "{reference}": "A", "{name}": "icon.svg"}
        path = re.sub(r"\{\w+\}", lambda found: places[found[0]], route.path)
        headers = one.headers("coordinator", **{"Sec-Fetch-Dest": "document"})
        async with one.client.get(path, headers=headers) as answer:
            policy = answer.headers["Content-Security-Policy"]
            disposition = answer.headers.get("Content-Disposition", "")
            if route.path in PARTS:
                assert answer.status == 403
            elif route.path in PAGES:
                assert (answer.status, policy) == (200, HEADERS["Content-Security-Policy"])
                assert disposition.startswith("attachment") is (route.path == "/downtime.html")
            else:
                assert (answer.status, "sandbox" in policy) == (200, True)
                assert "script-src" not in policy
                assert disposition.startswith("attachment") is route.as_json
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", sorted(PARTS))
async def test_a_part_of_a_page_is_given_to_its_script(path: str) -> None:
    """And to what says nothing: a program, or an old browser; to no frame, picture or script of another page."""
    async with browser(RECORDS, NOW) as one:
        for told, status in (("empty", 200), (None, 200), ("iframe", 403), ("script", 403)):
            more = {"Sec-Fetch-Dest": told} if told else {}
            async with one.client.get(path, headers=one.headers("coordinator", **more)) as answer:
                assert answer.status == status, told


@pytest.mark.parametrize("path", ["/api/episodes/none", "/api/nothing", "/cds-services/none"])
async def test_a_refusal_for_a_program_is_no_page_either(path: str) -> None:
    """Errors are as narrow as answers."""
    async with browser(RECORDS, NOW) as one:
        answer = await one.client.get(path, headers=one.headers("viewer"))
        assert answer.status in {404, 405}
        assert "sandbox" in answer.headers["Content-Security-Policy"]
