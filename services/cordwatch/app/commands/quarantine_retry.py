"""`cordwatch quarantine retry`: what was kept is read again by the profiles as they are now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import click

from cordwatch.app.commands.groups import groups
from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.quarantine_selection import (
    require_selection,
    selection_of,
    selection_options,
    shelf_of,
)
from cordwatch.app.commands.source_options import source_of, source_options
from cordwatch.feeds.gateway import WRITTEN
from cordwatch.feeds.key_in_use import in_use
from cordwatch.feeds.quarantine import (
    Held,
    Reread,
    by_content,
    by_message,
    originals,
    raw_texts,
    reread,
)
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic, require_topics
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.base import Event
from cordwatch_schemas.topics import QUARANTINE, RAW, REFERENCES

log = get_logger("cordwatch.quarantine")

MARGIN = timedelta(seconds=1)
"""A record is sent after its message came, but by the broker's clock it may look earlier."""
GROUP = 200
"""Messages that are acknowledged together: what they say first, then that they were read."""


@click.command()
@selection_options
@click.option("--all", "everything", is_flag=True, help="All that is open.")
@click.option(
    "--applications",
    envvar="CORDWATCH_FEEDS_APPLICATIONS",
    default="",
    help="The gateway's list of sending applications; what it does not list stays.",
)
@click.option("--dry-run", is_flag=True, help="Publish nothing; say what would become of each.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message.")
@source_options
@click.pass_context
def retry(
    ctx: click.Context,
    /,
    *,
    ids: tuple[str, ...],
    source: str | None,
    field: str | None,
    reason: str | None,
    everything: bool,
    applications: str,
    dry_run: bool,
    as_json: bool,
    **sources: Any,
) -> None:
    """
    Read kept originals again, by the profiles as they are now, and publish what they say.

    Use the profiles and the key of the gateway. A message is read as a whole,
    whichever of its faults was chosen. Its events have the ids that the message
    gives, so that nothing is doubled, and were received when it was. What fails
    again stays, with its new reason.

    \b
    Example:  cordwatch quarantine retry --source RIS --profile ris.yaml --key-file key --dry-run
              cordwatch quarantine retry --field OBR-7 --profile ris.yaml --key-file key
    Exit codes: 0 all was read; 1 some stay; 2 wrong use; 3 topics are missing; 4 no
    broker answers; 5 a bad profile; 6 not the key by which patients are known.
    """
    options = {"ids": ids, "source": source, "field": field, "reason": reason}
    chosen = selection_of(options)
    require_selection(chosen, everything=everything)
    kafka, reads, clock = kafka_of(ctx), source_of(**sources), WallClock()
    if sources["key_file"] is None:
        log.warning("no --key-file: not for real patients")
    listed = tuple(one.strip() for one in applications.split(",") if one.strip())
    require_topics(kafka, (*WRITTEN, REFERENCES))
    marks = not dry_run
    reads = reads.by(in_use(kafka, reads.references, clock.now(), marks=marks, by_hand=True))
    held = shelf_of(kafka).held()
    messages = by_message([one for one in held if chosen.fits(one)], held)
    read = (reread(one, data, reads, clock.now(), listed) for one, data in _texts(kafka, messages))
    results: Counter[str] = Counter()
    for one in read if dry_run else _published(kafka, read):
        results[one.result] += 1
        click.echo(json.dumps(as_data(one)) if as_json else line_of(one))
    if not as_json:
        told = ", ".join(f"{count} {name}" for name, count in sorted(results.items()))
        click.echo(f"{told or 'nothing fits'}{'; nothing was published' if dry_run else ''}")
    ctx.exit(1 if results["fails"] or results["gone"] else 0)


def _texts(
    kafka: KafkaSettings, messages: Sequence[Sequence[Held]]
) -> Iterator[tuple[Sequence[Held], bytes]]:
    """Return the original of each message; a FHIR text is whole on the raw topic alone."""
    parts: list[Sequence[Held]] = []
    fhir = [one for one in messages if one[0].format == "fhir"]
    if fhir:
        since = min(one[0].kept.received_at for one in fhir) - MARGIN
        for held, data in raw_texts(read_topic(kafka, RAW.name, follow=False, since=since), fhir):
            if data:
                yield held, data
            else:
                parts += by_content(held)
    whole = [one for one in messages if one[0].format != "fhir"]
    if whole or parts:
        kept = read_topic(kafka, QUARANTINE.name, follow=False)
        yield from originals(kept, [*whole, *parts])


def _published(kafka: KafkaSettings, read: Iterable[Reread]) -> Iterator[Reread]:
    """
    Publish what each message says and, once that is safe, that it was read; yield it then.

    A crash in between repeats, and never loses.
    """
    publisher = Publisher(kafka)
    try:
        for group in groups(read, GROUP):
            for records in (Reread.told, Reread.closing):
                for one in group:
                    for record in records(one):
                        publisher.send(record.topic, record.key, record.value)
                publisher.confirm()
            yield from group
    finally:
        publisher.close()


def as_data(one: Reread) -> dict[str, Any]:
    """Return what became of a message as JSON has it: references and codes of ours only."""
    kept = one.held[0].kept
    told = one.found.told if one.found else ()
    return {
        "ids": [held.kept.quarantine_id for held in one.held],
        "source": kept.source,
        "source_message_id": kept.source_message_id,
        "result": one.result,
        "events": [
            {"event_id": event.event_id, "kind": getattr(event, "kind", "?")}
            for event in told
            if isinstance(event, Event)
        ],
        "resolved": one.resolved,
        "stays": [{"field": fault.field, "reason": fault.reason} for fault in one.faults],
    }


def line_of(one: Reread) -> str:
    """Return what became of a message in a line."""
    kept = one.held[0].kept
    events = len(one.found.told) if one.found else 0
    stays = "".join(f"; {fault.field}: {fault.reason}" for fault in one.faults)
    return f"{kept.quarantine_id} {kept.source} {one.result}, {events} events{stays}"
