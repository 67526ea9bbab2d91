"""
The synthetic patient: nobody, told through the real topics, so that a chain that stands still is noticed.

By two marks everybody knows one. The *reference* begins with a word that no feed
makes a reference of; by it the pager, the board and the report pass it over. The
*facility* chooses its pack (docs/adr/0020-the-synthetic-patient.md). What comes
from outside with either mark is refused by the feeds.
"""

from __future__ import annotations

from typing import Any

from cordwatch_schemas.base import Event

PREFIX = "synthetic."
FACILITY = "cordwatch-synthetic"
WARD = "synthetic"

_REFERENCES = ("patient", "survivor", "retired", "moved_from", "moved_to")


def is_synthetic(reference: str | None) -> bool:
    """Return whether *reference* is that of a synthetic patient."""
    return reference is not None and reference.startswith(PREFIX)


def claims_to_be_synthetic(event: Event) -> bool:
    """Return whether *event* has a mark of the synthetic patient, in whatever spelling."""
    told: dict[str, Any] = dict(event)
    facility = told.get("facility")
    return any(is_synthetic(told.get(name)) for name in _REFERENCES) or (
        facility is not None and facility.strip().casefold() == FACILITY
    )
