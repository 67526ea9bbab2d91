"""By which suites of TLS ours listen and ask: real handshakes, in memory or on loopback."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from confluent_kafka.admin import AdminClient

from cordwatch.board.settings import BoardSettings
from cordwatch.runtime.cipher_suites import RECOMMENDED
from cordwatch.runtime.kafka_security import (
    KafkaSecurity,
    for_aiokafka,
    for_kafka_python,
    for_librdkafka,
)
from cordwatch.runtime.metrics_tls import MetricsTls
from cordwatch.runtime.peers import tls_context
from cordwatch.runtime.tls_files import trusting, trusting_the_system
from cordwatch.runtime.web_asking import asking
from cordwatch.watch.credentials import credentials
from tests.certificates import Authority, hospital
from tests.handshakes import shaken

__all__ = ["hospital"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

ROOT = Path(__file__).parents[3]
MINE = [one for one in RECOMMENDED if "ECDSA" in one]
"""For the kind of key that the tests have."""
WEAK = [
    # Without forward secrecy, without a digest of the whole, without any secret, or too short.
    *("AES256-GCM-SHA384", "AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA"),
    *("ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES256-SHA"),
]
EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def listener(hospital: Authority) -> ssl.SSLContext:
    """Return how ours listen."""
    certificate, key = hospital.issue("listener")
    found = tls_context(BoardSettings(tls_cert=certificate, tls_key=key))
    assert found is not None
    return found


def another(hospital: Authority, suites: str = EVERYTHING) -> ssl.SSLContext:
    """Return the server of somebody else, who speaks 1.2 by *suites* alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*hospital.issue("another"))
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def stranger(suites: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    """Return a client that offers *suites*, and verifies nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(suites)
    context.maximum_version = version
    return context


def chosen(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Return the suite that the two agree on."""
    told = shaken(server, client).cipher()
    assert told is not None
    return told[0]


@pytest.mark.parametrize("suite", WEAK)
def test_a_peer_with_weak_suites_alone_is_refused(
    hospital: Authority, suite: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever wants no forward secrecy, or no digest over the whole, gets no connection, and that is logged."""
    caplog.set_level("WARNING", "cordwatch.security")
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        chosen(listener(hospital), stranger(f"{suite}:@SECLEVEL=0"))
    assert "tls-failed" in caplog.text
    assert "NO_SHARED_CIPHER" in caplog.text


@pytest.mark.parametrize("suite", MINE)
def test_a_peer_with_a_recommended_suite_is_heard(hospital: Authority, suite: str) -> None:
    """Each of the list, of a peer that has no other."""
    assert chosen(listener(hospital), stranger(suite)) == suite


def test_the_strongest_suite_is_chosen_whatever_a_peer_would_rather_have(
    hospital: Authority,
) -> None:
    """By our order, not by the peer's."""
    assert chosen(listener(hospital), stranger(":".join([*WEAK[:4], *reversed(MINE)]))) == MINE[0]


def test_by_1_3_the_strongest_is_chosen_too(hospital: Authority) -> None:
    """OpenSSL's own suites of 1.3: recommended ones alone, in the right order."""
    server = listener(hospital)
    client = stranger("ALL", ssl.TLSVersion.TLSv1_3)
    assert chosen(server, client) == "TLS_AES_256_GCM_SHA384"


def contexts(hospital: Authority) -> dict[str, ssl.SSLContext]:
    """Return every way in which ours listen or ask."""
    security = KafkaSecurity("ssl", ca=hospital.certificate)
    cert, key = hospital.issue("metrics")
    metrics = MetricsTls(cert, key, tls_client_ca=hospital.certificate, ca=hospital.certificate)
    of_faust, serves = credentials(security), metrics.listening()
    assert of_faust is not None
    assert serves is not None
    return {
        "listening": listener(hospital),
        "asking": trusting(hospital.certificate),
        "asking by the system's authorities": trusting(None),
        "metrics": serves,
        "asking for metrics": metrics.asking(),
        "Kafka by kafka-python": for_kafka_python(security)["ssl_context"],
        "Kafka by aiokafka": for_aiokafka(security)["ssl_context"],
        "Kafka by Faust": of_faust.context,
    }


def test_nothing_but_what_is_recommended_is_enabled(hospital: Authority) -> None:
    """Wherever ours listen or ask: forward secrecy and a digest of the whole, the strongest first, nothing below 1.2."""
    for name, context in contexts(hospital).items():
        found = context.get_ciphers()
        assert [one["name"] for one in found if one["protocol"] == "TLSv1.2"] == list(
            RECOMMENDED
        ), name
        assert {one["protocol"] for one in found} == {"TLSv1.2", "TLSv1.3"}, name
        assert all(one["aead"] and one["kea"] in {"kx-ecdhe", "kx-any"} for one in found), name
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2, name


@pytest.mark.parametrize("suite", WEAK[2:4])
def test_we_ask_nobody_by_a_weak_suite(hospital: Authority, suite: str) -> None:
    """A server that has no other is not spoken to, though it is the right one."""
    with pytest.raises(ssl.SSLError):
        chosen(another(hospital, suite), trusting(hospital.certificate))
    assert chosen(another(hospital), trusting(hospital.certificate)) == MINE[0]


@contextmanager
def offered(hospital: Authority) -> Iterator[tuple[int, list[list[str]]]]:
    """Give the port of a server, and what the clients of it offer."""
    context, told = another(hospital), list[list[str]]()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                plain.settimeout(5)
                try:
                    with context.wrap_socket(plain, server_side=True) as secret:
                        told.append([one[0] for one in secret.shared_ciphers() or ()])
                except OSError:
                    continue

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], told
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_librdkafka_offers_the_same(hospital: Authority) -> None:
    """It has OpenSSL of its own, and is told by the same words: as a server hears it."""
    security = KafkaSecurity("ssl", ca=hospital.certificate)
    with offered(hospital) as (port, told):
        client = AdminClient(
            {"bootstrap.servers": f"localhost:{port}", "log_level": 0, **for_librdkafka(security)}
        )
        until = threading.Event()
        for _ in range(100):
            client.poll(0.05)
            if told or until.wait(0.05):
                break
        del client
    heard = [one for one in told[0] if not one.startswith("TLS_")]
    assert heard
    assert [one for one in RECOMMENDED if one in heard] == heard


async def test_an_http_client_of_ours_asks_by_no_weak_suite(
    hospital: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions for heartbeats, silences, health and keys: one function makes them all."""
    monkeypatch.setattr(
        "cordwatch.runtime.web_asking.trusting_the_system", lambda: trusting(hospital.certificate)
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    for suite, is_heard in ((WEAK[2], False), (EVERYTHING, True)):
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=another(hospital, suite))
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        async with server, asking(5) as session:
            if is_heard:
                assert (await session.get(url)).status == 204
            else:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(url)


MAKES = re.compile(r"SSLContext\(|create_default_context|PROTOCOL_TLS|ClientSession\(")
ALLOWED = {
    "runtime/tls_files.py": "makes every context, by `harden`",
    "runtime/peers.py": "as its files are, by `tls_files`",
    "runtime/kafka_security.py": "as its files are, by `tls_files`",
    "runtime/metrics_tls.py": "as its files are, by `tls_files`",
    "runtime/knocking.py": "finds out whether somebody speaks TLS at all, and says nothing there",
    "runtime/web_asking.py": "makes sessions",
    "board/keys.py": "names the context with each request",
    "pager/transports/http.py": "names the context with each request",
    "feeds/fhir_exchange/side.py": "names the context with its connector",
}
"""Where TLS is begun; whatever is added here is in the test of every context too."""


def test_tls_is_begun_in_one_way() -> None:
    """No module makes a context, or a session without one, by itself."""
    services = ROOT / "services" / "cordwatch"
    found = {
        str(path.relative_to(services))
        for path in services.rglob("*.py")
        if MAKES.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(ALLOWED)


def test_the_systems_authorities_are_read_once() -> None:
    """Not for every session in which somebody is asked: it takes as long as many answers."""
    assert trusting_the_system() is trusting_the_system()
