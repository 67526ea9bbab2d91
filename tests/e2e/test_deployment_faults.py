"""The containers of docker-compose.yml while something breaks: nobody is forgotten, and nothing says that it is well when it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.compose import Deployment, deployed, in_time
from tests.e2e.new_patients import Patients

pytestmark = pytest.mark.timeout(1200)

OURS = ("feeds-1", "watch-1", "watch-2", "pager-1", "board-1", "synthetic-1")
OTHERS = ("phones-1", "door-1", "prometheus-1", "alertmanager-1")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give it, running, with a disk for Kafka that can be filled."""
    with deployed(tmp_path_factory.mktemp("secrets"), more=("tests/e2e/small-disk.yaml",)) as made:
        assert in_time(made.is_well)
        yield made


@pytest.mark.parametrize("container", [*OURS, "kafka-1"])
def test_whoever_is_killed_comes_back_and_nobody_is_forgotten(
    deployment: Deployment, container: str
) -> None:
    """Those acknowledged just before and those who come meanwhile: each is told of once, and shown."""
    before, meanwhile = Patients(deployment), Patients(deployment)
    restarts = deployment.restarts(container)
    before.are_suspected()
    deployment.kill(container)
    meanwhile.are_suspected()
    assert in_time(before.are_told_of)
    assert in_time(meanwhile.are_told_of)
    assert deployment.restarts(container) == restarts + 1


def test_those_of_others_come_back_too(deployment: Deployment) -> None:
    """Phones that have forgotten everything, the door, and who watches over cordwatch: killed all at once."""
    restarts = {one: deployment.restarts(one) for one in OTHERS}
    for container in OTHERS:
        deployment.kill(container)
    assert in_time(
        lambda: (
            {one: deployment.restarts(one) - was for one, was in restarts.items()}
            == dict.fromkeys(OTHERS, 1)
        )
    )
    patients = Patients(deployment)
    patients.are_suspected()
    assert in_time(patients.are_told_of)
    assert in_time(deployment.is_well)


def test_a_broker_that_is_started_anew_is_waited_for(deployment: Deployment) -> None:
    """As for an upgrade: nobody who takes in, watches or shows ends for it, and what was begun before is ended after."""
    began = deployment.began("feeds", "watch", "board")
    before, after = Patients(deployment), Patients(deployment)
    before.are_suspected()
    assert deployment.compose("restart", "kafka").returncode == 0
    after.are_suspected()
    assert in_time(before.are_told_of)
    assert in_time(after.are_told_of)
    before.are_scanned()
    assert in_time(before.are_left_alone)
    assert after.are_told_of()
    assert deployment.began("feeds", "watch", "board") == began
