"""What is heard, who is asked, what is refused as a setting, and when the outside is fed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from cordwatch.pathway.simulation import alerts_of, simulate_ward
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.synthetic.asking import ask, said, to_ask
from cordwatch.synthetic.hearing import seen_in
from cordwatch.synthetic.metrics import SyntheticMetrics
from cordwatch.synthetic.outside import ALERT_NAME, Outside
from cordwatch.synthetic.patients import beginning_of, ending_of
from cordwatch.synthetic.rounds import Chosen, Figures, Round, Seen, State, on_board, step
from cordwatch.synthetic.settings import SyntheticSettings
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.synthetic_pack import WithSynthetic
from cordwatch_schemas.topics import ALERTS, PAGES
from tests.builders import T, a_suspicion
from tests.pager.fake_pager import Asked, FakeServer, Said
from tests.unit.board.hospital import a_page

PATIENT = "synthetic.1772445600.3"
T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BOARD, GATEWAY = "http://127.0.0.1:9467", "http://127.0.0.1:9465"
FIGURES = Figures(timedelta(seconds=60), timedelta(seconds=20), (BOARD,), (GATEWAY,))


@dataclass(frozen=True)
class Polled:
    """As much of a record as is read."""

    value: bytes | None


def alerts_about(patient: str) -> list[Alert]:
    """Return what watch tells of a patient's story: the alert, and how it ended."""
    story = [ending_of(patient, T(0), T(0.01)), *beginning_of(patient, T(0))]
    packs = WithSynthetic(load_pack("mescc-lymphoma"))
    (ended,) = alerts_of(simulate_ward(story, packs, T(0.02)))
    update = {"status": "open", "revision": 0, "ended_at": None}
    return [ended.model_copy(update=update), ended]


def heard(topic: str, *values: bytes | None) -> list[Seen]:
    """Return what records say."""
    return list(seen_in(topic, [Polled(one) for one in values]))


def test_alerts_are_heard_as_told_and_as_ended() -> None:
    """By what watch publishes of the story."""
    values = [one.model_dump_json().encode() for one in alerts_about(PATIENT)]
    assert heard(ALERTS.name, *values) == [Seen("alert", PATIENT), Seen("ended", PATIENT)]


def test_an_alert_that_ended_otherwise_is_no_end_in_time() -> None:
    """Withdrawn is not what the story says."""
    told = alerts_about(PATIENT)[0].model_copy(update={"status": "withdrawn"})
    assert heard(ALERTS.name, told.model_dump_json().encode()) == []


def test_a_page_is_heard_once_a_destination_has_taken_it() -> None:
    """Decided is not told."""
    told = alerts_about(PATIENT)[0]
    pages = [a_page(told, at) for at in (None, T(0.01))]
    assert heard(PAGES.name, *(one[2] for one in pages)) == [Seen("page", PATIENT)]


def test_of_real_patients_and_of_what_is_no_record_nothing_is_heard() -> None:
    """Their alerts and pages pass by, and so does whatever else somebody writes there."""
    real = alerts_of(simulate_ward([a_suspicion(T(0))], load_pack("mescc-lymphoma"), T(7)))
    values = [one.model_dump_json().encode() for one in real]
    other = alerts_about(PATIENT)[0].model_copy(update={"rule": "mri.mescc-suspected"})
    values += [other.model_dump_json().encode(), b'{"patient": "synthetic.1"}', b"synthetic.{"]
    assert heard(ALERTS.name, *values, None) == []
    pages = [a_page(one, T(7))[2] for one in real]
    assert heard(PAGES.name, *pages, b'"synthetic."', None) == []


# --- who is asked


def a_round(*seen: Seen) -> Round:
    """Return a round of one patient in which that was heard."""
    state, _ = step(State(T0), (), T0, FIGURES)
    assert state.round is not None
    state, _ = step(state, [Chosen(state.round.number, (PATIENT,)), *seen], T0, FIGURES)
    assert state.round is not None
    return state.round


def test_boards_are_asked_once_the_alert_is_out_and_until_they_have_it() -> None:
    """A gateway from the beginning on; nobody in between rounds."""
    alert, shown = Seen("alert", PATIENT), Seen("board", on_board(BOARD, PATIENT))
    assert to_ask(None) == set()
    assert to_ask(a_round()) == {GATEWAY}
    assert to_ask(a_round(alert)) == {BOARD, GATEWAY}
    assert to_ask(a_round(alert, Seen("others", GATEWAY))) == {BOARD}
    assert to_ask(a_round(alert, Seen("others", GATEWAY), shown)) == set()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"synthetic_patients": [PATIENT]}, ["others", "board"]),
        (503, {"synthetic_patients": [PATIENT]}, ["board"]),
        (200, {"synthetic_patients": []}, ["others"]),
        (200, {"synthetic_patients": 7}, ["others"]),
        (200, [PATIENT], ["others"]),
        (404, {}, []),
    ],
)
def test_a_health_page_says_that_it_is_well_and_whom_it_has(
    status: int, body: Any, expected: list[str]
) -> None:
    """A page that is no such page says nothing of patients."""
    found = list(said(BOARD, status, json.dumps(body).encode()))
    assert [one.leg for one in found] == expected
    assert all(one.what in {BOARD, on_board(BOARD, PATIENT)} for one in found)


async def test_who_does_not_answer_has_said_nothing() -> None:
    """Nobody there, a redirection, half an answer."""
    timeout = aiohttp.ClientTimeout(total=0.3)
    for answer in (Said(302, {"Location": BOARD}), Said(hang=True), Said(reset=True)):
        async with FakeServer(answer) as server, aiohttp.ClientSession(timeout=timeout) as session:
            assert await ask(session, server.url) == []
            url = server.url
    async with aiohttp.ClientSession(timeout=timeout) as session:
        assert await ask(session, url) == []


async def test_a_page_that_answers_is_heard() -> None:
    """At the address that was given, `/healthz`."""
    body = json.dumps({"synthetic_patients": [PATIENT]}).encode()
    async with FakeServer(Said(body=body)) as server, aiohttp.ClientSession() as session:
        found = await ask(session, server.url)
        assert found == [
            Seen("others", server.url),
            Seen("board", on_board(server.url, PATIENT)),
        ]
        assert [one.path for one in server.asked] == ["/healthz"]


# --- the outside


async def test_the_outside_is_fed_both_ways_and_each_is_counted() -> None:
    """The alert keeps its labels and its start, and ends after three rounds and the patience."""

    def answer(asked: Asked) -> Said:
        return Said(500 if asked.path == "/ping" else 200)

    registry = CollectorRegistry()
    metrics = SyntheticMetrics(registry, T0)
    async with FakeServer(answer) as server:
        outside = Outside(
            "synthetic",
            FIGURES.noticed_after,
            WallClock(),
            metrics,
            f"{server.url}/ping",
            (server.url,),
        )
        await outside.feed()
        await outside.feed()
        first, second = (one.json[0] for one in server.asked if one.path == "/api/v2/alerts")
    found = {
        (way, outcome): registry.get_sample_value(
            "cordwatch_synthetic_heartbeats_total", {"way": way, "outcome": outcome}
        )
        for way in ("alertmanager", "url")
        for outcome in ("sent", "failed")
    }
    assert found["alertmanager", "sent"] == found["url", "failed"] == 2
    assert found["alertmanager", "failed"] == found["url", "sent"] == 0
    assert first["labels"] == second["labels"]
    assert first["labels"]["alertname"] == ALERT_NAME
    assert first["startsAt"] == second["startsAt"]
    ends_at = datetime.fromisoformat(first["endsAt"]) - datetime.fromisoformat(first["startsAt"])
    assert timedelta(0) <= ends_at - FIGURES.noticed_after < timedelta(seconds=5)


@pytest.mark.parametrize(
    "settings",
    [
        {"period_s": 20, "patience_s": 20},
        {"boards": "board:9467"},
        {"others": "ftp://127.0.0.1"},
        {"heartbeat_url": "ping"},
        {"heartbeat_alertmanagers": "http://127.0.0.1:9093/?x=1"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    """Before anything runs."""
    with pytest.raises(ValidationError):
        SyntheticSettings(**settings)


def test_an_address_is_asked_once_however_it_is_written() -> None:
    """With a slash at its end or without, named twice or once."""
    found = SyntheticSettings(boards=f"{BOARD}/, {BOARD}")
    assert found.figures.boards == (BOARD,)
