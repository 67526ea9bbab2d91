"""A worked example of the pathway as it lies in `examples/`: the messages, and all that they alert."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import read_event

EXAMPLES = Path(__file__).parent / "examples"
AFTER_THE_LAST_MESSAGE = timedelta(hours=48)

Shown = dict[str, Any]
"""One alert, by the fields that the pathway text decides. Ids are not among them."""

_COMPARED = (
    "rule",
    "kind",
    "level",
    "repeat",
    "severity",
    "paged",
    "patient",
    "start_at",
    "due_at",
    "raised_at",
    "late_by_s",
    "status",
)


class _Meta(TypedDict, total=False):
    until: str
    stopped: list[tuple[str, str]]


@dataclass(frozen=True)
class WorkedExample:
    """What happened, when the service ran, and every alert that must have come of it."""

    name: str
    events: list[Event]
    expected: list[Shown]
    until: datetime
    stopped: list[tuple[datetime, datetime]] = field(default_factory=list)


def example_names() -> list[str]:
    """Return the names of all examples, in their order."""
    return sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())


def read_example(name: str) -> WorkedExample:
    """Return the example that lies in the folder *name*."""
    folder = EXAMPLES / name
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [read_event(line) for line in lines]
    meta: _Meta = {}
    if (folder / "meta.json").exists():
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    last = max(event.received_at for event in events) + AFTER_THE_LAST_MESSAGE
    return WorkedExample(
        name=name,
        events=events,
        expected=json.loads((folder / "expected.json").read_text(encoding="utf-8")),
        until=datetime.fromisoformat(meta["until"]) if "until" in meta else last,
        stopped=[
            (datetime.fromisoformat(start), datetime.fromisoformat(end))
            for start, end in meta.get("stopped", [])
        ],
    )


def shown(alert: Alert) -> Shown:
    """Return *alert* by the fields that the examples list."""
    told = alert.model_dump(mode="json", include=set(_COMPARED))
    if alert.kind != "clock":
        # The text gives notices and advisories no deadline; which clock's times they show is free.
        told |= {"start_at": None, "due_at": None}
    return {name: told[name] for name in _COMPARED}


def listed(expected: Shown) -> Shown:
    """Return an expected alert without what is compared on its own (`missing`, words of the reason)."""
    return {name: expected[name] for name in _COMPARED}


def in_order(alerts: list[Shown]) -> list[Shown]:
    """Return *alerts* in an order that does not depend on ids."""
    return sorted(alerts, key=lambda alert: json.dumps(alert, sort_keys=True))
