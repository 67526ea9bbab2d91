"""
Knocks at the broker's door before a client does: the clients hide why they are not let in.

kafka-python and aiokafka try until their time is up and then say that there is
no broker; librdkafka says of every certificate that it is wrong, not how. So
the handshake is done once by Python's own TLS, which tells, and a password is
proved once by librdkafka, which says when it is refused. It costs some
milliseconds at a start, half a second where there is a password.
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer

from cordwatch.runtime.kafka_refusals import KafkaRefused, refusal_of, refusal_of_code
from cordwatch.runtime.kafka_security import KafkaSecurity, for_librdkafka, tls_context
from cordwatch.runtime.wall_clock import WallClock

PORT: Final = 9092
KNOCK_S: Final = 5.0
PASSWORD_LOOK_S: Final = 0.5
PASSWORD_LOOKS_MAX: Final = 10

_QUESTION: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""ApiVersions, which is answered to everybody: a broker that wants a certificate says so only when it is asked."""


def require_entry(address: str, security: KafkaSecurity) -> None:
    """
    Look whether the broker at *address* lets us in; where none answers, that is for the client to wait for.

    Raises:
        KafkaRefused: says why not, and what mends it.
        BadSecurity, OSError: a file cannot be used.
    """
    if not security.is_secret:
        return
    context = tls_context(security)
    for host, port in places_of(address):
        if _knock(host, port, security, context):
            break
    else:
        return
    if security.has_password:
        _prove_password(address, security)


def speaks_tls(address: str) -> bool:
    """Return whether somebody at *address* answers in TLS: to whoever asked in the clear and heard nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for host, port in places_of(address):
        try:
            with (
                socket.create_connection((host, port), KNOCK_S) as plain,
                context.wrap_socket(plain, server_hostname=host),
            ):
                return True
        except (OSError, ValueError):
            continue
    return False


def _knock(host: str, port: int, security: KafkaSecurity, context: ssl.SSLContext) -> bool:
    """Return whether anybody is there; a handshake, and an answer to a first question."""
    try:
        plain = socket.create_connection((host, port), KNOCK_S)
    except OSError:
        return False
    try:
        with plain, context.wrap_socket(plain, server_hostname=host) as secret:
            secret.sendall(_QUESTION)
            return bool(secret.recv(1))
    except ssl.SSLError as error:
        raise _refused(error, f"{host}:{port}", host, security) from None
    except OSError:
        # It hung up, or said nothing in time: what that means, the client's own tries tell.
        return False


def _refused(
    error: ssl.SSLError, address: str, host: str, security: KafkaSecurity
) -> KafkaRefused | ssl.SSLError:
    broker = f"the certificate of the broker at {address}"
    refusal = refusal_of(error)
    match refusal:
        case "wrong-authority":
            vouching = "kafka-ca" if security.ca else "this system, and no kafka-ca is named"
            text = f"{broker} is not vouched for by the authorities of {vouching}: name its own"
        case "wrong-name":
            text = f"{broker} is for another name than {host}: use a name that stands in it, or have it made anew"
        case "no-certificate" if (ended := _own_ended(security)) is not None:
            refusal, text = (
                "expired",
                f"our own certificate (kafka-cert) ended on {ended}: renew it",
            )
        case "no-certificate" if security.cert is not None:
            text = f"the broker at {address} does not accept our certificate (kafka-cert)"
        case "no-certificate":
            text = f"the broker at {address} wants a certificate of us: name it as kafka-cert and kafka-key"
        case "expired" if isinstance(error, ssl.SSLCertVerificationError):
            text = f"{broker} has ended, or has not begun: whoever runs the broker must renew it"
        case "expired":
            text = "our own certificate (kafka-cert) has ended: renew it"
        case "other-protocol":
            text = f"the broker at {address} does not speak TLS there: another port, or kafka-security plaintext"
        case _:
            return error
    return KafkaRefused(refusal, text)


def _own_ended(security: KafkaSecurity) -> str | None:
    """Return the day on which our certificate ended, None where it did not."""
    if security.cert is None:
        return None
    from cryptography import x509  # noqa: PLC0415 - only where something is wrong

    certificate = x509.load_pem_x509_certificate(security.cert.read_bytes())
    ended_at = certificate.not_valid_after_utc
    return ended_at.date().isoformat() if ended_at < WallClock().now() else None


def _prove_password(address: str, security: KafkaSecurity) -> None:
    refusals: list[int] = []

    def tell(error: KafkaError) -> None:
        if refusal_of_code(error.code()) == "bad-password":
            refusals.append(error.code())

    settings = {"bootstrap.servers": address, "log_level": 0, "error_cb": tell}
    client = Producer({**settings, **for_librdkafka(security)})
    for _ in range(PASSWORD_LOOKS_MAX):
        try:
            client.list_topics(timeout=PASSWORD_LOOK_S)
        except KafkaException:
            client.poll(0)
        else:
            return
        if refusals:
            raise KafkaRefused(
                "bad-password",
                f"the broker at {address} does not accept who we are: "
                "kafka-username, kafka-password-file or kafka-sasl-mechanism is not what it knows",
            )


def places_of(address: str) -> list[tuple[str, int]]:
    """Return host and port of each broker that *address* names, with commas."""
    found = []
    for one in address.split(","):
        host, _, port = one.strip().rpartition(":")
        found.append((host.strip("[]"), int(port) if port.isdecimal() else PORT))
    return found
