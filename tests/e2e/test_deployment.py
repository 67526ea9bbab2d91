"""The promise through the containers of docker-compose.yml, as a hospital would start them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from cordwatch.app.demo_day import DAY_FILE
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import simulate
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.pack import load_pack
from tests.e2e.compose import Deployment, NoDeployment, images
from tests.kafka.test_watch import eventually

pytestmark = pytest.mark.timeout(1200)

JAVA_TERMINATED = 143
"""How a Java program says that it ended in order when it was told to."""

Raised = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """Yield the deployment, built and started as the README says."""
    try:
        made = Deployment(images())
    except NoDeployment as reason:
        pytest.skip(str(reason))
    try:
        # Not `--wait`: it takes the one-shot that has ended well for a failure.
        done = made.compose("up", "--build", "--detach")
        assert done.returncode == 0, done.stderr[-3_000:]
        yield made
    finally:
        made.remove()


def cordwatch(made: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on this host, against the broker in its container."""
    return subprocess.run(
        [sys.executable, "-m", "cordwatch.app.cli", "--kafka", made.kafka, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(made: Deployment) -> list[dict[str, str]]:
    """Return every alert message, in order."""
    return [json.loads(line) for line in cordwatch(made, "alerts", "--json").stdout.splitlines()]


def raised(alerts: list[dict[str, str]]) -> Raised:
    """Return what was told about which fact."""
    return {(one["kind"], one["rule"], one["cause"]) for one in alerts}


def expected() -> Raised:
    """Return what the core says of the bundled day, all of it received now."""
    now = WallClock().now()
    events = [one for item in read_file(DAY_FILE) for one in translate(item, Source(), now).told]
    found = simulate(events, load_pack("mescc-lymphoma"), now)
    return {(one.kind, one.rule, one.cause) for one in found if one.status == "open"}


def test_the_deployment_of_one_host(deployment: Deployment) -> None:
    """Kafka is up, the topics are provisioned, watch makes progress; nothing of it as root."""
    assert eventually(lambda: deployment.state()["watch"][2] == "healthy")
    assert deployment.state() == {
        "kafka": ("running", 0, "healthy"),
        "topics": ("exited", 0, ""),
        "watch": ("running", 0, "healthy"),
    }
    assert cordwatch(deployment, "topics", "verify").returncode == 0
    with urlopen(f"http://{deployment.metrics}/healthz", timeout=5) as answer:
        assert json.load(answer)["partitions"] == 48


def test_messages_of_this_host_become_alerts(deployment: Deployment) -> None:
    """A file into the broker in its container; what the core says comes out, and can be read here."""
    done = cordwatch(deployment, "replay", "--json", str(DAY_FILE))
    counted = json.loads(done.stdout)
    assert (done.returncode, counted["messages"], counted["quarantined"]) == (1, 291, 1)
    wanted = expected()
    assert len(wanted) > 10
    assert eventually(lambda: wanted <= raised(told(deployment)))


def test_a_stop_drains_and_a_start_tells_nothing_anew(deployment: Deployment) -> None:
    """`down` ends everything in order within its time; the data stays, and nobody is paged twice."""
    before = {one["alert_id"]: one["raised_at"] for one in told(deployment)}
    assert before
    stopped = deployment.compose("stop")
    assert stopped.returncode == 0
    state = deployment.state()
    assert state["watch"][:2] == ("exited", 0)
    assert state["kafka"][:2] in {("exited", 0), ("exited", JAVA_TERMINATED)}
    assert "stopping" in deployment.compose("logs", "watch").stdout
    assert deployment.compose("down").returncode == 0
    assert deployment.compose("up", "--detach").returncode == 0
    assert eventually(lambda: deployment.state()["watch"][2] == "healthy")
    after = {one["alert_id"]: one["raised_at"] for one in told(deployment)}
    assert {one: after.get(one) for one in before} == before
    assert raised(told(deployment)) >= expected()
