"""`cordwatch references`: the key that references are made with is exchanged, and every patient stays who they are."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cordwatch.app.carrying.running import Found, carry, find, gateways_running
from cordwatch.app.cli import EXIT_FINDING, EXIT_KEY
from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.progress import with_progress
from cordwatch.app.commands.source_options import key_of, source_of, source_options
from cordwatch.feeds.key_in_use import read_references
from cordwatch.feeds.references import References
from cordwatch.runtime.kafka import KafkaSettings, require_topics
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import HISTORIES, REFERENCES

RUNNING = (
    "stop the gateways first: {0} runs, or was killed in the last two minutes. Nothing was written"
)
BEGUN = "{0} began meanwhile, with the former key: stop it, and carry again with the same two keys"
LEFT = (
    "{0} patients would be somebody else from then on: nothing that is kept tells their numbers."
    " Nothing was written; --anyway leaves them behind"
)

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def references() -> None:
    """
    Exchange the key that references are made with.

    A reference, once given, stays: those that the former key gave are carried over, and patients who come for
    the first time get theirs by the other key. Nobody is told anything again, and the former key is then
    needed by nobody.

    \b
    Example:  cordwatch references show
              cordwatch references carry --former-key-file old --key-file new --dry-run
    """


@references.command("carry")
@click.option(
    "--former-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the key by which patients are known now; none: the exercise key, by which they are where no"
    " --key-file was ever given.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be carried.")
@click.option(
    "--anyway",
    is_flag=True,
    help="Although patients are left behind, whom the other key makes somebody else.",
)
@_JSON
@source_options
@click.pass_context
def carry_(
    ctx: click.Context,
    /,
    *,
    former_key_file: Path | None,
    dry_run: bool,
    anyway: bool,
    as_json: bool,
    **source: Any,
) -> None:
    """
    Carry all references over to the key in --key-file, which counts from then on.

    Stop every gateway first: senders keep what is not acknowledged, and send it again. watch, pager and board
    go on running. Then carry, put the other key in the place of the former one, and start the gateways. Use the
    gateways' profiles: numbers are read from the identities, and from the original messages as long as these
    are kept. What was interrupted before the end counts for nothing: the former key still does, and carry is
    run again. Run again after it too, with the same two keys, it carries what a gateway with the former key has
    told in between.

    \b
    Example:  cordwatch references carry --former-key-file old --key-file new
    Exit codes: 0; 1 a gateway runs, or patients would be left behind (nothing was written); 2 wrong use; 3
    topics are missing; 4 no broker answers; 5 a bad profile; 6 patients are not known by the former key.
    """
    if source["key_file"] is None:
        raise click.UsageError("name the other key with --key-file")
    sources, former = source_of(**source), References(key_of(former_key_file, "--former-key-file"))
    if former.fingerprint == sources.references.fingerprint:
        raise click.UsageError("the former key and that in --key-file are the same")
    kafka, now = kafka_of(ctx), WallClock().now()
    require_topics(kafka, (HISTORIES,))
    if not dry_run and (running := gateways_running(kafka, now)):
        click.echo(RUNNING.format(", ".join(running)), err=True)
        ctx.exit(EXIT_FINDING)
    found = find(kafka, sources, former, with_progress)
    left = found.carrying.patients_left
    refused = bool(left) and not anyway
    if not (dry_run or refused):
        _carry(kafka, found, now)
    _show(found, as_json=as_json)
    if refused:
        click.echo(LEFT.format(left), err=True)
        ctx.exit(EXIT_FINDING)


def _carry(kafka: KafkaSettings, found: Found, now: datetime) -> None:
    stream = click.get_text_stream("stderr")
    total = len(found.carrying.carry)
    with click.progressbar(length=total, label="carry", file=stream) as bar:
        carry(kafka, found, now, bar.update)
    # One that a supervisor started meanwhile has the former key, and goes on giving references by it.
    if running := gateways_running(kafka, WallClock().now()):
        click.echo(BEGUN.format(", ".join(running)), err=True)


def _show(found: Found, *, as_json: bool) -> None:
    counts = found.carrying
    told = {
        "carried": len(counts.carry),
        "already": counts.already,
        "doubled": counts.doubled,
        "patients_left": counts.patients_left,
        "visits_left": counts.visits_left,
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(
        f"{told['carried']} references to carry, {told['already']} carried before,"
        f" {told['doubled']} numbers with a reference by each key, {told['patients_left']} patients and"
        f" {told['visits_left']} visits left"
    )


@references.command()
@_JSON
@click.pass_context
def show(ctx: click.Context, /, *, as_json: bool) -> None:
    """
    Say by which key patients are known (a fingerprint of it), since when, and how many references were carried.

    \b
    Example:  cordwatch references show
    Exit codes: 0; 3 topics are missing; 4 no broker answers; 6 no key is in use yet.
    """
    kafka = kafka_of(ctx)
    require_topics(kafka, (REFERENCES,))
    kept = read_references(kafka)
    if kept.mark is None:
        click.echo("no key is in use yet", err=True)
        ctx.exit(EXIT_KEY)
    carried = len(kept.carried.get(kept.mark.fingerprint, {}))
    if as_json:
        told = kept.mark.model_dump(mode="json", include={"fingerprint", "former", "since"})
        click.echo(json.dumps({**told, "carried": carried}))
        return
    before = f", {kept.mark.former} before" if kept.mark.former else ""
    since = f"{kept.mark.since:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{kept.mark.fingerprint} since {since}{before}; {carried} references carried")
