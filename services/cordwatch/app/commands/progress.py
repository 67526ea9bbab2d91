"""How far something is that takes a while, on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from cordwatch.runtime.topic_span import Stamped


def with_progress(what: str, total: int, records: Iterable[Stamped]) -> Iterator[Stamped]:
    """Pass *records* on, and show how many of *total* have been."""
    stream = click.get_text_stream("stderr")
    with click.progressbar(length=total, label=f"read {what}", file=stream) as bar:
        for number, record in enumerate(records, 1):
            if number % 1_000 == 0:
                bar.update(1_000)
            yield record
        bar.update(total - bar.pos)
