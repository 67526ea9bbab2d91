"""HL7 text beside the events that it must become."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cordwatch.feeds.mapping.mapper import map_message
from cordwatch.feeds.source import Source

PAIRS = Path(__file__).parent / "hl7"
NAMES = sorted(path.stem for path in PAIRS.glob("*.hl7"))


@pytest.mark.parametrize("name", NAMES)
def test_a_message_becomes_exactly_these_events(name: str) -> None:
    """Every field, times in UTC read in Europe/Amsterdam."""
    source = Source(zone=ZoneInfo("Europe/Amsterdam"))
    data = (PAIRS / f"{name}.hl7").read_bytes()
    found = map_message(data, source, datetime(2026, 11, 23, tzinfo=UTC))
    became = {
        "events": [
            json.loads(event.model_dump_json(exclude_defaults=True)) for event in found.events
        ],
        "faults": [[fault.field, fault.reason] for fault in found.faults],
    }
    if found.passed_over:
        became["passed_over"] = [[one.field, one.reason] for one in found.passed_over]
    assert became == json.loads((PAIRS / f"{name}.json").read_text(encoding="utf-8"))


def test_no_file_is_without_its_other_half() -> None:
    """An orphan would be a test that never runs."""
    assert {path.stem for path in PAIRS.iterdir()} == set(NAMES)
    assert len(list(PAIRS.iterdir())) == 2 * len(NAMES)
