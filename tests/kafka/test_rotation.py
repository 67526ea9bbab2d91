"""Certificates renewed while everything runs, authority and all: nobody is started anew, and nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from cordwatch.runtime.topics_admin import apply
from tests.certificates import Authority, hospital, replace, stranger, trusting
from tests.kafka.gateway import Sender
from tests.kafka.test_feeds import event_ids, raw_ids
from tests.kafka.test_pager import CLOCK, Bench, until
from tests.kafka.test_secured import options_of
from tests.kafka.test_synthetic import SERVICES, house, is_whole
from tests.kafka_harness.choice import real_demanded
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.secured_kafka import ADMIN, BROKER, SecuredKafka, secured, store
from tests.pager.fake_pager import FakePager, FakeServer, Said

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.kafka
WINDOW: Final = 8
PAUSE_S: Final = 0.02


@dataclass
class Desk:
    """Files of certificates as services are told of them, and who writes them."""

    folder: Path
    kafka: SecuredKafka
    new: Authority
    """Whose certificates come after those of the hospital's authority."""

    @property
    def old(self) -> Authority:
        """Return the authority that everybody trusts at first."""
        return self.kafka.ca

    def file(self, name: str) -> Path:
        """Return where a file is."""
        return self.folder / name

    def begin(self) -> None:
        """Give all services and listeners certificates of the old authority; the broker trusts both already."""
        replace(self.file("ca.pem"), self.old.certificate)
        self.issue(self.old)
        # What the broker trusts is this file, which also signs: the old one stands first.
        replace(self.old.certificate, self.old.certificate, self.new.certificate)

    def issue(self, authority: Authority) -> None:
        """Replace what services and listeners show by certificates of *authority*: file by file, as it happens."""
        for name in (ADMIN, "listener"):
            cert, key = authority.issue(name)
            replace(self.file(f"{name}.pem"), cert)
            replace(self.file(f"{name}.key"), key)

    def trust_both(self) -> None:
        """Let services trust either authority."""
        replace(self.file("ca.pem"), self.old.certificate)

    def renew_broker(self) -> None:
        """Start the broker again with a certificate of the new authority; it trusts that one alone."""
        fresh = store(self.new, BROKER)
        replace(self.old.folder / fresh.name, fresh)
        replace(self.old.certificate, self.new.certificate)
        self.kafka.broker.restart(killed=True)

    def trust_new(self) -> None:
        """Let services trust the new authority alone."""
        replace(self.file("ca.pem"), self.new.certificate)

    @property
    def listener(self) -> tuple[str, ...]:
        """Return the options of a service that listens by TLS."""
        return (
            *("--tls-cert", str(self.file("listener.pem"))),
            *("--tls-key", str(self.file("listener.key"))),
        )

    @property
    def reached(self) -> tuple[str, ...]:
        """Return how a service reaches the broker: by its certificate."""
        files = (f"{ADMIN}.pem", f"{ADMIN}.key")
        security = self.kafka.by_certificate(ADMIN)
        cert, key = (self.file(one) for one in files)
        told = type(security)("ssl", ca=self.file("ca.pem"), cert=cert, key=key)
        return options_of(self.kafka.at("MUTUAL"), told)


@pytest.fixture
def desk(
    hospital: Authority, stranger: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """Yield a broker that asks for certificates, and the files of everybody else."""
    folder = tmp_path_factory.mktemp("rotation")
    found = Desk(folder, secured(folder / "kafka", hospital, ()), stranger)
    found.begin()
    try:
        with found.kafka.broker:
            yield found
    except NoKafka as failure:
        if real_demanded():
            raise
        pytest.skip(f"needs a local Kafka: {failure}")


@dataclass
class Load:
    """A sender that never pauses: one connection after the other, each message until it is answered with AA."""

    port: int
    desk: Desk
    acknowledged: list[str] = field(default_factory=list)
    connections: int = 0
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    is_over: bool = False

    async def run(self) -> None:
        """Send until told that it is over."""
        sender = Sender([], WINDOW)
        while not self.is_over or sender.waiting:
            if not sender.waiting and not self.is_over:
                sender.waiting = [f"sent-{next(self._numbers)}" for _ in range(WINDOW)]
            # Each by a new connection: it trusts what the gateway shows just then, and nothing else.
            tls = trusting(Authority(self.desk.folder, "ca"))
            self.connections += 1
            await sender.send_until_done_or_cut(self.port, lambda: None, tls)
            self.acknowledged += sender.acknowledged
            sender.acknowledged = []
            await asyncio.sleep(PAUSE_S)


def expect_the_same(pids: dict[str, int], began: dict[str, int], folder: Path) -> None:
    """
    Expect that nobody was started anew for a certificate.

    Who leads ends itself, in order, when the broker was away for longer than a lead lasts,
    as this one is on a busy machine; with whatever certificate.
    """
    anew = {name for name in pids if pids[name] != began[name]}
    lost = {"pager": "another pager leads now", "synthetic": "another one tells now"}
    assert anew <= lost.keys()
    assert all(lost[name] in (folder / f"{name}.log").read_text() for name in anew)


@pytest.mark.timeout(240)
async def test_certificates_are_renewed_under_load(desk: Desk, tmp_path: Path) -> None:
    """A new authority, with both trusted meanwhile, for the broker, every client and both listeners."""
    async with FakePager(CLOCK.now) as people, FakeServer(Said(200)) as outside:
        bench = Bench(desk.kafka.broker, tmp_path, people.enqueue)
        apply(bench.kafka, replication=1)
        reached = dict.fromkeys(SERVICES, desk.reached)
        more = dict.fromkeys(("feeds", "board"), desk.listener)
        async with house(bench, tmp_path, outside.url, reached, more) as running:
            await running.until(lambda one: bool(outside.asked) and is_whole(one), "never whole")
            began = {name: one.pid for name, one in running.processes.items()}
            load = Load(running.ports["mllp"], desk)
            sending = asyncio.create_task(load.run())
            desk.trust_both()
            await asyncio.to_thread(desk.issue, desk.new)
            renewed_at = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > renewed_at, "nothing is acknowledged")
            sent_before = len(load.acknowledged)
            await asyncio.to_thread(desk.renew_broker)
            desk.trust_new()
            # Two rounds that came out at every end, so that one of them began only now.
            fed = len(outside.asked)
            await running.until(lambda _: len(outside.asked) > fed + 1, "never whole again")
            load.is_over = True
            await asyncio.wait_for(sending, 60)
            site = f"https://127.0.0.1:{running.ports['site']}/"
            async with aiohttp.ClientSession() as session:
                async with session.get(site, ssl=trusting(desk.new)) as answer:
                    assert answer.status == 200
            pids = {name: one.pid for name, one in running.processes.items()}
            expect_the_same(pids, began, tmp_path)
    assert 0 < sent_before < len(load.acknowledged)
    assert set(load.acknowledged) <= raw_ids(bench.address).keys()
    told = event_ids(bench.address)
    assert set(load.acknowledged) <= told.keys()
    assert len(load.acknowledged) == len(set(load.acknowledged))
