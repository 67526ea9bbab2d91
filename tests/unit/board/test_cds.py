"""CDS Hooks: the cards of a patient, who may ask for them, and what is written down of what became of them."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any, get_args

import pytest
from aiohttp import ClientResponse
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.board.cds.caller import LIFE_S_MAX, ByEhr
from cordwatch.board.cds.cards import INDICATORS, OVERRIDE_REASONS, CardId, plain, short
from cordwatch.board.clock_row import State
from cordwatch.board.keys import KeySet
from cordwatch.board.wording import STATE_WORDS
from cordwatch_schemas.topics import ACKS, AUDIT
from tests.builders import T, a_merge, a_suspicion, an_admission, known_lymphoma
from tests.unit.board.browsing import BOARD_URL, NUMBERS, Browser, browser
from tests.unit.board.hospital import an_acknowledgement, an_identity, answered, kept
from tests.unit.board.tokens import NOW, Fixed, Signer, good_for, key_set, new_key

TOLD = (known_lymphoma(), an_admission(ward="HAEM-4", bed="12"), a_suspicion())
NAME, NUMBER = "ZEBRAFINCH", "5550123"
RECORDS = (*kept(TOLD, T(7)), an_identity("A", f"{NAME}^ZOE", T(0), number=NUMBER))
VIEW, SELECT = "/cds-services/cordwatch-patient-view", "/cds-services/cordwatch-order-select"
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"

EHR = Signer("ehr-1")
ISSUER = "https://ehr.example"


def a_patient(*numbers: str, system: str = NUMBERS, **more: Any) -> dict[str, Any]:
    """Return a Patient resource as a record system sends it along."""
    listed = [{"system": "urn:oid:9.9", "value": "999"}]
    listed += [{"system": system, "value": one} for one in numbers]
    return {"resourceType": "Patient", "id": "f-17", "identifier": listed, **more}


def a_call(hook: str = "patient-view", patient: Any = None, **more: Any) -> dict[str, Any]:
    """Return the body of a call."""
    context = {"userId": "Practitioner/abc", "patientId": "f-17"}
    prefetch = {"patient": a_patient(NUMBER) if patient is None else patient}
    told = {"hook": hook, "hookInstance": INSTANCE, "context": context, "prefetch": prefetch}
    return {name: value for name, value in {**told, **more}.items() if value is not None}


async def ask(
    one: Browser, call: Any = None, path: str = VIEW, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Ask as the record system behind the proxy; return the status and the answer."""
    body = a_call() if call is None else call
    answer = await one.client.post(path, json=body, headers=headers or one.headers("ehr"))
    return answer.status, await answer.json()


def deeds(one: Browser) -> list[str]:
    """Return what the audit trail says was done."""
    one.site.audit.stop(5)
    return [record.event["subtype"][0]["code"] for record in one.topics.audit()]


async def test_a_record_system_finds_out_which_services_there_are() -> None:
    """Both hooks, each with the Patient that it needs along; nobody has to sign in for that."""
    async with browser(RECORDS, T(7)) as one:
        told = await (await one.client.get("/cds-services")).json()
        assert {service["hook"] for service in told["services"]} == {"patient-view", "order-select"}
        for service in told["services"]:
            assert service["prefetch"] == {"patient": "Patient/{{context.patientId}}"}
            assert f"/cds-services/{service['id']}" in {VIEW, SELECT}
            assert service["title"]
            assert service["description"]


async def test_without_setting_it_up_there_is_no_service() -> None:
    """None is offered, and none answers."""
    async with browser(RECORDS, T(7)) as one:
        one.site.cds = None
        assert await (await one.client.get("/cds-services")).json() == {"services": []}
        assert (await ask(one))[0] == 404


@pytest.mark.parametrize(("path", "hook"), [(VIEW, "patient-view"), (SELECT, "order-select")])
async def test_an_open_clock_is_a_card(path: str, hook: str) -> None:
    """What is missing and by when, how pressing, by which rule, why it may be put aside, and where to answer."""
    async with browser(RECORDS, T(7)) as one:
        status, told = await ask(one, a_call(hook), path)
        (row,) = one.site.state.open_rows(T(7))
        (card,) = told["cards"]
        assert status == 200
        assert card["summary"] == (
            "Reminder. MRI of the whole spine: not ordered; 5 h 00 min left, due 21:00"
        )
        assert card["indicator"] == "info"
        assert card["source"]["label"] == f"cordwatch, {row.pack}"
        assert card["links"] == [
            {
                "label": "Acknowledge or stand down in cordwatch",
                "url": f"{BOARD_URL}/clock/{row.id}",
                "type": "absolute",
            }
        ]
        assert {one["code"] for one in card["overrideReasons"]} == set(OVERRIDE_REASONS)
        assert all(one["display"] and one["system"] for one in card["overrideReasons"])
        assert plain(row.clause) in card["detail"]
        assert "stops no clock" in card["detail"]
        assert CardId.read(card["uuid"]) == CardId(row.id, "reminder")


async def test_a_card_holds_no_name_and_is_written_down() -> None:
    """The reader has the record open: no name, number or ward. Who was shown what is in the audit trail."""
    async with browser(RECORDS, T(7)) as one:
        text = str((await ask(one))[1])
        assert not [word for word in (NAME, NUMBER, "HAEM-4", "f-17") if word in text]
        assert deeds(one) == ["cards-shown"]
        (record,) = one.topics.audit()
        assert record.event["entity"][0]["what"]["identifier"]["value"] == "A"
        about = {d["type"]: d["valueString"] for d in record.event["entity"][1]["detail"]}
        assert (about["user"], about["hook-instance"]) == ("Practitioner/abc", INSTANCE)
        assert not [word for word in (NAME, NUMBER, "f-17") if word in str(record.event)]


@pytest.mark.parametrize(
    ("hours", "indicator"),
    [(1, "info"), (7, "info"), (9, "warning"), (12, "critical"), (13, "critical")],
)
async def test_a_card_is_as_pressing_as_its_clock(hours: float, indicator: str) -> None:
    """From a reminder to overdue."""
    async with browser(RECORDS, T(hours)) as one:
        assert [card["indicator"] for card in (await ask(one))[1]["cards"]] == [indicator]


async def test_what_is_old_interrupts_nobody() -> None:
    """What the board alone shows is a quiet card, however late it is."""
    records = [*kept((*TOLD[:2], a_suspicion(replayed=True)), T(13)), RECORDS[-1]]
    async with browser(records, T(13)) as one:
        (row,) = one.site.state.open_rows(T(13))
        assert row.silent
        assert [card["indicator"] for card in (await ask(one))[1]["cards"]] == ["info"]


def test_every_state_has_an_indicator_and_a_place_in_an_id() -> None:
    """A state that is added is not forgotten here."""
    assert set(INDICATORS) == set(get_args(State)) == set(STATE_WORDS)


async def test_in_whose_hand_it_is_stands_on_the_card() -> None:
    """Somebody who opens the record sees that somebody else is at it."""
    async with browser(RECORDS, T(7)) as one:
        (row,) = one.site.state.open_rows(T(7))
        seen = an_acknowledgement(row.told[-1].alert_id, T(6.9), "ward_4")
        for record in answered(seen):
            one.site.state.projection.take(*record)
        one.site.state.projection.refresh()
        (card,) = (await ask(one))[1]["cards"]
        assert r"In hand\: ward\_4" in card["detail"]


async def test_a_merged_patient_is_found_by_either_number() -> None:
    """Who was joined with another is asked for by the number of before, too."""
    told = (*TOLD, *a_merge(T(1), "B", "A"))
    other = an_identity("B", "OKAPI^OLGA", T(1), number="7770001")
    async with browser((*kept(told, T(7)), RECORDS[-1], other), T(7)) as one:
        for number in (NUMBER, "7770001"):
            status, answer = await ask(one, a_call(patient=a_patient(number)))
            assert (status, len(answer["cards"])) == (200, 1), number
        both = await ask(one, a_call(patient=a_patient(NUMBER, "7770001")))
        assert (both[0], len(both[1]["cards"])) == (200, 1)


async def test_a_patient_without_a_clock_has_no_card() -> None:
    """Known or not: nothing is shown, and nothing written down, since nothing was told of anybody."""
    records = (*RECORDS, an_identity("B", "OKAPI^OLGA", T(1), number="7770001"))
    async with browser(records, T(7)) as one:
        for number in ("7770001", "4040404"):
            assert await ask(one, a_call(patient=a_patient(number))) == (200, {"cards": []})
        assert deeds(one) == []


@pytest.mark.parametrize(
    ("patient", "status"),
    [
        ({}, 412),
        ({"resourceType": "OperationOutcome"}, 412),
        (a_patient(), 412),
        (a_patient(NUMBER, system="urn:oid:another"), 412),
        (a_patient() | {"identifier": [{"system": NUMBERS, "value": NUMBER, "use": "old"}]}, 412),
        (a_patient() | {"identifier": "5550123"}, 412),
        (a_patient(NUMBER, id="f-18"), 400),
        (a_patient(NUMBER, "7770001"), 412),
    ],
)
async def test_who_cannot_be_told_for_certain_is_nobody(patient: Any, status: int) -> None:
    """No Patient, no number of ours, an old one, another Patient than is open, or the numbers of two."""
    records = (*RECORDS, an_identity("B", "OKAPI^OLGA", T(1), number="7770001"))
    async with browser(records, T(7)) as one:
        found, answer = await ask(one, a_call(patient=patient))
        assert (found, list(answer)) == (status, ["error"])
        assert NUMBER not in answer["error"]


async def test_a_fhir_id_is_a_number_only_where_that_is_said() -> None:
    """By itself an id could be another patient's number; a hospital that knows better says so."""
    async with browser(RECORDS, T(7)) as one:
        call = a_call(prefetch={}) | {"context": {"patientId": NUMBER}}
        assert (await ask(one, call))[0] == 412
        assert one.site.cds is not None
        object.__setattr__(one.site.cds, "ids_are_numbers", True)
        status, answer = await ask(one, call)
        assert (status, len(answer["cards"])) == (200, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        ({**a_call(), "hook": "order-select"}, 400),
        ({**a_call(), "hookInstance": "1"}, 400),
        ({**a_call(), "hookInstance": 1}, 400),
        ({**a_call(), "context": None}, 400),
        ({**a_call(), "context": {"patientId": "../5550123"}}, 400),
        ({**a_call(), "context": {"patientId": "x" * 65}}, 400),
        ({**a_call(), "extension": "x" * 1_100_000}, 413),
    ],
)
async def test_what_is_no_call_is_refused_without_repeating_it(
    body: Any, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As JSON, with what is wrong and nothing of what was sent, there and in the log."""
    async with browser(RECORDS, T(7)) as one:
        headers = one.headers("ehr", **{"Content-Type": "application/json"})
        told = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = await one.client.post(VIEW, headers=headers, **told)
        assert answer.status == status
        error = (await answer.json())["error"]
        assert error
        assert NUMBER not in error + caplog.text


async def test_a_form_that_another_site_made_a_browser_send_is_no_call() -> None:
    """What a browser sends without asking first is not JSON."""
    async with browser(RECORDS, T(7)) as one:
        headers = one.headers("ehr", **{"Content-Type": "text/plain"})
        assert (await one.client.post(VIEW, data=b"{}", headers=headers)).status == 415


async def test_another_service_is_not_there() -> None:
    """Neither is what is not one of ours."""
    async with browser(RECORDS, T(7)) as one:
        assert await ask(one, path="/cds-services/x") == (
            404,
            {"error": "there is no such service"},
        )
        assert (await ask(one, path=f"{VIEW}/y"))[0] == 404


async def test_a_board_that_is_not_live_says_so() -> None:
    """An open clock comes with a card of doubt on top; that there is none is not said by anybody."""
    async with browser(RECORDS, T(7)) as one:
        one.site.state.away_since = T(6.9)
        doubt, card = (await ask(one))[1]["cards"]
        assert doubt["summary"] == "What cordwatch knows of this patient may be old."
        assert (doubt["indicator"], "uuid" in doubt) == ("warning", False)
        assert "No word from Kafka" in doubt["detail"]
        assert card["summary"].startswith("Reminder")
        status, answer = await ask(one, a_call(patient=a_patient("4040404")))
        assert (status, list(answer)) == (503, ["error"])


async def test_a_board_that_has_not_read_everything_has_no_cards() -> None:
    """It cannot know yet."""
    async with browser(RECORDS, T(7)) as one:
        one.site.state.ready = False
        assert await ask(one) == (503, {"error": "not ready"})


# --- the card itself


def test_a_summary_is_short() -> None:
    """Fewer than 140 characters, and one can see that there was more."""
    assert short("x" * 139) == "x" * 139
    assert (len(short("y" * 140)), short("y" * 140)[-1]) == (139, "…")


@given(st.text())
def test_no_text_can_break_out_of_markdown(text: str) -> None:
    """Every sign that could mean something there is escaped, and nothing begins a new line."""
    told = plain(text)
    assert "\n" not in told
    assert not re.search(r"(?<!\\)(?:\\\\)*[!-/:-@\[^-`{-~]", told)


@given(st.integers(0, 2**96 - 1), st.sampled_from(get_args(State)))
def test_an_id_of_a_card_can_be_read_back(clock: int, state: State) -> None:
    """By any board, without remembering it: clock and state are in it, and it is a UUID of version 8."""
    card = CardId(f"{clock:024x}", state)
    found = uuid.UUID(card.uuid)
    assert (found.version, found.variant) == (8, uuid.RFC_4122)
    assert CardId.read(card.uuid) == card


@given(st.integers(0, 2**96 - 1), st.sampled_from(get_args(State)), st.integers(0, 127))
def test_a_changed_id_is_no_card(clock: int, state: State, bit: int) -> None:
    """One bit is enough."""
    whole = uuid.UUID(CardId(f"{clock:024x}", state).uuid).int
    with pytest.raises(ValueError, match="not a card"):
        CardId.read(str(uuid.UUID(int=whole ^ 1 << bit)))


# --- who may ask


def token(told: dict[str, Any] | None = None, path: str = VIEW, **more: Any) -> str:
    """Return a token of the record system for a call of *path*."""
    claims = {"iss": ISSUER, "aud": BOARD_URL + path, "jti": str(uuid.uuid4())}
    return EHR.sign(good_for(claims | (told or {}), **more))


def by_ehr() -> ByEhr:
    """Return how the record system is known by its tokens."""
    return ByEhr((ISSUER,), BOARD_URL, Fixed(KeySet.read(key_set(EHR.published()))))


async def test_a_token_of_the_record_system_is_good_for_one_call() -> None:
    """Signed for this endpoint by a listed issuer; who plays it back gets nothing."""
    async with browser(RECORDS, T(7), by_ehr()) as one:
        header = token()
        status, told = await ask(one, Authorization=header)
        assert (status, len(told["cards"])) == (200, 1)
        assert (await ask(one, Authorization=header))[0] == 401
        assert (await ask(one, Authorization=token()))[0] == 200
        one.site.audit.stop(5)
        assert ISSUER in str(one.topics.audit()[0].event["agent"])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer not.a.token",
        token({"iss": "https://elsewhere.example"}),
        token(path=SELECT),
        token({"aud": BOARD_URL}),
        token(exp=NOW - timedelta(minutes=2)),
        token(exp=NOW + timedelta(seconds=LIFE_S_MAX + 60)),
        token(exp=None),
        token(iat=None),
        token({"jti": None}),
        token({"jti": ""}),
        token({"jti": "x" * 201}),
        EHR.sign(good_for({"iss": ISSUER, "aud": BOARD_URL + VIEW, "jti": "1"}), key=new_key()),
        EHR.sign(good_for({"iss": ISSUER, "aud": BOARD_URL + VIEW, "jti": "2"}), "none", ""),
        EHR.sign(good_for({"iss": ISSUER, "aud": BOARD_URL + VIEW, "jti": "3"}), "HS384", "x" * 64),
    ],
)
async def test_a_token_that_does_not_hold_gets_nothing(header: str) -> None:
    """Another issuer or endpoint, too old or too long, without an id, or signed by nobody whom we know."""
    async with browser(RECORDS, T(7), by_ehr()) as one:
        status, told = await ask(one, Authorization=header)
        assert (status, list(told)) == (401, ["error"])


async def test_a_token_of_the_record_system_opens_nothing_else() -> None:
    """It is no person: neither the board nor the interface for programs knows it."""
    async with browser(RECORDS, T(7), by_ehr()) as one:
        for path in ("/", "/api/clocks", "/wall"):
            header = {"Authorization": token(path=path)}
            assert (await one.client.get(path, headers=header)).status == 401


# --- what became of a card


async def tell(one: Browser, path: str = f"{VIEW}/feedback", **changed: Any) -> ClientResponse:
    """Tell what somebody did with the card of the only clock."""
    (row,) = one.site.state.open_rows(T(7))
    told = {
        "card": CardId(row.id, "reminder").uuid,
        "outcome": "overridden",
        "overrideReason": {
            "reason": {"system": "urn:cordwatch:override-reason", "code": "declined"},
            "userComment": f"{NAME} does not want it",
        },
        "outcomeTimestamp": "2026-03-02T16:00:00Z",
    } | changed
    return await one.client.post(path, json={"feedback": [told]}, headers=one.headers("ehr"))


async def test_putting_a_card_aside_is_written_down_and_stops_nothing() -> None:
    """Outcome, coded reason, clock and how far it was; the words are not kept, and the clock runs on."""
    async with browser(RECORDS, T(7)) as one:
        before = one.site.state.open_rows(T(7))
        assert (await tell(one)).status == 200
        assert one.site.state.open_rows(T(7)) == before
        assert {topic for topic, _, _ in one.topics.records} == {AUDIT.name}
        (record,) = one.topics.audit()
        assert record.event["subtype"][0]["code"] == "card-overridden"
        about = {d["type"]: d["valueString"] for d in record.event["entity"][1]["detail"]}
        assert about == {
            "at": "2026-03-02T16:00:00+00:00",
            "clock": before[0].id,
            "commented": "yes",
            "reason": "declined",
            "state": "reminder",
        }
        assert NAME not in str(record.event)
        assert one.topics.answers() == []
        assert ACKS.name not in {topic for topic, _, _ in one.topics.records}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"overrideReason": {"reason": {"system": "urn:another", "code": "declined"}}}, "not-ours"),
        ({"overrideReason": {"userComment": "no"}}, None),
        ({"outcome": "accepted", "overrideReason": None}, None),
    ],
)
async def test_other_reasons_or_none_are_written_down_as_that(
    changed: dict[str, Any], reason: str | None
) -> None:
    """A code of the record system is not taken for one of ours."""
    async with browser(RECORDS, T(7)) as one:
        assert (await tell(one, **changed)).status == 200
        (record,) = one.topics.audit()
        about = {d["type"]: d["valueString"] for d in record.event["entity"][1]["detail"]}
        assert about.get("reason") == reason


@pytest.mark.parametrize(
    "changed",
    [
        {"card": str(uuid.uuid4())},
        {"card": "x"},
        {"card": None},
        {"outcome": "ignored"},
        {"outcomeTimestamp": "yesterday"},
        {"outcomeTimestamp": "2026-03-02T16:00:00"},
        {"outcomeTimestamp": None},
    ],
)
async def test_feedback_that_is_none_is_refused(changed: dict[str, Any]) -> None:
    """Nothing of it is written down."""
    async with browser(RECORDS, T(7)) as one:
        assert (await tell(one, **changed)).status == 400
        assert deeds(one) == []


async def test_feedback_that_cannot_be_written_down_is_not_called_taken() -> None:
    """The record system may tell it again."""
    async with browser(RECORDS, T(7)) as one:
        one.topics.away = {AUDIT.name}
        assert (await tell(one)).status == 503


async def test_feedback_comes_with_a_token_for_either_address() -> None:
    """Record systems differ in which of the two they name; in no other case is another address good."""
    async with browser(RECORDS, T(7), by_ehr()) as one:
        (row,) = one.site.state.open_rows(T(7))
        told = {"card": CardId(row.id, "due").uuid, "outcome": "accepted"}
        body = {"feedback": [{**told, "outcomeTimestamp": "2026-03-02T16:00:00Z"}]}
        path = f"{VIEW}/feedback"
        for named, status in ((path, 200), (VIEW, 200), (SELECT, 401)):
            found = await ask(one, body, path, Authorization=token(path=named))
            assert found[0] == status, named
