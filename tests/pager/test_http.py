"""The truth table of HTTP: one outcome for each thing that a server can answer, or fail to."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cordwatch.pager.transports.http import (
    ANSWER_BYTES_MAX,
    RETRY_AFTER_S_MAX,
    HttpSender,
    Reply,
    Request,
    best,
    outcome_of,
    retry_after_s,
    worst,
)
from cordwatch.pager.transports.transport import REASONS, Outcome, Verdict
from tests.pager.certificates import Certificates
from tests.pager.fake_pager import FakeServer, Said

NOW = datetime(2026, 11, 25, 2, 40, tzinfo=UTC)

STATUSES: list[tuple[int, Verdict, str]] = [
    (200, "accepted", "accepted"),
    (202, "accepted", "accepted"),
    (204, "accepted", "accepted"),
    (301, "refused", "redirected"),
    (302, "refused", "redirected"),
    (307, "refused", "redirected"),
    (308, "refused", "redirected"),
    (400, "refused", "bad-request"),
    (401, "refused", "unauthorised"),
    (403, "refused", "forbidden"),
    (404, "refused", "not-found"),
    (405, "refused", "refused"),
    (407, "later", "no-connection"),
    (408, "later", "timeout"),
    (410, "refused", "not-found"),
    (413, "refused", "too-large"),
    (422, "refused", "refused"),
    (425, "later", "rate-limited"),
    (429, "later", "rate-limited"),
    (500, "unknown", "server-error"),
    (501, "later", "server-error"),
    (502, "unknown", "server-error"),
    (503, "later", "server-error"),
    (504, "unknown", "server-error"),
    (599, "unknown", "server-error"),
    (600, "unknown", "bad-answer"),
    (999, "unknown", "bad-answer"),
]


@pytest.fixture
async def sender() -> AsyncIterator[HttpSender]:
    """Yield a sender that loses patience in a fifth of a second."""
    sender = HttpSender(connect_s=0.2, whole_s=0.4)
    yield sender
    await sender.close()


@pytest.mark.parametrize(("status", "verdict", "reason"), STATUSES)
async def test_a_status_has_one_outcome(
    status: int, verdict: Verdict, reason: str, sender: HttpSender
) -> None:
    """Over a real connection: what is not 2xx is never accepted."""
    async with FakeServer(Said(status, {"Location": "/elsewhere"})) as server:
        reply = await sender.exchange(Request(server.url, b"page"))
    assert isinstance(reply, Reply)
    assert outcome_of(reply, NOW) == Outcome(verdict, reason)
    assert reason in REASONS
    assert [one.path for one in server.asked] == ["/"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("86400", RETRY_AFTER_S_MAX),
        ("9" * 40, RETRY_AFTER_S_MAX),
        ("Wed, 25 Nov 2026 02:42:00 GMT", 120.0),
        ("Wed, 25 Nov 2026 02:42:00 -0000", 120.0),
        ("Wed, 25 Nov 2026 01:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", RETRY_AFTER_S_MAX),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Wed, 99 Nov 2026 02:42:00 GMT", None),
    ],
)
def test_both_forms_of_retry_after(text: str, seconds: float | None) -> None:
    """In seconds, or a date; what is neither is not guessed; a quarter of an hour at most."""
    assert retry_after_s(text, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503, 502])
async def test_a_server_may_ask_for_time(status: int, sender: HttpSender) -> None:
    """Whoever says for how long is left alone for so long."""
    async with FakeServer(Said(status, {"Retry-After": "17"})) as server:
        reply = await sender.exchange(Request(server.url))
    assert isinstance(reply, Reply)
    assert outcome_of(reply, NOW).retry_after_s == 17.0
    assert outcome_of(Reply(400, {"retry-after": "17"}), NOW).retry_after_s is None


BAD_WAYS: list[tuple[Said, Outcome]] = [
    (Said(reset=True), Outcome("unknown", "reset")),
    (Said(raw=b""), Outcome("unknown", "reset")),
    (Said(hang=True), Outcome("unknown", "timeout")),
    (Said(202, body=b"{", hang=True), Outcome("unknown", "timeout")),
    (Said(202, body=b"{}" * 40, drip_s=0.05), Outcome("unknown", "timeout")),
    (Said(raw=b"SSH-2.0-OpenSSH_9\r\n\r\n"), Outcome("unknown", "bad-answer")),
    (Said(raw=b"HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\n{"), Outcome("unknown", "bad-answer")),
    (Said(200, {"X": "y" * 20_000}), Outcome("unknown", "bad-answer")),
]


@pytest.mark.parametrize(("said", "outcome"), BAD_WAYS)
async def test_no_answer_has_one_outcome(said: Said, outcome: Outcome, sender: HttpSender) -> None:
    """Reset, silence, a byte now and then, something else than HTTP: nobody knows whether it was taken."""
    async with FakeServer(said) as server:
        begun = asyncio.get_running_loop().time()
        assert await sender.exchange(Request(server.url, b"page")) == outcome
        assert asyncio.get_running_loop().time() - begun < 1.0


async def test_nobody_listens(sender: HttpSender) -> None:
    """Nothing was sent: another time."""
    async with FakeServer(Said()) as server:
        url = server.url
    assert await sender.exchange(Request(url)) == Outcome("later", "no-connection")
    no_such = Request("http://no-such-host.invalid/")
    assert await sender.exchange(no_such) == Outcome("later", "no-connection")


async def test_a_long_answer_is_read_no_further(sender: HttpSender) -> None:
    """64 KiB are enough to know what it means."""
    async with FakeServer(Said(200, body=b"x" * 1_000_000)) as server:
        reply = await sender.exchange(Request(server.url))
    assert isinstance(reply, Reply)
    assert len(reply.body) == ANSWER_BYTES_MAX


async def test_a_certificate_is_verified(
    sender: HttpSender, certificates: Certificates, tmp_path: Path
) -> None:
    """By the system's authorities it is a stranger; by the hospital's own it is known."""
    async with FakeServer(Said(202), tls=certificates.server()) as server:
        request = Request(server.url)
        assert await sender.exchange(request) == Outcome("refused", "untrusted")
        trusting = HttpSender(ca_file=str(certificates.ca_file))
        reply = await trusting.exchange(request)
        await trusting.close()
    assert isinstance(reply, Reply)
    assert reply.status == 202
    not_one = tmp_path / "ca.pem"
    not_one.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        HttpSender(ca_file=str(not_one))


async def test_a_handshake_that_never_ends_is_no_connection(sender: HttpSender) -> None:
    """Nothing of the page has left: another time."""
    async with FakeServer(Said(hang=True)) as server:
        found = await sender.exchange(Request(server.url.replace("http", "https")))
    assert found == Outcome("later", "no-connection")


async def test_a_proxy_is_asked_where_there_is_one() -> None:
    """The way out of a hospital: the proxy sees the whole address."""
    async with FakeServer(Said(202)) as proxy:
        sender = HttpSender(proxy=proxy.url)
        reply = await sender.exchange(Request("http://pager.invalid/v2/enqueue"))
        await sender.close()
    assert isinstance(reply, Reply)
    assert proxy.asked[0].path == "http://pager.invalid/v2/enqueue"


def test_of_several_the_best_or_the_worst_counts() -> None:
    """All must work, or one is enough: said by who asks."""
    accepted, later = Outcome("accepted", "accepted"), Outcome("later", "server-error")
    refused, unknown = Outcome("refused", "forbidden"), Outcome("unknown", "reset")
    assert best([refused, accepted, unknown]) is accepted
    assert worst([accepted, refused]) is refused
    assert worst([accepted, later, refused]) is later
    assert worst([accepted, later, unknown]) is unknown


def test_a_date_is_reckoned_from_now() -> None:
    """The same header, a minute later, is a minute shorter."""
    later = NOW + timedelta(minutes=1)
    assert retry_after_s("Wed, 25 Nov 2026 02:42:00 GMT", later) == 60.0


def test_the_table_in_the_documentation_is_the_one_that_holds() -> None:
    """Every status in it, and each of the tests' own."""
    page = (Path(__file__).parents[2] / "docs" / "pager-destinations.md").read_text()
    rows = re.findall(r"^\| ([0-9, ]+) \| (\w+) \| ([\w-]+) \|$", page, re.MULTILINE)
    told = {
        int(status): (verdict, reason)
        for statuses, verdict, reason in rows
        for status in statuses.split(", ")
    }
    held = {status: (verdict, reason) for status, verdict, reason in STATUSES if status < 599}
    assert told == held
