"""`cordwatch simulate` on each worked example, as HL7 and as JSON lines: what it lists, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch
from cordwatch.feeds.source import Source
from cordwatch_schemas.alerts import Alert
from tests.e2e.as_hl7 import as_hl7
from tests.spec.worked_example import (
    Shown,
    example_names,
    in_order,
    listed,
    read_example,
    shown,
)

FIRST, STOPPED = (next(one for one in example_names() if one[:2] == two) for two in ("01", "15"))
"""A file cannot say that the service was stopped: its messages are those of the first example."""
LIKE = {STOPPED: FIRST}
PATIENTS = {Source().reference("p", name): name for name in "AB"}


def simulated(file: Path, until: str) -> list[Shown]:
    """Return what the command prints for *file*, patients by the names of the example."""
    arguments = ["simulate", "--json", "--until", until, str(file)]
    done = CliRunner().invoke(cordwatch, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "quarantined" not in done.stderr, done.stderr
    alerts = [shown(Alert.model_validate_json(line)) for line in done.stdout.splitlines()]
    return [one | {"patient": PATIENTS.get(one["patient"], one["patient"])} for one in alerts]


@pytest.mark.parametrize("form", ["hl7", "jsonl"])
@pytest.mark.parametrize("name", example_names())
def test_simulate_prints_what_the_example_lists(name: str, form: str, tmp_path: Path) -> None:
    """All of it and no more, whichever way the story is told."""
    example, until = read_example(name), read_example(LIKE.get(name, name)).until
    expected = read_example(LIKE.get(name, name)).expected
    file = tmp_path / f"example.{form}"
    lines = "\n".join(event.model_dump_json() for event in example.events)
    file.write_bytes(as_hl7(example.events) if form == "hl7" else lines.encode())
    actual = in_order(simulated(file, until.isoformat()))
    assert actual == in_order([listed(one) for one in expected])


def test_the_example_of_the_stopped_worker_has_the_messages_of_the_first() -> None:
    """Else its list could not be the first one's."""
    told = [read_example(name).events for name in (STOPPED, FIRST)]
    plain = [[json.loads(one.model_dump_json()) for one in events] for events in told]
    assert plain[0] == plain[1]
