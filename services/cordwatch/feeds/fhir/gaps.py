"""Which events of a subscription have not come, by their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

AHEAD_MAX = 10_000
"""Numbers kept beyond a gap; beyond that the gap is left to the reconciling search."""


@dataclass(slots=True)
class EventNumbers:
    """
    The numbers of one subscription: up to `last` none is missing.

    A number may come twice, late, or ahead of others. None: nothing is known
    yet, and what was before is left to the reconciling search.
    """

    last: int | None = None
    _ahead: set[int] = field(default_factory=set)

    def see(self, numbers: Iterable[int], events_since_start: int | None = None) -> None:
        """Take note of events that came (their content is safe), and of how many there were."""
        came = sorted(numbers)
        if self.last is None:
            known = came[0] - 1 if came else events_since_start
            self.last = known
        if self.last is None:
            return
        self._ahead.update(number for number in came if number > self.last)
        self._close_up()
        if len(self._ahead) > AHEAD_MAX:
            self.last = max(self._ahead)
            self._ahead.clear()

    def restart(self) -> None:
        """Begin anew: a handshake of a subscription that counts from its start."""
        self.last = 0
        self._ahead.clear()

    def give_up(self, until: int) -> None:
        """Count what is missing up to *until* as seen: another way took care of it."""
        if self.last is not None and until > self.last:
            self.last = until
            self._ahead = {number for number in self._ahead if number > until}
            self._close_up()

    def missing(self, events_since_start: int | None = None) -> tuple[int, int] | None:
        """Return first and last number of the first gap; None where there is none."""
        if self.last is None:
            return None
        if self._ahead:
            return self.last + 1, min(self._ahead) - 1
        if events_since_start is not None and events_since_start > self.last:
            return self.last + 1, events_since_start
        return None

    def _close_up(self) -> None:
        while self.last is not None and self.last + 1 in self._ahead:
            self.last += 1
            self._ahead.discard(self.last)
