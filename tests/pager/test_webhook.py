"""Signed webhooks: a receiver that checks as Standard Webhooks say takes ours, and nobody else's."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from cordwatch.pager.text import Wording
from cordwatch.pager.transports.http import HttpSender
from cordwatch.pager.transports.secrets import NoSecret, Secret
from cordwatch.pager.transports.settings import Webhook
from cordwatch.pager.transports.transport import Action, Outcome
from cordwatch.pager.transports.webhook import WebhookTransport, key_of, signed
from tests.pager.builders import NOW, a_matter, a_page
from tests.pager.fake_pager import Asked, FakeServer, Said
from tests.pager.secret_file import SecretFile

ACCEPTED = Outcome("accepted", "accepted")
OLD, NEW = (f"whsec_{base64.b64encode(one * 32).decode()}" for one in (b"o", b"n"))


@pytest.fixture
def secret_file(secret: SecretFile) -> SecretFile:
    """Return a file with a signing secret."""
    return secret.holds(NEW)


@asynccontextmanager
async def a_transport(url: str, secret_file: SecretFile) -> AsyncIterator[WebhookTransport]:
    """Yield the transport to *url*."""
    settings = Webhook(kind="webhook", url=url, secret_file=str(secret_file))
    sender = HttpSender(connect_s=0.5, whole_s=0.5)
    transport = WebhookTransport("bed-board", settings, Wording("UTC", "https://b.example"), sender)
    yield transport
    await transport.close()


def is_genuine(asked: Asked, secret: str) -> bool:
    """Return whether a receiver with *secret* takes it, reckoned apart from our own code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    head = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}."
    wanted = base64.b64encode(hmac.new(key, head.encode() + asked.body, sha256).digest()).decode()
    return f"v1,{wanted}" in asked.headers["webhook-signature"].split(" ")


def test_the_vector_of_the_specification() -> None:
    """Its published example: the same secret, id, time and body give the same signature."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    found = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [key])
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


async def test_an_attempt_has_the_id_of_the_first_and_a_time_of_its_own(
    secret_file: SecretFile,
) -> None:
    """A receiver knows it again, and can refuse what was recorded and sent anew."""
    async with FakeServer(Said(503)) as server, a_transport(server.url, secret_file) as hook:
        for minutes in (0, 5):
            page = replace(a_page(), at=NOW + timedelta(minutes=minutes))
            assert await hook.send(page) == Outcome("later", "server-error")
        await hook.send(a_page("close"))
    first, second, end = server.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.json["id"] == second.json["id"] == first.headers["webhook-id"]
    assert end.headers["webhook-id"] != first.headers["webhook-id"]
    times = [int(one.headers["webhook-timestamp"]) for one in server.asked]
    assert times == [int(NOW.timestamp()), int(NOW.timestamp()) + 300, int(NOW.timestamp())]
    assert all(is_genuine(one, NEW) for one in server.asked)
    assert not is_genuine(replace(first, body=first.body + b" "), NEW)
    assert not is_genuine(first, OLD)


async def test_a_secret_is_replaced_without_a_gap(secret_file: SecretFile) -> None:
    """While two stand in the file both sign: receivers with either take it."""
    async with FakeServer(Said(200)) as server, a_transport(server.url, secret_file) as hook:
        secret_file.holds(NEW, OLD)
        assert await hook.send(a_page()) == ACCEPTED
    assert is_genuine(server.asked[0], NEW)
    assert is_genuine(server.asked[0], OLD)


@pytest.mark.parametrize(
    ("action", "kind"),
    [("tell", "told"), ("acknowledge", "acknowledged"), ("close", "closed")],
)
async def test_the_body_is_a_cloud_event(
    action: Action, kind: str, secret_file: SecretFile
) -> None:
    """What CloudEvents 1.0 require, in structured mode, and our own part in `data`."""
    async with FakeServer(Said(202)) as server, a_transport(server.url, secret_file) as hook:
        assert await hook.send(a_page(action)) == ACCEPTED
    asked = server.asked[0]
    assert asked.headers["content-type"] == "application/cloudevents+json"
    event = asked.json
    assert {name: event[name] for name in ("specversion", "source", "type", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "/cordwatch/pager",
        "type": f"cordwatch.page.{kind}.v1",
        "datacontenttype": "application/json",
    }
    assert event["data"]["alert_id"] == event["subject"] == a_matter().alert_id
    assert event["data"]["link"] == f"https://b.example/clock/{a_matter().clock}"


async def test_gone_is_refused_and_a_rate_is_kept(secret_file: SecretFile) -> None:
    """410: the endpoint is no more; 429 says for how long it wants to be left alone."""
    async with FakeServer(Said(410)) as server, a_transport(server.url, secret_file) as hook:
        assert await hook.send(a_page()) == Outcome("refused", "not-found")
    busy = Said(429, {"Retry-After": "9"})
    async with FakeServer(busy) as server, a_transport(server.url, secret_file) as hook:
        assert await hook.send(a_page()) == Outcome("later", "rate-limited", 9.0)


@pytest.mark.parametrize(
    ("status", "is_there"),
    [(405, True), (200, True), (401, True), (404, False), (302, False), (503, False)],
)
async def test_a_look_posts_nothing(status: int, is_there: bool, secret_file: SecretFile) -> None:
    """That a GET is not allowed shows that somebody is there."""
    async with FakeServer(Said(status)) as server, a_transport(server.url, secret_file) as hook:
        found = await hook.check()
    assert (found == ACCEPTED) is is_there
    assert [(one.method, one.body) for one in server.asked] == [("GET", b"")]


@pytest.mark.parametrize("line", ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_***", OLD * 3])
def test_what_is_no_secret_is_said_without_it(line: str) -> None:
    """Destination and file, never what stands in it."""
    with pytest.raises(NoSecret) as told:
        key_of(line, Secret("bed-board", "secrets/hook"))
    assert str(told.value).startswith("destination bed-board: secrets/hook holds no signing secret")
    assert line.removeprefix("whsec_") in {"", "***"} or line not in str(told.value)


async def test_an_event_is_small_enough_to_be_passed_on(secret_file: SecretFile) -> None:
    """64 KiB, whatever a hospital calls its wards."""
    matter = a_matter(reason="㍿" * 9_000, clause="㍿" * 200, flags=("x" * 200,) * 50)
    async with FakeServer(Said(202)) as server, a_transport(server.url, secret_file) as hook:
        await hook.send(a_page(matter=matter))
    assert len(server.asked[0].body) <= 64 * 1024
    assert json.loads(server.asked[0].body)["specversion"] == "1.0"
