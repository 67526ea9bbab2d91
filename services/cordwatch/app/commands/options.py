"""What several commands share: how files are read, where Kafka is, how a source is described."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import Translated, translate
from cordwatch.feeds.source import EXERCISE_KEY, Source
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import configure_logging

F = TypeVar("F", bound=Callable[..., Any])


def source_options(command: F) -> F:
    """Add the options that describe where messages come from."""
    for option in (
        click.option(
            "--zone",
            envvar="CORDWATCH_ZONE",
            default="UTC",
            show_default=True,
            help="Time zone of times without an offset, like Europe/Amsterdam.",
        ),
        click.option(
            "--charset",
            envvar="CORDWATCH_CHARSET",
            default="iso8859_1",
            show_default=True,
            help="For messages that declare no character set and are not UTF-8.",
        ),
        click.option(
            "--key-file",
            envvar="CORDWATCH_KEY_FILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with the key that turns patient numbers into references.",
        ),
    ):
        command = option(command)
    return command


def pack_option(command: F) -> F:
    """Add the option that names the rules."""
    return click.option(
        "--pack",
        envvar="CORDWATCH_PACK",
        default="mescc-lymphoma",
        show_default=True,
        help="A pack's name or file, or a file that says which pack where (docs/packs.md).",
    )(command)


def source_of(zone: str, charset: str, key_file: Path | None) -> Source:
    """Return the source that the options describe."""
    try:
        found = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(f"{zone} is not a time zone", param_hint="--zone") from None
    key = key_file.read_bytes().strip() if key_file else EXERCISE_KEY
    if not key:
        raise click.BadParameter("the file is empty", param_hint="--key-file")
    return Source(zone=found, charset_fallback=charset, key=key)


def kafka_of(ctx: click.Context) -> KafkaSettings:
    """Return where Kafka is; logging is set up by the way."""
    options = ctx.find_root().obj
    configure_logging(options["log_level"], options["log_format"])
    return KafkaSettings(options["kafka"], options["broker_timeout"], options.get("api_version"))


def translated(
    files: tuple[Path, ...], source: Source, received_at: datetime | None, *, replayed: bool = False
) -> Iterator[Translated]:
    """Return every message of *files*, translated."""
    for path in files:
        for item in read_file(path):
            yield translate(item, source, received_at, replayed=replayed)
