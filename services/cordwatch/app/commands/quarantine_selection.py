"""Which of what is in quarantine is meant: options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from cordwatch.feeds.quarantine import Selection, Shelf
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch_schemas.topics import QUARANTINE

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(command: F) -> F:
    """Add the options that choose."""
    for option in (
        click.option("--id", "ids", multiple=True, metavar="ID", help="One of this id; several."),
        click.option(
            "--source", help="Sending application and facility, APPLICATION|FACILITY, or the first."
        ),
        click.option("--field", help="Field in question, like PID-3."),
        click.option("--reason", help="A part of the reason."),
    ):
        command = option(command)
    return command


def selection_of(options: Mapping[str, Any], *, resolved: bool = False) -> Selection:
    """Return what the options choose."""
    return Selection(
        ids=frozenset(options["ids"]),
        source=options["source"],
        field=options["field"],
        reason=options["reason"],
        resolved=resolved,
    )


def require_selection(chosen: Selection, *, everything: bool) -> None:
    """
    Refuse to change what nobody named.

    Raises:
        click.UsageError: nothing is chosen, and not everything is meant; or both.
    """
    if everything == (chosen != Selection()):
        raise click.UsageError("say which: --id, --source, --field, --reason; or --all")


def shelf_of(kafka: KafkaSettings) -> Shelf:
    """
    Return all that is in quarantine, without the originals.

    Raises:
        BrokerUnreachable, MissingTopics: it cannot be read.
    """
    shelf = Shelf()
    for record in read_topic(kafka, QUARANTINE.name, follow=False):
        if record is not None:
            shelf.read(*record)
    if shelf.unread:
        click.echo(f"cordwatch: {shelf.unread} records could not be read", err=True)
    return shelf
