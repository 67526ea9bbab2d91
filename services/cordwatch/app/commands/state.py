"""`cordwatch state`: all that an installation knows, into a file and onto another cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import click

from cordwatch.app.cli import EXIT_FINDING
from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.progress import with_progress
from cordwatch.app.state_file import BadStateFile, Kept, check_state, read_state, write_state
from cordwatch.runtime.group_progress import group_progress
from cordwatch.runtime.kafka import KafkaSettings, Publisher, require_topics
from cordwatch.runtime.topic_span import TopicSpan
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import STATE, TOPICS, WATCHED

NAMES = {topic.noun: topic.name for topic in TOPICS}
AT_ONCE = 5_000
"""Records between two acknowledgements of the broker."""

_FILE = click.Path(dir_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def state() -> None:
    """
    Take all that is known to another cluster: patients, alerts, answers, pages, the audit chain.

    Not in it are the originals (raw, quarantine) and what watch has not read yet. Stop the feeds, let
    watch read to the end, stop everything, export; then `cordwatch topics apply` on the new cluster, import,
    start. Nobody is told anything again that they were told before.

    \b
    Example:  cordwatch --kafka old:9092 state export state.gz
              cordwatch --kafka new:9092 topics apply --replication 3
              cordwatch --kafka new:9092 state import state.gz
    """


@state.command("export", short_help="Write the state to a new file.")
@click.argument("file", type=_FILE)
@click.option("--group", envvar="CORDWATCH_GROUP", default="cordwatch-watch", show_default=True)
@click.option(
    "--anyway",
    is_flag=True,
    help="Although watch runs, or has not read everything: a copy to look at.",
)
@_JSON
@click.pass_context
def export_(ctx: click.Context, file: Path, group: str, *, anyway: bool, as_json: bool) -> None:
    """
    Write the state to FILE (gzip, JSON lines, sealed), which only its owner can read: it holds names and numbers.

    It is as sensitive as the topics themselves. Refused while watch runs or has not read everything, since
    what it learns after that would be missing.

    Exit codes: 0; 1 watch runs, or has not read everything; 2 the file is there; 3 topics are missing; 4
    no broker answers.
    """
    kafka = kafka_of(ctx)
    require_topics(kafka, (*STATE, *WATCHED))
    found = group_progress(kafka, group, [topic.name for topic in WATCHED])
    faults = [f"{name}: {count} records are not read by watch yet" for name, count in found.unread]
    if found.is_running:
        faults.append(f"a worker of the group {group} is running")
    for fault in faults:
        click.echo(fault, err=True)
    if faults and not anyway:
        click.echo("nothing was written; --anyway writes a copy to look at", err=True)
        ctx.exit(EXIT_FINDING)
    counts = write_state(file, WallClock().now(), version("cordwatch"), _kept(kafka))
    _show(counts, as_json=as_json)


def _show(counts: Mapping[str, int], *, as_json: bool) -> None:
    words = ", ".join(f"{count:,} {noun}" for noun, count in counts.items())
    click.echo(json.dumps(counts) if as_json else words or "nothing")


def _kept(kafka: KafkaSettings) -> Iterator[Kept]:
    for topic in STATE:
        with TopicSpan(kafka, topic.name) as span:
            for one in with_progress(topic.noun, len(span), span):
                yield Kept(topic.noun, one.partition, one.at_ms, one.key or b"", one.value)


@state.command("import", short_help="Put the state of a file onto a cluster that has none.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_JSON
@click.pass_context
def import_(ctx: click.Context, file: Path, *, as_json: bool) -> None:
    """
    Put the state in FILE onto a cluster whose topics are provisioned and empty.

    The file is read whole before anything is written. A cluster that knows something already is refused:
    two states cannot be made one.

    Exit codes: 0; 1 the cluster is not empty; 2 the file is not whole, or not ours; 3 topics are missing; 4
    no broker answers.
    """
    try:
        counts = check_state(file)
    except BadStateFile as error:
        raise click.UsageError(f"{file.name}: {error}") from None
    if unknown := sorted(set(counts) - {topic.noun for topic in STATE}):
        raise click.UsageError(f"{file.name}: holds topics that are no state: {', '.join(unknown)}")
    kafka = kafka_of(ctx)
    require_topics(kafka, STATE)
    if filled := _filled(kafka):
        click.echo(f"not empty: {', '.join(filled)}; nothing was written", err=True)
        ctx.exit(EXIT_FINDING)
    publisher = Publisher(kafka)
    try:
        with click.progressbar(
            length=sum(counts.values()), label="import", file=click.get_text_stream("stderr")
        ) as bar:
            for number, one in enumerate(read_state(file), 1):
                place = {"partition": one.partition, "timestamp": one.at_ms}
                publisher.send(NAMES[one.noun], one.key, one.value, **place)
                bar.update(1)
                if number % AT_ONCE == 0:
                    publisher.confirm()
        publisher.confirm()
    finally:
        publisher.close()
    _show(counts, as_json=as_json)


def _filled(kafka: KafkaSettings) -> Sequence[str]:
    found = []
    for topic in STATE:
        with TopicSpan(kafka, topic.name) as span:
            if len(span):
                found.append(topic.name)
    return found
