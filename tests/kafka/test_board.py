"""The board on a real Kafka: answers and their audit trail over crashes, and a broker that goes away."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch
from cordwatch.board.audit import read_audit
from cordwatch.board.audit_chain import sealed
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import ACKS, AUDIT
from tests.e2e.board_site import BoardSite, a_ward_now, on_topics
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

OVERDUE = "p_7qk2xm4dnv3t"
NOT_LIVE_S = 15


def a_board(kafka: str, folder: Path) -> BoardSite:
    """Return a board that has read a ward's topics on *kafka*."""
    topics_admin.apply(KafkaSettings(kafka), 1)
    now = WallClock().now()
    site = BoardSite(kafka, folder)
    site.publish(on_topics(a_ward_now(now), now))
    site.start()
    return site


@pytest.fixture
def site(spoilt_kafka: str, tmp_path: Path) -> Iterator[BoardSite]:
    """Give a board on a broker on which forged records may be left."""
    found = a_board(spoilt_kafka, tmp_path)
    yield found
    found.kill()


def acknowledge(site: BoardSite, patient: str = OVERDUE) -> int:
    """Acknowledge a patient's most pressing clock over HTTP, as a browser does; return the last status."""
    clock, *_ = (one["clock"] for one in site.api("clocks")["clocks"] if one["patient"] == patient)
    page = f"{site.address}/clock/{clock}"
    with urlopen(page) as answer:  # noqa: S310 - our own board
        text, cookie = answer.read().decode(), answer.headers["Set-Cookie"].split(";")[0]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    data = urlencode({**fields, "reason": "acting", "text": ""}).encode()
    headers = {"Cookie": cookie, "Origin": site.address}
    request = Request(f"{page}/acknowledge", data, headers)  # noqa: S310 - our own board
    try:
        with urlopen(request) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def answers_on(kafka: str) -> int:
    """Return how many answers are on their topic."""
    return sum(one is not None for one in read_topic(KafkaSettings(kafka), ACKS.name, follow=False))


def verify(kafka: str) -> tuple[int, str]:
    """Run `cordwatch audit verify`; return its exit code and what it names."""
    done = CliRunner().invoke(cordwatch, ["--kafka", kafka, "audit", "verify"])
    return done.exit_code, done.stdout


def within(seconds: float, what: Callable[[], bool]) -> bool:
    """Return whether *what* comes to hold within *seconds*."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.2)):
        if what():
            return True
        pause.wait(0.2)
    return False


def is_live(site: BoardSite) -> bool:
    """Return whether the board calls itself live."""
    return bool(site.api("clocks")["live"])


def test_the_audit_trail_holds_over_a_crash_and_names_a_forgery(site: BoardSite) -> None:
    """Answered, killed, answered again: one chain. A record put into it is named, with exit code 1."""
    assert acknowledge(site) == 200
    site.kill()
    site.start()
    assert acknowledge(site) == 200
    assert answers_on(site.kafka) == 2
    records = list(read_audit(KafkaSettings(site.kafka)))
    deeds = [one.event["subtype"][0]["code"] for one in records]
    assert deeds.count("acknowledged") == 2
    assert [one.sequence for one in records] == list(range(len(records)))
    assert verify(site.kafka) == (0, "")
    forged = sealed("board", records[1], {"deed": "never done"})
    site.publish([(AUDIT.name, b"board|2", forged.model_dump_json().encode())])
    code, told = verify(site.kafka)
    assert (code, told) == (1, f"board 2: follows {len(records) - 1}\n")


def test_a_broker_that_goes_away_is_said_and_nothing_is_answered_meanwhile(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Not live within fifteen seconds; an answer is refused, not swallowed; back, it is live by itself."""
    site = a_board(private_kafka.bootstrap, tmp_path)
    try:
        assert is_live(site)
        private_kafka.kill()
        assert within(NOT_LIVE_S, lambda: not is_live(site))
        # Nobody kills it, and who looks is still sent here: the last rows under NOT LIVE are better than none.
        assert [site.probe(f"/{one}") for one in ("healthz", "livez", "readyz")] == [503, 200, 200]
        assert acknowledge(site) == 503
        private_kafka.start()
        assert within(60, lambda: is_live(site))
        assert within(60, lambda: acknowledge(site) == 200)
        assert answers_on(private_kafka.bootstrap) == 1
        assert verify(private_kafka.bootstrap) == (0, "")
    finally:
        site.kill()
