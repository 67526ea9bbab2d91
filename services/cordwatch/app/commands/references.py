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
from cordwatch.app.commands.secret_files import fault_of
from cordwatch.app.commands.source_options import former_key_of, source_of, source_options
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
    "{0} patients would be somebody else from then on, {1} of them with something to come: nothing that is kept"
    " tells their numbers. Nothing was written; --json names them, --anyway leaves them behind"
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
    Exit codes: 0; 1 a gateway runs, patients would be left behind, or another exchange ended meanwhile; 2 wrong use; 3
    topics are missing; 4 no broker answers; 5 a bad profile; 6 patients are not known by the former key.
    """
    if source["key_file"] is None:
        raise click.UsageError("name the other key with --key-file")
    if fault := fault_of(source["key_file"].read_bytes()):
        # feeds, compose and Kubernetes would not start with it, and with the former one neither.
        raise click.BadParameter(
            f"the file {fault}: cordwatch secrets make", param_hint="--key-file"
        )
    sources, former = source_of(**source), References(former_key_of(former_key_file))
    if former.fingerprint == sources.references.fingerprint:
        raise click.UsageError("the former key and that in --key-file are the same")
    kafka, now = kafka_of(ctx), WallClock().now()
    require_topics(kafka, (HISTORIES,))
    if not dry_run:
        _require_no_gateway(ctx, kafka)
    found = find(kafka, sources, former, with_progress)
    left = found.carrying
    if left.patients_left and not anyway:
        _show(found, as_json=as_json)
        click.echo(LEFT.format(len(left.patients_left), len(left.waiting)), err=True)
        ctx.exit(EXIT_FINDING)
    is_alone = dry_run or _carry(ctx, kafka, found, now)
    _show(found, as_json=as_json)
    if not is_alone:
        ctx.exit(EXIT_FINDING)


def _require_no_gateway(ctx: click.Context, kafka: KafkaSettings) -> None:
    if running := gateways_running(kafka, WallClock().now()):
        click.echo(RUNNING.format(", ".join(running)), err=True)
        ctx.exit(EXIT_FINDING)


def _carry(ctx: click.Context, kafka: KafkaSettings, found: Found, now: datetime) -> bool:
    """Carry; return whether no gateway began meanwhile."""
    # To look for what is to be carried may have taken long.
    _require_no_gateway(ctx, kafka)
    stream = click.get_text_stream("stderr")
    total = len(found.carrying.carry)
    with click.progressbar(length=total, label="carry", file=stream) as bar:
        carry(kafka, found, now, bar.update)
    # One that a supervisor started meanwhile has the former key, and goes on giving references by it.
    running = gateways_running(kafka, WallClock().now())
    if running:
        click.echo(BEGUN.format(", ".join(running)), err=True)
    return not running


def _show(found: Found, *, as_json: bool) -> None:
    counts = found.carrying
    told = {
        "carried": len(counts.carry),
        "already": counts.already,
        "doubled": len(counts.doubled),
        "patients_left": len(counts.patients_left),
        "visits_left": len(counts.visits_left),
    }
    if as_json:
        named = {
            "waiting": sorted(counts.waiting),
            "patients": sorted(counts.patients_left),
            "visits": sorted(counts.visits_left),
            "doubled": sorted(counts.doubled.items()),
        }
        click.echo(json.dumps({**told, "references": named}))
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
