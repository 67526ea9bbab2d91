"""Metrics and health over TLS: who may read them, who is believed to be ours, and what is said of those in the clear."""

from __future__ import annotations

import shutil
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cordwatch.app.commands.options import environment_of
from cordwatch.app.doctor.services import probes
from cordwatch.runtime.environment import DEVELOPMENT, Environment
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.runtime.metrics_tls import IN_THE_CLEAR, MetricsTls
from cordwatch.runtime.peers import BadTls
from tests.certificates import Authority, hospital, replace, stranger, trusting

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@contextmanager
def serving(environment: Environment, host: str = "127.0.0.1") -> Iterator[str]:
    """Give the address of a process's page."""
    server = MetricsServer(CollectorRegistry(), lambda: (True, {}), host, 0, environment)
    server.start()
    yield server.address.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - where it listens
    server.stop()


def of(metrics: MetricsTls, name: str = "production") -> Environment:
    """Return an installation whose metrics are served like this."""
    return Environment(name, metrics=metrics)  # type: ignore[arg-type]


def get(url: str, tls: ssl.SSLContext | None = None) -> str:
    """Return what is served."""
    with urllib.request.urlopen(url, timeout=5, context=tls) as answer:  # noqa: S310 - ours
        return str(answer.read().decode())


def test_with_a_certificate_nothing_is_served_in_the_clear(hospital: Authority) -> None:
    """Metrics and health by TLS alone: whoever asks otherwise gets nothing, and holds up nobody."""
    with serving(of(MetricsTls(*hospital.issue("metrics")))) as address:
        silent = socket.create_connection(tuple(address.split(":")), timeout=5)  # type: ignore[arg-type]
        for path in ("metrics", "healthz", "livez", "readyz"):
            assert get(f"https://{address}/{path}", trusting(hospital))
            with pytest.raises(OSError, match=r"(?i)reset|closed|disconnected|aborted|eof|status"):
                get(f"http://{address}/{path}")
        silent.close()
        told = get(f"https://{address}/metrics", trusting(hospital))
        assert "cordwatch_plaintext_metrics 0.0" in told
        assert 'cordwatch_certificate_expiry_timestamp_seconds{file="metrics-tls-cert"}' in told


def test_only_who_has_a_certificate_of_the_hospital_may_ask(
    hospital: Authority, stranger: Authority
) -> None:
    """Where the authority of those who ask is set: none, or one of somebody else, is not enough."""
    tls = MetricsTls(*hospital.issue("metrics"), tls_client_ca=hospital.certificate)
    with serving(of(tls)) as address:
        url = f"https://{address}/metrics"
        prometheus = trusting(hospital, hospital.issue("prometheus"))
        assert "cordwatch_healthy 1.0" in get(url, prometheus)
        for other in (trusting(hospital), trusting(hospital, stranger.issue("somebody"))):
            with pytest.raises(OSError, match=r"(?i)certificate|reset|alert|closed|eof"):
                get(url, other)


def test_a_certificate_that_is_replaced_counts_at_once(hospital: Authority) -> None:
    """As for everything else that listens."""
    cert, key = hospital.issue("metrics")
    with serving(of(MetricsTls(cert, key))) as address:
        assert get(f"https://{address}/healthz", trusting(hospital))
        other = hospital.issue("another")
        for path, fresh in zip((cert, key), other, strict=True):
            replace(path, fresh)
        host, port = address.split(":")
        with (
            socket.create_connection((host, int(port)), 5) as plain,
            trusting(hospital).wrap_socket(plain, server_hostname=host) as secret,
        ):
            assert secret.getpeercert()["subject"] == ((("commonName", "another"),),)  # type: ignore[index]


def test_a_process_of_ours_is_believed_by_its_own_authority_alone(
    hospital: Authority, stranger: Authority
) -> None:
    """Who asks for health names the authority; a certificate of another is none, and ours is shown to who wants one."""
    mine = MetricsTls(
        *hospital.issue("doctor"), tls_client_ca=hospital.certificate, ca=hospital.certificate
    )
    with serving(of(mine)) as address:
        url = f"https://{address}"
        asks = probes([url], "0.0.0", mine)[f"service {url}"]
        assert "is version" in asks().found
        believes_another = MetricsTls(mine.tls_cert, mine.tls_key, ca=stranger.certificate)
        asks = probes([url], "0.0.0", believes_another)[f"service {url}"]
        assert "does not answer (ClientConnectorCertificateError)" in asks().found


@pytest.mark.parametrize(
    ("environment", "host", "is_open", "is_warned"),
    [
        (Environment("production"), "0.0.0.0", True, True),  # noqa: S104 - what is told of
        (Environment("production", frozenset({"plaintext-metrics"})), "0.0.0.0", True, False),  # noqa: S104
        (Environment("production"), "127.0.0.1", False, False),
        (DEVELOPMENT, "0.0.0.0", False, False),  # noqa: S104
    ],
)
def test_a_production_that_is_measured_in_the_clear_says_so(
    environment: Environment,
    host: str,
    is_open: bool,
    is_warned: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By a line and a series; it is not refused, since a watch that does not start for it would watch nobody."""
    caplog.set_level("WARNING", "cordwatch.runtime")
    with serving(environment, host) as address:
        told = get(f"http://{address}/metrics")
    assert f"cordwatch_plaintext_metrics {float(is_open)}" in told
    assert ("metrics go beyond this machine in the clear" in caplog.text) is is_warned


@pytest.mark.parametrize(
    "options",
    [
        {"metrics_tls_cert": "x.pem"},
        {"metrics_tls_key": "x.key"},
        {"metrics_tls_client_ca": "ca.pem"},
    ],
)
def test_half_a_way_to_be_secret_does_not_start(options: dict[str, str]) -> None:
    """It never falls back to the clear."""
    with pytest.raises(BadTls, match="metrics-tls"):
        environment_of(options)


def test_files_that_hold_no_certificate_do_not_start(tmp_path: Path) -> None:
    """It says which setting, and serves nothing."""
    path = tmp_path / "bad.pem"
    path.write_text("nothing")
    with pytest.raises(BadTls, match="tls_cert"):
        MetricsServer(
            CollectorRegistry(), lambda: (True, {}), "127.0.0.1", 0, of(MetricsTls(path, path))
        )
    assert IN_THE_CLEAR.listening() is None
