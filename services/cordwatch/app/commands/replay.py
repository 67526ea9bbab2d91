"""`cordwatch replay`: files into Kafka, the way that the gateway takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cordwatch.app.commands.options import kafka_of, source_of, source_options, translated
from cordwatch.feeds.gateway import WRITTEN, Translated, derived_records, raw_record
from cordwatch.runtime.kafka import Publisher, require_topics
from cordwatch.runtime.wall_clock import WallClock

GROUP = 500
"""Messages that are acknowledged together: raw first, then what follows from them."""


def publish_group(publisher: Publisher, group: list[Translated], clock: WallClock) -> int:
    """Publish *group*: every raw message is safe before any event of it; return the events."""
    now = clock.now()
    for found in group:
        if found.item.data:
            raw = raw_record(found, now)
            publisher.send(raw.topic, raw.key, raw.value)
    publisher.confirm()
    events = 0
    for found in group:
        for record in derived_records(found, now):
            publisher.send(record.topic, record.key, record.value)
        events += len(found.told)
    publisher.confirm()
    return events


def _groups(found: Iterator[Translated]) -> Iterator[list[Translated]]:
    group: list[Translated] = []
    for one in found:
        group.append(one)
        if len(group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--as-recorded",
    is_flag=True,
    help="Keep the messages' own times; their alerts are marked and never paged.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@source_options
@click.pass_context
def replay(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    *,
    as_recorded: bool,
    as_json: bool,
    **source: Any,
) -> None:
    """
    Publish the messages of FILES: raw, events, and quarantine for what cannot be understood.

    HL7 v2, FHIR or JSON lines of events, told apart by how a file begins. Received now, unless --as-recorded. A bad message never stops the file.

    \b
    Example:  cordwatch replay yesterday.hl7 --as-recorded
    Exit codes: 0 done; 1 something went to quarantine; 2 wrong use; 3 topics are
    missing; 4 no broker answers; 5 a bad profile.
    """
    clock = WallClock()
    kafka = kafka_of(ctx)
    require_topics(kafka, WRITTEN)
    publisher = Publisher(kafka)
    outcomes: Counter[str] = Counter()
    events = faults = 0
    received_at = None if as_recorded else clock.now()
    found = translated(files, source_of(**source), received_at, replayed=as_recorded)
    size = sum(path.stat().st_size for path in files)
    try:
        with click.progressbar(
            length=size, label="replay", file=click.get_text_stream("stderr")
        ) as bar:
            for group in _groups(found):
                events += publish_group(publisher, group, clock)
                outcomes.update(one.outcome for one in group if one.item.kind != "batch-count")
                faults += sum(len(one.faults) for one in group)
                bar.update(sum(len(one.item.data) + 1 for one in group))
    finally:
        publisher.close()
    summary = {
        "messages": sum(outcomes.values()),
        "mapped": outcomes["mapped"],
        "irrelevant": outcomes["irrelevant"],
        "quarantined": outcomes["quarantined"],
        "events": events,
        "faults": faults,
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in summary.items()))
    ctx.exit(1 if faults else 0)
