"""Slack and Teams rooms: what they are sent, and which of their answers are believed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cordwatch.pager.text import Line, Text, Wording
from cordwatch.pager.transports.http import HttpSender
from cordwatch.pager.transports.rooms import (
    TEAMS_BYTES_MAX,
    Room,
    SlackTransport,
    TeamsTransport,
    slack_text,
    teams_card,
)
from cordwatch.pager.transports.settings import Slack, Teams
from cordwatch.pager.transports.transport import Outcome
from tests.pager.builders import a_page
from tests.pager.fake_pager import FakeServer, Said
from tests.pager.secret_file import SecretFile

ACCEPTED = Outcome("accepted", "accepted")
WORDING = Wording("Europe/Amsterdam", "https://board.example")


@asynccontextmanager
async def a_room(kind: str, url: str, secret: SecretFile) -> AsyncIterator[Room]:
    """Yield the transport into a room at *url*."""
    file = str(secret.holds(url))
    sender = HttpSender(connect_s=0.5, whole_s=0.5)
    room: Room
    if kind == "slack":
        room = SlackTransport("room", Slack(kind="slack", url_file=file), WORDING, sender)
    else:
        room = TeamsTransport("room", Teams(kind="teams", url_file=file), WORDING, sender)
    yield room
    await room.close()


@pytest.mark.parametrize(
    ("kind", "said", "outcome"),
    [
        ("slack", Said(200, body=b"ok"), ACCEPTED),
        ("slack", Said(200, body=b"<html>"), Outcome("unknown", "bad-answer")),
        ("slack", Said(400, body=b"invalid_payload"), Outcome("refused", "bad-request")),
        ("slack", Said(403, body=b"action_prohibited"), Outcome("refused", "forbidden")),
        ("slack", Said(404, body=b"channel_not_found"), Outcome("refused", "not-found")),
        ("slack", Said(429, {"Retry-After": "1"}), Outcome("later", "rate-limited", 1.0)),
        ("teams", Said(202), ACCEPTED),
        ("teams", Said(200, body=b"1"), ACCEPTED),
        ("teams", Said(200, body=b"HTTP error 429"), Outcome("unknown", "bad-answer")),
        ("teams", Said(413), Outcome("refused", "too-large")),
    ],
)
async def test_what_a_room_answers(
    kind: str, said: Said, outcome: Outcome, secret: SecretFile
) -> None:
    """Slack says ok; Teams 202; a page of success in other words is not believed."""
    async with FakeServer(said) as server, a_room(kind, server.url, secret) as room:
        assert await room.send(a_page()) == outcome


async def test_slack_is_sent_text_that_mentions_nobody(secret: SecretFile) -> None:
    """Angles and ampersands would be links and mentions."""
    text = Text("<!channel> late & later", (Line("Do", "<https://x|y>"),), "https://b.example/a/1")
    assert slack_text(text) == (
        "&lt;!channel&gt; late &amp; later\nDo: &lt;https://x|y&gt;\nhttps://b.example/a/1"
    )
    async with FakeServer(Said(200, body=b"ok")) as server:
        async with a_room("slack", server.url, secret) as room:
            await room.send(a_page())
    assert list(server.asked[0].json) == ["text"]
    assert server.asked[0].json["text"].splitlines()[0] == (
        "OVERDUE, 35 min late: MRI of the whole spine not done, nor ordered (ward B4, NORTH)"
    )


async def test_teams_is_sent_a_card(secret: SecretFile) -> None:
    """Title, facts, and one button to the board."""
    async with FakeServer(Said(202)) as server, a_room("teams", server.url, secret) as room:
        await room.send(a_page())
    [attachment] = server.asked[0].json["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    title, facts = attachment["content"]["body"]
    assert title["text"].startswith("OVERDUE, 35 min late")
    assert {"title": "Missing", "value": "cervical, thoracic"} in facts["facts"]
    assert attachment["content"]["actions"][0]["url"].startswith("https://board.example/clock/")


def test_a_card_too_large_loses_its_last_lines() -> None:
    """28 KB, counted as bytes."""
    text = Text("late", tuple(Line(str(n), "㍿" * 2_000) for n in range(10)), None)
    card = teams_card(text)
    assert len(json.dumps(card, ensure_ascii=False).encode()) <= TEAMS_BYTES_MAX
    facts = card["attachments"][0]["content"]["body"][1]["facts"]
    assert [one["title"] for one in facts] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("address", ["http://hooks.example/T1", "no address", "https://[", ""])
async def test_an_address_in_the_open_is_not_asked(address: str, secret: SecretFile) -> None:
    """Only https, except on loopback; what stands in the file is never shown."""
    async with a_room("slack", address, secret) as room:
        assert await room.send(a_page()) == Outcome("later", "no-secret")


async def test_a_look_writes_nothing(secret: SecretFile) -> None:
    """A GET: no message, whatever is answered to it."""
    async with FakeServer(Said(400)) as server, a_room("slack", server.url, secret) as room:
        assert await room.check() == ACCEPTED
    assert [(one.method, one.body) for one in server.asked] == [("GET", b"")]
