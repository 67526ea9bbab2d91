"""Where the core and the oracle differ about a story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Pack
from tests.oracle.clocks import A_MOMENT
from tests.oracle.known import delivered
from tests.oracle.people import merged, root
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
    survivor_of, _ = merged(delivered(told), _last_look(until, stopped))
    return Counter(_shown(_read(alert, survivor_of)) for alert in alerts)


def told_by_oracle(told: Sequence[Told], until: datetime, stopped: Stops) -> Shown:
    """Return what the oracle tells, each alert by its fields."""
    return Counter(_shown(vars(one)) for one in story(list(told), until, list(stopped)))


def _last_look(until: datetime, stopped: Stops) -> datetime:
    """Return when anybody looked last: nobody does while the service is away."""
    return next((begun - A_MOMENT for begun, ended in stopped if begun <= until < ended), until)


def _read(alert: Alert, survivor_of: dict[str, str]) -> dict[str, Any]:
    # A merge is no reason to tell an alert anew: either reference names the person.
    # Whose an alert was is free once it has ended.
    whose = root(alert.patient, survivor_of) if alert.status == "open" else ""
    return {name: getattr(alert, name) for name in FIELDS} | {"patient": whose}


def _shown(alert: dict[str, Any]) -> Fields:
    if alert["kind"] != "clock":
        # Which clock's times a notice or advisory shows is free.
        alert = alert | {"start_at": None, "due_at": None}
    return tuple(alert[name] for name in FIELDS)


def _in_words(one: Fields) -> str:
    return " ".join(f"{name}={said}" for name, said in zip(FIELDS, one, strict=True))
