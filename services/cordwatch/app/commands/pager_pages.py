"""`cordwatch pager pages`: who was told what, whether it got there, and who answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.pager.ledger import read_ledger
from cordwatch_schemas.pages import Delivery, LedgerEntry


@click.command(short_help="Who was told what, and who answered.")
@click.option("--open", "only_open", is_flag=True, help="Only what is not over.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: the ledger's rows.")
@click.pass_context
def pages(ctx: click.Context, *, only_open: bool, as_json: bool) -> None:
    """
    Show the pager's ledger: what was told to whom, what was accepted, and who answered.

    References only, no patient data, and nothing of synthetic patients. A page that was accepted has reached its
    destination, which is not yet a person: see who acknowledged it.

    \b
    Example:  cordwatch pager pages --open
              cordwatch pager pages --json | jq 'select(.answers == [])'
    Exit codes: 0; 3 topics are missing; 4 no broker answers.
    """

    def unreadable() -> None:
        click.echo("a row of the ledger cannot be read", err=True)

    rows = read_ledger(kafka_of(ctx), unreadable)
    for line in lines_of(rows, only_open=only_open, as_json=as_json):
        click.echo(line)


def lines_of(entries: Iterable[LedgerEntry], *, only_open: bool, as_json: bool) -> Iterator[str]:
    """Yield what is shown of the ledger, the oldest matter first."""
    for entry in sorted(entries, key=lambda one: one.matter.raised_at):
        if entry.matter.is_synthetic:
            continue
        if not only_open or entry.matter.status == "open":
            yield from [entry.model_dump_json()] if as_json else _told(entry)


def _told(entry: LedgerEntry) -> Iterator[str]:
    matter = entry.matter
    level = f" {matter.level}" if matter.level else ""
    repeat = f" {matter.repeat}" if matter.repeat else ""
    where = f" on {matter.ward}" if matter.ward else ""
    yield (
        f"{matter.raised_at:%Y-%m-%dT%H:%M:%SZ} {matter.rule}{level}{repeat}{where}: "
        f"{matter.status}, {entry.reason} ({matter.alert_id})"
    )
    for one in entry.deliveries:
        yield f"  {_delivery(one)}"
    for answer in entry.answers:
        yield f"  {answer.at:%H:%M:%S} {answer.kind} by {answer.by} ({answer.channel})"


def _delivery(one: Delivery) -> str:
    at = one.told_at or one.last_attempt_at or one.decided_at
    state = one.accepted if one.accepted != "nothing" else f"not accepted ({one.outcome or 'new'})"
    more = "" if one.attempts < 2 else f", {one.attempts} attempts"  # noqa: PLR2004
    return f"{at:%H:%M:%S} round {one.round} {one.role} by {one.destination}: {state}{more}"
