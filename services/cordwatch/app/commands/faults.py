"""How the faults of a file that people wrote are told: a line each, or as data."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from cordwatch_schemas.positions import BadYaml, Fault

EXIT_BAD_FILE = 5


def tell_fault(filename: str, fault: Fault, *, as_json: bool) -> None:
    """Say where a file is wrong, and why."""
    if as_json:
        click.echo(json.dumps({"file": filename, **asdict(fault)}))
    else:
        place = f"{filename}:{fault.line}:{fault.column}"
        click.echo(f"{place} {fault.field} {fault.reason}", err=True)


@contextmanager
def faults_told(*, as_json: bool) -> Iterator[None]:
    """Where data is wanted, end with the faults of a file as data; else leave them to the last line of defence."""
    try:
        yield
    except BadYaml as error:
        if not as_json:
            raise
        for bad in (error, *error.others):
            for fault in bad.faults:
                tell_fault(bad.filename, fault, as_json=True)
        sys.exit(EXIT_BAD_FILE)
