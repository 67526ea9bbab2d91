"""`cordwatch audit`: who looked at the board, and whether the record of it was tampered with."""

from __future__ import annotations

import json
from typing import Any

import click
from pydantic import ValidationError

from cordwatch.app.commands.options import kafka_of
from cordwatch.board.audit import read_audit
from cordwatch.board.audit_chain import faults
from cordwatch_schemas.audit import AuditRecord


@click.group()
def audit() -> None:
    """
    Verify the audit trail of the boards, or print it.

    \b
    Example:  cordwatch audit verify
              cordwatch audit show --json | jq -r .event.recorded
    """


_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@audit.command()
@_JSON
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> None:
    """
    Say whether a record was changed, taken out, put in or exchanged, and which.

    Each board's records are sealed to each other. What was cut off the end of a
    chain is not seen; compare the last number with what you know.

    \b
    Exit codes: 0 every record holds; 1 one does not; 3 topics are missing; 4 no broker answers.
    """
    try:
        records = list(read_audit(kafka_of(ctx)))
    except ValidationError:
        click.echo("a record on the topic is no audit record", err=True)
        ctx.exit(1)
    found = faults(records)
    for line in found:
        record, _, fault = line.partition(": ")
        click.echo(json.dumps({"record": record, "fault": fault}) if as_json else line)
    last = {record.chain: record.sequence for record in records}
    for chain, sequence in sorted(last.items()):
        click.echo(f"{chain}: last record {sequence}", err=True)
    click.echo(f"{len(records)} records, {len(found)} that do not hold", err=True)
    ctx.exit(1 if found else 0)


@audit.command()
@_JSON
@click.pass_context
def show(ctx: click.Context, *, as_json: bool) -> None:
    """Print the records: when, who and what, or all of it as JSON. Exit codes: 0; 3; 4."""
    for record in read_audit(kafka_of(ctx)):
        click.echo(record.model_dump_json() if as_json else _line_of(record))


def _name_of(who: dict[str, Any]) -> str:
    """Return the name for people, and behind it who is meant for good, where both are known."""
    value = str(who["identifier"]["value"])
    return f"{who['display']}[{value}]" if "display" in who else value


def _line_of(record: AuditRecord) -> str:
    event = record.event
    who = _name_of(event["agent"][0]["who"])
    deed = event["subtype"][0]["code"]
    about = event.get("entity", ())
    patients = [one["what"]["identifier"]["value"] for one in about if "what" in one]
    where = f"{record.chain} {record.sequence}"
    return " ".join((where, event["recorded"], who, deed, *patients))
