"""What the errors of each client say of us, in one word; each word with an exit code of its own."""

from __future__ import annotations

import re
import ssl
from typing import Any

import aiokafka.errors as by_aiokafka
import kafka.errors as by_kafka_python
import pytest
from confluent_kafka import KafkaError, KafkaException

from cordwatch.app import cli
from cordwatch.app.cli import report
from cordwatch.runtime.kafka import BrokerUnreachable
from cordwatch.runtime.kafka_refusals import EXIT_CODES, KafkaRefused, denied, refusal_of


def unverified(code: int) -> ssl.SSLError:
    """Return what Python raises for a certificate that OpenSSL finds wrong by *code*."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


def alerted(reason: str) -> ssl.SSLError:
    """Return what Python raises where the other side ends the handshake."""
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (unverified(18), "wrong-authority"),
        (unverified(20), "wrong-authority"),
        (unverified(9), "expired"),
        (unverified(10), "expired"),
        (unverified(62), "wrong-name"),
        (unverified(64), "wrong-name"),
        (alerted("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "no-certificate"),
        (alerted("SSLV3_ALERT_BAD_CERTIFICATE"), "no-certificate"),
        (alerted("SSLV3_ALERT_CERTIFICATE_UNKNOWN"), "no-certificate"),
        (alerted("TLSV1_ALERT_UNKNOWN_CA"), "no-certificate"),
        (alerted("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "expired"),
        (alerted("WRONG_VERSION_NUMBER"), "other-protocol"),
        (alerted("NO_CIPHERS_AVAILABLE"), None),
        (by_kafka_python.SaslAuthenticationFailedError(), "bad-password"),
        (by_aiokafka.AuthenticationFailedError(), "bad-password"),
        (KafkaException(KafkaError(KafkaError._AUTHENTICATION)), "bad-password"),
        (by_kafka_python.TopicAuthorizationFailedError({"t"}), "denied"),
        (by_kafka_python.GroupAuthorizationFailedError("g"), "denied"),
        (by_aiokafka.TopicAuthorizationFailedError({"t"}), "denied"),
        (by_aiokafka.GroupAuthorizationFailedError("g"), "denied"),
        (KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED)), "denied"),
        (KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), None),
        (BrokerUnreachable("b:1", 2), None),
        (ValueError("x"), None),
    ],
)
def test_the_same_is_said_whichever_client_says_it(error: BaseException, refusal: Any) -> None:
    """Of a certificate, a password, or an ACL."""
    assert refusal_of(error) == refusal


def test_what_led_to_an_error_is_looked_at_too() -> None:
    """Clients wrap what happened."""
    outer = RuntimeError("cannot bootstrap")
    outer.__cause__ = by_kafka_python.TopicAuthorizationFailedError({"t"})
    assert refusal_of(outer) == "denied"
    ring = RuntimeError("x")
    ring.__context__ = outer
    outer.__cause__ = ring
    assert refusal_of(ring) is None


def test_each_refusal_has_an_exit_code_of_its_own() -> None:
    """None of those that mean something else."""
    others = {value for name, value in vars(cli).items() if re.fullmatch(r"EXIT_[A-Z]+", name)}
    codes = set(EXIT_CODES.values())
    assert (len(codes), codes & others) == (len(EXIT_CODES), set())


def test_the_command_line_says_it_in_a_line_with_its_code() -> None:
    """Also of an error that a client raised in the middle of its work."""
    assert report(KafkaRefused("wrong-name", "the name")) == ("the name", 12)
    text, code = report(by_kafka_python.TopicAuthorizationFailedError({"t"})) or ("", 0)
    assert (code, text) == (15, str(denied(["TopicAuthorizationFailedError"])))
    assert report(ValueError("x")) is None
