"""What goes wrong with a pager, over time: a profile of faults, drawn by a seed, without a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from tests.pager.pagerduty_rules import Answer, PagerDutyRules

Fault = int | Literal["reset", "timeout", "answer-lost", "bad-answer"]
"""
A status; the connection reset or no answer before anything was taken in;
taken in and the answer lost; taken in and an answer that is no JSON.
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """For how long which share of the calls meets which of these faults."""

    lasting: timedelta
    share: float
    faults: tuple[Fault, ...] = (502,)


class Outage:
    """Phases one after another from an instant on; after the last one all is well."""

    def __init__(self, begins_at: datetime, phases: Sequence[Phase], seed: int = 1) -> None:
        """Prepare; the same seed draws the same faults for the same calls."""
        self.begins_at, self.phases = begins_at, tuple(phases)
        self._random = Random(seed)

    @property
    def ends_at(self) -> datetime:
        """Return when the last phase is over."""
        return self.begins_at + sum((one.lasting for one in self.phases), timedelta())

    def fault(self, now: datetime) -> Fault | None:
        """Return what befalls a call that is made now."""
        begins_at = self.begins_at
        for phase in self.phases:
            if begins_at <= now < begins_at + phase.lasting:
                hit = self._random.random() < phase.share
                return self._random.choice(phase.faults) if hit else None
            begins_at += phase.lasting
        return None


def like_2025_08_28(begins_at: datetime, seed: int = 1) -> Outage:
    """Return an approximation of that outage: 95 % refused for 38 min, then 18 % to minute 130."""
    phases = (
        Phase(timedelta(minutes=38), 0.95, (502, 503, 429)),
        Phase(timedelta(minutes=92), 0.18, (500, 502)),
    )
    return Outage(begins_at, phases, seed)


def flat_outage(begins_at: datetime, seed: int = 1) -> Outage:
    """Return 6 h 17 min in which nothing is taken."""
    return Outage(begins_at, (Phase(timedelta(hours=6, minutes=17), 1.0, (502, 503)),), seed)


class FaultyPagerDuty:
    """PagerDuty behind a network that fails: an answer, or the fault that came instead of one."""

    def __init__(self, rules: PagerDutyRules, *outages: Outage) -> None:
        """Let the first of *outages* that has a fault for a call rule."""
        self.rules, self.outages = rules, outages
        self.calls = 0

    def event(self, body: dict[str, Any], now: datetime) -> Answer | Fault:
        """Return what the caller sees; `answer-lost` and `bad-answer` were taken in nevertheless."""
        self.calls += 1
        fault = next((f for one in self.outages if (f := one.fault(now)) is not None), None)
        if fault is None:
            return self.rules.event(body, now)
        if isinstance(fault, int):
            return fault, {}, {}
        if fault in {"answer-lost", "bad-answer"}:
            self.rules.event(body, now)
        return fault
