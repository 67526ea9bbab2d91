"""Why a broker does not let us in: one word for what each client says in its own way, with a message and an exit code."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import kafka.errors as by_kafka_python
from confluent_kafka import KafkaError as RdkafkaError

Refusal = Literal[
    "wrong-authority",
    "expired",
    "wrong-name",
    "no-certificate",
    "bad-password",
    "denied",
    "other-protocol",
]

EXIT_CODES: Final[dict[Refusal, int]] = {
    "wrong-authority": 10,
    "expired": 11,
    "wrong-name": 12,
    "no-certificate": 13,
    "bad-password": 14,
    "denied": 15,
    "other-protocol": 16,
}
"""Of the command line: each its own, so that a script need not read the message."""

_VERIFY_CODES: Final[dict[int, Refusal]] = {
    # By OpenSSL: not valid yet, ended; host name, address. Anything else is a chain that leads to nobody we trust.
    9: "expired",
    10: "expired",
    62: "wrong-name",
    64: "wrong-name",
}
_ALERTS: Final[tuple[tuple[str, Refusal], ...]] = (
    # What the broker says of our certificate, or of there being none; Java says `bad` for none, and `unknown` for ended.
    ("ALERT_CERTIFICATE_EXPIRED", "expired"),
    ("ALERT_BAD_CERTIFICATE", "no-certificate"),
    ("ALERT_CERTIFICATE_", "no-certificate"),
    ("ALERT_UNKNOWN_CA", "no-certificate"),
    ("ALERT_HANDSHAKE_FAILURE", "no-certificate"),
    ("WRONG_VERSION_NUMBER", "other-protocol"),
    ("UNEXPECTED_EOF", "other-protocol"),
)
_CAUSES_MAX: Final = 10

_BY_AIOKAFKA: Final = "aiokafka.errors"
"""Looked for by name, since whoever raised one has imported it: a fifth of a second that other commands are spared."""
_PASSWORD_NAMES: Final = frozenset({"AuthenticationFailedError", "SaslAuthenticationFailed"})
_DENIED_NAMES: Final = frozenset(
    {
        "TopicAuthorizationFailedError",
        "GroupAuthorizationFailedError",
        "ClusterAuthorizationFailedError",
        "TransactionalIdAuthorizationFailed",
    }
)
_DENIED_CODES: Final = frozenset(
    {
        RdkafkaError.TOPIC_AUTHORIZATION_FAILED,
        RdkafkaError.GROUP_AUTHORIZATION_FAILED,
        RdkafkaError.CLUSTER_AUTHORIZATION_FAILED,
        RdkafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


class KafkaRefused(RuntimeError):
    """The broker is there, and does not let us in or do something; says why, and what mends it."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        """Say *text*; *refusal* gives the exit code."""
        super().__init__(text)
        self.refusal = refusal

    @property
    def exit_code(self) -> int:
        """Return the exit code of the command line."""
        return EXIT_CODES[self.refusal]


def denied(what: Iterable[str]) -> KafkaRefused:
    """Return that the broker does not allow *what*, which are things that ACLs can."""
    text = f"the broker does not allow us: {', '.join(what)}\nthe ACLs of each service: cordwatch topics acls"
    return KafkaRefused("denied", text)


def refusal_of(error: BaseException) -> Refusal | None:
    """Return what *error*, whichever client raised it, says of us; None where it says nothing of the kind."""
    return next((found for one in _chain(error) if (found := _refusal_of_one(one))), None)


def _refusal_of_one(error: BaseException) -> Refusal | None:
    match error:
        case KafkaRefused():
            return error.refusal
        case ssl.SSLError():
            return _of_tls(error)
        case by_kafka_python.SaslAuthenticationFailedError():
            return "bad-password"
        case by_kafka_python.AuthorizationError():
            return "denied"
        case _ if type(error).__module__ == _BY_AIOKAFKA:
            return _of_name(type(error).__name__)
    codes = (one.code() for one in error.args if isinstance(one, RdkafkaError))
    return next((found for code in codes if (found := refusal_of_code(code))), None)


def refusal_of_code(code: int) -> Refusal | None:
    """Return what librdkafka's *code* says of us, as far as it tells: of certificates it only says that one is wrong."""
    if code == RdkafkaError._AUTHENTICATION:  # noqa: SLF001 - its name there
        return "bad-password"
    return "denied" if code in _DENIED_CODES else None


def exit_code_of(error: BaseException, otherwise: int) -> int:
    """Return the exit code of a service that *error* ends: that of a refusal, else *otherwise*."""
    refusal = refusal_of(error)
    return EXIT_CODES[refusal] if refusal else otherwise


def _of_name(name: str) -> Refusal | None:
    if name in _PASSWORD_NAMES:
        return "bad-password"
    return "denied" if name in _DENIED_NAMES else None


def _of_tls(error: ssl.SSLError) -> Refusal | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, "wrong-authority")
    reason = error.reason or ""
    return next((refusal for word, refusal in _ALERTS if word in reason), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and what led to it."""
    current: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__
