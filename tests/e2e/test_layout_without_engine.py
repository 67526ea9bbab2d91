"""The promise through the services of docker-compose.yml where no engine starts: the same layout, behind walls of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cordwatch.app.commands.secret_files import make_secrets
from cordwatch.app.demo_today import day_ending
from cordwatch.runtime.wall_clock import WallClock
from tests.e2e.layout import OURS, Bind, Unit, subnet, units
from tests.e2e.test_deployment import asked, sent
from tests.e2e.walls import INSTALLED, Installed, Walled, network, require_walls
from tests.kafka.test_watch import eventually
from tests.kafka_harness.choice import real_demanded
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.real_alertmanager import binary
from tests.shell import as_printed

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

NOBODY = 65532
ONCE = ("secrets", "topics")
ALWAYS = ("feeds", "watch", "pager", "board", "synthetic")
PHONES = "phones"
STARTS_S_MAX = 180
"""Six processes that begin at once, on a machine that does more than this."""
LISTENERS = """listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},INSIDE://{at}:19092
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},INSIDE://kafka:19092
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT
"""
LOG_SHOWN = 800
STORY = {"mri.mescc-suspected", "mdt.consult", "steroid.start"}


class Layout:
    """The services, each at an address of its own; names are told to each by a file, as a container's engine tells them."""

    def __init__(
        self, kafka: RealKafka, folder: Path, at: dict[str, list[str]], length: int
    ) -> None:
        """Install cordwatch, and make keys; nothing runs yet."""
        self.kafka, self._folder, self._at, self._length = kafka, folder, at, length
        self.secrets = folder / "secrets"
        make_secrets(self.secrets)
        self.units = units(self.secrets, "demo")
        hosts = folder / "hosts"
        lines = [f"{one} {name}" for name, ones in at.items() for one in ones]
        hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        self._system = [Bind(hosts, "/etc/hosts")]
        self._installed = Installed(folder / "installed").binds()
        self.running: dict[str, list[Walled]] = {}

    def start(self, name: str) -> list[Walled]:
        """Start every process of a service."""
        unit = self.units[name]
        program = binary() if name == PHONES else OURS
        system = self._system if name == PHONES else [*self._system, *self._installed]
        self.running[name] = [
            Walled(unit, program, f"{at}/{self._length}", self._folder, system)
            for at in self._at[name]
        ]
        return self.running[name]

    def address(self, name: str, port: int) -> str:
        """Return where a service is reached."""
        return f"{self._at[name][0]}:{port}"

    def board(self, path: str, **headers: str) -> Any:
        """Return what the board answers to whoever says who they are."""
        request = Request(f"http://{self.address('board', 8080)}{path}", headers=headers)
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            return json.load(answer)

    def through_the_door(self, path: str) -> Any:
        """Return what the board answers to the proxy that deploy/compose/door.conf describes."""
        secret = (self.secrets / "board-proxy").read_text().strip()
        who = {"X-Remote-User": "demo", "X-Remote-Groups": "cordwatch-coordinator"}
        return self.board(path, **who, **{"X-Proxy-Secret": secret})

    def troubles(self) -> dict[str, str]:
        """Return what those of ours said last who do not get on, asked as the file asks."""
        found = [one for name in ALWAYS for one in self.running[name] if not one.gets_on()]
        return {one.log.name: one.log.read_text()[-LOG_SHOWN:] for one in found}

    def kill(self) -> None:
        """End all that runs, without a word."""
        for ones in self.running.values():
            for one in ones:
                one.kill()

    def processes(self) -> list[Walled]:
        """Return every process that goes on for ever."""
        return [one for name in (*ALWAYS, PHONES) for one in self.running[name]]


def places(net: Any, found: dict[str, Unit]) -> dict[str, list[str]]:
    """Return the addresses of each service; the first two are this test's and the broker's."""
    free = iter(list(net.hosts())[2:])
    given = {
        name: [str(next(free)) for _ in range(found[name].copies)]
        for name in (*ONCE, *ALWAYS, PHONES)
    }
    return {"kafka": [str(net[2])], **given}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Give everything, running."""
    require_walls()
    folder = tmp_path_factory.mktemp("layout")
    with ExitStack() as ends:
        net = ends.enter_context(network(subnet()))
        more = LISTENERS.format(at=net[2])
        try:
            kafka = ends.enter_context(RealKafka(folder / "kafka", more))
        except NoKafka as failure:
            if real_demanded():
                raise
            pytest.skip(f"needs a local Kafka: {failure}")
        at = places(net, units(folder, "demo"))
        made = Layout(kafka, folder, at, net.prefixlen)
        ends.callback(made.kill)
        for name in ONCE:
            [once] = made.start(name)
            assert once.ended() == 0, once.log.read_text()
        for name in (PHONES, *ALWAYS):
            made.start(name)
        assert eventually(lambda: not made.troubles(), STARTS_S_MAX), made.troubles()
        yield made


def test_everything_gets_on(layout: Layout) -> None:
    """Each by its own health check; both workers have their half, and the topics are those of the registry."""
    assert layout.troubles() == {}
    halves = [
        asked(f"{one.address}:9464", "/healthz")["partitions"] for one in layout.running["watch"]
    ]
    assert sorted(halves) == [24, 24]
    verified = as_printed(f"cordwatch --kafka {layout.kafka.bootstrap} topics verify")
    assert (verified.returncode, verified.stdout) == (0, "")


def test_nobody_has_more_than_a_container_has(layout: Layout) -> None:
    """Another user than root, no capability and none to be gained; root itself could write nowhere but in memory."""
    for one in layout.processes():
        status = one.status()
        user = one.unit.user
        assert status["Uid"] == status["Gid"] == " ".join([str(user)] * 4)
        assert user == (65534 if one.unit.name == PHONES else NOBODY)
        gained = {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert (gained, status["NoNewPrivs"], status["Groups"]) == ({"0" * 16}, "1", "")
        # Asked by the kernel's own answer, not by an attempt: it would be this host's file that is written.
        for place in ("/", "/usr/bin", "/etc", "/run/secrets", INSTALLED):
            assert one.inside(f"test ! -w {place}", user=0).returncode == 0, place
        assert one.inside("test -w /tmp && touch /tmp/x && rm /tmp/x").returncode == 0


def test_it_is_the_wheel_that_runs(layout: Layout) -> None:
    """Not the checkout, which the tests themselves are of."""
    line = "python -c 'import cordwatch, cordwatch_schemas as s; print(cordwatch.__path__, s.__path__)'"
    for name in ALWAYS:
        for one in layout.running[name]:
            told = one.inside(line).stdout
            assert told.count(INSTALLED) == 2, told


def test_hl7_in_page_out_and_the_board_shows_it(layout: Layout) -> None:
    """A day that ends now, over MLLP to the gateway: phones ring, and the board has its rows."""
    answers = sent(layout.address("feeds", 2575), day_ending(WallClock().now()))
    assert (answers[b"AA"], answers[b"AE"]) == (290, 1)

    def rung() -> set[str]:
        return {
            one["labels"]["rule"] for one in asked(layout.address(PHONES, 9093), "/api/v2/alerts")
        }

    def shown() -> set[str]:
        return {one["rule"] for one in layout.through_the_door("/api/clocks")["clocks"]}

    assert eventually(lambda: rung() >= STORY)
    assert eventually(lambda: shown() >= STORY)
    # Nobody comes past the door.
    with pytest.raises(HTTPError, match="401"):
        layout.board("/api/clocks")


def test_every_process_can_be_scraped(layout: Layout) -> None:
    """Where its service's health check knows it, from the network on which Prometheus would be."""
    for name in ALWAYS:
        for one in layout.running[name]:
            port = one.unit.environment["PROGRESS"]
            with urlopen(f"http://{one.address}:{port}/metrics", timeout=10) as answer:
                assert "cordwatch_build_info{" in answer.read().decode()


def test_told_to_stop_each_ends_in_order(layout: Layout) -> None:
    """Within the time that the file gives it."""
    codes = {name: [one.stop() for one in layout.running[name]] for name in reversed(ALWAYS)}
    assert codes == {name: [0] * layout.units[name].copies for name in ALWAYS}
