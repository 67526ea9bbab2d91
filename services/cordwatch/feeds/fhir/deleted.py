"""A resource that was deleted: what it said is taken back where that can silence nothing, and kept where it could."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cordwatch.feeds.fhir.bundle import Context, Entry, Resource
from cordwatch_schemas.base import Event
from cordwatch_schemas.treatments import TreatmentStarted

VOID: Final[Mapping[str, str]] = {
    "Appointment": "cancelled",
    "Encounter": "cancelled",
    "ImagingStudy": "entered-in-error",
    "Procedure": "entered-in-error",
    "ServiceRequest": "revoked",
}
"""The status by which a type of resource says that it does not count, or not any more."""

_SAFE = frozenset(
    {
        "admitted",
        "transferred",
        "discharged",
        "discharge-cancelled",
        "imaging-ordered",
        "imaging-scheduled",
        "imaging-done",
        "treatment-planned",
        "treatment-booked",
        "treatment-started",
        "treatment-ended",
    }
)
"""
What may be taken back because a record is gone: a scan, a treatment, an order, a booking, a stay.

Each of these satisfies or mends something, so that without it a clock is open again
or a notice is raised. A finding, a diagnosis, a report, a dose or a death opens
or withdraws clocks; records are also deleted to tidy up, and that must silence nobody.
"""

NOT_SAFE: Final = (
    "was deleted: to take back what it said could silence an alarm; it stands, until retracted"
)
NOT_KNOWN: Final = "was deleted: what it said stands, until retracted"


def deleted_key(entry: Entry, context: Context) -> str:
    """Return `Type/id` of what an entry says was deleted."""
    return context.local(entry.full_url)


def last_version(entry: Entry, context: Context) -> Resource | None:
    """Return the last version of what was deleted, as far as it was fetched."""
    versions = context.versions(deleted_key(entry, context))
    return versions[-1] if versions else None


def voided(resource: Resource) -> Resource:
    """Return a resource as it would stand if it had been taken back instead of deleted, at no time of its own."""
    meta = resource.get("meta")
    stated = meta if isinstance(meta, Mapping) else {}
    kept = {name: value for name, value in stated.items() if name != "lastUpdated"}
    return {**resource, "meta": kept, "status": VOID[str(resource.get("resourceType"))]}


def may_be_taken_back(events: Sequence[Event]) -> bool:
    """Return whether nothing that is taken back with these can silence anything."""
    return all(
        getattr(one, "kind", "") in _SAFE
        and not (isinstance(one, TreatmentStarted) and one.modality == "vertebroplasty")
        for one in events
    )
