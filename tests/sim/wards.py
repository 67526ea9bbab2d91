"""Histories and wards from a seed: what happens to patients, one thing after the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.builders import (
    CORD_COMPRESSION,
    T,
    a_deficit,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_dose,
    a_merge,
    a_merge_cancelled,
    a_plan,
    a_refutation,
    a_report,
    a_suspicion,
    a_treatment_cancelled,
    an_mri_booked,
    an_mri_cancelled,
    an_mri_ordered,
    known_lymphoma,
)
from tests.sim import happenings as h
from tests.sim.happenings import Happening, Told
from tests.sim.moves import in_visits, moves
from tests.sim.sources import as_it_arrives, as_sources_tell

DAYS = 5
"""How long what happens on a ward goes on; the simulation looks on for a while after."""
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
SECOND = timedelta(seconds=1)
SPANS_H = (1, 2, 4, 4, 6, 6, 8, 8, 12, 12, 24, 48, 120, 960)
"""How long what happens goes on."""
MANY_REPEATS = timedelta(hours=18)
"""A history that is looked at for longer is so by a service that is often away, else most of it would be repeats."""
EDGES_H = (0, 0, 1, 4, 6, 9, 10.8, 12, 24, 24, 36, 48, 72, 84, 168, 336, 360, 672, 720)
"""Spans of the pathway: something that happens so long after something else stands on an edge."""

_LIKELY: Sequence[tuple[Happening, int]] = (
    (h.suspicion, 8),
    (h.milder_signs, 8),
    (h.remarks, 4),
    (h.diagnosis, 6),
    (h.refutation, 2),
    (h.mri_order, 8),
    (h.mri_booking, 4),
    (h.mri_scan, 9),
    (h.mri_upset, 4),
    (h.other_imaging, 3),
    (h.report, 9),
    (h.answer, 3),
    (h.stand_down, 2),
    (h.dexamethasone, 8),
    (h.dexamethasone_stop, 4),
    (h.dose, 8),
    (h.other_drug, 8),
    (h.treatment, 12),
    (h.consultation, 4),
    (h.record, 6),
    (h.stay, 5),
    (h.life_and_death, 2),
)
_HAPPENINGS = tuple(one for one, _ in _LIKELY)
_WEIGHTS = tuple(weight for _, weight in _LIKELY)
_CARE_PATH: Sequence[Happening] = (
    h.suspicion,
    h.mri_order,
    h.mri_scan,
    h.report,
    h.dexamethasone,
    h.dose,
    h.consultation,
    h.treatment,
    h.dexamethasone,
    h.dexamethasone,
    h.dexamethasone_stop,
)


_Path = Callable[[random.Random, "_Times", str], list[Told]]


@dataclass(frozen=True)
class History:
    """What is told, until when it is looked at, and when nobody looks."""

    told: tuple[Told, ...]
    until: datetime
    stopped: tuple[tuple[datetime, datetime], ...] = ()


class _Times:
    """Instants that often coincide, or stand on an edge that a rule makes of another."""

    def __init__(self, chance: random.Random, span_h: int) -> None:
        self.chance = chance
        self.span_h = span_h
        self.past: list[datetime] = [T(0)]

    def next(self) -> datetime:
        """Return when the next thing happens."""
        chance = self.chance
        if chance.random() < 0.3:
            edge = chance.choice([e for e in EDGES_H if e <= self.span_h])
            at = chance.choice(self.past) + edge * HOUR + chance.choice([-1, 0, 0, 1]) * SECOND
        else:
            hour = chance.randint(0, self.span_h)
            at = T(hour + (0 if chance.random() < 0.5 else chance.random()))
        self.past.append(at)
        return at


def _happened(chance: random.Random, times: _Times, who: str) -> list[Told]:
    told: list[Told] = []
    if chance.random() < 0.7:
        told.append(known_lymphoma(patient=who))
    for path, share in _PATHS:
        if chance.random() < share:
            told += path(chance, times, who)
    if chance.random() < 0.3:
        at = times.next()
        for happening in _CARE_PATH:
            at += timedelta(minutes=chance.choice([0, 10, 60, 60, 240, 720]))
            if chance.random() < 0.75:
                told.append(happening(chance, at, who))
    happenings = chance.choices(_HAPPENINGS, _WEIGHTS, k=chance.randint(1, 10))
    return told + [one(chance, times.next(), who) for one in happenings]


def _a_taper(chance: random.Random, times: _Times, who: str) -> list[Told]:
    """Return dexamethasone that is given, lowered so many times, and stopped."""
    at, drug = times.next(), {"patient": who, "order": f"{who}-RX3"}
    told: list[Told] = [a_dexamethasone_order(at, 8, **drug), a_dose(at, patient=who)]
    if chance.random() < 0.5:
        # At the very instant from which on it is wanted.
        told.append(a_report(at, patient=who, order=f"{who}-O6"))
    for step in range(chance.randint(0, 3)):
        at += timedelta(minutes=chance.choice([60, 120, 1_440]))
        told.append(a_dexamethasone_order(at, 4 / (step + 1), **drug))
    return [*told, a_dexamethasone_stop(at + HOUR, **drug)]


def _a_deficit(chance: random.Random, times: _Times, who: str) -> list[Told]:
    """Return a deficit of about a week, of which the days decide how soon the MRI must be, and perhaps the MRI."""
    at, days = times.next(), chance.choice([6.5, 7, 7, 7, 7.5])
    told: list[Told] = [
        known_lymphoma(patient=who),
        a_deficit(at, days, patient=who, progressive=chance.choice([None, True])),
    ]
    done_at = at + chance.choice([6, 12, 24, 36]) * HOUR
    return [*told, h.mri_scan(chance, done_at, who)] if chance.random() < 0.5 else told


def _an_order_gone(chance: random.Random, times: _Times, who: str) -> list[Told]:
    """Return an MRI that is ordered for what is suspected and cancelled, perhaps placed or booked anew."""
    at = times.next()
    order: dict[str, Any] = {"patient": who, "order": f"{who}-O4"}
    gone_at = at + chance.choice([1, 6, 6, 10]) * HOUR + chance.choice([-1, 0, 1]) * SECOND
    told: list[Told] = [
        an_mri_ordered(at, reason_codes=(h.REASON,), **order),
        an_mri_cancelled(gone_at, **order),
    ]
    again_at, what = gone_at + chance.choice([-1, 1, 5]) * HOUR, chance.random()
    if what < 0.3:
        told.append(an_mri_ordered(again_at, reason_codes=(h.REASON,), **order))
    elif what < 0.5:
        told.append(an_mri_booked(again_at, again_at + HOUR, **order))
    return told


def _a_mistake(chance: random.Random, times: _Times, who: str) -> list[Told]:
    """Return a diagnosis that wants something at once and is refuted later, perhaps in its visit only."""
    at, visit = times.next(), chance.choice([None, "V1"])
    status = chance.choice(["confirmed", "suspected"])
    code: dict[str, Any] = {"codes": (CORD_COMPRESSION,), "status": status, "encounter": visit}
    gone_at = at + chance.choice([1, 4, 6, 10]) * HOUR
    where = chance.choice([None, visit, "V2"])
    gone = a_refutation(gone_at, CORD_COMPRESSION, patient=who, encounter=where)
    return [known_lymphoma(at, patient=who, **code), gone]


def _a_plan_gone(chance: random.Random, times: _Times, who: str) -> list[Told]:
    """Return a treatment that is planned for a confirmed MESCC and cancelled, perhaps planned anew."""
    at, (name, (modality, site)) = times.next(), chance.choice(list(h.COURSES.items()))
    course: dict[str, Any] = {"number": f"{who}-{name}", "modality": modality, "site": site}
    gone_at = at + chance.choice([2, 6, 12]) * HOUR
    told: list[Told] = [
        a_report(at, patient=who, order=f"{who}-O5"),
        a_plan(at + chance.choice([0, 1]) * HOUR, patient=who, **course),
        a_treatment_cancelled(gone_at, patient=who, **course),
    ]
    if chance.random() < 0.3:
        told.append(a_plan(gone_at + HOUR, patient=who, **course))
    return told


def _an_old_suspicion(chance: random.Random, times: _Times, who: str) -> list[Told]:
    """Return what is for the board only, told again from a file or much too late, and what is suspected anew."""
    at, late = times.next(), chance.random() < 0.5
    before = at - (35 * DAY if late else HOUR)
    old = a_suspicion(before, patient=who, replayed=not late, received_at=at)
    return [old, h.suspicion(chance, at + chance.choice([0, 1]) * HOUR, who)]


_PATHS: Sequence[tuple[_Path, float]] = (
    (_a_taper, 0.12),
    (_a_deficit, 0.06),
    (_an_order_gone, 0.06),
    (_a_mistake, 0.06),
    (_a_plan_gone, 0.06),
    (_an_old_suspicion, 0.06),
)
"""What must happen one after the other for some rule to be asked at all, and how often it does."""


def _merges(chance: random.Random, times: _Times, names: Sequence[str]) -> list[Told]:
    """Return who turned out to be whom: chains, circles, second thoughts."""
    told: list[Told] = []
    for _ in range(chance.randint(1, 3)):
        survivor, retired = chance.choice(names), chance.choice(names)
        at = times.next()
        told += a_merge(at, survivor, retired)
        if chance.random() < 0.3:
            told += a_merge(at + HOUR, chance.choice([*names, "p9"]), retired)
        if chance.random() < 0.4:
            told += a_merge_cancelled(at + chance.choice([0, 1, 5]) * HOUR, survivor, retired)
    return told


def _mixed_up(
    chance: random.Random, times: _Times, names: Sequence[str], happened: Sequence[Told]
) -> tuple[list[Told], list[Told]]:
    """Return what *happened* and what is told of visits that were another's: in half of the wards of several patients."""
    if len(names) < 2 or chance.random() < 0.5:
        return list(happened), []
    own = _Times(chance, times.span_h)
    own.past = times.past
    shared = chance.random() < 0.5
    return in_visits(chance, happened, shared=shared), moves(chance, own.next, names, shared=shared)


def a_ward(seed: int, patients: int) -> list[Told]:
    """Return everything that a ward of *patients* sends, by arrival; some of them turn out to be the same."""
    chance = random.Random(seed)
    times = _Times(chance, DAYS * 24)
    names = [f"p{number}" for number in range(patients)]
    happened = [one for name in names for one in _happened(chance, times, name)]
    moving = random.Random(f"moves {seed}")
    happened, moved = _mixed_up(moving, times, names, happened)
    told = as_sources_tell(chance, happened)
    if patients > 1 and chance.random() < 0.7:
        told += _merges(chance, times, names)
    return as_it_arrives(chance, told + moved)


def _stops(
    chance: random.Random, span_h: int, until: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """Return when the service is away: seldom, but most of the time of a long history."""
    stopped: list[tuple[datetime, datetime]] = []
    often = until > T(0) + MANY_REPEATS and chance.random() < 0.9
    at = T(chance.randint(0, min(span_h, 10)))
    while often or (not stopped and chance.random() < 0.2):
        back_at = at + chance.choice([1, 5, 26, 60]) * HOUR
        stopped.append((at, back_at))
        at = back_at + chance.choice([0.25, 1, 3]) * HOUR
        if at > until:
            break
    return tuple(stopped)


def history(seed: int) -> History:
    """Return the history of *seed*: the same whenever and wherever it is asked for."""
    chance = random.Random(f"history {seed}")
    times = _Times(chance, chance.choice(SPANS_H))
    names = [f"p{number}" for number in range(chance.choice([1, 1, 1, 1, 2, 3]))]
    happened = [one for name in names for one in _happened(chance, times, name)]
    # Of a chance of their own, so that they change nothing of the histories without them.
    moving = random.Random(f"moves {seed}")
    happened, moved = _mixed_up(moving, times, names, happened)
    told = as_sources_tell(chance, happened)
    if len(names) > 1:
        merges = _merges(chance, times, names)
        # Now and then without any: nobody is anybody else, only the visit is.
        told += [] if moved and moving.random() < 0.4 else merges
    arrived = as_it_arrives(chance, told + moved)
    until = T(times.span_h + chance.choice([0, 0, 0, 1, 1, 3, 6, 13, 30]))
    heard = [one for one in arrived if one.received_at <= until] or arrived[:1]
    return History(tuple(heard), until, _stops(chance, times.span_h, until))
