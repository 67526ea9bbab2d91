"""The one listener: metrics, and a health page that reports progress."""

from __future__ import annotations

import json
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import WATCHED


@pytest.fixture
def well() -> dict[str, bool]:
    """Say whether the service makes progress; the test may change it."""
    return {"well": True}


@pytest.fixture
def address(well: dict[str, bool]) -> Iterator[str]:
    """Give the address of a server with the metrics of watch."""
    registry = CollectorRegistry()
    Metrics(load_pack("mescc-lymphoma"), registry)
    server = MetricsServer(registry, lambda: (well["well"], dict(well)), "127.0.0.1", 0)
    server.start()
    yield server.address
    server.stop()


def get(address: str, path: str) -> tuple[int, str]:
    """Return status and body."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_every_series_is_there_before_anything_happened(address: str) -> None:
    """An alarm on a series that never came would never ring."""
    status, body = get(address, "/metrics")
    assert status == 200
    for topic in WATCHED:
        assert f'cordwatch_events_total{{outcome="fact",topic="{topic.noun}"}} 0.0' in body
    for rule in load_pack("mescc-lymphoma").rules:
        assert f'cordwatch_open_clocks{{rule="{rule.id}"}} 0.0' in body
        assert f'cordwatch_alerts_total{{level="due",rule="{rule.id}"}} 0.0' in body


def test_health_is_progress(address: str, well: dict[str, bool]) -> None:
    """503 when nothing moves, with what is known."""
    assert get(address, "/healthz") == (200, json.dumps({"well": True}))
    well["well"] = False
    assert get(address, "/healthz")[0] == 503


def test_live_and_ready_are_answered_apart(well: dict[str, bool]) -> None:
    """Who recovers is live, and neither well nor ready: killed, it would recover for ever."""
    said = {"live": True, "ready": False}
    well["well"] = False
    server = MetricsServer(
        CollectorRegistry(),
        lambda: (well["well"], dict(well)),
        "127.0.0.1",
        0,
        live=lambda: said["live"],
        ready=lambda: said["ready"],
    )
    server.start()
    paths = ("/healthz", "/livez", "/readyz")
    assert [get(server.address, one)[0] for one in paths] == [503, 200, 503]
    said |= {"live": False, "ready": True}
    assert [get(server.address, one)[0] for one in paths] == [503, 503, 200]
    # Whoever looks at one of them sees why.
    assert {get(server.address, one)[1] for one in paths} == {json.dumps({"well": False})}
    server.stop()


def test_where_nothing_else_is_said_health_stands_for_both(
    address: str, well: dict[str, bool]
) -> None:
    """A service that hangs whenever it is not well needs no other answer."""
    assert (get(address, "/livez")[0], get(address, "/readyz")[0]) == (200, 200)
    well["well"] = False
    assert (get(address, "/livez")[0], get(address, "/readyz")[0]) == (503, 503)


def test_nothing_else_is_served(address: str) -> None:
    """No table row, to nobody."""
    assert get(address, "/table/facts/A/")[0] == 404


def test_who_asked_and_has_gone_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    """A process that was frozen answers when nobody waits any more; its log must not fill with that."""
    asked, gone, answered = (threading.Event() for _ in range(3))

    def health() -> tuple[bool, dict[str, str]]:
        asked.set()
        gone.wait(5)
        answered.set()
        # More than a socket holds, so that it is noticed who is not there.
        return True, {"long": "x" * 8_000_000}

    server = MetricsServer(CollectorRegistry(), health, "127.0.0.1", 0)
    server.start()
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as impatient:
        impatient.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(5)
        # Gone at once, with a reset.
        impatient.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.set()
    assert answered.wait(5)
    # Answers of one connection are in threads of their own: the next one is begun after it has failed.
    assert get(server.address, "/nothing")[0] == 404
    server.stop()
    assert "Exception" not in capfd.readouterr().err
