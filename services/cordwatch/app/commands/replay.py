"""`cordwatch replay`: files into Kafka, the way that the gateway takes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from cordwatch.app.commands.groups import groups
from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.replay_raw import of_files, raw_options, replay_raw
from cordwatch.app.commands.source_options import source_of, source_options, translated
from cordwatch.feeds.gateway import WRITTEN, Translated, derived_records, raw_record
from cordwatch.feeds.key_in_use import in_use
from cordwatch.runtime.kafka import Publisher, require_topics
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import REFERENCES

GROUP = 500
"""Messages that are acknowledged together: raw first, then what follows from them."""


def publish_group(
    publisher: Publisher, group: list[Translated], clock: WallClock, *, replayed: bool = False
) -> int:
    """Publish *group*: every raw message is safe before any event of it; return the events."""
    now = clock.now()
    for found in group:
        if found.item.data:
            raw = raw_record(found, now, replayed=replayed)
            publisher.send(raw.topic, raw.key, raw.value)
    publisher.confirm()
    events = 0
    for found in group:
        for record in derived_records(found, now):
            publisher.send(record.topic, record.key, record.value)
        events += len(found.told)
    publisher.confirm()
    return events


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--as-recorded",
    is_flag=True,
    help="Keep the messages' own times; their alerts are marked and never paged.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@raw_options
@source_options
@click.pass_context
def replay(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    *,
    as_recorded: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Publish the messages of FILES: raw, events, and quarantine for what cannot be understood.

    HL7 v2, FHIR or JSON lines of events, told apart by how a file begins. Received now, unless --as-recorded. A bad message never stops the file.

    With --from-raw no file is read, but what was received before: each message
    by the present profile. Events that are missing or differ are published under
    their ids, and readings that were wrong are taken back (docs/feeds.md).

    \b
    Example:  cordwatch replay yesterday.hl7 --as-recorded
              cordwatch replay --from-raw --since 2026-11-24T18:00+01:00 --profile his.yaml --dry-run
              cordwatch replay --from-raw --since 2026-11-24T18:00+01:00 --profile his.yaml --live
    Exit codes: 0 done; 1 something went to quarantine, cannot be understood, or
    (--dry-run) would differ; 2 wrong use; 3 topics are missing; 4 no broker
    answers; 5 a bad profile or pack; 6 not the key by which patients are known.
    """
    if options["from_raw"]:
        if files or as_recorded:
            raise click.UsageError("--from-raw goes with neither FILES nor --as-recorded")
        ctx.exit(replay_raw(ctx, options, as_json=as_json))
    source = of_files(ctx, options)
    if not files:
        raise click.UsageError("name FILES, or give --from-raw")
    summary = _replay_files(ctx, files, source, replayed=as_recorded)
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in summary.items()))
    ctx.exit(1 if summary["faults"] else 0)


def _replay_files(
    ctx: click.Context, files: tuple[Path, ...], source: dict[str, Any], *, replayed: bool
) -> dict[str, int]:
    """Publish what is in *files*; return how much came to what."""
    clock = WallClock()
    kafka = kafka_of(ctx)
    require_topics(kafka, (*WRITTEN, REFERENCES))
    sources = source_of(**source)
    sources = sources.by(in_use(kafka, sources.references, clock.now(), by_hand=True))
    publisher = Publisher(kafka)
    outcomes: Counter[str] = Counter()
    events = faults = 0
    received_at = None if replayed else clock.now()
    found = translated(files, sources, received_at, replayed=replayed)
    size = sum(path.stat().st_size for path in files)
    try:
        with click.progressbar(
            length=size, label="replay", file=click.get_text_stream("stderr")
        ) as bar:
            for group in groups(found, GROUP):
                events += publish_group(publisher, group, clock, replayed=replayed)
                outcomes.update(one.outcome for one in group if one.item.kind != "batch-count")
                faults += sum(len(one.faults) for one in group)
                bar.update(sum(len(one.item.data) + 1 for one in group))
    finally:
        publisher.close()
    return {
        "messages": sum(outcomes.values()),
        "mapped": outcomes["mapped"],
        "irrelevant": outcomes["irrelevant"],
        "quarantined": outcomes["quarantined"],
        "events": events,
        "faults": faults,
    }
