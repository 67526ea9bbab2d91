"""The inlets over HTTP: answered when it is safe, in time, and never with what a body held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.inlets.pagerduty import SIGNATURE
from cordwatch.pager.inlets.server import READING_MAX
from cordwatch.pager.inlets.side import BadFiles, Inside, People
from cordwatch.pager.settings import PagerSettings
from cordwatch.pager.transports.alertmanager import KEY_LABEL
from tests.unit.pager.answering import (
    CANARY,
    KEY,
    NOW,
    PAGERDUTY_SECRET,
    WEBHOOK_SECRET,
    SlowBroker,
    a_message,
    an_incident,
    as_body,
    clock,
    find,
    headers_of,
    signed,
)
from tests.unit.pager.plans import EXAMPLE

FULL_AFTER = 20
ANSWER_S = 0.5


class Bench:
    """Inlets that listen on loopback, and what came of what they were sent."""

    def __init__(
        self, people: People, broker: SlowBroker, http: aiohttp.ClientSession, metrics: InletMetrics
    ) -> None:
        self.people, self.broker, self.http, self.metrics = people, broker, http, metrics
        self.leads = True

    @property
    def base(self) -> str:
        """Return where they listen."""
        assert self.people.inlets is not None
        host, port = self.people.inlets.address
        return f"http://{host}:{port}"

    async def pagerduty(self, signature: str | None = None, **changes: Any) -> tuple[int, str]:
        """Send an acknowledgement as PagerDuty would; return status and text."""
        body = as_body(an_incident(**changes))
        headers = {SIGNATURE: signed(body, PAGERDUTY_SECRET) if signature is None else signature}
        return await self.post("pagerduty", body, headers)

    async def webhook(self, number: str = "msg_1", **data: Any) -> tuple[int, str]:
        """Send an answer by Standard Webhooks."""
        body = as_body(a_message(**data))
        return await self.post("webhook", body, headers_of(body, number, self.now))

    @property
    def now(self) -> Any:
        """Return what the clock shows."""
        return self.people._clock.now()

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Send anything."""
        async with self.http.post(f"{self.base}/{path}", data=body, headers=headers) as response:
            return response.status, (await response.text()).strip()

    def count(self, inlet: str, outcome: str) -> float:
        """Return how often that came of something."""
        return self.metrics.heard.labels(inlet, outcome)._value.get()  # type: ignore[no-any-return]


def settings_in(folder: Path, **more: Any) -> PagerSettings:
    """Return the settings of a pager whose inlets listen on any port."""
    (folder / "pagerduty").write_bytes(b"the-old-signing-secret\n" + PAGERDUTY_SECRET + b"\n")
    (folder / "webhook").write_text(WEBHOOK_SECRET + "\n")
    usual: dict[str, Any] = {
        "plan": EXAMPLE,
        "port": 0,
        "pagerduty_secret_file": folder / "pagerduty",
        "webhook_secret_file": folder / "webhook",
        "answer_s": ANSWER_S,
        "waiting_max": FULL_AFTER,
    }
    return PagerSettings(**usual | more)


@asynccontextmanager
async def a_bench(
    folder: Path, broker: SlowBroker | None = None, known: Iterable[bytes | None] = (), **more: Any
) -> AsyncIterator[Bench]:
    """Yield inlets that listen, and know what was answered before."""
    broker = broker or SlowBroker()
    people = People(settings_in(folder, **more), clock(), broker.connect)
    people.recall(known)
    async with aiohttp.ClientSession() as http:
        bench = Bench(people, broker, http, InletMetrics(CollectorRegistry()))
        inside = Inside(find, lambda: True, lambda: bench.leads)
        task = asyncio.create_task(people.run(inside, bench.metrics))
        while people.inlets is None or not people.inlets.is_listening:
            assert not task.done()
            await asyncio.sleep(0.005)
        try:
            yield bench
        finally:
            broker.is_back.set()
            task.cancel()
            await asyncio.wait([task])


async def test_an_acknowledgement_is_on_the_topic_before_it_is_answered(tmp_path: Path) -> None:
    """Whoever hears 200 need not tell it again."""
    async with a_bench(tmp_path) as bench:
        assert await bench.pagerduty() == (200, "published")
        assert [(one.kind, one.by, one.channel) for one in bench.broker.answers] == [
            ("acknowledged", "N. Jansen", "pager")
        ]
        assert await bench.webhook() == (200, "published")
        assert [one.channel for one in bench.broker.answers] == ["pager", "webhook"]


async def test_the_same_again_is_answered_and_not_published(tmp_path: Path) -> None:
    """A replay has no effect, whatever else is new about it."""
    async with a_bench(tmp_path) as bench:
        await bench.pagerduty()
        assert await bench.pagerduty() == (200, "repeated")
        await bench.webhook("msg_1")
        assert await bench.webhook("msg_1", reason="another") == (200, "repeated")
        assert len(bench.broker.answers) == 2
        assert bench.count("pagerduty", "repeated") == 1


async def test_what_was_answered_before_a_restart_is_known_after_it(tmp_path: Path) -> None:
    """The topic itself is the memory; what others wrote on it, or nobody can read, does no harm."""
    async with a_bench(tmp_path) as bench:
        await bench.pagerduty()
        written = [one.model_dump_json().encode() for one in bench.broker.answers]
    async with a_bench(tmp_path, known=[None, b"{}", *written]) as bench:
        assert await bench.pagerduty() == (200, "repeated")
        assert bench.broker.answers == []


async def test_a_pager_that_stands_by_takes_no_answer(tmp_path: Path) -> None:
    """It knows no page: the answer comes again, and by then it may lead."""
    async with a_bench(tmp_path) as bench:
        bench.leads = False
        assert await bench.pagerduty() == (503, "standing-by")
        bench.leads = True
        assert await bench.pagerduty() == (200, "published")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"signature": "v1=00"}, (401, "signature")),
        ({"data": {"incident_key": "by hand"}}, (200, "unknown-page")),
        ({"data": None}, (200, "malformed")),
        ({"kind": "triggered"}, (200, "not-an-answer")),
        ({"occurred_at": (NOW - timedelta(days=3)).isoformat()}, (200, "stale")),
    ],
)
async def test_what_is_no_answer_is_counted_and_publishes_nothing(
    tmp_path: Path, sent: dict[str, Any], told: tuple[int, str]
) -> None:
    """Only a wrong signature is refused: a hook that is refused three times in a row is given up."""
    async with a_bench(tmp_path) as bench:
        assert await bench.pagerduty(**sent) == told
        assert bench.count("pagerduty", told[1]) == 1
        assert bench.broker.answers == []


async def test_a_body_that_is_no_json_or_no_bounds_does_no_harm(tmp_path: Path) -> None:
    """Signed or not, deep or large; and other paths are not there."""
    async with a_bench(tmp_path) as bench:
        for body in (b"\xff{", b"[" * 100_000):
            headers = {SIGNATURE: signed(body, PAGERDUTY_SECRET)}
            assert await bench.post("pagerduty", body, headers) == (200, "malformed")
        status, _ = await bench.post("pagerduty", b"x" * 300_000, {})
        assert status == 413
        assert (await bench.post("answers", b"", {}))[0] == 404
        assert await bench.pagerduty() == (200, "published")


async def test_bodies_that_never_end_are_given_up_and_keep_no_other_out(tmp_path: Path) -> None:
    """As many as may be read at once, each left in the middle: then 503, and soon all is well."""
    async with a_bench(tmp_path) as bench:
        assert bench.people.inlets is not None
        address = bench.people.inlets.address
        head = b"POST /pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"
        slow = [await asyncio.open_connection(*address) for _ in range(READING_MAX)]
        for _, writer in slow:
            writer.write(head)
        while bench.people.inlets._reading < READING_MAX:  # noqa: ASYNC110 - a socket's other side
            await asyncio.sleep(0.01)
        assert (await bench.pagerduty())[0] == 503
        assert [await reader.readline() for reader, _ in slow[:3]] == [
            b"HTTP/1.1 408 Request Timeout\r\n"
        ] * 3
        assert await bench.pagerduty() == (200, "published")
        for _, writer in slow:
            writer.close()


async def test_who_is_not_allowed_is_not_heard(tmp_path: Path) -> None:
    """However well it signs."""
    async with a_bench(tmp_path, allow="10.0.0.0/8") as bench:
        assert (await bench.pagerduty())[0] == 403
        assert bench.broker.answers == []


async def test_an_inlet_without_a_secret_is_not_there(tmp_path: Path) -> None:
    """Unsigned answers are never taken."""
    async with a_bench(tmp_path, webhook_secret_file=None) as bench:
        assert (await bench.webhook())[0] == 404
        assert (await bench.pagerduty())[0] == 200


async def test_while_the_broker_is_away_it_is_sent_again(tmp_path: Path) -> None:
    """503 in time, so that PagerDuty tells it again; it is on the topic once, and nothing is lost."""
    broker = SlowBroker()
    broker.is_back.clear()
    async with a_bench(tmp_path, broker) as bench:
        begun = asyncio.get_running_loop().time()
        assert await bench.pagerduty() == (503, "late")
        assert asyncio.get_running_loop().time() - begun < 5
        assert await bench.pagerduty() == (503, "late")
        assert bench.people.desk.waiting == 1
        broker.is_back.set()
        while bench.people.desk.waiting:  # noqa: ASYNC110 - another thread's doing
            await asyncio.sleep(0.01)
        assert await bench.pagerduty() == (200, "repeated")
        assert len(broker.answers) == 1


async def test_what_the_broker_refuses_is_brought_again(tmp_path: Path) -> None:
    """It is not remembered as safe."""
    broker = SlowBroker(refuses=True)
    async with a_bench(tmp_path, broker) as bench:
        assert await bench.pagerduty() == (503, "late")
        broker.refuses = False
        assert await bench.pagerduty() == (200, "published")


async def test_when_too_many_wait_the_next_is_turned_away_at_once(tmp_path: Path) -> None:
    """A bound on everything: PagerDuty keeps what we do not take."""
    broker = SlowBroker()
    broker.is_back.clear()
    async with a_bench(tmp_path, broker) as bench:
        told = await asyncio.gather(*(bench.webhook(f"msg_{n}") for n in range(FULL_AFTER + 5)))
        assert sorted(text for _, text in told) == ["full"] * 5 + ["late"] * FULL_AFTER
        assert {status for status, _ in told} == {503}
        broker.is_back.set()
        while bench.people.desk.waiting:  # noqa: ASYNC110 - another thread's doing
            await asyncio.sleep(0.01)
        assert len(broker.answers) == FULL_AFTER


async def test_a_backlog_is_answered_in_time_by_a_slow_broker(tmp_path: Path) -> None:
    """500 webhooks at once, a broker of 100 ms: answers are kept together, each within PagerDuty's five seconds."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    async with a_bench(tmp_path, SlowBroker(takes_s=0.1), answer_s=4.0, waiting_max=1_000) as bench:

        async def send(number: int) -> int:
            begun = loop.time()
            status, _ = await bench.pagerduty(id=f"01E{number}")
            took.append(loop.time() - begun)
            return status

        assert {*await asyncio.gather(*(send(number) for number in range(500)))} == {200}
        assert len({one.event_id for one in bench.broker.answers}) == 500
        assert bench.broker.groups < 50
    took.sort()
    assert took[int(len(took) * 0.99)] < 5


async def test_nothing_of_a_body_is_in_a_log_or_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever somebody writes into an incident's title, note or name."""
    caplog.set_level(logging.DEBUG)
    broker = SlowBroker(refuses=True)
    async with a_bench(tmp_path, broker) as bench:
        texts = [
            await bench.pagerduty(agent={"type": "user_reference", "summary": CANARY}),
            await bench.pagerduty(data={"incident_key": CANARY}),
            await bench.pagerduty(signature=f"v1={CANARY}"),
            await bench.pagerduty(data=CANARY),
            await bench.webhook(by=CANARY, reason=CANARY),
            await bench.webhook(dedup_key=CANARY),
            await bench.post("pagerduty", CANARY.encode(), {SIGNATURE: CANARY}),
        ]
    assert caplog.records
    assert all(CANARY not in text and KEY not in text for _, text in texts)
    assert all(CANARY not in str(vars(record)) for record in caplog.records)


async def test_silences_are_read_as_seen_once(tmp_path: Path) -> None:
    """From an Alertmanager that gives them again and again, answers errors, and comes back."""
    asked: list[str] = []
    silence = {
        "id": "5c3a",
        "status": {"state": "active"},
        "createdBy": "n.jansen",
        "comment": "seen",
        "startsAt": "2026-03-02T01:30:00Z",
        "updatedAt": "2026-03-02T01:30:00Z",
        "endsAt": "2026-03-02T03:30:00Z",
        "matchers": [{"name": KEY_LABEL, "value": KEY, "isRegex": False, "isEqual": True}],
    }
    bodies: list[Any] = [None, {"no": "list"}, [silence, {"id": 1}], [silence]]

    async def silences(request: web.Request) -> web.Response:
        asked.append(request.path)
        body = bodies[min(len(asked), len(bodies)) - 1]
        return web.Response(status=500) if body is None else web.json_response(body)

    app = web.Application()
    app.router.add_get("/api/v2/silences", silences)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    broker = SlowBroker()
    try:
        async with a_bench(tmp_path, broker, silences=f"http://{host}:{port}/", silences_s=0.01):
            while len(asked) < len(bodies):  # noqa: ASYNC110 - the other side of a socket
                await asyncio.sleep(0.01)
    finally:
        await runner.cleanup()
    assert [(one.kind, one.by) for one in broker.answers] == [("acknowledged", "n.jansen")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pagerduty_secret_file": None, "webhook_secret_file": None}, "nobody answers unsigned"),
        ({"host": "0.0.0.0"}, "beyond loopback it takes tls_cert"),  # noqa: S104
        ({"answer_s": 5}, "less than 5"),
        ({"silences": "127.0.0.1:9093"}, "each is a URL"),
        ({"heartbeat_alertmanagers": "http://host/?x=1"}, "each is a URL"),
        ({"heartbeat_url": "host"}, "is no URL"),
        ({"heartbeat_s": 31}, "less than or equal to 30"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    """At once, and not when somebody answers."""
    with pytest.raises(ValueError, match=why):
        settings_in(tmp_path, **changes)


@pytest.mark.parametrize(
    ("content", "why"), [("", "no secret in it"), ("hunter2", "whsec_ and base64")]
)
def test_a_secret_file_that_holds_none_is_refused(tmp_path: Path, content: str, why: str) -> None:
    """Naming the setting, not the secret."""
    settings = settings_in(tmp_path)
    (tmp_path / "webhook").write_text(content)
    with pytest.raises(BadFiles, match=f"webhook_secret_file: .*{why}") as told:
        People(settings, clock(), SlowBroker().connect)
    assert "hunter2" not in str(told.value)
