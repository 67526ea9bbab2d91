"""The containers of docker-compose.yml with TLS and three brokers: a page comes through, whatever is renewed or lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cordwatch.app.demo_today import day_ending
from cordwatch.runtime.wall_clock import WallClock
from deploy.compose.certificates import make
from tests.e2e.compose import Deployment, deployed
from tests.e2e.test_deployment import asked, sent
from tests.kafka.test_watch import eventually

pytestmark = pytest.mark.timeout(1200)

STORY = {"mri.mescc-suspected", "mdt.consult", "steroid.start"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give it with both profiles, running."""
    with deployed(tmp_path_factory.mktemp("secrets"), "tls", "ha") as made:
        yield made


def test_hl7_over_tls_comes_out_as_pages(deployment: Deployment) -> None:
    """Three brokers, everything in three copies, nobody in the clear; phones ring, and the board has its rows."""
    assert eventually(deployment.is_well)
    verified = deployment.cordwatch("topics", "verify", "--replication", "3")
    assert (verified.returncode, verified.stdout) == (0, "")
    unknown = deployment.cordwatch("--broker-timeout", "2", "topics", "verify", known=False)
    assert unknown.returncode == 16
    day = day_ending(WallClock().now())
    answers = sent(deployment.at["feeds"], day, deployment.as_sender())
    assert (answers[b"AA"], answers[b"AE"]) == (290, 1)

    def rung() -> set[str]:
        return {one["labels"]["rule"] for one in asked(deployment.at["phones"], "/api/v2/alerts")}

    def shown() -> set[str]:
        return {one["rule"] for one in asked(deployment.at["door"], "/api/clocks")["clocks"]}

    assert eventually(lambda: rung() >= STORY)
    assert eventually(lambda: shown() >= STORY)


def test_certificates_are_renewed_and_a_broker_is_lost(deployment: Deployment) -> None:
    """Nobody who takes in, watches or shows is started anew, and what is sent meanwhile is answered as ever."""
    began = deployment.began("feeds", "watch", "board")
    assert len(began) == 4
    make(deployment.certificates, renew=True)
    assert deployment.compose("restart", "kafka-2").returncode == 0
    assert deployment.compose("stop", "kafka-3").returncode == 0
    day = day_ending(WallClock().now())
    answers = sent(deployment.at["feeds"], day, deployment.as_sender())
    assert (answers[b"AA"], answers[b"AE"]) == (290, 1)
    assert deployment.compose("start", "kafka-3").returncode == 0
    assert eventually(deployment.is_well)
    assert deployment.began("feeds", "watch", "board") == began
