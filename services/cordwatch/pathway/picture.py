"""A patient as the rules see one: facts sorted out, clocks, and where the patient is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar, TypeVarTuple

from cordwatch.pathway.clocks import Clock, Episode, Episodes
from cordwatch.pathway.drugs import Drugs
from cordwatch.pathway.endings import Endings
from cordwatch.pathway.facts import FUTURE_TOLERANCE, Fact
from cordwatch.pathway.history import History
from cordwatch.pathway.identity import Persons
from cordwatch.pathway.starts import lymphoma_known
from cordwatch.pathway.where import PLACES, Where
from cordwatch_schemas.pack import Pack, Packs

Found = TypeVar("Found")
Given = TypeVarTuple("Given")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the patient is, for routing."""

    encounter: str | None = None
    facility: str | None = None
    ward: str | None = None


class Picture:
    """What follows from a patient's facts alone; only questions `at` an instant depend on time."""

    def __init__(self, facts: Iterable[Fact], persons: Persons, packs: Packs) -> None:
        """Work out history, episodes and clocks of the patient whose *facts* these are."""
        self.packs = packs
        self.persons = persons
        self.history = History(_read_with(packs.default.policy.future_tolerance, facts))
        self.where = Where(self.history, packs)
        self.endings = Endings(self.history, self.where)
        self.episodes: list[Episode] = Episodes(self.endings).found
        self.clocks: list[Clock] = [one for episode in self.episodes for one in episode.clocks]
        self.lymphoma = lymphoma_known(self.history, self.where)
        self._found: dict[object, Any] = {}

    def once(self, work: Callable[[Picture, *Given], Found], *given: *Given) -> Found:
        """Return what *work* reads out of the facts alone: every look asks for it, and it stays the same."""
        if (work, given) not in self._found:
            self._found[work, given] = work(self, *given)
        found: Found = self._found[work, given]
        return found

    def is_dead(self, at: datetime) -> bool:
        """Return whether the patient was dead at *at*, and nothing contradicts it."""
        death_at = self.endings.death_at
        return death_at is not None and death_at <= at

    @cached_property
    def drugs(self) -> Drugs:
        """Return what is ordered: only advice reads it."""
        return Drugs(self.history)

    @property
    def owner(self) -> str | None:
        """Return the reference under which the patient lives now, None where nothing is known."""
        facts = self.history.facts
        return self.persons.owner(facts[0]) if facts else None

    @property
    def is_of_interest(self) -> bool:
        """Return whether advice about drugs, pain and procedures is for this patient (pathway, Who)."""
        return self.lymphoma is not None or bool(self.clocks)

    def pack_of(self, fact: Fact) -> Pack:
        """Return the pack under which *fact* is read."""
        return self.where.pack_of(fact)

    def open_clocks(self, at: datetime) -> list[Clock]:
        """Return the clocks that run at *at*."""
        return [clock for clock in self.clocks if clock.is_open(at)]

    @cached_property
    def place(self) -> Place:
        """Return the latest known place of the patient."""
        moves = [
            fact for fact in self.history.standing(*PLACES) if fact.values.get("ward") is not None
        ]
        if not moves:
            return Place()
        last = max(moves, key=lambda fact: (fact.at, fact.known_at, fact.id))
        return Place(last.encounter, last.values.get("facility"), last.values.get("ward"))

    def changes_after(self, now: datetime) -> list[datetime]:
        """Return the instants after *now* at which something ends or changes by time alone."""
        ends = [clock.end.at for clock in self.clocks if clock.end is not None]
        if not self.is_of_interest:
            return []
        drugs = {*self.drugs.edges(), *self.endings.steroid.changes()}
        return [at for at in (*ends, *drugs) if at > now]


def _read_with(tolerance: timedelta, facts: Iterable[Fact]) -> Iterable[Fact]:
    # The default's for all: where a patient was is itself read from times, before any other pack can be chosen.
    if tolerance == FUTURE_TOLERANCE:
        return facts
    return [replace(fact, tolerance=tolerance) for fact in facts]
