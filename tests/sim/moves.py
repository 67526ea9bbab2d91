"""Visits, and those that turn out to be another patient's."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cordwatch_schemas.admissions import EncounterMoved
from tests.builders import a_move
from tests.sim.happenings import VISITS, Told

HOUR = timedelta(hours=1)
NOBODY = "p9"
"""A patient of whom nothing else is told."""


def in_visits(chance: random.Random, happened: Sequence[Told], *, shared: bool) -> list[Told]:
    """Return what *happened*, most of it told for a visit; *shared*: houses number the visits of each patient alike."""
    told = []
    for one in happened:
        if "encounter" not in type(one).model_fields:
            told.append(one)
            continue
        visit = one.__dict__["encounter"]
        if visit is None and chance.random() < 0.7:
            visit = chance.choice(VISITS)
        update = {"encounter": visit and _number(visit, one.patient, shared=shared)}
        told.append(one.model_copy(update=update))
    return told


def _number(visit: str, patient: str, *, shared: bool) -> str:
    return visit if shared else f"{patient}-{visit}"


def moves(
    chance: random.Random, next_at: Callable[[], datetime], names: Sequence[str], *, shared: bool
) -> list[Told]:
    """Return which visits turned out to be whose: moves, on to a third, back again, told twice."""
    told: list[Told] = []
    for _ in range(chance.randint(1, 3)):
        at, whose = next_at(), chance.choice(names)
        visit = _number(chance.choice(VISITS), whose, shared=shared)
        for _ in range(chance.choice([1, 1, 1, 2, 2, 3])):
            other = chance.choice([*names, *names, NOBODY])
            told += _published(chance, at, visit, whose, other)
            at += chance.choice([0, 1, 5]) * HOUR
            # The next one moves it on, or the first one again.
            whose = other if chance.random() < 0.8 else whose
    return told


def _published(
    chance: random.Random, at: datetime, visit: str, moved_from: str, moved_to: str
) -> list[EncounterMoved]:
    """Return the two copies in any order, now and then sent again much later, one of them at least."""
    more: dict[str, Any] = {}
    if chance.random() < 0.3:
        more["recorded_at"] = at + chance.choice([-1, 0, 1]) * HOUR
    copies = list(a_move(at, visit, moved_from, moved_to, **more))
    chance.shuffle(copies)
    if chance.random() < 0.2:
        more = {"received_at": at + chance.choice([1, 5, 24]) * HOUR}
        more["recorded_at"] = chance.choice([None, at, more["received_at"]])
        again = a_move(at, visit, moved_from, moved_to, **more)
        copies += again[: chance.choice([1, 2, 2])]
    return copies
