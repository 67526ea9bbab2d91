"""`cordwatch quarantine`: what could not be understood, and why."""

from __future__ import annotations

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.runtime.kafka import read_topic
from cordwatch_schemas.records import Quarantined
from cordwatch_schemas.topics import QUARANTINE


@click.group()
def quarantine() -> None:
    """
    Look at what could not be understood. Originals are never printed.

    \b
    Example:  cordwatch quarantine list
    """


@quarantine.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List reason and field. Exit codes: 0 none; 1 some; 3 topics are missing; 4 no broker."""
    count = 0
    for record in read_topic(kafka_of(ctx), QUARANTINE.name, follow=False):
        if record is None or record[1] is None:
            continue
        count += 1
        kept = Quarantined.model_validate_json(record[1])
        if as_json:
            click.echo(kept.model_dump_json(exclude={"content_base64"}))
        else:
            at = f"{kept.received_at:%Y-%m-%dT%H:%M:%SZ}"
            click.echo(f"{at} {kept.source} {kept.stage} {kept.field}: {kept.reason}")
    ctx.exit(1 if count else 0)
