"""No listening socket but ours: Faust's own would show every patient's rows to anyone."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from tests.kafka.gateway import Gateway
from tests.kafka.sockets import listening
from tests.kafka.test_watch import a_group, eventually
from tests.kafka.worker import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

FAUST_PATHS = ("/", "/table/", "/table/facts/x/", "/router/", "/graph", "/stats/", "/metrics/")


def test_a_worker_listens_on_nothing_but_its_metrics_address(
    real_kafka: str, tmp_path: Path
) -> None:
    """One socket, on loopback, which knows two paths; Faust's pages are nowhere (trap 25)."""
    topics_admin.apply(KafkaSettings(real_kafka), 1)
    log = tmp_path / "worker.log"
    with Worker(real_kafka, a_group(), log) as worker:
        assert eventually(lambda: "watching" in log.read_text())
        told = re.search(r"address=127\.0\.0\.1:(\d+)", log.read_text())
        assert told is not None
        port = int(told[1])
        assert listening(worker.process.pid) == {("127.0.0.1", port)}
        for path in FAUST_PATHS:
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)


def test_the_gateway_listens_for_messages_and_for_scrapes_alone(
    real_kafka: str, tmp_path: Path
) -> None:
    """Two sockets, both on loopback unless told otherwise."""
    topics_admin.apply(KafkaSettings(real_kafka), 1)
    with Gateway(real_kafka, tmp_path / "gateway.log") as gateway:
        told = re.search(r'"address": "127\.0\.0\.1:(\d+)", "event": "metrics"', gateway.log())
        assert told is not None
        assert listening(gateway.process.pid) == {
            ("127.0.0.1", gateway.port),
            ("127.0.0.1", int(told[1])),
        }


def test_the_look_at_sockets_can_tell() -> None:
    """The check of the check: an open socket is seen, in both families, and a closed one is not."""
    with socket.create_server(("127.0.0.1", 0)) as four:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
            mine = {("127.0.0.1", four.getsockname()[1]), ("::1", six.getsockname()[1])}
            closed = ("::1", six.getsockname()[1])
            assert mine <= listening(os.getpid())
        assert mine - listening(os.getpid()) == {closed}
