"""
Kafka in a container, where a Docker engine answers: the image of docker-compose.yml.

`CORDWATCH_KAFKA_IMAGE` names another one, as it does there; `deploy/local/build`
makes one where nothing can be pulled. Whatever the engine cannot do (pull, start)
is a `NoKafka`: the next way may do, but not where `CORDWATCH_REQUIRE_ENGINE=1` (in
CI, where its engine started).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.kafka_harness.libraries import KAFKA_VERSION, NoKafka
from tests.kafka_harness.real_kafka import READY_S_MAX, answers, free_ports

REQUIRED: Final = "CORDWATCH_REQUIRE_ENGINE"
ENGINE_S_MAX: Final = 3
PULL_S_MAX: Final = 180
POLL_S: Final = 0.2
CLIENTS: Final = 9092

_SETTINGS: Final = {
    "CLUSTER_ID": "Y29yZHdhdGNoLXRlc3RzIQ",
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENERS": f"HOST://:{CLIENTS},CONTROLLER://127.0.0.1:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "HOST:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "HOST",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_HEAP_OPTS": "-Xmx768m",
}
"""As the local broker of the suite has them."""


def image() -> str:
    """Return the image that would be run."""
    return os.environ.get("CORDWATCH_KAFKA_IMAGE") or f"apache/kafka:{KAFKA_VERSION}"


def engine_demanded() -> bool:
    """Return whether it is an error that no container can be had."""
    return os.environ.get(REQUIRED) == "1"


def engine_answers() -> bool:
    """Return whether a Docker engine can be talked to."""
    return shutil.which("docker") is not None and _docker(
        ENGINE_S_MAX, "version", "--format", "{{.Server.Version}}"
    )


def require_image(name: str) -> None:
    """
    Have the image *name* on the engine, pulled if it is not there.

    Raises:
        NoKafka: it can be neither found nor pulled.
    """
    if _docker(ENGINE_S_MAX, "image", "inspect", name):
        return
    if not _docker(PULL_S_MAX, "pull", "--quiet", name):
        raise NoKafka(f"the Docker engine has no image {name} and cannot pull it")


@contextmanager
def container_kafka() -> Iterator[str]:
    """
    Run a broker in a container and give its address; the container ends with the block.

    Raises:
        NoKafka: no engine, no image, or it did not start.
    """
    if not engine_answers():
        raise NoKafka("no Docker engine answers")
    require_image(image())
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - only where
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - an engine is

    # The reaper is an image too, which would have to be pulled.
    testcontainers_config.ryuk_disabled = True
    [port] = free_ports(1)
    settings = _SETTINGS | {"KAFKA_ADVERTISED_LISTENERS": f"HOST://127.0.0.1:{port}"}
    container = DockerContainer(image(), env=settings)
    # On loopback alone; the library's own way would open it to the network.
    container.ports[f"{CLIENTS}/tcp"] = ("127.0.0.1", port)
    try:
        container.start()
    except Exception as failure:
        container.stop()
        raise NoKafka(f"the container did not start ({type(failure).__name__})") from failure
    try:
        _wait(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        container.stop()


def _wait(address: str) -> None:
    give_up_at = time.monotonic() + READY_S_MAX
    while not answers(address):
        if time.monotonic() > give_up_at:
            raise NoKafka(f"Kafka in the container did not answer within {READY_S_MAX} s")
        time.sleep(POLL_S)


def _docker(seconds: float, *arguments: str) -> bool:
    try:
        asked = subprocess.run(
            ["docker", *arguments], capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
