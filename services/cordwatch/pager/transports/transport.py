"""What every way of telling somebody has in common: a page in, an outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cordwatch_schemas.pages import Matter

Action = Literal["tell", "acknowledge", "close"]
"""Tell it; say that somebody has seen it; say that it is over."""

Verdict = Literal["accepted", "refused", "later", "unknown"]
"""
`accepted`: the destination has it, which is not yet a person who has it.
`refused`: it will not take this page, however often it is asked (400), or not from us (401, 404).
`later`: it did not take it, and may another time (429, 503, no connection).
`unknown`: nobody can say whether it took it (no answer in time, a broken one).
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt, in words of a closed set: they are metric labels too."""

    verdict: Verdict
    reason: str
    """`accepted`, `bad-request`, `unauthorised`, `rate-limited`, `timeout` ...: see `REASONS`."""
    retry_after_s: float | None = None
    """For how long the destination as a whole asked to be left alone."""


REASONS = (
    "accepted",
    "bad-request",
    "unauthorised",
    "forbidden",
    "not-found",
    "redirected",
    "too-large",
    "refused",
    "rate-limited",
    "server-error",
    "no-connection",
    "timeout",
    "reset",
    "bad-answer",
    "untrusted",
    "no-secret",
    "internal",
)
"""
Every `Outcome.reason` there is. `untrusted`: its certificate is not one that we
trust; `no-secret`: the file with its key cannot be read; `internal`: our own fault.
"""

ATTEMPT_S_MAX = 15.0
"""Longer than any transport's own bound: nothing hangs even where one is wrong."""


@dataclass(frozen=True, slots=True)
class Page:
    """One thing to say to one destination, now."""

    action: Action
    dedup_key: str
    matter: Matter
    role: str
    round: int
    attempt: int
    """1 for the first attempt of this action."""
    at: datetime
    """Now: texts say how long is left."""
    note: str = ""
    """Why it is over, or who has answered, `seen by N. Jansen`; no patient data."""


class Transport(Protocol):
    """
    A destination that can be told.

    It keeps nothing that a restart would lose: retries, order and memory are the outbox's.
    """

    @property
    def name(self) -> str:
        """Return the destination's name in the pager plan."""
        ...

    @property
    def kind(self) -> str:
        """Return what it is, `pagerduty` ...: a metric label."""
        ...

    @property
    def actions(self) -> frozenset[Action]:
        """Return what it can be told; what is missing here counts as accepted."""
        ...

    @property
    def per_minute(self) -> int | None:
        """Return how many calls it takes in any 60 s; None: no limit that we know of."""
        ...

    @property
    def resend_s(self) -> float | None:
        """
        Return after how long it must be told the same again; None: never.

        That means an accepted page too: `tell` while it holds, then `close` for as
        long as `closing_lasts_s` says. The page is the one of the first time, with
        `at` (and `attempt`) anew.
        """
        ...

    @property
    def closing_lasts_s(self) -> float:
        """Return for how long after it was first accepted a `close` is told again every `resend_s`."""
        ...

    async def send(self, page: Page) -> Outcome:
        """Make one attempt, within 15 s; never raises."""
        ...

    async def check(self) -> Outcome:
        """Look whether it can be reached and would take us, telling nobody anything."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
