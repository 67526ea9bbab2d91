"""How sources tell what happened: late, twice, corrected, misread, taken back, dated badly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.admissions import EncounterMoved, MergeCancelled, Merged
from cordwatch_schemas.base import Event
from tests.builders import a_retraction
from tests.sim.happenings import Told

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
SECOND = timedelta(seconds=1)
AboutTwo: TypeAlias = Merged | MergeCancelled | EncounterMoved
"""What one message tells of two patients is published under both references."""


def _misdated(chance: random.Random, event: Event) -> dict[str, Any]:
    """Return how the time of *event* is told badly."""
    at, kind = event.occurred_at, chance.random()
    if kind < 0.4:
        day = at.replace(hour=0, minute=0, second=0)
        whole = {"occurred_latest_at": day + DAY - SECOND, "occurred_precision": "day"}
        return {"occurred_at": day, **whole}
    if kind < 0.5:
        return {"occurred_latest_at": at + HOUR, "occurred_basis": "ambiguous"}
    if kind < 0.7:
        return {"occurred_at": at + chance.choice([4, 5, 6, 600]) * timedelta(minutes=1)}
    if kind < 0.8:
        return {"occurred_at": at - chance.choice([30, 31, 45]) * DAY}
    if kind < 0.9:
        return {"replayed": True}
    return {"recorded_at": event.received_at - chance.choice([-2, 1, 12]) * HOUR}


def _corrected(chance: random.Random, number: int, event: Event, other: Event) -> list[Event]:
    """Return *event* and what its source says about it later: another time, other words, an error."""
    mark, later = f"R{number}", event.received_at + chance.choice([0, 1, 5, 24]) * HOUR
    whose = _named_by(number, event)
    told = [event.model_copy(update={"record_id": mark})]
    kind: str = event.kind  # type: ignore[attr-defined]
    what = chance.random()
    if what < 0.5:
        new = other if other.kind == kind else event  # type: ignore[attr-defined]
        shift = chance.choice([-24, -1, 0, 1, 5]) * HOUR
        update: dict[str, Any] = {"corrects": mark}
        update["record_id"] = chance.choice([mark, f"{mark}b"])
        update |= {"occurred_at": new.occurred_at + shift, "received_at": later}
        told.append(new.model_copy(update=update | {"patient": event.patient}))
    if what > 0.4:
        told.append(a_retraction(later, kind, mark, record_id=f"R{mark}", **whose))
        if chance.random() < 0.3:
            told.append(a_retraction(later + HOUR, "record-retracted", f"R{mark}", **whose))
    return told


def _named_by(number: int, event: Event) -> dict[str, Any]:
    """Return whom the retraction of *event* names: every fourth leaves the visit out."""
    return {"patient": event.patient, "encounter": event.encounter if number % 4 else None}


def _read_anew(chance: random.Random, number: int, event: Event) -> list[Event]:
    """Return a record as it was misread, as it was read anew, and the reading that was taken back by its id."""
    record = {"record_id": chance.choice([f"R{number}", event.record_id])}
    event = event.model_copy(update=record)
    again_at = event.received_at + chance.choice([0, 1, 5, 24]) * HOUR
    shift = chance.choice([-24, -1, 1, 1, 5]) * HOUR
    update = {"occurred_at": event.occurred_at + shift, "received_at": again_at}
    right = event.model_copy(update=update | {"replayed": chance.random() < 0.5})
    taken = fact_of(chance.choice([event, event, right]))
    mark = f"taken-back/{number}"
    whose = _named_by(number, event)
    gone = a_retraction(again_at, taken.kind, taken.id, record_id=mark, **whose)
    told = [event, right, gone]
    if chance.random() < 0.3:
        name = chance.choice([mark, fact_of(gone).id])
        told.append(a_retraction(again_at + HOUR, "record-retracted", name, **whose))
    return told


def as_sources_tell(chance: random.Random, happened: Sequence[Told]) -> list[Told]:
    """Return what *happened* with the doubts and second thoughts of its sources."""
    told: list[Told] = []
    events = [one for one in happened if isinstance(one, Event)]
    for number, one in enumerate(happened):
        if not isinstance(one, Event) or chance.random() > 0.3:
            told.append(one)
            continue
        event = one
        if chance.random() < 0.5:
            event = event.model_copy(update=_misdated(chance, event))
        what = chance.random()
        if what < 0.4:
            told += _corrected(chance, number, event, chance.choice(events))
        elif what < 0.5:
            told += _read_anew(chance, number, event)
        else:
            told.append(event)
    return told


class _Clerk:
    """Keeps records apart: of two of one instant it is anybody's guess which rules, so none share one."""

    def __init__(self) -> None:
        self.used: set[datetime] = set()

    def arrives(self, told: Told, at: datetime) -> Told:
        """Return *told* as received at *at*, or as soon after as its record has an instant of its own."""
        recorded_at: datetime | None = told.__dict__.get("recorded_at")
        late = timedelta(0)
        while (recorded_at or at) + late in self.used:
            late += SECOND
        self.used.add((recorded_at or at) + late)
        update = {"received_at": at + late}
        if recorded_at is not None:
            update["recorded_at"] = recorded_at + late
        return told.model_copy(update=update)


def as_it_arrives(chance: random.Random, told: Sequence[Told]) -> list[Told]:
    """Return *told* by arrival: some late, some twice."""
    arrived: list[Told] = []
    of_message: dict[tuple[datetime, datetime], datetime] = {}
    clerk = _Clerk()
    for one in told:
        at = one.received_at + timedelta(minutes=chance.choice([0, 0, 0, 0, 0, 2, 45, 600]))
        if isinstance(one, AboutTwo):
            # Both copies arrive when their message does.
            at = of_message.setdefault((one.occurred_at, one.received_at), at)
            arrived.append(one.model_copy(update={"received_at": at}))
            continue
        arrived.append(clerk.arrives(one, at))
        if chance.random() < 0.07:
            again, at = one, at + chance.choice([0, 1, 25]) * HOUR
            if isinstance(one, Event) and chance.random() < 0.5:
                again = one.model_copy(update={"recorded_at": at})
            arrived.append(clerk.arrives(again, at))
    return sorted(arrived, key=lambda one: one.received_at)
