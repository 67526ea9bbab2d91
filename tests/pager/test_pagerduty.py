"""PagerDuty as it is really asked: over loopback, against a pager that knows its rules."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cordwatch.pager.text import Wording
from cordwatch.pager.transports.http import HttpSender, Reply
from cordwatch.pager.transports.pagerduty import (
    BODY_BYTES_MAX,
    PagerDutyTransport,
    event_of,
    fitting,
    read_answer,
)
from cordwatch.pager.transports.settings import PagerDuty
from cordwatch.pager.transports.transport import Outcome
from tests.pager.builders import NOW, a_matter, a_page
from tests.pager.fake_pager import FakePager, FakeServer, Said
from tests.pager.pagerduty_rules import PagerDutyRules
from tests.pager.secret_file import SecretFile

KEY, OLD_KEY = "k" * 32, "o" * 32
ACCEPTED = Outcome("accepted", "accepted")
KEY_OF_PAGE = a_page().dedup_key


@pytest.fixture
def key_file(secret: SecretFile) -> SecretFile:
    """Return a file with the integration key."""
    return secret.holds(KEY)


@asynccontextmanager
async def a_transport(url: str, key_file: SecretFile) -> AsyncIterator[PagerDutyTransport]:
    """Yield the transport to *url*, with its key in *key_file*."""
    settings = PagerDuty(kind="pagerduty", url=url, routing_key_file=str(key_file))
    sender = HttpSender(connect_s=0.5, whole_s=0.5)
    transport = PagerDutyTransport("on-call", settings, Wording(), sender)
    yield transport
    await transport.close()


async def test_told_acknowledged_and_closed_is_one_incident(key_file: SecretFile) -> None:
    """Under one key: a telephone rings once, and it ends as it began."""
    async with FakePager(lambda: NOW) as pager, a_transport(pager.enqueue, key_file) as on:
        for action in ("tell", "acknowledge", "close"):
            assert await on.send(a_page(action)) == ACCEPTED
    incident = pager.rules.under(KEY_OF_PAGE)
    assert incident is not None
    assert (incident.state, incident.opened, incident.notified) == ("resolved", 1, 1)
    assert pager.rules.dropped == 0
    assert [sorted(one.json) for one in pager.asked[1:]] == [
        ["dedup_key", "event_action", "routing_key"]
    ] * 2


async def test_an_answer_that_was_lost_is_one_incident_after_all(key_file: SecretFile) -> None:
    """Nobody knows whether it arrived; told again under the same key, nobody is woken twice."""
    async with FakePager(lambda: NOW) as pager, a_transport(pager.enqueue, key_file) as on:
        pager.faults.extend(["answer-lost", "bad-answer", "timeout", "reset", None])
        outcomes = [await on.send(a_page(attempt=n)) for n in range(1, 6)]
    assert [(one.verdict, one.reason) for one in outcomes] == [
        ("unknown", "reset"),
        ("unknown", "bad-answer"),
        ("unknown", "timeout"),
        ("unknown", "reset"),
        ("accepted", "accepted"),
    ]
    assert pager.notifications(KEY_OF_PAGE) == 1
    assert pager.rules.extra_incidents == 0


async def test_over_the_limit_it_asks_for_time(key_file: SecretFile) -> None:
    """429, with how long to wait where it says so."""
    rules = PagerDutyRules(per_minute=1)
    async with FakePager(lambda: NOW, rules) as pager:
        pager.retry_after = "30"
        async with a_transport(pager.enqueue, key_file) as on:
            assert await on.send(a_page()) == ACCEPTED
            limited = await on.send(a_page(dedup_key="other"))
    assert limited == Outcome("later", "rate-limited", 30.0)
    assert rules.under("other") is None


async def test_a_key_is_changed_while_a_page_is_open(key_file: SecretFile) -> None:
    """The file is read anew; what was told under the old key ends under it too."""
    async with FakePager(lambda: NOW) as pager, a_transport(pager.enqueue, key_file) as on:
        key_file.holds(OLD_KEY)
        await on.send(a_page())
        key_file.holds(KEY, OLD_KEY)
        assert await on.send(a_page("close")) == ACCEPTED
        await on.send(a_page(dedup_key="newer"))
    assert [(one.routing_key, one.dedup_key) for one in pager.open_incidents()] == [(KEY, "newer")]


async def test_a_key_revoked_by_now_does_no_harm(key_file: SecretFile) -> None:
    """The end counts where a key still holds; where the other may yet take it, it is tried again."""
    async with FakePager(lambda: NOW) as pager, a_transport(pager.enqueue, key_file) as on:
        await on.send(a_page())
        key_file.holds(KEY, "revoked")
        assert await on.send(a_page("close")) == ACCEPTED
        assert pager.rules.answered == {202: 2, 400: 1}
        key_file.holds(KEY, OLD_KEY)
        pager.faults.extend([503, None])
        assert await on.send(a_page("close")) == Outcome("later", "server-error")
        key_file.holds("revoked")
        assert await on.send(a_page("close")) == Outcome("refused", "bad-request")


async def test_a_key_that_is_gone_is_not_asked_with(key_file: SecretFile) -> None:
    """While a file is being changed nothing is sent, and it is another time; never an empty key."""
    async with FakePager(lambda: NOW) as pager, a_transport(pager.enqueue, key_file) as on:
        key_file.holds("")
        assert await on.send(a_page()) == Outcome("later", "no-secret")
        key_file.is_gone()
        assert await on.send(a_page()) == Outcome("later", "no-secret")
        key_file.holds(KEY)
        assert await on.send(a_page()) == ACCEPTED
    assert len(pager.asked) == 1


async def test_a_look_tells_nobody(key_file: SecretFile) -> None:
    """The key is judged by an acknowledgement of what never was."""
    async with FakePager(lambda: NOW) as pager, a_transport(pager.enqueue, key_file) as on:
        assert await on.check() == ACCEPTED
        assert pager.rules.incidents == {}
        key_file.holds("too short")
        assert await on.check() == Outcome("refused", "bad-request")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (202, b""),
        (202, b"<html>sign in</html>"),
        (202, b"[]"),
        (202, b'{"status":"success"}'),
        (202, b'{"status":"success","dedup_key":"another"}'),
        (202, b"\xff\xfe"),
        (202, b"[" * 60_000),
        (200, b'{"status":"success","dedup_key":"key"}'),
    ],
)
async def test_success_in_other_words_is_not_believed(status: int, body: bytes) -> None:
    """A proxy or a log-in page answers 200 too: only 202 that names our key is an event taken in."""
    assert read_answer(Reply(status, {}, body), "key", NOW) == Outcome("unknown", "bad-answer")


async def test_accepted_names_the_key() -> None:
    """The counterpart: so it is believed."""
    assert read_answer(Reply(202, {}, b'{"dedup_key":"key"}'), "key", NOW) == ACCEPTED


async def test_a_redirect_is_not_followed(key_file: SecretFile) -> None:
    """The page and its key go nowhere that the plan does not name."""
    async with FakePager(lambda: NOW) as elsewhere:
        answer = Said(307, {"Location": elsewhere.enqueue})
        async with FakeServer(answer) as server, a_transport(server.url, key_file) as on:
            assert await on.send(a_page()) == Outcome("refused", "redirected")
    assert elsewhere.asked == []


def test_the_least_needed_details_go_first() -> None:
    """A body too large loses its details from the last one up, then its links; never its summary."""
    details = {str(n): "ß" * 50_000 for n in range(10)}
    event: dict[str, Any] = {
        "payload": {"summary": "late", "custom_details": details},
        "links": [{"href": "x" * 1_000}],
    }
    raw = fitting(event)
    assert len(raw) <= BODY_BYTES_MAX
    kept = json.loads(raw)
    assert list(kept["payload"]["custom_details"]) == ["0", "1", "2", "3", "4"]
    huge = fitting({"payload": {"summary": "late"}, "links": [{"href": "x" * 600_000}]})
    assert huge == b'{"payload":{"summary":"late"}}'


def test_our_severities_are_of_their_words() -> None:
    """Each of ours has one of theirs, the loudest the loudest."""
    found = {
        one: event_of(a_page(matter=a_matter(severity=one)), KEY, Wording())["payload"]["severity"]
        for one in ("info", "warning", "urgent", "critical")
    }
    assert found == {
        "info": "info",
        "warning": "warning",
        "urgent": "error",
        "critical": "critical",
    }


async def test_a_fault_of_our_own_passes_to_the_next(key_file: SecretFile) -> None:
    """A zone that is none breaks the text: refused, so that somebody else is told at once."""
    settings = PagerDuty(kind="pagerduty", routing_key_file=str(key_file))
    broken = PagerDutyTransport("on-call", settings, Wording(zone="No/Where"), HttpSender())
    assert await broken.send(a_page()) == Outcome("refused", "internal")
