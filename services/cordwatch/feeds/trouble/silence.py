"""
Silence of one feed: how long none came, and how long that usually lasts at this hour of the week.

Pure: time is an argument. A silence is counted in seconds in which the gateway
could have heard something, so that its own absence is nobody's silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

HOUR_S: Final = 3_600
HOURS_OF_WEEK: Final = 168
WEEKS_MAX: Final = 6
"""How long an hour of the week is remembered."""
WEEKS_MIN: Final = 2
"""How often it must have been heard before it counts as learnt."""
WEEKS_ROBUST: Final = 4
"""From here on the longest silence is left out: one outage, one holiday is no habit."""
FACTOR: Final = 2
UNLEARNT_S: Final = 24 * HOUR_S
"""Until an hour is learnt a silence is told after a day, or twice the longest there ever was."""
WHOLE_HOUR_S: Final = HOUR_S - 60
"""An hour in which the gateway was away for longer than a minute teaches nothing."""

AT_LEAST_S: Final = 15 * 60.0


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """What a profile says of the silence of one type of message."""

    at_least_s: float = AT_LEAST_S
    """A shorter silence is never told."""
    at_most_s: float | None = None
    """A longer one always is, whatever was learnt."""
    never: bool = False
    expected: bool = False
    """Named in the profile: missed even if it never came."""


@dataclass(frozen=True, slots=True)
class SilencePlans:
    """What a profile says of the silence of its sender."""

    usual: SilencePlan = SilencePlan()
    types: Mapping[str, SilencePlan] = field(default_factory=dict)

    def of(self, kind: str) -> SilencePlan:
        """Return the plan for messages of *kind*, `ADT` or `ADT^A40`."""
        return self.types.get(kind, self.usual)


def hour_of_week(now: datetime, zone: ZoneInfo) -> int:
    """Return the hour of the hospital's week, from Monday midnight: an hour repeated at night is one."""
    local = now.astimezone(zone)
    return local.weekday() * 24 + local.hour


@dataclass(slots=True)
class Hearing:
    """What is known of one feed: how long it is silent, and how long it ever was at each hour."""

    quiet_s: float = 0.0
    last_at: datetime | None = None
    """When the last message came; None: never."""
    since: datetime | None = None
    """When it began to be listened for."""
    hours: dict[int, list[int]] = field(default_factory=dict)
    """By hour of the week the longest silence reached in it, in seconds; the newest last."""
    longest_s: float = 0.0
    silent_since: datetime | None = None
    """While an alert is open: the last message before, or the begin."""
    _hour: int | None = None
    _longest_of_hour_s: float = 0.0
    _heard_of_hour_s: float = 0.0

    def pass_time(self, able_s: float, hour: int) -> bool:
        """Let *able_s* seconds go by that end in *hour* of the week; return whether an hour was learnt."""
        learnt = False
        if hour != self._hour:
            learnt = self._learn()
            self._hour = hour
            self._longest_of_hour_s = self._heard_of_hour_s = 0.0
        self.quiet_s += able_s
        self._heard_of_hour_s += able_s
        self._longest_of_hour_s = max(self._longest_of_hour_s, self.quiet_s)
        return learnt

    def _learn(self) -> bool:
        """Remember the hour that ended, if the gateway listened all through it to a feed that there is."""
        if self._hour is None or self.last_at is None or self._heard_of_hour_s < WHOLE_HOUR_S:
            return False
        seen = self.hours.setdefault(self._hour, [])
        seen.append(round(self._longest_of_hour_s))
        del seen[:-WEEKS_MAX]
        return True

    def hear(self, at: datetime, since_step_s: float = 0.0) -> None:
        """
        Take note of a message that came *since_step_s* after time was last let pass.

        That much of the next step is before it, and no silence: never told early.
        """
        if self.silent_since is None and self.last_at is not None:
            # An outage that was told is no habit.
            self.longest_s = max(self.longest_s, self.quiet_s)
        self.quiet_s = -since_step_s
        self.last_at = at

    def limit_s(self, hour: int, plan: SilencePlan) -> float:
        """Return after how long a silence is told in *hour* of the week."""
        learnt = self._usual_s(hour)
        found = max(UNLEARNT_S, FACTOR * self.longest_s) if learnt is None else FACTOR * learnt
        found = max(found, plan.at_least_s)
        return found if plan.at_most_s is None else min(found, plan.at_most_s)

    def is_learnt(self, hour: int) -> bool:
        """Return whether the limit in *hour* comes from what was heard at that hour."""
        return len(self.hours.get(hour, ())) >= WEEKS_MIN

    def _usual_s(self, hour: int) -> float | None:
        """Return the longest silence that is usual at that hour or beside it; None: not learnt."""
        if not self.is_learnt(hour):
            return None
        beside = ((hour + step) % HOURS_OF_WEEK for step in (-1, 0, 1))
        return max(_usual_of(seen) for one in beside if (seen := self.hours.get(one)))

    def is_silent(self, hour: int, plan: SilencePlan, able_for_s: float) -> bool:
        """
        Return whether the silence must be told.

        *able_for_s*: how long the gateway has been there without a break. Senders
        need a moment to come back to it.
        """
        if plan.never or (self.last_at is None and not plan.expected):
            return False
        grace_s = min(plan.at_least_s, self.limit_s(hour, plan))
        return able_for_s >= grace_s and self.quiet_s >= self.limit_s(hour, plan)


def _usual_of(seen: list[int]) -> int:
    """Return the longest silence of an hour over the weeks; of several weeks the second longest."""
    return sorted(seen)[-2] if len(seen) >= WEEKS_ROBUST else max(seen)
