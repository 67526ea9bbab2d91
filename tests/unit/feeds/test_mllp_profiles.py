"""The gateway and its profiles: chosen by the peer, read anew on SIGHUP, a bad one refused."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cordwatch.feeds import service
from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.profile import Profiles
from cordwatch.feeds.references import References
from cordwatch.feeds.service import Feeds
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import ADMISSIONS, HISTORIES, QUARANTINE, RAW, RECEIPTS
from tests.unit.feeds.mllp.desk import PATIENCE_S, a_message
from tests.unit.feeds.test_mllp_group_commit import FakeBroker
from tests.unit.feeds.test_mllp_service import a_free_port

KEY = References(b"a key of this test")
HERE = "profile: here\nfrom: {peers: [127.0.0.0/8]}\nfacility: "


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    """Give the broker to which the gateway publishes."""
    broker = FakeBroker()
    monkeypatch.setattr(service, "GroupPublisher", lambda _: broker.connect())
    return broker


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what is logged; afterwards the root logger is as before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    caught = io.StringIO()
    configure_logging("info", "json", caught)
    yield caught
    root.handlers[:] = before
    root.setLevel(level)


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[Feeds]:
    """Give a gateway that listens and reads messages by the profile in *file*."""

    def load(_: References = KEY) -> Profiles:
        return Profiles.of_files([file], KEY)

    settings = FeedsSettings.model_validate({"port": 0, "metrics_port": a_free_port()})
    feeds = Feeds(settings, KafkaSettings(), load(), WallClock(), load_sources=load)
    task = asyncio.create_task(feeds.run())
    async with asyncio.timeout(PATIENCE_S):
        while not feeds.server.is_listening:  # noqa: ASYNC110 - started by another task
            await asyncio.sleep(0.005)
    try:
        yield feeds
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await task


async def answer_to(feeds: Feeds, control_id: str) -> bytes:
    """Send a message over a connection of its own; return the answer."""
    reader, writer = await asyncio.open_connection(*feeds.server.address)
    writer.write(frame(a_message(control_id)))
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.readuntil(b"\x1c\r")
    writer.close()
    return answer


def last_admission(broker: FakeBroker) -> bytes:
    """Return the last event about a stay."""
    return [value for topic, _, value in broker.records if topic == ADMISSIONS.name][-1]


async def hang_up(feeds: Feeds, result: str) -> None:
    """Send SIGHUP and wait until it was heeded."""
    name, labels = "cordwatch_feeds_profile_reloads_total", {"result": result}
    before = feeds.registry.get_sample_value(name, labels) or 0
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(PATIENCE_S):
        while feeds.registry.get_sample_value(name, labels) == before:  # noqa: ASYNC110 - a signal
            await asyncio.sleep(0.005)


async def test_profiles_are_read_anew_and_bad_ones_refused(
    broker: FakeBroker, tmp_path: Path, log: io.StringIO
) -> None:
    """A new one counts from the next message on; with a fault the one before stays, loudly."""
    file = tmp_path / "here.yaml"
    file.write_text(HERE + "NORTH", encoding="utf-8")
    async with running(file) as feeds:
        assert b"MSA|AA|G1\r" in await answer_to(feeds, "G1")
        assert b'"facility":"NORTH"' in last_admission(broker)
        file.write_text(HERE + "SOUTH", encoding="utf-8")
        await hang_up(feeds, "loaded")
        assert b"MSA|AA|G2\r" in await answer_to(feeds, "G2")
        assert b'"facility":"SOUTH"' in last_admission(broker)
        file.write_text(HERE + "EAST\nzoen: UTC\nzone: Mars/Base", encoding="utf-8")
        await hang_up(feeds, "refused")
        assert feeds.registry.get_sample_value("cordwatch_feeds_profile_refused") == 1
        told = [json.loads(line) for line in log.getvalue().splitlines()]
        faults = [one["fault"].split("here.yaml:")[1] for one in told if "fault" in one]
        assert faults == [
            "4:1 zoen is not a known key",
            "5:7 zone is not a time zone, like Europe/Amsterdam",
        ]
        assert b"MSA|AA|G3\r" in await answer_to(feeds, "G3")
        assert b'"facility":"SOUTH"' in last_admission(broker)
        file.unlink()
        await hang_up(feeds, "refused")
        file.write_text(HERE + "WEST", encoding="utf-8")
        await hang_up(feeds, "loaded")
        assert feeds.registry.get_sample_value("cordwatch_feeds_profile_refused") == 0
        await answer_to(feeds, "G4")
        assert b'"facility":"WEST"' in last_admission(broker)


async def test_who_has_no_profile_is_refused_and_kept(broker: FakeBroker, tmp_path: Path) -> None:
    """By its address: the same message from a listed peer would be read."""
    file = tmp_path / "there.yaml"
    file.write_text("profile: there\nfrom: {peers: [10.1.2.0/24]}", encoding="utf-8")
    async with running(file) as feeds:
        answer = await answer_to(feeds, "G1")
    assert b"MSA|AR|G1\r" in answer
    assert b"\rERR||MSH^1^3|103^Table value not found^HL70357|E||||sender is not known" in answer
    of_the_message = {topic for topic, _, _ in broker.records} - {HISTORIES.name, RECEIPTS.name}
    assert of_the_message == {RAW.name, QUARANTINE.name}
