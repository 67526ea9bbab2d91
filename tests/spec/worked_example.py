"""The worked examples of the pathway, as they stand in the default pack: the messages, and all that they alert."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import Pack, load_pack
from cordwatch_schemas.pack_examples import Expected

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


@dataclass(frozen=True)
class WorkedExample:
    """What happened, when the service ran, and every alert that must have come of it."""

    name: str
    events: list[Event | Answer]
    expected: list[Shown]
    until: datetime
    stopped: list[tuple[datetime, datetime]] = field(default_factory=list)


@cache
def default_pack() -> Pack:
    """Return the pack that carries the examples."""
    return load_pack("mescc-lymphoma")


def example_names() -> list[str]:
    """Return the names of the pathway text's own examples, which are numbered, in their order."""
    return sorted(one.name for one in default_pack().examples if one.name[:2].isdigit())


def read_example(name: str) -> WorkedExample:
    """Return the example *name*."""
    found = next(one for one in default_pack().examples if one.name == name)
    return WorkedExample(
        name=name,
        events=found.told(),
        expected=[_told(one) for one in found.expected()],
        until=found.ends_at(),
        stopped=found.stops(),
    )


def _told(one: Expected) -> Shown:
    """Return an expected alert as `shown` gives one that came, with what is compared on its own."""
    told: Shown = {name: getattr(one, name) for name in _COMPARED}
    told |= {name: _iso(told[name]) for name in ("start_at", "due_at", "raised_at")}
    if one.missing is not None:
        told["missing"] = list(one.missing)
    if one.reason is not None:
        told["reason_contains"] = one.reason
    return told


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


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
