"""Whether a world told what the core says it must, and the smallest story in which it did not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Pack
from tests.builders import T
from tests.sim.happenings import Told
from tests.sim.noise import the_others
from tests.sim.wards import DAYS, a_ward
from tests.sim.world import MOST_BEHIND, Faults, Restless, Step, World

UNTIL = T(DAYS * 24 + 36)
PATIENT_DAYS = (UNTIL - T(0)) / timedelta(days=1)
Shown = tuple[str, str, datetime, str]


@dataclass(frozen=True)
class Trial:
    """One story, the faults that befall the workers during it, and the seed of every other choice."""

    seed: int
    told: tuple[Told, ...]
    faults: Faults

    @classmethod
    def from_seed(cls, seed: int, patients: int, others: int = 0) -> Trial:
        """Return the trial of *seed*: *patients* who may have clocks, and *others* who have none."""
        chance = random.Random(f"faults {seed}")
        noise = the_others(random.Random(f"others {seed}"), others, DAYS)
        told = tuple(sorted([*a_ward(seed, patients), *noise], key=lambda one: one.received_at))
        faults = Faults.by_chance(chance, len(told))
        if chance.random() < 0.2:
            begin_at = T(chance.randint(0, DAYS * 24))
            faults = replace(
                faults, down=((begin_at, begin_at + timedelta(hours=chance.randint(1, 30))),)
            )
        if chance.random() < 0.2:
            faults = replace(faults, charts_kept=chance.randint(0, 3))
        return cls(seed, told, faults)


def expected(trial: Trial, pack: Pack) -> dict[str, Shown]:
    """Return what the core alone tells: by alert id, when it was raised and how it ended."""
    alerts = simulate(trial.told, pack, UNTIL, trial.faults.down)
    return {one.alert_id: _shown(one, one.raised_at) for one in alerts}


def published(trial: Trial, pack: Pack) -> dict[str, Shown]:
    """Return what watch told through all its faults: the first raising, the highest revision."""
    world = World(pack, trial.faults, random.Random(trial.seed))
    world.run(trial.told, UNTIL)
    first: dict[str, datetime] = {}
    last: dict[str, Alert] = {}
    for one in world.log.alerts:
        first[one.alert_id] = min(one.raised_at, first.get(one.alert_id, one.raised_at))
        if one.alert_id not in last or one.revision >= last[one.alert_id].revision:
            last[one.alert_id] = one
    return {key: _shown(one, first[key]) for key, one in last.items()}


def _shown(alert: Alert, raised_at: datetime) -> Shown:
    return (alert.rule, str(alert.level), raised_at, alert.status)


def _same(ours: Shown, theirs: Shown, *, by_the_clock: bool) -> bool:
    """Return whether two accounts agree; where a clock was stepped it is wrong about the instant, no more."""
    if by_the_clock:
        return ours == theirs
    late = abs(ours[2] - theirs[2])
    return (ours[0], ours[1], ours[3]) == (theirs[0], theirs[1], theirs[3]) and late <= MOST_BEHIND


def differences(trial: Trial, pack: Pack) -> list[str]:
    """Return in words how watch and core differ; empty when they agree."""
    theirs = expected(trial, pack)
    try:
        ours = published(trial, pack)
    except Restless as error:
        return [f"watch never rests: {error}"]
    found = [f"lost: {theirs[key]}" for key in sorted(theirs.keys() - ours.keys())]
    found += [f"unknown: {ours[key]}" for key in sorted(ours.keys() - theirs.keys())]
    found += [
        f"differs: watch {ours[key]}, core {theirs[key]}"
        for key in sorted(ours.keys() & theirs.keys())
        if not _same(ours[key], theirs[key], by_the_clock=not trial.faults.lagging)
    ]
    return found


def shrunk(trial: Trial, fails: Callable[[Trial], bool]) -> Trial:
    """Return the smallest trial found that still *fails*: fewer faults, then fewer events."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(trial):
            if fails(candidate):
                trial, smaller = candidate, True
                break
    return trial


def _smaller(trial: Trial) -> Iterator[Trial]:
    faults = trial.faults
    if faults != Faults():
        yield replace(trial, faults=Faults())
    for patient in sorted({one.patient for one in trial.told}):
        yield replace(trial, told=tuple(one for one in trial.told if one.patient != patient))
    if faults.down:
        yield replace(trial, faults=replace(faults, down=()))
    for name in ("crashes", "rebalances", "zombies", "lagging"):
        steps: frozenset[Step] = getattr(faults, name)
        for one in sorted(steps):
            yield replace(trial, faults=replace(faults, **{name: steps - {one}}))  # type: ignore[arg-type]
    for n in range(len(trial.told)):
        yield replace(trial, told=trial.told[:n] + trial.told[n + 1 :])
