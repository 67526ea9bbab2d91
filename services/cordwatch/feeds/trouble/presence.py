"""Whether the gateway itself was there to hear anything. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

AWAY_S: Final = 120.0
"""A shorter absence (a restart, a broker that changes its leader) is not worth a word."""

Absence = Literal["gateway-away", "broker-away"]


@dataclass(frozen=True, slots=True)
class Away:
    """Time in which nothing could be heard."""

    kind: Absence
    since: datetime
    until: datetime | None
    """None: it goes on."""


class Presence:
    """Counts the time in which messages could be taken in, and notes what of it is missing."""

    def __init__(self, last_at: datetime | None = None) -> None:
        """Begin where the process before was seen last, if there was one."""
        self._last_at = last_at
        self._began = False
        self._unable_since: datetime | None = None
        self._told = False
        self.able_for_s = 0.0
        """For how long without a break."""

    def since_step_s(self, at: datetime) -> float:
        """Return how long after the last step *at* is; 0 where it is before it, or there was none."""
        if not self._began or self._last_at is None:
            return 0.0
        return max((at - self._last_at).total_seconds(), 0.0)

    def step(self, now: datetime, *, able: bool) -> tuple[float, list[Away]]:
        """
        Go on to *now*; return the seconds in which messages could be heard, and absences.

        A step that is longer than `AWAY_S` is one that the process slept through:
        stopped, suspended, or not there.
        """
        before, began = self._last_at, self._began
        # A clock that was set back is no time gone by.
        self._last_at, self._began = max(before or now, now), True
        passed_s = (now - before).total_seconds() if before else 0.0
        found: list[Away] = []
        if before is not None and passed_s > AWAY_S:
            found.append(Away("gateway-away", before, now))
        slept = not began or passed_s > AWAY_S
        heard_s = 0.0 if slept or not able or self._unable_since else max(passed_s, 0.0)
        self.able_for_s = 0.0 if slept or not able else self.able_for_s + heard_s
        return heard_s, [*found, *self._broker(now, able=able)]

    def _broker(self, now: datetime, *, able: bool) -> list[Away]:
        if able:
            since, told = self._unable_since, self._told
            self._unable_since, self._told = None, False
            return [Away("broker-away", since, now)] if since and told else []
        self._unable_since = self._unable_since or now
        lasted_s = (now - self._unable_since).total_seconds()
        if self._told or lasted_s < AWAY_S:
            return []
        self._told = True
        return [Away("broker-away", self._unable_since, None)]
