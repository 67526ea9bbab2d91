"""The promise through the containers of docker-compose.yml, as a hospital would start them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cordwatch.app.cli import EXIT_KEY
from cordwatch.app.commands.source_options import key_of
from cordwatch.app.demo_day import DAY_FILE
from cordwatch.app.demo_today import day_ending
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import simulate
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.pack import load_pack
from tests.e2e.compose import Deployment, deployed
from tests.kafka.test_watch import eventually

pytestmark = pytest.mark.timeout(1200)

ANSWER_S_MAX = 60
JAVA_TERMINATED = 143
"""How a Java program says that it ended in order when it was told to."""

Raised = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give it, running."""
    with deployed(tmp_path_factory.mktemp("secrets")) as made:
        yield made


def told(made: Deployment) -> list[dict[str, str]]:
    """Return every alert message, in order."""
    return [json.loads(line) for line in made.cordwatch("alerts", "--json").stdout.splitlines()]


def raised(alerts: list[dict[str, str]]) -> Raised:
    """Return what was told about which fact."""
    return {(one["kind"], one["rule"], one["cause"]) for one in alerts}


def expected(day: Path, key: Path) -> Raised:
    """Return what the core says of a *day*, all of it received now, of patients who are known by a *key*."""
    now, source = WallClock().now(), Source(references=References(key_of(key)))
    events = [one for item in read_file(day) for one in translate(item, source, now).told]
    found = simulate(events, load_pack("mescc-lymphoma"), now)
    return {(one.kind, one.rule, one.cause) for one in found if one.status == "open"}


def asked(address: str, path: str) -> Any:
    """Return what is answered, as JSON."""
    with urlopen(f"http://{address}{path}", timeout=5) as answer:
        return json.load(answer)


def test_the_deployment_of_one_host(deployment: Deployment) -> None:
    """Kafka is up, the topics are provisioned, everything gets on; both workers have their half."""
    assert eventually(deployment.is_well)
    well, done = ("running", 0, "healthy"), ("exited", 0, "")
    ours = ("feeds-1", "watch-1", "watch-2", "pager-1", "board-1", "synthetic-1")
    others = ("kafka-1", "phones-1", "door-1", "prometheus-1", "alertmanager-1")
    assert deployment.state() == {
        **dict.fromkeys((*ours, *others), well),
        **dict.fromkeys(("topics-1", "secrets-1"), done),
    }
    assert deployment.cordwatch("topics", "verify").returncode == 0
    halves = [asked(deployment.metrics_of(one), "/healthz")["partitions"] for one in (1, 2)]
    assert sorted(halves) == [24, 24]


def test_hl7_in_page_out_and_the_board_shows_it(deployment: Deployment) -> None:
    """A day that ends now, over MLLP to the gateway: phones ring, and the board has its rows."""
    answers = sent(deployment.at["feeds"], day_ending(WallClock().now()))
    assert (answers[b"AA"], answers[b"AE"]) == (290, 1)

    def rung() -> set[str]:
        return {one["labels"]["rule"] for one in asked(deployment.at["phones"], "/api/v2/alerts")}

    def shown() -> set[str]:
        return {one["rule"] for one in asked(deployment.at["door"], "/api/clocks")["clocks"]}

    story = {"mri.mescc-suspected", "mdt.consult", "steroid.start"}
    assert eventually(lambda: rung() >= story)
    assert eventually(lambda: shown() >= story)
    # Nobody comes past the door.
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"http://{deployment.at['board']}/", timeout=5)


def test_prometheus_finds_every_process(deployment: Deployment) -> None:
    """Two of watch, one of each other, all up."""
    up = asked(deployment.at["prometheus"], "/api/v1/query?query=up")["data"]["result"]
    assert sorted((one["metric"]["job"], one["value"][1]) for one in up) == [
        ("cordwatch-board", "1"),
        ("cordwatch-feeds", "1"),
        ("cordwatch-pager", "1"),
        ("cordwatch-synthetic", "1"),
        ("cordwatch-watch", "1"),
        ("cordwatch-watch", "1"),
    ]


def sent(address: str, day: bytes, tls: ssl.SSLContext | None = None) -> Counter[bytes]:
    """Send messages over MLLP, one by one; return how many were answered how."""
    host, port = address.split(":")
    answers: Counter[bytes] = Counter()
    with contextlib.ExitStack() as ends:
        one = ends.enter_context(socket.create_connection((host, int(port)), ANSWER_S_MAX))
        if tls is not None:
            one = ends.enter_context(tls.wrap_socket(one, server_hostname="localhost"))
        said = ends.enter_context(one.makefile("rb"))
        for message in day.split(b"\r\n\r\n"):
            one.sendall(b"\x0b" + message.strip() + b"\r\x1c\r")
            answers[_answer(said).partition(b"MSA|")[2][:2]] += 1
    return answers


def _answer(said: BinaryIO) -> bytes:
    """Return one frame; no answer has its last byte but one inside."""
    found = bytearray()
    while not found.endswith(b"\x1c\r"):
        read = said.read(1)
        assert read, "the gateway hung up"
        found += read
    return bytes(found)


def test_messages_of_this_host_become_alerts(deployment: Deployment, tmp_path: Path) -> None:
    """A file into the broker in its container, with the key of the gateway alone; what the core says comes out, and can be read here."""
    day, key = tmp_path / "day.hl7", deployment.keys / "reference-key"
    # The gateway has told of the day's own patients already.
    day.write_bytes(re.sub(rb"DEMO(\d{3})\^", rb"FILE\1^", DAY_FILE.read_bytes()))
    assert deployment.cordwatch("replay", str(day)).returncode == EXIT_KEY
    done = deployment.cordwatch("replay", "--json", "--key-file", str(key), str(day))
    counted = json.loads(done.stdout)
    assert (done.returncode, counted["messages"], counted["quarantined"]) == (1, 291, 1)
    wanted = expected(day, key)
    assert len(wanted) > 10
    assert eventually(lambda: wanted <= raised(told(deployment)))


def test_a_stop_drains_and_a_start_tells_nothing_anew(deployment: Deployment) -> None:
    """`down` ends everything in order within its time; the data stays, and nobody is paged twice."""
    heard = told(deployment)
    before = {one["alert_id"]: one["raised_at"] for one in heard}
    assert before
    stopped = deployment.compose("stop")
    assert stopped.returncode == 0
    state = deployment.state()
    ours = ("feeds-1", "watch-1", "watch-2", "pager-1", "board-1", "synthetic-1")
    assert {state[one][:2] for one in ours} == {("exited", 0)}
    assert state["kafka-1"][:2] in {("exited", 0), ("exited", JAVA_TERMINATED)}
    assert "stopping" in deployment.compose("logs", "watch").stdout
    assert deployment.compose("down").returncode == 0
    assert deployment.up().returncode == 0
    assert eventually(deployment.is_well)
    after = {one["alert_id"]: one["raised_at"] for one in told(deployment)}
    assert {one: after.get(one) for one in before} == before
    assert raised(told(deployment)) >= raised(heard)
