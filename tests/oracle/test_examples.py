"""The oracle tells the worked examples as they were derived by hand."""

import json
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cordwatch_schemas.events import read_event
from tests.oracle.story import Expected, story

EXAMPLES = Path(__file__).parents[1] / "spec" / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir())
# Long enough for the repeats of the last clock, too short for those of a taper.
AFTERWARDS = timedelta(hours=48)

FIELDS = {field.name for field in fields(Expected)}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _sorted(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(alerts, key=lambda a: (a["raised_at"], a["rule"], a["level"] or "", a["repeat"]))


@pytest.mark.parametrize("name", NAMES)
def test_a_worked_example(name: str) -> None:
    """Every alert of the list, and no other, field by field."""
    folder = EXAMPLES / name
    events = [read_event(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    meta = json.loads(file.read_text()) if (file := folder / "meta.json").exists() else {}
    last = max(event.received_at for event in events)
    until = _instant(meta.get("until")) or last + AFTERWARDS
    stopped = [
        (datetime.fromisoformat(begun), datetime.fromisoformat(ended))
        for begun, ended in meta.get("stopped", [])
    ]
    told = [asdict(alert) for alert in story(events, until, stopped)]
    expected = [
        {
            field: _instant(value) if field.endswith("_at") else value
            for field, value in alert.items()
            if field in FIELDS
        }
        for alert in json.loads((folder / "expected.json").read_text())
    ]
    assert _sorted(told) == _sorted(expected)
