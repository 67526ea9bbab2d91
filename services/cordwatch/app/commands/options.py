"""What several commands share: where Kafka is, by which rules, and on which clock. Whoever uses this reads no message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import configure_logging
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
    """Take these options out of *options*; return the broker and the clock: as in life, unless this is the demo."""
    speed, start, anchor = (options.pop(f"clock_{name}") for name in ("speed", "start", "anchor"))
    starts_at, anchored_at = (
        datetime.fromisoformat(one) if one else None for one in (start, anchor)
    )
    return kafka_of(ctx, embedded=options.pop("embedded")), WallClock(speed, starts_at, anchored_at)


def kafka_of(ctx: click.Context, *, embedded: bool = False) -> KafkaSettings:
    """Return where Kafka is, which may be the demo's *embedded* one; logging is set up by the way."""
    options = ctx.find_root().obj
    configure_logging(options["log_level"], options["log_format"])
    version = KAFKA_PYTHON_API_VERSION if embedded else options.get("api_version")
    return KafkaSettings(options["kafka"], options["broker_timeout"], version)
