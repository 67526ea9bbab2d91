"""What a notice or advisory is raised about, and what all of them look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tests.oracle.clocks import Clock, Episode
from tests.oracle.known import Fact, Known


@dataclass(frozen=True)
class Condition:
    """Something that holds now, and the fact that caused it."""

    kind: str
    rule: str
    cause: str
    fact: Fact
    behind: bool = False
    """A more pressing clock says the same about the same fact, and is paged."""
    clocks: tuple[Clock, ...] = ()
    """What it is about; where all of them are for the board only, so is it."""
    since: datetime | None = None
    """From when on it holds, where that is not the time of the fact."""


@dataclass(frozen=True)
class Case:
    """One person at one instant."""

    facts: Known
    episodes: list[Episode]
    now: datetime

    @property
    def clocks(self) -> list[Clock]:
        """Return the clocks of all episodes."""
        return [clock for episode in self.episodes for clock in episode.clocks]

    def open_mri(self) -> list[Clock]:
        """Return the MRI clocks that run."""
        return [clock for clock in self.clocks if clock.is_mri and clock.is_open(self.now)]

    def concerned(self, at: datetime, prefix: str = "") -> list[Clock]:
        """Return the clocks that ran at *at*, none once all of them have ended."""
        then = [c for c in self.clocks if c.rule.startswith(prefix) and c.is_open(at)]
        return then if any(clock.is_open(self.now) for clock in then) else []


def notice(rule: str, fact: Fact, *more: object, clocks: Iterable[Clock] = ()) -> Condition:
    """Return a notice about *fact* and *clocks*, one for each of *more*."""
    return Condition("notice", rule, repr((fact.key, *more)), fact, clocks=tuple(clocks))


def advice(rule: str, fact: Fact, cause: str = "", *clocks: Clock) -> Condition:
    """Return an advisory about *fact* and *clocks*, one for each *cause*."""
    return Condition("advisory", rule, cause or fact.key, fact, clocks=clocks)
