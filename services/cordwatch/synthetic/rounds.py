"""
One round after the other, without I/O: what was heard and the time in, what to do out.

A round tells of some patients, and is whole when every leg of the chain has
answered for each of them before its patience is over. Else it is a miss, and
the legs that are missing are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

Leg = Literal["told", "alert", "page", "board", "ended", "others"]
"""
In the order of the chain. `told`: the broker has it; `alert`: watch has raised
it; `page`: the pager has told its null destination; `board`: each board has it;
`ended`: watch has closed it, woken by nothing but the time; `others`: further
processes say that they get on.
"""

LEGS: tuple[Leg, ...] = get_args(Leg)

MISSES_MAX = 3
"""So many misses in a row wake somebody: one may be a restart, two a bad one."""

OPEN_FOR = 0.75
"""Of the patience: so long a patient's clock runs, and the rest is for its end to be told."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How often, how long, and who is asked beside the topics."""

    period: timedelta
    patience: timedelta
    boards: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def noticed_after(self) -> timedelta:
        """Return how long after the last whole round the third miss is certain."""
        return MISSES_MAX * self.period + self.patience


@dataclass(frozen=True, slots=True)
class Chosen:
    """These patients are told of in a round."""

    number: int
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A leg has answered: for a patient, at an address, or for both."""

    leg: Leg
    what: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Choose patients for a new round, and tell of them; their clocks end at `ends_at`."""

    number: int
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Reached:
    """Everything of a leg was heard, so long after what it waited for."""

    number: int
    leg: Leg
    took: timedelta


@dataclass(frozen=True, slots=True)
class Over:
    """A round is over: whole, or without some legs."""

    number: int
    missing: tuple[Leg, ...]
    misses: int
    """In a row, with this one."""


Action = Tell | Reached | Over


@dataclass(frozen=True, slots=True)
class Round:
    """A round that runs."""

    number: int
    """When it began, in whole seconds since 1970."""
    begun_at: datetime
    ends_at: datetime
    wanted: frozenset[Seen] = frozenset()
    """Empty until its patients are chosen."""
    seen: frozenset[Seen] = frozenset()
    reached: Mapping[Leg, datetime] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[Leg, ...]:
        """Return the legs that have not answered for everybody."""
        left = {one.leg for one in self.wanted - self.seen} if self.wanted else {"told"}
        return tuple(leg for leg in LEGS if leg in left)


@dataclass(frozen=True, slots=True)
class State:
    """Where we are: the round that runs, when the next one begins, and how many were missed."""

    next_at: datetime
    round: Round | None = None
    misses: int = 0

    def wake_at(self, figures: Figures) -> datetime:
        """Return when there is something to do though nothing is heard."""
        if self.round is None:
            return self.next_at
        return self.round.begun_at + figures.patience


def step(
    state: State, heard: Iterable[Chosen | Seen], now: datetime, figures: Figures
) -> tuple[State, list[Action]]:
    """Return what follows from what was *heard* at *now*."""
    actions: list[Action] = []
    for one in heard:
        if state.round is not None:
            state = replace(state, round=_heard(state.round, one, now, figures, actions))
    running = state.round
    if running is not None:
        missing = running.missing
        if not missing or now >= running.begun_at + figures.patience:
            misses = state.misses + 1 if missing else 0
            actions.append(Over(running.number, missing, misses))
            state = replace(state, round=None, misses=misses)
    if state.round is None and now >= state.next_at:
        state = _begun(state, now, figures)
        assert state.round is not None  # noqa: S101 - it has just begun
        actions.append(Tell(state.round.number, state.round.ends_at))
    return state, actions


def _begun(state: State, now: datetime, figures: Figures) -> State:
    """Begin a round; after a pause of ours one, not all that were missed."""
    in_time = now < state.next_at + figures.period
    next_at = (state.next_at if in_time else now) + figures.period
    begun = Round(int(now.timestamp()), now, now + figures.patience * OPEN_FOR)
    return replace(state, next_at=next_at, round=begun)


def _heard(
    running: Round, one: Chosen | Seen, now: datetime, figures: Figures, actions: list[Action]
) -> Round:
    if isinstance(one, Chosen):
        if one.number != running.number or running.wanted:
            return running
        return replace(running, wanted=_wanted(one.patients, figures))
    if one not in running.wanted or one in running.seen:
        return running
    running = replace(running, seen=running.seen | {one})
    if one.leg not in running.missing:
        since = {"told": running.begun_at, "others": running.begun_at, "ended": running.ends_at}
        before: Leg = "told" if one.leg == "alert" else "alert"
        begun = since.get(one.leg) or running.reached.get(before, now)
        actions.append(Reached(running.number, one.leg, max(now - begun, timedelta(0))))
        running = replace(running, reached={**running.reached, one.leg: now})
    return running


def _wanted(patients: Iterable[str], figures: Figures) -> frozenset[Seen]:
    wanted = {Seen("told", "")} | {Seen("others", one) for one in figures.others}
    for patient in patients:
        legs: tuple[Leg, ...] = ("alert", "page", "ended")
        wanted |= {Seen(leg, patient) for leg in legs}
        wanted |= {Seen("board", on_board(board, patient)) for board in figures.boards}
    return frozenset(wanted)


def on_board(board: str, patient: str) -> str:
    """Return what stands for a patient who is on a board."""
    return f"{board} {patient}"
