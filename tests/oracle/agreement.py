"""Where the core and the oracle differ about a story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Pack
from tests.oracle.story import Expected, Stops, Told, story

FIELDS = tuple(Expected.__dataclass_fields__)


Core = Callable[[Sequence[Told], Pack, datetime, Stops], list[Alert]]
Fields = tuple[object, ...]
Shown = Counter[Fields]


def differences(
    told: Sequence[Told], pack: Pack, until: datetime, stopped: Stops = ()
) -> list[str]:
    """Return what only one of the two tells, in words; empty when they agree."""
    core = told_by_core(told, pack, until, stopped)
    oracle = told_by_oracle(told, until, stopped)
    return [
        *(f"core only: {one}" for one in sorted(map(_in_words, (core - oracle).elements()))),
        *(f"oracle only: {one}" for one in sorted(map(_in_words, (oracle - core).elements()))),
    ]


def told_by_core(
    told: Sequence[Told], pack: Pack, until: datetime, stopped: Stops, core: Core = simulate
) -> Shown:
    """Return what the core tells, each alert by its fields."""
    alerts = core(told, pack, until, stopped)
    return Counter(_shown({name: getattr(one, name) for name in FIELDS}) for one in alerts)


def told_by_oracle(told: Sequence[Told], until: datetime, stopped: Stops) -> Shown:
    """Return what the oracle tells, each alert by its fields."""
    return Counter(_shown(vars(one)) for one in story(list(told), until, list(stopped)))


def _shown(alert: dict[str, Any]) -> Fields:
    if alert["kind"] != "clock":
        # Which clock's times a notice or advisory shows is free.
        alert = alert | {"start_at": None, "due_at": None}
    return tuple(alert[name] for name in FIELDS)


def _in_words(one: Fields) -> str:
    return " ".join(f"{name}={said}" for name, said in zip(FIELDS, one, strict=True))
