"""How commands are told where messages come from, and how they read files of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cordwatch.app.commands.secret_files import BYTES_MIN
from cordwatch.feeds.fhir.known import Known
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import Translated, translate
from cordwatch.feeds.references import EXERCISE_KEY, References
from cordwatch.feeds.source import (
    DEFAULT_CHARSET,
    DEFAULT_ZONE,
    Source,
    Sources,
)

F = TypeVar("F", bound=Callable[..., Any])


def source_options(command: F) -> F:
    """Add the options that describe where messages come from."""
    for option in (
        click.option(
            "--zone",
            envvar="CORDWATCH_ZONE",
            help="Time zone of times without an offset, like Europe/Amsterdam."
            f" [default: {DEFAULT_ZONE}]",
        ),
        click.option(
            "--charset",
            envvar="CORDWATCH_CHARSET",
            help="For messages that declare no character set and are not UTF-8."
            f" [default: {DEFAULT_CHARSET}]",
        ),
        click.option(
            "--profile",
            envvar="CORDWATCH_PROFILE",
            multiple=True,
            type=click.Path(path_type=Path),
            help="File that says how a source is read (docs/profiles.md), instead of --zone, --charset"
            " and --patient-system. Several: the first that fits a message.",
        ),
        click.option(
            "--key-file",
            envvar="CORDWATCH_KEY_FILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with the key that turns patient numbers into references.",
        ),
        click.option(
            "--patient-system",
            envvar="CORDWATCH_PATIENT_SYSTEM",
            metavar="URI",
            help="FHIR: Identifier.system of the patient numbers; default: the first that fits.",
        ),
    ):
        command = option(command)
    return command


def key_of(key_file: Path | None) -> bytes:
    """Return the key for references, the exercise key where no file is named."""
    if key_file is None:
        return EXERCISE_KEY
    key = former_key_of(key_file)
    if len(key) < BYTES_MIN:
        # Who tries all short keys finds the number behind each reference.
        reason = f"shorter than {BYTES_MIN} bytes: cordwatch secrets make" if key else "empty"
        raise click.BadParameter(f"the file is {reason}", param_hint="--key-file")
    return key


def former_key_of(key_file: Path | None) -> bytes:
    """Return a key that is to be exchanged, and may be as short as keys once might be."""
    return EXERCISE_KEY if key_file is None else key_file.read_bytes().strip()


def source_of(
    zone: str | None,
    charset: str | None,
    key_file: Path | None,
    profile: tuple[Path, ...] = (),
    patient_system: str | None = None,
) -> Sources:
    """
    Return the source, or the profiles to choose from, that the options describe.

    Raises:
        BadYaml: a profile has faults; all of them.
    """
    references = References(key_of(key_file))
    if profile:
        if zone or charset or patient_system:
            raise click.UsageError(
                "a profile states zone, charset and the system of patient numbers itself: leave the"
                " option out"
            )
        from cordwatch.feeds.profile import Profiles  # noqa: PLC0415 - only where it is asked for

        return Profiles.of_files(profile, references)
    try:
        found = ZoneInfo(zone or DEFAULT_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(f"{zone} is not a time zone", param_hint="--zone") from None
    return Source(
        zone=found,
        charset_fallback=charset or DEFAULT_CHARSET,
        references=references,
        patient_system=patient_system or None,
    )


def known_of(files: tuple[Path, ...], source: Sources) -> Known:
    """Return what the FHIR resources in *files* may refer to in each other."""
    reads = source.of(b"", "")
    known = Known(reads.codes if reads else None)
    for path in files:
        items = takewhile(lambda item: item.format != "hl7v2", read_file(path))
        known.learn_all(item.data for item in items if item.format == "fhir")
    return known


def translated(
    files: tuple[Path, ...],
    source: Sources,
    received_at: datetime | None,
    *,
    replayed: bool = False,
) -> Iterator[Translated]:
    """Return every message of *files*, translated; FHIR resources may refer to each other across them."""
    known = known_of(files, source)
    for path in files:
        for item in read_file(path):
            yield translate(item, source, received_at, replayed=replayed, known=known.find)
