"""Alertmanager: what a correct client sends, and what the real one makes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cordwatch.pager.text import Wording
from cordwatch.pager.transports.alertmanager import AlertmanagerTransport, alert_of
from cordwatch.pager.transports.http import HttpSender
from cordwatch.pager.transports.settings import Alertmanager as Settings
from cordwatch.pager.transports.transport import Action, Outcome, Page
from cordwatch.runtime.wall_clock import WallClock
from tests.pager.builders import NOW, a_matter, a_page
from tests.pager.fake_pager import FakeServer, Said
from tests.pager.real_alertmanager import running, until
from tests.pager.secret_file import SecretFile

ACCEPTED = Outcome("accepted", "accepted")
RESEND = timedelta(seconds=5)
KEEPS = 4 * RESEND


def a_transport(*urls: str, **changes: Any) -> AlertmanagerTransport:
    """Return the transport to these peers."""
    given = {"kind": "alertmanager", "urls": urls, "resend": RESEND}
    sender = HttpSender(connect_s=1.0, whole_s=2.0)
    wording = Wording("UTC", "https://board.example")
    return AlertmanagerTransport("am", Settings(**(given | changes)), wording, sender)


def now_page(action: Action = "tell", *, ago: timedelta = timedelta(), **changes: Any) -> Page:
    """Return a page sent so long ago by the real clock; Alertmanager goes by it too."""
    at = WallClock().now() - ago
    matter = a_matter(raised_at=at - timedelta(minutes=5), **changes)
    return a_page(action, matter=matter, at=at)


def instants(alert: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return begin and end of an alert."""
    return datetime.fromisoformat(alert["startsAt"]), datetime.fromisoformat(alert["endsAt"])


def test_it_lasts_four_times_as_long_as_the_next_telling_takes() -> None:
    """So three tellings may be lost; told again, begin and labels are the same."""
    settings = Settings(kind="alertmanager", urls=("http://am:9093",))
    first = alert_of(a_page(), settings, Wording())
    later_at = NOW + timedelta(minutes=7)
    changed = a_matter(ward="C1", severity="urgent", reason="another", status="open", revision=3)
    later = alert_of(a_page(matter=changed, at=later_at), settings, Wording())
    assert instants(first) == (a_matter().raised_at, NOW + timedelta(minutes=4))
    assert instants(later) == (a_matter().raised_at, later_at + timedelta(minutes=4))
    assert first["labels"] == later["labels"]
    assert first["annotations"] != later["annotations"]


def test_its_end_is_when_it_ended_and_never_before_it_began() -> None:
    """The same at each telling; what ended before it was raised ends as it begins."""
    settings = Settings(kind="alertmanager", urls=("http://am:9093",))
    begun = a_matter().raised_at
    for ended_at, end in [
        (NOW - timedelta(minutes=1), NOW - timedelta(minutes=1)),
        (begun - timedelta(hours=3), begun),
        (NOW + timedelta(hours=1), NOW),
        (None, NOW),
    ]:
        matter = a_matter(status="resolved", ended_at=ended_at)
        alert = alert_of(a_page("close", matter=matter), settings, Wording())
        assert instants(alert) == (begun, end)


def test_labels_never_change_and_name_nobody() -> None:
    """Time left, status, severity, level and ward are annotations; the hospital's own labels come beside."""
    settings = Settings(kind="alertmanager", urls=("http://am:9093",), labels={"team": "haem"})
    alert = alert_of(a_page(), settings, Wording("UTC", "https://board.example"))
    assert alert["labels"] == {
        "alertname": "CordwatchPage",
        "kind": "clock",
        "rule": "mri.mescc-suspected",
        "role": "ward-physician",
        "pressing": "yes",
        "page": a_page().dedup_key,
        "team": "haem",
    }
    assert alert["annotations"]["severity"] == "critical"
    assert alert["annotations"]["time"] == "due 02:05 (UTC), 35 min late"
    assert alert["generatorURL"].startswith("https://board.example/clock/")


async def test_every_peer_hears_it_and_one_is_enough() -> None:
    """Peers share what they have sent, not what they were told."""
    async with FakeServer(Said(503)) as ill, FakeServer(Said(200)) as well:
        both = a_transport(ill.url, well.url)
        assert await both.send(a_page()) == ACCEPTED
        assert await both.check() == Outcome("later", "server-error")
        assert (len(ill.asked), len(well.asked)) == (2, 2)
        assert ill.asked[0].path == "/api/v2/alerts"
        assert await a_transport(ill.url).send(a_page()) == Outcome("later", "server-error")
        await both.close()


async def test_its_bearer_token_is_read_anew(secret: SecretFile) -> None:
    """It goes with the header, and a new file counts at once."""
    async with FakeServer(Said(200)) as peer:
        transport = a_transport(peer.url, token_file=str(secret.holds("one")))
        await transport.send(a_page())
        secret.holds("two")
        await transport.send(a_page())
        await transport.close()
    assert [one.headers["authorization"] for one in peer.asked] == ["Bearer one", "Bearer two"]
    async with FakeServer(Said(401)) as peer:
        assert await a_transport(peer.url).check() == Outcome("refused", "unauthorised")


@pytest.mark.parametrize("ended_min_ago", [None, 1, 180])
async def test_it_fires_and_is_resolved(ended_min_ago: int | None, tmp_path: Path) -> None:
    """The real one tells it onward once, and its end once, however often both are told, however long ago it was."""
    now = WallClock().now()
    ended_at = now - timedelta(minutes=ended_min_ago) if ended_min_ago else None
    over = now_page("close", status="resolved", ended_at=ended_at)
    async with running(tmp_path) as real:
        transport = a_transport(real.url)
        for _ in range(3):
            assert await transport.send(now_page()) == ACCEPTED
        key = a_page().dedup_key
        await until(lambda: ("firing", key) in real.told())
        assert [one["labels"]["page"] for one in await real.active()] == [key]
        for _ in range(3):
            assert await transport.send(replace(over, at=WallClock().now())) == ACCEPTED
        await until(lambda: ("resolved", key) in real.told())
        assert await real.active() == []
        assert real.told() == [("firing", key), ("resolved", key)]
        await transport.close()


async def test_told_again_it_goes_on_firing(tmp_path: Path) -> None:
    """Left alone it would end by itself; told again, a changed ward and text is still the same alert."""
    almost_over = KEEPS - timedelta(seconds=1)
    async with running(tmp_path) as real:
        transport = a_transport(real.url)
        await transport.send(now_page(ago=almost_over))
        await transport.send(now_page(ward="C1", reason="another", revision=1))
        await asyncio.sleep(0.8)
        await asyncio.sleep(0.8)
        [alert] = await real.active()
        assert alert["annotations"]["where"] == "ward C1, NORTH"
        assert alert["status"]["state"] == "active"
        await transport.close()


async def test_not_told_again_it_ends(tmp_path: Path) -> None:
    """The counterpart: so the one before says something."""
    almost_over = KEEPS - timedelta(seconds=1)
    async with running(tmp_path) as real:
        transport = a_transport(real.url)
        await transport.send(now_page(ago=almost_over))
        await until(lambda: len(real.told()) == 1)
        assert len(await real.active()) == 1
        await until(lambda: ("resolved", a_page().dedup_key) in real.told())
        assert await real.active() == []
        await transport.close()


async def test_killed_it_fires_again_at_the_next_telling(tmp_path: Path) -> None:
    """It keeps no alert over a crash: meanwhile another time, then the next telling brings it back."""
    async with running(tmp_path) as real:
        transport = a_transport(real.url)
        await transport.send(now_page())
        await until(real.active)
        await real.kill()
        assert await transport.send(now_page()) == Outcome("later", "no-connection")
        await real.start()
        assert await real.active() == []
        assert await transport.send(now_page()) == ACCEPTED
        [alert] = await real.active()
        assert alert["labels"]["page"] == a_page().dedup_key
        await transport.close()


async def test_killed_after_the_end_it_stays_over(tmp_path: Path) -> None:
    """The end told again to one that has forgotten everything fires nothing."""
    async with running(tmp_path) as real:
        transport = a_transport(real.url)
        await transport.send(now_page())
        await until(real.active)
        await real.kill()
        await real.start()
        assert await transport.send(now_page("close", status="resolved")) == ACCEPTED
        await asyncio.sleep(0.5)
        assert await real.active() == []
        assert await transport.check() == ACCEPTED
        await transport.close()


async def test_of_a_mixed_list_the_good_are_kept_and_400_is_said(tmp_path: Path) -> None:
    """Why one request carries one alert: its 400 would say nothing of the others."""
    settings = Settings(kind="alertmanager", urls=("http://am:9093",))
    good = alert_of(now_page(), settings, Wording())
    async with running(tmp_path) as real:
        assert await real.post([good, {"labels": {}}]) == 400
        assert len(await real.active()) == 1


@pytest.mark.parametrize("resend", ["4 s", "6 min"])
def test_a_telling_too_often_or_too_seldom_is_refused(resend: str) -> None:
    """From 5 s to 5 min."""
    with pytest.raises(ValueError, match="resend must be"):
        Settings.model_validate({"kind": "alertmanager", "urls": ["http://am"], "resend": resend})
