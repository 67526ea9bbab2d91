"""A destination that accepts everything and tells nobody: for a synthetic patient, and to try a plan out."""

from __future__ import annotations

from cordwatch.pager.transports.transport import Action, Outcome, Page


class NowhereTransport:
    """Says yes, at once, to everything."""

    kind = "nowhere"
    actions: frozenset[Action] = frozenset({"tell", "acknowledge", "close"})
    per_minute: int | None = None
    resend_s: float | None = None
    closing_lasts_s = 0.0

    def __init__(self, name: str) -> None:
        """Stand for the destination *name*."""
        self.name = name

    async def send(self, page: Page) -> Outcome:  # noqa: ARG002 - every transport is given one
        """Accept it."""
        return Outcome("accepted", "accepted")

    async def check(self) -> Outcome:
        """Nobody is there, and nobody is missing."""
        return Outcome("accepted", "accepted")

    async def close(self) -> None:
        """Hold nothing."""
