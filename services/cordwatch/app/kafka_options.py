"""Options of every command on how Kafka is reached: names and helps alone, since `cordwatch --help` imports nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final[tuple[tuple[str, Any, str], ...]] = (
    (
        "--environment",
        click.Choice(["development", "production"]),
        "production refuses Kafka in the clear, topics with fewer than 3 copies, pages to nobody, and the demo; tells of metrics in the clear.",
    ),
    (
        "--accepted-risks",
        "LIST",
        "What it may do all the same, by name: plaintext-kafka, low-replication, short-keys, pages-to-nobody, plaintext-metrics. Stands on the board.",
    ),
    (
        "--kafka-security",
        click.Choice(["plaintext", "ssl", "sasl_ssl"]),
        "ssl: encrypted, and known by certificates; sasl_ssl: encrypted, and known by name and password.",
    ),
    ("--kafka-ca", "FILE", "Authorities that vouch for the broker; else those of this system."),
    ("--kafka-cert", "FILE", "Our certificate, for a broker that asks for one."),
    ("--kafka-key", "FILE", "Its key."),
    ("--kafka-key-password-file", "FILE", "What opens the key."),
    (
        "--kafka-sasl-mechanism",
        click.Choice(["SCRAM-SHA-512", "SCRAM-SHA-256"]),
        "How the password is proved, for sasl_ssl.",
    ),
    ("--kafka-username", "TEXT", "Who we are, for sasl_ssl."),
    ("--kafka-password-file", "FILE", "File with the password, for sasl_ssl."),
    (
        "--metrics-tls-cert",
        "FILE",
        "Certificate of /metrics and health, with which they are served over TLS.",
    ),
    ("--metrics-tls-key", "FILE", "Its key."),
    ("--metrics-tls-key-password-file", "FILE", "What opens the key."),
    ("--metrics-tls-client-ca", "FILE", "Authorities of those who may ask: nobody else connects."),
    (
        "--metrics-ca",
        "FILE",
        "Authorities of the processes that are asked for their health; else those of this system.",
    ),
)
_DEFAULTS: Final = {
    "--environment": "development",
    "--kafka-security": "plaintext",
    "--kafka-sasl-mechanism": "SCRAM-SHA-512",
}


def kafka_security_options(command: F) -> F:
    """Add the options by which Kafka is spoken to in secret, and by which a production is one."""
    for name, kind, text in reversed(_OPTIONS):
        variable = f"CORDWATCH_{name[2:].replace('-', '_').upper()}"
        default = _DEFAULTS.get(name)
        more = f" [default: {default}]" if default else ""
        command = click.option(
            name,
            envvar=variable,
            default=default,
            type=kind if isinstance(kind, click.Choice) else str,
            metavar=None if isinstance(kind, click.Choice) else kind,
            help=f"{text}{more} [{variable}]",
        )(command)
    return command
