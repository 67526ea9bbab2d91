"""The FHIR side as a part of the gateway: settings, TLS, start and end."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands import feeds as command
from cordwatch.feeds import service
from cordwatch.feeds.fhir_exchange import side as side_module
from cordwatch.feeds.fhir_exchange.poll import Poller
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.side import BadFiles, FhirSide
from cordwatch.feeds.service import Feeds
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.feeds.source import Source
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.peers import CannotListen
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import FeedPosition
from cordwatch_schemas.topics import ADMISSIONS, RAW
from tests.certificates import Authority, hospital, stranger
from tests.unit.feeds.fhir.desk import AT, a_desk, a_notification, an_encounter
from tests.unit.feeds.mllp.test_mllp_tls import gateway
from tests.unit.feeds.test_mllp_group_commit import FakeBroker

__all__ = ["gateway", "hospital", "stranger"]


def test_without_a_word_nothing_is_done() -> None:
    """No endpoint, no question."""
    assert not FhirSettings().is_on


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "0.0.0.0", "port": 1}, "say how a sender is known"),  # noqa: S104 - refused
        (
            {"host": "0.0.0.0", "port": 1, "token_file": "t"},  # noqa: S104
            "it takes tls_cert",
        ),
        ({"host": "gateway", "port": 1}, "is no IP address"),
        ({"tls_cert": "c.pem"}, "go together"),
        ({"tls_client_ca": "ca.pem"}, "needs tls_cert"),
        ({"server": "http://fhir.example/r4"}, "https URLs"),
        ({"server": "https://fhir.example/r4?x=1"}, "without a query"),
        ({"client_id": "c", "server": "https://fhir.example"}, "go together"),
        ({"client_id": "c", "client_key": "k"}, "needs server"),
        ({"types": "Condition,Zebrafinch"}, "types that are read"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    """Before anything listens."""
    with pytest.raises(ValidationError, match=said) as error:
        FhirSettings.model_validate(wrong)
    assert "Zebrafinch" not in str(error.value)


def test_options_and_environment_reach_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is an option, by the name that it has in the environment."""
    seen: list[FhirSettings] = []

    def run(*_: Any, fhir: FhirSettings, **__: Any) -> int:
        seen.append(fhir)
        return 0

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setenv("CORDWATCH_FHIR_TYPES", "Condition, Encounter")
    arguments = ["--fhir-port", "0", "--fhir-server", "https://fhir.example/r4"]
    assert CliRunner().invoke(cordwatch, ["feeds", *arguments]).exit_code == 0
    [settings] = seen
    assert (settings.port, settings.server) == (0, "https://fhir.example/r4")
    assert settings.types == ("Condition", "Encounter")
    shown = " ".join(CliRunner().invoke(cordwatch, ["feeds", "--help"]).output.split())
    for name in FhirSettings.model_fields:
        assert f"CORDWATCH_FHIR_{name.upper()}]" in shown


def test_beyond_loopback_it_takes_a_key_for_references() -> None:
    """References made with the exercise key are not secret."""
    arguments = ["--fhir-port", "1", "--fhir-host", "0.0.0.0"]  # noqa: S104 - refused
    arguments += ["--fhir-token-file", "t", "--fhir-tls-cert", "c", "--fhir-tls-key", "k"]
    done = CliRunner().invoke(cordwatch, ["feeds", *arguments])
    assert (done.exit_code, "it takes --key-file" in done.output) == (2, True)


@pytest.mark.parametrize("name", ["token_file", "client_key", "server_ca"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    """At the start."""
    more = {"client_id": "c", "server": "https://fhir.example"} if name == "client_key" else {}
    settings = FhirSettings.model_validate({name: tmp_path / "nothing", "port": 0, **more})
    with pytest.raises(BadFiles, match=f"{name}: No such file"):
        FhirSide(settings, WallClock(), {})


def test_a_ca_without_a_certificate_is_named(tmp_path: Path) -> None:
    """And not what the file holds."""
    file = tmp_path / "ca.pem"
    file.write_text("Zebrafinch")
    with pytest.raises(BadFiles, match="server_ca"):
        FhirSide(FhirSettings(port=0, server_ca=file), WallClock(), {})


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_a_peer_with_the_hospitals_certificate_is_let_in(
    hospital: Authority,
    stranger: Authority,
    gateway: dict[str, Path],
) -> None:
    """Mutual TLS; a stranger's certificate, or none, is not."""
    heartbeat = a_notification([], kind="heartbeat")
    async with a_desk({}, **gateway, tls_client_ca=hospital.certificate) as desk:
        for issuer, welcome in ((hospital, True), (stranger, False), (None, False)):
            context = ssl.create_default_context(cafile=hospital.certificate)
            if issuer is not None:
                context.load_cert_chain(*issuer.issue("peer"))
            await desk.session.close()
            desk.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
            if welcome:
                assert (await desk.post(heartbeat, scheme="https"))[0] == 200
            else:
                with pytest.raises(aiohttp.ClientError):
                    await desk.post(heartbeat, scheme="https")


@asynccontextmanager
async def a_running(feeds: Feeds, side: FhirSide) -> AsyncIterator[asyncio.Task[int]]:
    """Run a gateway from when it listens for FHIR, or has ended."""
    task = asyncio.create_task(feeds.run())
    async with asyncio.timeout(10):
        while not (task.done() or side.is_listening):  # noqa: ASYNC110 - started by another task
            await asyncio.sleep(0.005)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def a_gateway(
    monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[tuple[Feeds, FakeBroker, asyncio.Task[int]]]:
    """Give a whole gateway with its FHIR side, and the broker behind it."""
    broker = FakeBroker()
    monkeypatch.setattr(service, "GroupPublisher", lambda _: broker.connect())
    side = FhirSide(FhirSettings.model_validate(settings), WallClock(), {})
    chosen = FeedsSettings.model_validate({"port": 0, "metrics_port": 0})
    feeds = Feeds(chosen, KafkaSettings(), Source(), WallClock(), fhir=side)
    async with a_running(feeds, side) as task:
        yield feeds, broker, task


async def test_the_whole_way_from_a_notification_to_the_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Endpoint, group commit, broker, answer; the same group commit as MLLP's."""
    async with a_gateway(monkeypatch, port=0) as (feeds, broker, task):
        assert feeds.fhir is not None
        assert feeds.fhir.endpoint is not None
        host, port = feeds.fhir.endpoint.address
        told = a_notification([1], {"resource": an_encounter(7)})
        async with aiohttp.ClientSession() as session:
            headers = {"Content-Type": "application/fhir+json"}
            url = f"http://{host}:{port}/notification"
            async with session.post(url, json=told, headers=headers) as answer:
                assert answer.status == 200
        assert {topic for topic, _, _ in broker.records} >= {RAW.name, ADMISSIONS.name}
        assert feeds.health()[0]
        feeds._stop.set()
        async with asyncio.timeout(10):
            assert await task == 0


async def test_an_error_of_ours_in_the_search_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 70: a supervisor starts it again; it does not go on half blind."""

    async def fails(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Poller, "run", fails)
    async with a_gateway(monkeypatch, port=0, server="http://127.0.0.1:9") as (_, _, task):
        async with asyncio.timeout(10):
            assert await task == 70


async def test_an_address_that_is_taken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that the command line knows."""
    async with a_desk() as desk:
        assert desk.side.endpoint is not None
        _, port = desk.side.endpoint.address
        other = FhirSide(FhirSettings(port=port), WallClock(), {})
        with pytest.raises(CannotListen):
            await other.start(Source, desk.commit, desk.metrics, desk.broken.set)
        await other.stop()


def test_positions_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one of each feed; an emptied or unreadable one is begun anew."""

    def told(feed: str, number: int) -> tuple[bytes, bytes]:
        position = FeedPosition(feed=feed, event_number=number, received_at=AT)
        return feed.encode(), position.model_dump_json().encode()

    records = [
        told("a", 1),
        told("b", 1),
        told("c", 1),
        told("a", 2),
        (b"b", None),
        (b"c", b"?"),
        None,
    ]
    monkeypatch.setattr(side_module, "read_topic", lambda *_, **__: iter(records))
    found = side_module.read_positions(KafkaSettings())
    assert {feed: one.event_number for feed, one in found.items()} == {"a": 2}
