"""What a notice or advisory is raised about, and what all of them look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.oracle.clocks import Clock, Episode
from tests.oracle.known import Fact


@dataclass(frozen=True)
class Condition:
    """Something that holds now, and the fact that caused it."""

    kind: str
    rule: str
    cause: str
    fact: Fact
    behind: bool = False
    """A more pressing clock says the same about the same fact, and is paged."""


@dataclass(frozen=True)
class Case:
    """One person at one instant."""

    facts: list[Fact]
    episodes: list[Episode]
    now: datetime

    @property
    def clocks(self) -> list[Clock]:
        """Return the clocks of all episodes."""
        return [clock for episode in self.episodes for clock in episode.clocks]

    def open_mri(self) -> list[Clock]:
        """Return the MRI clocks that run."""
        return [clock for clock in self.clocks if clock.is_mri and clock.is_open(self.now)]

    def still_open_since(self, at: datetime, prefix: str = "") -> list[Clock]:
        """Return the clocks that ran at *at* and run still."""
        return [
            clock
            for clock in self.clocks
            if clock.rule.startswith(prefix) and clock.is_open(at) and clock.is_open(self.now)
        ]


def notice(rule: str, fact: Fact, *more: object) -> Condition:
    """Return a notice about *fact*, one for each of *more*."""
    return Condition("notice", rule, repr((fact.key, *more)), fact)


def advice(rule: str, fact: Fact, cause: str = "") -> Condition:
    """Return an advisory about *fact*, one for each *cause*."""
    return Condition("advisory", rule, cause or fact.key, fact)
