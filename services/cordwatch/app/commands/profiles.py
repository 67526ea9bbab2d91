"""`cordwatch profile`: check, show and try source profiles."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from cordwatch.app.commands.faults import faults_told
from cordwatch.app.commands.source_options import key_of, known_of
from cordwatch.feeds.files import read_file
from cordwatch.feeds.profile import DEFAULT, Profiles, load_profile
from cordwatch.feeds.references import References
from cordwatch.feeds.trial import MASKED, FieldTried, Trial, trial
from cordwatch_schemas.base import Event

_NUMBERS = frozenset(
    {"order_number", "accession_number", "treatment_number", "record_id", "corrects", "target"}
)
"""Fields of events that hold numbers of the hospital's: who has its lists could tell the patient."""
_ENVELOPE = frozenset(
    {"schema_version", "event_id", "kind", "patient", "source", "source_message_id", "received_at"}
)


@click.group()
def profile() -> None:
    """
    Check, show and try source profiles: how the messages of one sender are read.

    \b
    Example:  cordwatch profile show > ris.yaml
              cordwatch profile check ris.yaml
              cordwatch profile try ris.yaml march.hl7
    """


@profile.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each fault and profile.")
def check(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Say every fault as file:line:column. Exit codes: 0 good; 2 no such file; 5 faults."""
    with faults_told(as_json=as_json):
        good = Profiles.of_files(files, References()).profiles
    for path, one in zip(files, good, strict=True):
        said = {"file": str(path), "profile": one.profile}
        click.echo(json.dumps(said) if as_json else f"{path}: {one.profile}, no fault")


@profile.command()
@click.argument("name_or_file", default=DEFAULT)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(name_or_file: str, *, as_json: bool) -> None:
    """
    Print a profile with all that it leaves to the defaults, as YAML to begin with.

    Exit codes: 0; 2 no such file; 5 faults.
    """
    found = load_profile(name_or_file).model_dump(mode="json", by_alias=True)
    if as_json:
        click.echo(json.dumps(found))
        return
    out, yaml = io.StringIO(), YAML()
    yaml.dump(found, out)
    click.echo(out.getvalue(), nl=False)


@profile.command("try")
@click.argument("name_or_file")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key-file",
    envvar="CORDWATCH_KEY_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the key for references; without it those of an exercise are shown.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message.")
@click.pass_context
def try_(
    ctx: click.Context, name_or_file: str, file: Path, key_file: Path | None, *, as_json: bool
) -> None:
    """
    Show what becomes of the messages of FILE, field by field, and what is left out and why.

    NAME_OR_FILE is a profile, `default` for none. Nothing is published. Codes,
    times, wards and references are shown; names, numbers and free text are not.
    Of FHIR the events and faults are shown, not the fields.

    \b
    Example:  cordwatch profile try ris.yaml march.hl7 | less
              cordwatch profile try ris.yaml march.hl7 --json | jq .passed_over
    Exit codes: 0 done; 1 something would go to quarantine; 2 wrong use; 5 a bad profile.
    """
    sources = Profiles.of_files([name_or_file], References(key_of(key_file)))
    known = known_of((file,), sources)
    outcomes: dict[str, int] = {}
    for number, item in enumerate(read_file(file), start=1):
        tried = trial(item, sources, None, known.find)
        outcome = tried.mapped.outcome if tried.mapped else "quarantined"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if as_json:
            click.echo(json.dumps(_as_data(number, tried, outcome)))
            continue
        for line in _told(number, tried, outcome):
            click.echo(line)
    if not as_json:
        click.echo(", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())))
    ctx.exit(1 if outcomes.get("quarantined") else 0)


def _as_data(number: int, tried: Trial, outcome: str) -> dict[str, Any]:
    mapped = tried.mapped
    return {
        "message": number,
        "type": mapped.message_type if mapped else None,
        "sender": mapped.sender if mapped else None,
        "outcome": outcome,
        "fields": [
            {"place": one.place, "read": one.was_read, "shown": one.shown} for one in tried.fields
        ],
        "events": [
            {"kind": getattr(one, "kind", "?"), "patient": one.patient, **_shown(one)}
            for one in (mapped.events if mapped else ())
        ],
        "passed_over": [
            f"{one.field} {one.reason}" for one in (mapped.passed_over if mapped else ())
        ],
        "quarantine": [f"{fault.field} {fault.reason}" for fault in tried.faults],
    }


def _shown(event: Event) -> dict[str, Any]:
    """Return what of *event* may be shown: its numbers masked, and nothing of the message's own header."""
    told: dict[str, Any] = event.model_dump(mode="json", exclude_defaults=True)
    return {
        name: MASKED if name in _NUMBERS else value
        for name, value in told.items()
        if name not in _ENVELOPE
    }


def _told(number: int, tried: Trial, outcome: str) -> Iterator[str]:
    mapped = tried.mapped
    head = f"{mapped.message_type} from {mapped.sender}" if mapped else tried.item.kind
    yield f"{number}. {head}: {outcome}"
    for field in tried.fields:
        if field.was_read:
            yield f"   {field.place:<8}{_change(field)}"
    unread = [field for field in tried.fields if not field.was_read]
    if unread:
        yield f"   filled and not read: {', '.join(dict.fromkeys(one.place for one in unread))}"
    for event in mapped.events if mapped else ():
        yield from _event(event)
    for one in mapped.passed_over if mapped else ():
        yield f"   left out: {one.field} {one.reason}"
    for fault in tried.faults:
        yield f"   quarantine: {fault.field} {fault.reason}"
    yield ""


def _change(field: FieldTried) -> str:
    if field.before is None:
        return field.shown
    return f"{field.shown}   (the profile; sent: {field.before or 'nothing'})"


def _event(event: Event) -> Iterator[str]:
    yield f"   => {getattr(event, 'kind', '?')} of {event.patient}"
    for name, value in _shown(event).items():
        yield f"      {name}: {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        code = f"{value.get('system')}|{value.get('code')}"
        return f"{code} ({value['display']})" if value.get("display") else code
    return str(value)
