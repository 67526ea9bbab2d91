"""
The outbox: which attempt is made next. Most pressing first, within what each destination takes.

One attempt at a time for a dedup key, so that an end never overtakes its
trigger. Less pressing pages may use half of a destination's rate, so that
there is always room for those that cannot wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import NamedTuple

from cordwatch.pager.lane import next_action
from cordwatch.pager.plan import PRESSING, step_of
from cordwatch.pager.transports.transport import Action, Outcome, Transport
from cordwatch_schemas.pages import Delivery, LedgerEntry, Matter

WINDOW = timedelta(seconds=60)
SHARE_USED = 0.95
"""Of the rate that a destination states: clocks differ, and refused for haste is worse than late."""

IN_FLIGHT_MAX = 8
_SEVERITY = {"critical": 0, "urgent": 1, "warning": 2, "info": 3}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing to say to one destination now."""

    alert_id: str
    destination: str
    dedup_key: str
    action: Action
    was_uncertain: bool
    """Whether an earlier attempt may have arrived."""


Urgency = tuple[int, int, int, datetime, datetime]


class _Waiting(NamedTuple):
    """Something that is to be said, from `due_at` on; in the order of their urgency."""

    urgency: Urgency
    dedup_key: str
    due_at: datetime
    failed_at: datetime | None
    """When it was last tried in vain, unless the destination refused it."""
    alert_id: str
    action: Action
    was_uncertain: bool


@dataclass(slots=True)
class _Lane:
    """What is known of one destination."""

    per_minute: int | None
    resend_s: float | None
    closing_lasts: timedelta
    made: deque[datetime] = field(default_factory=deque)
    """Attempts of the last minute."""
    in_flight: set[str] = field(default_factory=set)
    paused_until: datetime | None = None
    came_back_at: datetime | None = None
    """When it last took something: what failed before need wait no longer."""
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    """By dedup key."""

    def free(self, now: datetime) -> int:
        """Return how many more attempts it takes now."""
        if self.paused_until is not None and self.paused_until > now:
            return 0
        slots = IN_FLIGHT_MAX - len(self.in_flight)
        return slots if self.per_minute is None else min(slots, self._left(now))

    @property
    def is_full(self) -> bool:
        """Return whether as many attempts are being made as may be at once."""
        return len(self.in_flight) >= IN_FLIGHT_MAX

    def due_at(self, one: _Waiting) -> datetime:
        """Return from when on it may be tried: at once where the destination has come back since."""
        if one.failed_at and self.came_back_at and one.failed_at < self.came_back_at:
            return min(one.due_at, self.came_back_at)
        return one.due_at

    def begin(self, key: str, now: datetime) -> None:
        """Note that an attempt is made."""
        self.in_flight.add(key)
        if self.per_minute is not None:
            self.made.append(now)

    def free_for_less(self, now: datetime) -> int:
        """Return how many of them may be of those that can wait."""
        if self.per_minute is None:
            return self.free(now)
        return max(0, min(self.free(now), self._left(now) - self._limit() // 2))

    def free_again_at(self, now: datetime) -> datetime | None:
        """Return when it takes more, where that is a matter of time."""
        if self.paused_until is not None and self.paused_until > now:
            return self.paused_until
        self._left(now)
        return self.made[0] + WINDOW if self.made else None

    def _limit(self) -> int:
        return max(1, int((self.per_minute or 0) * SHARE_USED))

    def _left(self, now: datetime) -> int:
        while self.made and self.made[0] + WINDOW <= now:
            self.made.popleft()
        return max(0, self._limit() - len(self.made))


class Outbox:
    """What waits to be said, by destination."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        """Begin empty, for these destinations."""
        self._lanes = {
            name: _Lane(one.per_minute, one.resend_s, timedelta(seconds=one.closing_lasts_s))
            for name, one in transports.items()
        }

    def note(self, entry: LedgerEntry) -> None:
        """Take up what is still to be said of a matter."""
        for delivery in entry.deliveries:
            lane = self._lanes.get(delivery.destination)
            if lane is None:
                continue
            waiting = _waiting(entry.matter, delivery, lane)
            if waiting is None:
                lane.waiting.pop(delivery.dedup_key, None)
            else:
                lane.waiting[delivery.dedup_key] = waiting

    def drop(self, delivery: Delivery) -> None:
        """Say nothing more of a delivery."""
        if (lane := self._lanes.get(delivery.destination)) is not None:
            lane.waiting.pop(delivery.dedup_key, None)

    def holds(self, entry: LedgerEntry) -> bool:
        """Return whether anything is still to be said of a matter."""
        return any(
            one.dedup_key in lane.waiting or one.dedup_key in lane.in_flight
            for one in entry.deliveries
            if (lane := self._lanes.get(one.destination)) is not None
        )

    def remember(self, entries: Iterable[LedgerEntry], now: datetime) -> None:
        """Count the attempts of the last minute before a restart: a rate does not begin anew with a process."""
        made = sorted(
            (one.last_attempt_at, one.destination)
            for entry in entries
            for one in entry.deliveries
            if one.last_attempt_at is not None and now - one.last_attempt_at < WINDOW
        )
        for at, destination in made:
            if destination in self._lanes:
                self._lanes[destination].made.append(at)

    def take(self, now: datetime) -> list[Attempt]:
        """Return the attempts to make now; each is in flight until it is `done`."""
        found = []
        for name, lane in self._lanes.items():
            if lane.waiting and lane.free(now):
                found += self._of_lane(name, lane, now)
        return found

    def _of_lane(self, name: str, lane: _Lane, now: datetime) -> list[Attempt]:
        free, for_less, found = lane.free(now), lane.free_for_less(now), []
        ready = (
            one
            for one in lane.waiting.values()
            if lane.due_at(one) <= now and one.dedup_key not in lane.in_flight
        )
        for one in nsmallest(free, ready):
            is_less = one.urgency[0]
            if is_less and for_less == 0:
                break
            for_less -= is_less
            found.append(Attempt(one.alert_id, name, one.dedup_key, one.action, one.was_uncertain))
            lane.begin(one.dedup_key, now)
        return found

    def done(self, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
        """Free the lane; leave the destination alone for as long as it asked."""
        lane = self._lanes[attempt.destination]
        lane.in_flight.discard(attempt.dedup_key)
        if outcome.verdict == "accepted":
            lane.came_back_at = now
        if outcome.retry_after_s:
            until = now + timedelta(seconds=outcome.retry_after_s)
            lane.paused_until = max(until, lane.paused_until or until)

    def next_at(self, now: datetime) -> datetime | None:
        """Return when there will be something to say, as far as it is a matter of time."""
        times: list[datetime] = []
        for lane in self._lanes.values():
            if lane.is_full:
                # The end of an attempt wakes whoever waits, not a time.
                continue
            dues = [
                lane.due_at(one)
                for one in lane.waiting.values()
                if one.dedup_key not in lane.in_flight
            ]
            if dues:
                first = min(dues)
                free_at = lane.free_again_at(now) if first <= now else None
                times.append(max(first, free_at) if free_at else first)
        return min(times, default=None)


def _waiting(matter: Matter, delivery: Delivery, lane: _Lane) -> _Waiting | None:
    action, due_at = next_action(delivery), delivery.not_before or delivery.decided_at
    if action is None:
        again_at = _resend_at(lane, delivery)
        if again_at is None:
            return None
        action, due_at = ("close" if delivery.accepted == "closed" else "tell"), again_at
    return _Waiting(
        _urgency(matter, delivery),
        delivery.dedup_key,
        due_at,
        delivery.last_attempt_at if delivery.failures and not delivery.refused else None,
        matter.alert_id,
        action,
        delivery.uncertain,
    )


def _resend_at(lane: _Lane, delivery: Delivery) -> datetime | None:
    """Return when a destination that forgets must be told the same again; None: it does not forget."""
    if lane.resend_s is None or delivery.settled_at is None or delivery.accepted == "nothing":
        return None
    last_at = delivery.last_attempt_at or delivery.settled_at
    if delivery.accepted == "closed" and last_at - delivery.settled_at > lane.closing_lasts:
        return None
    return delivery.not_before or last_at + timedelta(seconds=lane.resend_s)


def _urgency(matter: Matter, delivery: Delivery) -> Urgency:
    """Order what waits: what presses, then by severity, tells before ends, by due time, by age."""
    presses = step_of(matter) in PRESSING and delivery.wanted != "closed"
    return (
        int(not presses),
        _SEVERITY[matter.severity],
        int(delivery.wanted == "closed"),
        matter.due_at or matter.raised_at,
        delivery.decided_at,
    )
