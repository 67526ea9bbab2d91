"""
What happens at the doors: who came in, who did not, and who tried what nobody may. One form for all of it.

Anybody may cause such lines, so that no more of a kind are written in a minute
than somebody reads; how many were left out stands in the next one, and every
one of them is counted in the series of its service (docs/logging.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from cordwatch.runtime.logging import get_logger

SecurityEvent = Literal[
    "signed-in",
    "not-signed-in",
    "not-allowed",
    "forged",
    "too-much",
    "not-readable",
    "tls-failed",
]
EVENTS: Final[dict[SecurityEvent, str]] = {
    "signed-in": "somebody was verified; once an hour for each person and address, since every request proves it anew",
    "not-signed-in": "nobody could be verified: no proof, one that does not hold, or one that was used before",
    "not-allowed": "somebody, or an address, asked for what is not for them: by role, by ward, by network",
    "forged": "a change that did not come from a page of the board",
    "too-much": "more requests or connections than are allowed",
    "not-readable": "what was sent is none of what can be sent: a form, a body, a request",
    "tls-failed": "a handshake failed, on either side: certificate, version or suite",
}
"""What each means, as the page has it."""

MINUTE_S: Final = 60.0
LINES_MAX: Final = 120
"""Of one kind in a minute, in one process."""

log = get_logger("cordwatch.security")


@dataclass(slots=True)
class SecurityEvents:
    """Writes them down, and counts those that are too many to read."""

    monotonic: Callable[[], float] = time.monotonic
    _began_s: dict[str, float] = field(default_factory=dict)
    _lines: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(get_args(SecurityEvent), 0)
    )
    _left_out: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(get_args(SecurityEvent), 0)
    )

    def tell(self, event: SecurityEvent, *, at: str, why: str = "", **who: str) -> None:
        """
        Write down *event*: where (*at*: a part of the software), why, and *who* it was, as far as that is known.

        `peer`: an address; `user`, `subject`: a person of staff. Nothing that was sent.
        """
        now_s = self.monotonic()
        if now_s - self._began_s.get(event, -MINUTE_S) >= MINUTE_S:
            self._began_s[event], self._lines[event] = now_s, 0
        self._lines[event] += 1
        if self._lines[event] > LINES_MAX:
            self._left_out[event] += 1
            return
        told = {"security": event, "at": at, "why": why, **who}
        if self._left_out[event]:
            told["left_out"] = str(self._left_out[event])
            self._left_out[event] = 0
        write = log.info if event == "signed-in" else log.warning
        write("security event", **{name: one for name, one in told.items() if one})


SECURITY: Final = SecurityEvents()
"""Of this process."""
