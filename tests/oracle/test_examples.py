"""The oracle tells the worked examples as they were derived by hand."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import pytest

from tests.oracle.story import Expected, story
from tests.spec.worked_example import example_names, read_example

FIELDS = {field.name for field in fields(Expected)}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _sorted(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(alerts, key=lambda a: (a["raised_at"], a["rule"], a["level"] or "", a["repeat"]))


@pytest.mark.parametrize("name", example_names())
def test_a_worked_example(name: str) -> None:
    """Every alert of the list, and no other, field by field."""
    example = read_example(name)
    told = [asdict(alert) for alert in story(example.events, example.until, example.stopped)]
    expected = [
        {
            field: _instant(value) if field.endswith("_at") else value
            for field, value in alert.items()
            if field in FIELDS
        }
        # The oracle says of open alerts alone whose they are.
        | ({} if alert["status"] == "open" else {"patient": ""})
        for alert in example.expected
    ]
    assert _sorted(told) == _sorted(expected)
