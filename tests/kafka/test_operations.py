"""Silent feeds and jumps in quarantine on a real broker: told, kept over a crash, ended; never for our own absence."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch
from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.trouble.operations import operational_alerts
from cordwatch.feeds.trouble.silence import HOURS_OF_WEEK
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.operations import FeedHistory, GatewayState, OperationalAlert
from cordwatch_schemas.topics import HISTORIES
from tests.kafka.gateway import Gateway, Sender, an_admission
from tests.kafka.test_watch import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PROFILE = "profile: his\nsilence: {{at_least: {least}, at_most: {most}}}\n"
NAME = "ZEBRAFINCH"


class Site:
    """A gateway's name of the test's own, its profile, and what is told of it."""

    def __init__(self, kafka: str, folder: Path) -> None:
        """Begin with nothing told."""
        topics_admin.apply(KafkaSettings(kafka), 1)
        self.kafka, self.folder = kafka, folder
        self.name = f"g{uuid.uuid4().hex[:8]}"
        self.logs = 0

    def gateway(self, least_min: float, most_min: float) -> Gateway:
        """Start the gateway; the silence of its sender is told within these minutes."""
        self.logs += 1
        profile = self.folder / "his.yaml"
        profile.write_text(PROFILE.format(least=least_min, most=most_min))
        log = self.folder / f"{self.logs}.log"
        return Gateway(self.kafka, log, "--name", self.name, "--profile", str(profile))

    def alerts(self) -> list[OperationalAlert]:
        """Return the last word on each alert of this gateway."""
        found = operational_alerts(KafkaSettings(self.kafka))
        return [one for one in found if one.gateway == self.name]

    def told(self) -> list[tuple[str, str]]:
        """Return kind and status of each."""
        return [(one.kind, one.status) for one in self.alerts()]

    def remember(self, *records: FeedHistory | GatewayState) -> None:
        """Keep what a process before is said to have kept."""
        publisher = Publisher(KafkaSettings(self.kafka))
        for one in records:
            key = self.name
            if isinstance(one, FeedHistory):
                key = f"{self.name}|{one.source}|{one.message_type}"
            publisher.send(HISTORIES.name, key.encode(), one.model_dump_json().encode())
        publisher.confirm()
        publisher.close()

    def command(self, *arguments: str) -> tuple[int, list[dict[str, object]]]:
        """Run `cordwatch operations`; return its exit code and what it says of this gateway."""
        done = CliRunner().invoke(
            cordwatch, ["--kafka", self.kafka, "operations", "--json", *arguments]
        )
        told = [json.loads(line) for line in done.stdout.splitlines()]
        return done.exit_code, [one for one in told if one["gateway"] == self.name]


async def until(what: Callable[[], bool]) -> bool:
    """Wait until *what* holds, without keeping the loop."""
    return await asyncio.to_thread(eventually, what)


async def send(gateway: Gateway, *ids: str) -> None:
    """Send an admission for each id, and wait for the answers."""
    await Sender(list(ids), 1).send_until_done_or_cut(gateway.port, lambda: None)


@pytest.fixture
def site(real_kafka: str, tmp_path: Path) -> Site:
    """Give a site without a gateway."""
    return Site(real_kafka, tmp_path)


async def test_a_silent_feed_is_told_over_a_crash_and_ends_with_a_message(site: Site) -> None:
    """One alert from the last message on, however often the gateway dies."""
    with site.gateway(0.02, 0.05) as gateway:
        await send(gateway, f"{site.name}-1")
        assert await until(lambda: site.told() == [("feed-silent", "open")])
        gateway.kill()
    [begun] = site.alerts()
    assert (begun.source, begun.message_type) == ("his", "ADT")
    code, shown = site.command()
    assert (code, [one["alert_id"] for one in shown]) == (1, [begun.alert_id])
    with site.gateway(0.02, 0.05) as gateway:
        assert await until(lambda: _saved(site, begun))
        assert [one.alert_id for one in site.alerts()] == [begun.alert_id]
        await send(gateway, f"{site.name}-2")
        assert await until(lambda: ("feed-silent", "over") in site.told())
        assert site.alerts()[0].alert_id == begun.alert_id
        assert gateway.stop() == 0


def _saved(site: Site, begun: OperationalAlert) -> bool:
    """Return whether the process after the crash has told where it stands."""
    lines = site.command("--feeds")[1]
    return any(str(one["as_of"]) > begun.raised_at.isoformat() for one in lines)


async def test_our_own_absence_is_told_as_that(site: Site) -> None:
    """Ten minutes of it, with a feed that was a moment from being silent."""
    now = WallClock().now()
    gone_at = now - timedelta(minutes=10)
    site.remember(
        GatewayState(
            gateway=site.name,
            saved_at=gone_at,
            last_message_at={"his|ADT": gone_at},
            quiet_s={"his|ADT": 110.0},
            limit_s={"his|ADT": 120.0},
        )
    )
    with site.gateway(1, 2) as gateway:
        assert await until(lambda: site.told() == [("gateway-away", "over")])
        await send(gateway, f"{site.name}-1")
        assert gateway.stop() == 0
    [away] = site.alerts()
    assert away.since == gone_at
    assert away.over_at is not None
    assert away.over_at > now


async def test_what_was_learnt_is_there_after_a_restart(site: Site) -> None:
    """Twice what is usual at this hour of the week; and a feed not yet learnt says so."""
    now = WallClock().now()
    hours = dict.fromkeys(range(HOURS_OF_WEEK), (1200, 1500))
    site.remember(
        FeedHistory(
            gateway=site.name, source="his", message_type="ADT", saved_at=now, silences=hours
        ),
        FeedHistory(gateway=site.name, source="his", message_type="ORU", saved_at=now, silences={}),
    )
    with site.gateway(15, 60 * 24 * 30) as gateway:
        assert await until(lambda: len(site.command("--feeds")[1]) == 2)
        assert gateway.stop() == 0
    shown = {
        str(one["feed"]): (one["limit_s"], one["learnt"]) for one in site.command("--feeds")[1]
    }
    assert shown == {"his|ADT": (3_000.0, True), "his|ORU": (86_400.0, False)}


async def test_a_jump_in_quarantine_is_told(site: Site) -> None:
    """Ten messages without a patient, from a sender that never failed."""
    with site.gateway(15, 60) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        for number in range(10):
            bad = an_admission(f"{site.name}-{number}").replace(b"PID|1||", b"PID|1|||||")
            writer.write(frame(bad.replace(b"HAEM1", NAME.encode())))
            async with asyncio.timeout(60):
                assert b"MSA|AE|" in await reader.readuntil(b"\x1c\r")
        writer.close()
        assert await until(lambda: site.told() == [("quarantine-rate", "open")])
        assert gateway.stop() == 0
        assert NAME not in gateway.log()
    assert site.command()[1][0]["reason"] == (
        "10 messages in 15 min went to quarantine; none are usual"
    )
