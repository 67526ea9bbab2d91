"""The containers of docker-compose.yml while something breaks: nobody is forgotten, and nothing says that it is well when it is not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.compose import Deployment, deployed, in_time
from tests.e2e.new_patients import Patients

pytestmark = pytest.mark.timeout(1200)

OURS = ("feeds-1", "watch-1", "watch-2", "pager-1", "board-1", "synthetic-1")
SERVICES = ("feeds", "watch", "pager", "board", "synthetic")
OTHERS = ("phones-1", "door-1", "prometheus-1", "alertmanager-1")
BROKER_LATE_S = 300
MESSAGES_UNTIL_FULL_MAX = 500


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give it, running, everybody known by a certificate, with a disk for Kafka that can be filled."""
    folder = tmp_path_factory.mktemp("secrets")
    with deployed(folder, "tls", more=("tests/e2e/small-disk.yaml",)) as made:
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


def ready(made: Deployment) -> set[str]:
    """Return which of our services say that somebody may rely on them now."""
    return {one for one in OURS if made.is_ready(one)}


def test_whoever_is_there_before_the_broker_is_not_ready_before(deployment: Deployment) -> None:
    """A host that starts again starts everything at once: who needs Kafka says that it is not ready, until it is."""
    before, after = Patients(deployment), Patients(deployment)
    before.are_suspected()
    assert deployment.compose("stop", "kafka", *SERVICES).returncode == 0
    deployment.start(*OURS)
    comes_at = time.monotonic() + BROKER_LATE_S
    while time.monotonic() < comes_at:
        assert ready(deployment) == set()
    deployment.start("kafka-1")
    assert in_time(lambda: ready(deployment) == set(OURS))
    after.are_suspected()
    assert in_time(before.are_told_of)
    assert in_time(after.are_told_of)
    assert in_time(deployment.is_well)


def test_what_finds_no_room_is_not_acknowledged(deployment: Deployment) -> None:
    """Kafka's disk is full: nothing is acknowledged, and who takes in, watches or shows says so; with room again it goes on."""
    deployment.fill_disk()
    # The last pages of files take a little.
    tried = [Patients(deployment, 1) for _ in range(MESSAGES_UNTIL_FULL_MAX)]
    last = next(at for at, one in enumerate(tried) if not one.are_acknowledged())
    kept, unkept = tried[:last], tried[last : last + 3]
    # The pager goes on telling what it knows, and the board shows it as not live.
    relied_on = {"feeds-1", "watch-1", "watch-2", "pager-1"}
    assert in_time(lambda: not relied_on & ready(deployment))
    assert in_time(lambda: deployment.state()["board-1"][2] == "unhealthy")
    assert [one.are_acknowledged() for one in unkept] == [False] * 3
    assert not relied_on & ready(deployment)
    deployment.make_room()
    for one in unkept:
        one.are_suspected()
    assert all(in_time(one.are_told_of) for one in [*kept, *unkept])
    assert in_time(deployment.is_well)
