"""
How Kafka is spoken to in secret: said once, and put in the words of each client.

Three clients speak to it: kafka-python, librdkafka (confluent-kafka), and
aiokafka under Faust. What they are given here is all that they know of it.
Secrets are read from their files when a client is made and are kept nowhere
else; nothing here can be printed that holds one. Certificates are read again
when they were replaced: by the two in Python at their next connection, by a
client of librdkafka when it is made anew (`renewal_of`).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from kafka.errors import KafkaConnectionError

from cordwatch.runtime.cipher_suites import SUITES
from cordwatch.runtime.tls_files import Renewal, RenewedContext, trust

Protocol = Literal["plaintext", "ssl", "sasl_ssl"]
Mechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]
PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)
MECHANISMS: Final[tuple[Mechanism, ...]] = get_args(Mechanism)


class BadSecurity(ValueError):
    """The settings do not go together, or a file does not hold what it should; names settings, shows no secret."""


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """
    Whether messages to the broker are encrypted, whom we trust, and who we are.

    There is no password without encryption: `sasl_plaintext` is no choice here.
    """

    protocol: Protocol = "plaintext"
    ca: Path | None = None
    """Authorities by which the broker is verified; None: those of the system."""
    cert: Path | None = None
    key: Path | None = None
    key_password_file: Path | None = None
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None

    def __post_init__(self) -> None:
        """
        Refuse what does not go together.

        Raises:
            BadSecurity: names the settings.
        """
        named: dict[str, Path | str | None] = {
            "kafka-ca": self.ca,
            "kafka-cert": self.cert,
            "kafka-key": self.key,
            "kafka-username": self.username,
            "kafka-password-file": self.password_file,
        }
        given = [name for name, value in named.items() if value is not None]
        if self.protocol == "plaintext" and given:
            # Whoever names an authority believes that it is asked.
            raise BadSecurity(f"{', '.join(given)}: only with kafka-security ssl or sasl_ssl")
        if (self.cert is None) != (self.key is None):
            raise BadSecurity("kafka-cert and kafka-key: one does not go without the other")
        if self.key_password_file is not None and self.key is None:
            raise BadSecurity("kafka-key-password-file: there is no kafka-key")
        is_named = (self.username is not None, self.password_file is not None)
        if self.protocol == "sasl_ssl" and not all(is_named):
            raise BadSecurity(
                "kafka-security sasl_ssl needs kafka-username and kafka-password-file"
            )
        if self.protocol == "ssl" and any(is_named):
            raise BadSecurity(
                "kafka-username and kafka-password-file: only with kafka-security sasl_ssl"
            )

    @property
    def is_secret(self) -> bool:
        """Return whether nobody on the way can read along."""
        return self.protocol != "plaintext"

    @property
    def certificates(self) -> tuple[Path | None, ...]:
        """Return the files that are replaced when a certificate is renewed."""
        return self.ca, self.cert, self.key, self.key_password_file

    @property
    def has_password(self) -> bool:
        """Return whether a name and a password say who we are."""
        return self.protocol == "sasl_ssl"


PLAINTEXT: Final = KafkaSecurity()


def tls_context(security: KafkaSecurity) -> RenewedContext:
    """
    Return how the broker is verified, its name included, and what is shown to it; each connection as the files are then.

    Raises:
        BadSecurity: a file does not hold what it should.
        OSError: a file cannot be read.
    """
    return _context(security, RenewedContext)


def _context(security: KafkaSecurity, kind: type[RenewedContext]) -> RenewedContext:
    def load(context: ssl.SSLContext) -> None:
        _load(context, security)

    return kind.of(ssl.PROTOCOL_TLS_CLIENT, security.certificates, load)


def renewal_of(security: KafkaSecurity) -> Renewal:
    """Return what tells a client of librdkafka that its certificates are old: it reads them only when it is made."""
    return Renewal(security.certificates, lambda: tls_context(security))


def _load(context: ssl.SSLContext, security: KafkaSecurity) -> None:
    for path in (security.ca, security.cert, security.key):
        if path is not None:
            # For its own error, which names the file.
            path.open("rb").close()
    try:
        trust(context, security.ca)
    except ssl.SSLError:
        raise BadSecurity("kafka-ca: no certificate in it") from None
    if security.cert is not None:
        password = _secret(security.key_password_file) or ""
        try:
            # Given as a function, so that an encrypted key never asks at the terminal.
            context.load_cert_chain(security.cert, security.key, lambda: password)
        except (ssl.SSLError, ValueError):
            raise BadSecurity(
                "kafka-cert, kafka-key: not a certificate and its key, or a wrong password"
            ) from None


class _ForKafkaPython(RenewedContext):
    """
    Where a connection that is cut is one of Kafka's errors.

    A broker that goes just when TLS begins is an error of the system's otherwise, which
    kafka-python (3.0.12) does not expect: it is raised to whoever reads, and ends them.
    """

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """
        Begin a connection.

        Raises:
            KafkaConnectionError: it is cut already.
        """
        try:
            return super().wrap_socket(*args, **options)
        except ConnectionError as error:
            raise KafkaConnectionError(type(error).__name__) from None


def for_kafka_python(security: KafkaSecurity) -> dict[str, Any]:
    """
    Return what kafka-python is told.

    Raises:
        BadSecurity, OSError: a file cannot be used.
    """
    return _for_python(security, _ForKafkaPython)


def for_aiokafka(security: KafkaSecurity) -> dict[str, Any]:
    """
    Return what aiokafka is told: where it is used without Faust.

    Raises:
        BadSecurity, OSError: a file cannot be used.
    """
    return _for_python(security, RenewedContext)


def _for_python(security: KafkaSecurity, kind: type[RenewedContext]) -> dict[str, Any]:
    # aiokafka was kafka-python once, and both still have these words for it.
    if not security.is_secret:
        return {}
    told = {"security_protocol": security.protocol.upper(), "ssl_context": _context(security, kind)}
    if not security.has_password:
        return told
    return {
        **told,
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": security.username,
        "sasl_plain_password": password_of(security),
    }


def for_librdkafka(security: KafkaSecurity) -> dict[str, Any]:
    """
    Return what librdkafka is told; it reads the files itself.

    Raises:
        BadSecurity, OSError: a file cannot be used.
    """
    if not security.is_secret:
        return {}
    # Read here too, for an error that names the setting: its own names a line of OpenSSL.
    tls_context(security)
    told: dict[str, Any] = {
        "security.protocol": security.protocol,
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.cipher.suites": SUITES,
    }
    files = {
        "ssl.ca.location": security.ca,
        "ssl.certificate.location": security.cert,
        "ssl.key.location": security.key,
    }
    told |= {name: str(path) for name, path in files.items() if path is not None}
    if security.key_password_file is not None:
        told["ssl.key.password"] = _secret(security.key_password_file)
    if security.has_password:
        told["sasl.mechanism"] = security.mechanism
        told["sasl.username"] = security.username
        told["sasl.password"] = password_of(security)
    return told


def password_of(security: KafkaSecurity) -> str:
    """
    Return the password: for a client, never for a line that anybody reads.

    Raises:
        BadSecurity: there is none in the file.
        OSError: the file cannot be read.
    """
    found = _secret(security.password_file)
    if not found:
        raise BadSecurity("kafka-password-file: the file is empty")
    return found


def _secret(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise BadSecurity(f"{path.name}: a password is text, and this is none") from None
