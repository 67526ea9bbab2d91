"""`cordwatch quarantine`: what could not be understood, and why; looked at, put aside, taken out."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.quarantine_retry import retry
from cordwatch.app.commands.quarantine_selection import (
    require_selection,
    selection_of,
    selection_options,
    shelf_of,
)
from cordwatch.feeds.quarantine import Held, Selection, original_of, said, settled
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import Quarantined
from cordwatch_schemas.topics import QUARANTINE

F = TypeVar("F", bound=Callable[..., Any])

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
MANIFEST = "manifest.jsonl"
_SUFFIXES = {"hl7v2": "hl7", "fhir": "json", "event-json": "json"}

_ALL = click.option("--resolved", is_flag=True, help="Also what was read after all, or put aside.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")

log = get_logger("cordwatch.quarantine")


@click.group()
def quarantine() -> None:
    """
    Work with what could not be understood: look, mend the profile, read it again.

    Originals hold names and numbers: they are written to files only, or to a
    pipe on request, and never printed otherwise.

    \b
    Example:  cordwatch quarantine list --counts
              cordwatch quarantine show 5f0c...-0 --original message.hl7
              cordwatch profile try ris.yaml message.hl7
              cordwatch quarantine retry --source RIS --profile ris.yaml --key-file key --dry-run
              cordwatch quarantine retry --source RIS --profile ris.yaml --key-file key
    """


def as_data(held: Held, *, whole: bool = False) -> dict[str, Any]:
    """Return a fault as JSON has it, without the original."""
    told = held.kept.model_dump(mode="json", exclude={"content_base64"})
    shown = {name: value for name, value in told.items() if whole or value is not None}
    return {**shown, "format": held.format}


def line_of(held: Held) -> str:
    """Return a fault in a line."""
    kept = held.kept
    end = "" if held.is_open else f" ({kept.resolution})"
    at = f"{kept.received_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"{kept.quarantine_id} {at} {kept.source} {kept.stage} {kept.field}: {kept.reason}{end}"


@quarantine.command("list")
@selection_options
@_ALL
@click.option("--counts", is_flag=True, help="How many by source, field and reason.")
@_JSON
@click.pass_context
def list_(
    ctx: click.Context, /, *, resolved: bool, counts: bool, as_json: bool, **selected: Any
) -> None:
    """
    List what is still open: id, when, source, field and reason.

    \b
    Example:  cordwatch quarantine list --source RIS --field PID-3
    Exit codes: 0 none; 1 some are open; 3 topics are missing; 4 no broker answers.
    """
    chosen = selection_of(selected, resolved=resolved)
    found = [one for one in shelf_of(kafka_of(ctx)).held() if chosen.fits(one)]
    if counts:
        _show_counts(found, as_json=as_json)
    else:
        for one in found:
            click.echo(json.dumps(as_data(one)) if as_json else line_of(one))
    ctx.exit(1 if any(one.is_open for one in found) else 0)


def _show_counts(found: list[Held], *, as_json: bool) -> None:
    counted = Counter((one.kept.source, one.kept.field, one.kept.reason) for one in found)
    for (source, field, reason), count in counted.most_common():
        if as_json:
            told = {"count": count, "source": source, "field": field, "reason": reason}
            click.echo(json.dumps(told))
        else:
            click.echo(f"{count:6} {source} {field}: {reason}")


@quarantine.command()
@click.argument("quarantine_id", metavar="ID")
@click.option(
    "--original",
    metavar="FILE",
    help="Write the message there (- for standard output): it holds names and numbers.",
)
@click.option("--force", is_flag=True, help="Write it even to a terminal, which may be recorded.")
@_JSON
@click.pass_context
def show(
    ctx: click.Context, quarantine_id: str, *, original: str | None, force: bool, as_json: bool
) -> None:
    """
    Tell all about one fault, without the message; write the message on request.

    \b
    Example:  cordwatch quarantine show 5f0c...-0
              cordwatch quarantine show 5f0c...-0 --original message.hl7
    Exit codes: 0; 1 there is none, or its original is no longer kept; 2 wrong use,
    or the file is there already; 3 topics are missing; 4 no broker answers.
    """
    if original == "-" and sys.stdout.isatty() and not force:
        raise click.UsageError("names and numbers on a terminal: name a file, or say --force")
    kafka = kafka_of(ctx)
    chosen = Selection(ids=frozenset({quarantine_id}), resolved=True)
    found = [one for one in shelf_of(kafka).held() if chosen.fits(one)]
    if not found:
        click.echo("cordwatch: nothing in quarantine has this id", err=True)
        ctx.exit(1)
    for one in found:
        if as_json:
            click.echo(json.dumps(as_data(one, whole=True)), err=original == "-")
        else:
            for name, value in as_data(one).items():
                click.echo(f"{name:18} {value}", err=original == "-")
    if original is not None:
        _write_original(ctx, kafka, found[0], original)


def _write_original(ctx: click.Context, kafka: KafkaSettings, held: Held, where: str) -> None:
    data = next(_originals(kafka, {held.kept.content_sha256}), (None, b""))[1]
    if not data:
        click.echo("cordwatch: the original is no longer kept", err=True)
        ctx.exit(1)
    log.warning("an original was taken out of quarantine", quarantine_id=held.kept.quarantine_id)
    if where == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        write_private(Path(where), data)
    except FileExistsError:
        raise click.UsageError(f"{where} is there already") from None


def write_private(path: Path, data: bytes) -> None:
    """
    Write a new file that its owner alone can read.

    Raises:
        FileExistsError: there is one; it may have other readers.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        file.write(data)


def _originals(kafka: KafkaSettings, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Return each original once, with the hash of its content."""
    left = set(wanted)
    for record in read_topic(kafka, QUARANTINE.name, follow=False):
        if record is None or record[1] is None or not left:
            continue
        try:
            kept = Quarantined.model_validate_json(record[1])
        except ValueError:
            continue
        data = original_of(kept) if kept.content_sha256 in left else b""
        if data:
            left.discard(kept.content_sha256)
            yield kept.content_sha256, data


@quarantine.command()
@click.argument("folder", type=click.Path(path_type=Path))
@selection_options
@_ALL
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def export(
    ctx: click.Context, /, folder: Path, *, resolved: bool, as_json: bool, **selected: Any
) -> None:
    """
    Write originals into FOLDER, a file each, and a manifest without patient data.

    The folder must be new or empty. It and its files are readable by you alone.

    \b
    Example:  cordwatch quarantine export for-the-vendor --source RIS --field OBR-7
    Exit codes: 0; 1 some originals are no longer kept; 2 the folder is not empty; 3
    topics are missing; 4 no broker answers.
    """
    kafka, chosen = kafka_of(ctx), selection_of(selected, resolved=resolved)
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty")
    folder.chmod(PRIVATE_FOLDER)
    found = [one for one in shelf_of(kafka).held() if chosen.fits(one)]
    names = {
        one.kept.content_sha256: f"{one.kept.content_sha256[:32]}.{_SUFFIXES[one.format]}"
        for one in found
    }
    written = set()
    for content, data in _originals(kafka, set(names)):
        write_private(folder / names[content], data)
        written.add(content)
    lines = [
        json.dumps(
            {
                **as_data(one),
                "file": names[sha] if (sha := one.kept.content_sha256) in written else None,
            }
        )
        for one in found
    ]
    write_private(folder / MANIFEST, "".join(f"{line}\n" for line in lines).encode())
    log.warning("originals were taken out of quarantine", files=len(written))
    gone = len(names) - len(written)
    summary = {"records": len(found), "files": len(written), "gone": gone}
    told = ", ".join(f"{count} {name}" for name, count in summary.items())
    click.echo(json.dumps(summary) if as_json else told)
    ctx.exit(1 if gone else 0)


@quarantine.command()
@selection_options
@click.option("--all", "everything", is_flag=True, help="All that is open.")
@click.option("--by", required=True, help="Your name or staff id.")
@click.option("--because", required=True, help="Why nobody need look at it any more.")
@_JSON
@click.pass_context
def dismiss(
    ctx: click.Context,
    /,
    *,
    everything: bool,
    by: str,
    because: str,
    as_json: bool,
    **selected: Any,
) -> None:
    """
    Put aside what needs no mending, under your name; `list --resolved` still shows it.

    \b
    Example:  cordwatch quarantine dismiss --field message --by "n.jansen" --because "port scan"
    Exit codes: 0; 1 nothing fits; 2 wrong use; 3 topics are missing; 4 no broker answers.
    """
    chosen = selection_of(selected)
    require_selection(chosen, everything=everything)
    kafka, now = kafka_of(ctx), WallClock().now()
    found = [one for one in shelf_of(kafka).held() if chosen.fits(one)]
    publisher = Publisher(kafka)
    try:
        for one in found:
            word = settled(one, "dismissed", now, by[:200], because[:200])
            record = said(one.key, word)
            publisher.send(record.topic, record.key, record.value)
        publisher.confirm()
    finally:
        publisher.close()
    if as_json:
        for one in found:
            click.echo(json.dumps({"quarantine_id": one.kept.quarantine_id}))
    else:
        click.echo(f"put aside: {len(found)}")
    ctx.exit(0 if found else 1)


quarantine.add_command(retry)
