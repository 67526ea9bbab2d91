"""`cordwatch audit`: who looked at the board, and whether the record of it was tampered with."""

from __future__ import annotations

import click
from pydantic import ValidationError

from cordwatch.app.commands.options import kafka_of
from cordwatch.board.audit import read_audit
from cordwatch.board.audit_chain import faults


@click.group()
def audit() -> None:
    """
    Verify the audit trail of the boards, or print it.

    \b
    Example:  cordwatch audit verify
              cordwatch audit show | jq -r .event.recorded
    """


@audit.command()
@click.pass_context
def verify(ctx: click.Context) -> None:
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
        click.echo(line)
    last = {record.chain: record.sequence for record in records}
    for chain, sequence in sorted(last.items()):
        click.echo(f"{chain}: last record {sequence}", err=True)
    click.echo(f"{len(records)} records, {len(found)} that do not hold", err=True)
    ctx.exit(1 if found else 0)


@audit.command()
@click.pass_context
def show(ctx: click.Context) -> None:
    """Print every record as JSON, one a line. Exit codes: 0; 3; 4."""
    for record in read_audit(kafka_of(ctx)):
        click.echo(record.model_dump_json())
