"""Who was told by the pager: roles and times, out of its ledger."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from cordwatch_schemas.pages import Delivery, LedgerEntry


@dataclass(frozen=True, slots=True)
class Page:
    """A role that the pager told, or tries to tell, of a clock."""

    role: str
    destination: str
    at: datetime
    """When the destination took it; until then, when it was decided."""
    outcome: str
    """`told`, `refused` or `on its way`. Taken by a destination is not seen by a person."""


class Paged:
    """What the ledger says of every clock, small: the pager forgets by itself what is over."""

    def __init__(self) -> None:
        """Begin with nobody told."""
        self._of_clock: dict[str, dict[str, tuple[Page, ...]]] = defaultdict(dict)
        self._about: dict[str, tuple[str, str | None]] = {}
        """By alert, which clock and which patient."""

    def take(self, alert_id: str, value: bytes | None) -> str | None:
        """
        Take in a row of the ledger; return the patient whom it is about.

        Raises:
            ValidationError: it is none.
        """
        if value is None:
            return self._drop(alert_id)
        entry = LedgerEntry.model_validate_json(value)
        if entry.matter.kind != "clock":
            return None
        clock = entry.matter.group
        self._about[alert_id] = (clock, entry.matter.patient)
        self._of_clock[clock][alert_id] = tuple(map(_page, entry.deliveries))
        return entry.matter.patient

    def _drop(self, alert_id: str) -> str | None:
        clock, patient = self._about.pop(alert_id, (None, None))
        if clock is not None:
            pages = self._of_clock[clock]
            del pages[alert_id]
            if not pages:
                del self._of_clock[clock]
        return patient

    def of(self, clock: str) -> tuple[Page, ...]:
        """Return who was told of a clock, the latest last."""
        found = (page for pages in self._of_clock.get(clock, {}).values() for page in pages)
        return tuple(sorted(found, key=lambda one: (one.at, one.role, one.destination)))


def _page(delivery: Delivery) -> Page:
    if delivery.told_at is not None:
        outcome = "told"
    else:
        outcome = "refused" if delivery.refused else "on its way"
    at = delivery.told_at or delivery.decided_at
    return Page(delivery.role, delivery.destination, at, outcome)
