"""Who is whom: merges, and what was sent for each person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tests.oracle.known import Delivery, Fact, current, known_at

_MERGES = {"merged", "merge-cancelled"}


def _merges(deliveries: Sequence[Delivery], now: datetime) -> list[Fact]:
    """Return the merges that stand, in the order in which they count."""
    told = [d for d in deliveries if d.event.kind in {*_MERGES, "record-retracted"}]
    latest = current(
        known_at(told, now),
        "merged",
        "merge-cancelled",
        by=_both,
    )
    standing = [fact for fact in latest if fact.kind == "merged"]
    return sorted(standing, key=_in_order)


def _both(fact: Fact) -> tuple[str, str]:
    return (fact.event.survivor, fact.event.retired)


def _in_order(fact: Fact) -> tuple[datetime, datetime, str, str]:
    return (fact.at, fact.first_recorded_at, fact.event.survivor, fact.event.retired)


def _root(patient: str, survivor_of: dict[str, str]) -> str:
    while patient in survivor_of:
        patient = survivor_of[patient]
    return patient


def merged(deliveries: Sequence[Delivery], now: datetime) -> tuple[dict[str, str], list[Fact]]:
    """Return who was merged into whom, and the merges that were refused."""
    survivor_of: dict[str, str] = {}
    refused: list[Fact] = []
    for fact in _merges(deliveries, now):
        survivor, retired = fact.event.survivor, fact.event.retired
        # A loop (self, inverse pair, cycle), or a second home.
        if retired in survivor_of or _root(survivor, survivor_of) == retired:
            refused.append(fact)
        else:
            survivor_of[retired] = survivor
    return survivor_of, refused


def concerned(fact: Fact, survivor_of: dict[str, str]) -> list[str]:
    """Return the persons whom a merge names, the survivor first."""
    both = [_root(fact.event.survivor, survivor_of), _root(fact.event.retired, survivor_of)]
    return list(dict.fromkeys(both))


def persons(deliveries: Sequence[Delivery], now: datetime) -> dict[str, list[Delivery]]:
    """Return what was received by *now*, by the person whom it is about."""
    survivor_of, _ = merged(deliveries, now)
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.event.received_at <= now and delivery.event.kind not in _MERGES:
            person = _root(delivery.event.patient, survivor_of)
            found.setdefault(person, []).append(delivery)
    return found
