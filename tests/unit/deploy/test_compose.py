"""The one-host deployment is closed by default: each service of docker-compose.yml, read as data."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.kafka_harness.libraries import KAFKA_VERSION

ROOT = Path(__file__).parents[3]
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
"""A value that the environment may replace, and what stands there otherwise."""
TEXT = DEFAULT.sub(r"\1", (ROOT / "docker-compose.yml").read_text())
COMPOSE: dict[str, Any] = YAML(typ="safe").load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LONG_RUNNING = sorted(SERVICES.keys() - ONE_SHOT)
IMAGE = (ROOT / "deploy/Dockerfile").read_text()

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def pins(lock: str) -> set[str]:
    """Return a lock file's lines that fix a version or a hash."""
    lines = (ROOT / lock).read_text().splitlines()
    return {line.strip(" \\") for line in lines if "==" in line or "--hash" in line}


def test_the_services_of_this_deployment() -> None:
    """Kafka and watch go on for ever; the topics are provisioned once."""
    assert (["kafka", "watch"], {"topics"}) == (LONG_RUNNING, ONE_SHOT)


@each_service
def test_no_service_can_change_its_image_or_gain_a_privilege(name: str) -> None:
    """A service that was broken into can neither write its own files nor rise."""
    service = SERVICES[name]
    held = (service["read_only"], service["cap_drop"], service["security_opt"])
    assert held == (True, ["ALL"], ["no-new-privileges:true"])
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()


@each_service
def test_no_service_is_root(name: str) -> None:
    """Every service runs under a number that is not root's."""
    user, group = map(int, SERVICES[name]["user"].split(":"))
    assert min(user, group) >= 1000


@each_service
def test_no_service_can_eat_the_host(name: str) -> None:
    """Memory and logs have a limit."""
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@each_service
def test_no_service_is_reachable_from_another_machine(name: str) -> None:
    """What is published is published to this host alone."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_no_image_floats(name: str) -> None:
    """Tomorrow's start runs what today's did."""
    tag = SERVICES[name]["image"].partition(":")[2]
    assert tag
    assert tag != "latest"


@each_service
def test_every_image_can_be_replaced_by_a_local_one(name: str) -> None:
    """Where nothing can be pulled, what was built there is named by the environment."""
    written = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"][name]
    assert DEFAULT.fullmatch(written["image"])
    assert all(DEFAULT.fullmatch(one) for one in written.get("build", {}).get("args", {}).values())


def test_the_local_kafka_is_the_one_that_is_pulled() -> None:
    """One version: in the compose file, in the image built here, and in the suite's own broker."""
    pom = (ROOT / "deploy/local/kafka/pom.xml").read_text().partition("<dependencies>")[2]
    versions = set(re.findall(r"<artifactId>kafka_?\S*</artifactId>\s*<version>([\d.]+)", pom))
    assert versions == {KAFKA_VERSION} == {SERVICES["kafka"]["image"].partition(":")[2]}
    assert (
        f"kafka=cordwatch-local/kafka:{KAFKA_VERSION}" in (ROOT / "deploy/local/build").read_text()
    )


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_runs_for_ever_is_restarted_and_looked_after(name: str) -> None:
    """A service that stopped is started again, and one that hangs is seen."""
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"].keys() == {
        "test",
        "interval",
        "timeout",
        "start_period",
        "retries",
    }


def test_watch_waits_for_its_topics() -> None:
    """A worker never meets a broker that lacks its topics."""
    waits = SERVICES["watch"]["depends_on"] | SERVICES["topics"]["depends_on"]
    assert {name: how["condition"] for name, how in waits.items()} == {
        "topics": "service_completed_successfully",
        "kafka": "service_healthy",
    }


def test_kafka_makes_no_topic_by_itself() -> None:
    """A misspelt topic is an error, not a second one that nobody reads."""
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_image_is_not_root_and_checks_every_hash() -> None:
    """The user is a number, so that an orchestrator can see it; nothing unlocked gets in."""
    assert "\nUSER 65532:65532\n" in IMAGE
    assert "--require-hashes -r requirements.lock" in IMAGE


def test_the_image_has_what_was_tested() -> None:
    """Its lock file is a part of the one that the tests ran with."""
    assert pins("deploy/requirements.lock") <= pins("requirements.lock")
    assert len(pins("deploy/requirements.lock")) > 100
