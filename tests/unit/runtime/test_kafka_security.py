"""How Kafka is spoken to in secret, put in the words of each client; and nothing that tells a secret."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest
from faust.auth import SASLCredentials, SSLCredentials
from kafka.errors import KafkaConnectionError

from cordwatch.runtime.cipher_suites import SUITES
from cordwatch.runtime.kafka import KafkaSettings, producer_settings
from cordwatch.runtime.kafka_security import (
    BadSecurity,
    KafkaSecurity,
    for_aiokafka,
    for_kafka_python,
    for_librdkafka,
    password_of,
    tls_context,
)
from cordwatch.watch.credentials import credentials
from tests.certificates import Authority, hospital

__all__ = ["hospital"]

PASSWORD = "correct-horse-zebrafinch"  # noqa: S105 - nobody's
HERE = Path(__file__)


@pytest.fixture
def by_password(hospital: Authority, tmp_path: Path) -> KafkaSecurity:
    """Return how a service is known by name and password."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return KafkaSecurity(
        "sasl_ssl", ca=hospital.certificate, username="cordwatch-watch", password_file=file
    )


@pytest.fixture
def by_certificate(hospital: Authority, tmp_path: Path) -> KafkaSecurity:
    """Return how a service is known by its certificate, whose key is encrypted."""
    cert, key = hospital.issue("watch", password=PASSWORD)
    file = tmp_path / "key-password"
    file.write_text(PASSWORD, encoding="utf-8")
    return KafkaSecurity("ssl", ca=hospital.certificate, cert=cert, key=key, key_password_file=file)


def test_in_the_clear_no_client_is_told_anything() -> None:
    """As before: their defaults."""
    plain = KafkaSecurity()
    assert (for_kafka_python(plain), for_aiokafka(plain), for_librdkafka(plain)) == ({}, {}, {})
    assert credentials(plain) is None


def test_a_password_in_the_words_of_each_client(by_password: KafkaSecurity) -> None:
    """SCRAM over TLS, the broker's name verified."""
    for told in (for_kafka_python(by_password), for_aiokafka(by_password)):
        context = told.pop("ssl_context")
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert told == {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "cordwatch-watch",
            "sasl_plain_password": PASSWORD,
        }
    assert for_librdkafka(by_password) == {
        "security.protocol": "sasl_ssl",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.cipher.suites": SUITES,
        "ssl.ca.location": str(by_password.ca),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "cordwatch-watch",
        "sasl.password": PASSWORD,
    }
    found = credentials(by_password)
    assert isinstance(found, SASLCredentials)
    assert (found.protocol.value, found.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (found.username, found.password) == ("cordwatch-watch", PASSWORD)


def test_a_certificate_in_the_words_of_each_client(by_certificate: KafkaSecurity) -> None:
    """Its key is opened by the password in a file."""
    told = for_kafka_python(by_certificate)
    assert (sorted(told), told["security_protocol"]) == (
        ["security_protocol", "ssl_context"],
        "SSL",
    )
    assert for_aiokafka(by_certificate).keys() == told.keys()
    assert for_librdkafka(by_certificate) == {
        "security.protocol": "ssl",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.cipher.suites": SUITES,
        "ssl.ca.location": str(by_certificate.ca),
        "ssl.certificate.location": str(by_certificate.cert),
        "ssl.key.location": str(by_certificate.key),
        "ssl.key.password": PASSWORD,
    }
    found = credentials(by_certificate)
    assert isinstance(found, SSLCredentials)
    assert found.context.check_hostname


def test_a_connection_that_is_cut_as_tls_begins_is_one_of_kafka_s_errors(
    by_password: KafkaSecurity,
) -> None:
    """kafka-python waits and tries again then; any other error ends whoever reads."""
    context = for_kafka_python(by_password)["ssl_context"]
    with socket.create_server(("127.0.0.1", 0)) as broker:
        client = socket.create_connection(broker.getsockname())
        served, _ = broker.accept()
        # Closed without a farewell: the client's side is told that it was reset.
        served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        served.close()
        with client, pytest.raises(KafkaConnectionError, match="ConnectionResetError"):
            context.wrap_socket(client, server_hostname="127.0.0.1", do_handshake_on_connect=False)


def test_every_client_of_librdkafka_is_told(by_password: KafkaSecurity) -> None:
    """Whatever else it is for: the settings that all share carry it."""
    kafka = KafkaSettings("broker:9093", security=by_password)
    told = producer_settings(kafka)
    assert (told["bootstrap.servers"], told["sasl.password"]) == ("broker:9093", PASSWORD)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ca": HERE}, "kafka-ca: only with kafka-security ssl"),
        ({"username": "u"}, "kafka-username: only with"),
        ({"protocol": "ssl", "cert": HERE}, "kafka-cert and kafka-key"),
        ({"protocol": "ssl", "key_password_file": HERE}, "there is no kafka-key"),
        ({"protocol": "sasl_ssl", "username": "u"}, "needs kafka-username and kafka-password-file"),
        ({"protocol": "sasl_ssl", "password_file": HERE}, "needs kafka-username"),
        ({"protocol": "ssl", "username": "u"}, "only with kafka-security sasl_ssl"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, Any], told: str) -> None:
    """Whoever names an authority or a password believes that it counts."""
    with pytest.raises(BadSecurity, match=told):
        KafkaSecurity(**given)


def test_a_file_that_does_not_hold_what_it_should_is_named(
    by_certificate: KafkaSecurity, tmp_path: Path
) -> None:
    """By its setting, and never by what is in it."""
    nothing = tmp_path / "nothing"
    nothing.write_text(PASSWORD, encoding="utf-8")
    cert, key, ca = by_certificate.cert, by_certificate.key, by_certificate.ca
    for security, told in (
        (KafkaSecurity("ssl", ca=nothing), "kafka-ca"),
        (KafkaSecurity("ssl", ca=ca, cert=cert, key=nothing), "kafka-cert, kafka-key"),
        (KafkaSecurity("ssl", ca=ca, cert=cert, key=key), "or a wrong password"),
    ):
        with pytest.raises(BadSecurity, match=told) as refused:
            tls_context(security)
        assert PASSWORD not in str(refused.value)
    with pytest.raises(FileNotFoundError):
        tls_context(KafkaSecurity("ssl", ca=tmp_path / "gone"))


def test_an_empty_password_is_none(by_password: KafkaSecurity) -> None:
    """A secret that was never filled in must not look like one."""
    assert by_password.password_file is not None
    by_password.password_file.write_text(" \n", encoding="utf-8")
    with pytest.raises(BadSecurity, match="the file is empty"):
        password_of(by_password)


def test_what_can_be_printed_tells_no_secret(by_password: KafkaSecurity) -> None:
    """Settings end up in errors and logs; Faust prints its credentials too."""
    shown = f"{by_password!r} {KafkaSettings('b:1', security=by_password)!r}"
    assert PASSWORD not in f"{shown} {credentials(by_password)!r}"
