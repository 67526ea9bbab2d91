"""`cordwatch simulate` and `cordwatch explain`: the pathway on a virtual clock, from files."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import click

from cordwatch.app.commands.options import pack_option
from cordwatch.app.commands.source_options import source_of, source_options, translated
from cordwatch.feeds.gateway import Told, Translated
from cordwatch.feeds.source import Sources
from cordwatch.pathway.explain import explain as explain_patient
from cordwatch.pathway.simulation import AFTER_LAST
from cordwatch.pathway.simulation import simulate as run_simulation
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack_choice import load_packs

_FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
_SHOWN_REASONS = 10


class Tally:
    """Counts what became of the messages, and remembers why some were refused."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def add(self, found: Translated) -> None:
        """Count one message."""
        if found.item.kind == "batch-count":
            self.faults[f"batch: {found.faults[0].reason}"] += 1
            return
        self.outcomes[found.outcome] += 1
        for fault in found.faults:
            self.faults[f"{fault.field}: {fault.reason}"] += 1

    def tell(self) -> None:
        """Say on standard error what came in, and what was not understood."""
        total = sum(self.outcomes.values())
        parts = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        click.echo(f"{total} messages: {parts}", err=True)
        for reason, count in self.faults.most_common(_SHOWN_REASONS):
            click.echo(f"  {count} x {reason}", err=True)


def read_files(files: tuple[Path, ...], source: Sources) -> tuple[list[Told], Tally]:
    """Return what *files* tell, each thing received when its message was sent, and what became of them."""
    tally = Tally()
    told: list[Told] = []
    for found in translated(files, source, None):
        tally.add(found)
        told.extend(found.told)
    return told, tally


def instant(
    value: str | None, option: str = "--until", zone: tzinfo | None = None
) -> datetime | None:
    """
    Return the instant in *value*; a time without an offset is read in *zone*.

    Raises:
        click.BadParameter: it is no time, or has no offset and there is no zone to read it in.
    """
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("is not an ISO 8601 time", param_hint=option) from None
    if found.tzinfo is None:
        if zone is None:
            raise click.BadParameter("needs an offset, like 2026-03-02T08:00Z", param_hint=option)
        found = found.replace(tzinfo=zone)
    return found


@click.command()
@_FILES
@pack_option
@click.option("--until", help="End of the virtual clock (ISO 8601); default: last message + 48 h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@source_options
def simulate(
    files: tuple[Path, ...], pack: str, until: str | None, *, as_json: bool, **source: str
) -> None:
    """
    Say what would have alerted, when and why, without a broker.

    FILES are HL7 v2 (one or many messages, any line ends, MLLP too), FHIR (a
    resource or Bundle, or one a line) or JSON lines of events. Time runs along
    the messages' own times; in FHIR that is meta.lastUpdated, if stated.

    \b
    Example:  cordwatch simulate march.hl7 --zone Europe/Amsterdam
              cordwatch simulate march.hl7 --pack our-pack.yaml --json | jq .rule
              cordwatch simulate march.hl7 --profile ris.yaml --profile his.yaml
    Exit codes: 0 done; 2 wrong use; 5 a bad pack or profile.
    """
    loaded = load_packs(pack)
    told, tally = read_files(files, source_of(**source))  # type: ignore[arg-type]
    alerts = run_simulation(told, loaded, instant(until))
    if as_json:
        for alert in alerts:
            click.echo(alert.model_dump_json())
    else:
        _table(alerts)
    tally.tell()


def _table(alerts: list[Alert]) -> None:
    from rich.console import Console  # noqa: PLC0415 - heavy, and not for --json
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=f"{len(alerts)} alerts", title_justify="left")
    for name in ("raised", "patient", "rule", "level", "severity", "due", "status", "why"):
        table.add_column(name, no_wrap=name != "why")
    for alert in alerts:
        level = f"{alert.level or '-'}{f' {alert.repeat}' if alert.repeat else ''}"
        table.add_row(
            _short(alert.raised_at),
            alert.patient[:10],
            alert.rule,
            level,
            alert.severity if alert.paged else f"{alert.severity} (board)",
            _short(alert.due_at),
            alert.status,
            alert.reason,
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _short(instant: datetime | None) -> str:
    return instant.strftime("%m-%d %H:%M:%S") if instant else "-"


@click.command()
@_FILES
@click.option("--patient", help="Patient reference, as alerts show it.")
@click.option(
    "--number-stdin", is_flag=True, help="Read the patient's number from standard input instead."
)
@pack_option
@click.option("--until", help="Look at this instant (ISO 8601); default: last message + 48 h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: section and text.")
@source_options
@click.pass_context
def explain(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    patient: str | None,
    pack: str,
    until: str | None,
    *,
    number_stdin: bool,
    as_json: bool,
    **source: str,
) -> None:
    """
    Tell for one patient every fact, clock and decision, and why something did not alert.

    \b
    Example:  cordwatch explain march.hl7 --patient p_7qk2...
              cordwatch explain march.hl7 --number-stdin < number.txt
              cordwatch explain march.hl7 --patient p_7qk2... --json | jq -r .text
    Exit codes: 0 done; 1 no such patient; 2 wrong use; 5 a bad pack or profile.
    """
    loaded, read_from = load_packs(pack), source_of(**source)  # type: ignore[arg-type]
    told, _ = read_files(files, read_from)
    references = sorted({one.patient for one in told})
    if number_stdin:
        patient = read_from.reference("p", click.get_text_stream("stdin").read().strip())
    if patient is None and len(references) == 1:
        patient = references[0]
    if patient is None:
        raise click.UsageError(f"{len(references)} patients: name one with --patient")
    if patient not in references:
        click.echo("cordwatch: no such patient in these files", err=True)
        ctx.exit(1)
    last = max((one.received_at for one in told), default=None)
    at = instant(until) or (last + AFTER_LAST if last else None)
    if at is not None:
        lines = explain_patient(patient, told, loaded, at)
        for line in _by_section(lines) if as_json else lines:
            click.echo(line)


def _by_section(lines: Iterable[str]) -> Iterator[str]:
    """Return what was told as JSON, each line with the heading under which it stands."""
    section, is_heading = "", True
    for line in lines:
        if not line or is_heading:
            is_heading = not line
            section = line or section
        else:
            yield json.dumps({"section": section, "text": line.strip()})
