"""What several commands share: where Kafka is, by which rules, and on which clock. Whoever uses this reads no message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION
from cordwatch.runtime.environment import Environment
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.kafka_security import KafkaSecurity
from cordwatch.runtime.logging import configure_logging
from cordwatch.runtime.metrics_tls import MetricsTls
from cordwatch.runtime.wall_clock import WallClock

F = TypeVar("F", bound=Callable[..., Any])


def pack_option(command: F) -> F:
    """Add the option that names the rules."""
    return click.option(
        "--pack",
        envvar="CORDWATCH_PACK",
        default="mescc-lymphoma",
        show_default=True,
        help="A pack's name or file, or a file that says which pack where (docs/packs.md).",
    )(command)


def demo_options(command: F) -> F:
    """Add the hidden options by which the demo lets a service run on its own clock and broker."""
    for option in (
        click.option("--clock-speed", default=1.0, hidden=True),
        click.option("--clock-start", hidden=True),
        click.option("--clock-anchor", hidden=True),
        click.option("--embedded", is_flag=True, hidden=True),
    ):
        command = option(command)
    return command


def demo_of(ctx: click.Context, options: dict[str, Any]) -> tuple[KafkaSettings, WallClock]:
    """
    Take these options out of *options*; return the broker and the clock: as in life, unless this is the demo.

    Raises:
        NotForProduction: it is the demo, in a production.
    """
    clock = clock_of(ctx, options)
    return kafka_of(ctx, embedded=options.pop("embedded")), clock


def clock_of(ctx: click.Context, options: dict[str, Any]) -> WallClock:
    """
    Take the clock's options out of *options*; return the clock: as in life, unless this is the demo.

    Raises:
        NotForProduction: it would not be as in life, in a production.
    """
    speed, start, anchor = (options.pop(f"clock_{name}") for name in ("speed", "start", "anchor"))
    if speed != 1 or start or anchor:
        environment_of(ctx.find_root().obj).require_patients("a clock that is not as in life")
    starts_at, anchored_at = (
        datetime.fromisoformat(one) if one else None for one in (start, anchor)
    )
    return WallClock(speed, starts_at, anchored_at)


def kafka_of(ctx: click.Context, *, embedded: bool = False) -> KafkaSettings:
    """
    Return where Kafka is, which may be the demo's *embedded* one; logging is set up by the way.

    Raises:
        BadSecurity, UnknownRisk: options do not go together.
        NotForProduction: a production would speak in the clear, or to a broker in memory.
    """
    options = ctx.find_root().obj
    configure_logging(options["log_level"], options["log_format"])
    address, timeout_s = options["kafka"], options["broker_timeout"]
    if embedded:
        environment_of(options).require_patients("a broker in memory (--embedded)")
        # The demo's, in memory and of invented patients: what counts elsewhere does not count here.
        return KafkaSettings(address, timeout_s, KAFKA_PYTHON_API_VERSION)
    environment = environment_of(options)
    security = _security_of(options)
    environment.require_secret(is_secret=security.is_secret)
    version = options.get("api_version")
    return KafkaSettings(address, timeout_s, version, security, environment)


def environment_of(options: Mapping[str, Any]) -> Environment:
    """
    Return whether this is a production, and what was accepted there.

    Raises:
        UnknownRisk: what is accepted has no meaning.
    """
    risks = (options.get("accepted_risks") or "").split(",")
    accepted = frozenset(one.strip() for one in risks if one.strip())
    metrics = metrics_tls_of(options)
    return Environment(options.get("environment") or "development", accepted, metrics)


def metrics_tls_of(options: Mapping[str, Any]) -> MetricsTls:
    """
    Return how metrics are served, and read.

    Raises:
        BadTls: options do not go together.
    """
    names = ("tls_cert", "tls_key", "tls_key_password_file", "tls_client_ca", "ca")
    given = {name: options.get(f"metrics_{name}") for name in names}
    return MetricsTls(**{name: Path(one) if one else None for name, one in given.items()})


def _security_of(options: Mapping[str, Any]) -> KafkaSecurity:
    def named(name: str) -> Path | None:
        found = options.get(f"kafka_{name}")
        return Path(found) if found else None

    return KafkaSecurity(
        protocol=options.get("kafka_security") or "plaintext",
        ca=named("ca"),
        cert=named("cert"),
        key=named("key"),
        key_password_file=named("key_password_file"),
        mechanism=options.get("kafka_sasl_mechanism") or "SCRAM-SHA-512",
        username=options.get("kafka_username") or None,
        password_file=named("password_file"),
    )
