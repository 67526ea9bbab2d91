"""Who is whom and whose a visit is: merges, moves, and what was sent for each person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tests.oracle.known import Delivery, Fact, current, known_at, said

_MERGES = {"merged", "merge-cancelled"}
_MOVE = "encounter-moved"


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


def root(patient: str, survivor_of: dict[str, str]) -> str:
    """Return the reference under which the person lives."""
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
        if retired in survivor_of or root(survivor, survivor_of) == retired:
            refused.append(fact)
        else:
            survivor_of[retired] = survivor
    return survivor_of, refused


def concerned(fact: Fact, survivor_of: dict[str, str]) -> list[str]:
    """Return the persons whom a merge names, the survivor first."""
    both = [root(fact.event.survivor, survivor_of), root(fact.event.retired, survivor_of)]
    return list(dict.fromkeys(both))


def _moved(
    deliveries: Sequence[Delivery], survivor_of: dict[str, str], now: datetime
) -> dict[tuple[str, str], str]:
    """Return whose each visit is that was ever moved, by the person and the number that name it."""
    told = [d for d in deliveries if d.event.kind == _MOVE]
    # A move is not retracted, only moved back.
    moves = sorted(known_at(told, now).ever, key=_in_order_of_moves)
    owner: dict[tuple[str, str], str] = {}
    tied: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for fact in moves:
        both = (fact.event.moved_from, fact.event.moved_to)
        ends = {(root(one, survivor_of), fact.event.encounter) for one in both}
        together = ends.union(*(tied.get(end, set()) for end in ends))
        for place in together:
            tied[place] = together
            owner[place] = root(fact.event.moved_to, survivor_of)
    return owner


def _in_order_of_moves(fact: Fact) -> tuple[datetime, datetime, str, str]:
    return (fact.at, fact.first_recorded_at, fact.event.moved_from, fact.event.moved_to)


def persons(deliveries: Sequence[Delivery], now: datetime) -> dict[str, list[Delivery]]:
    """Return what was received by *now*, by the person whom it is about."""
    survivor_of, _ = merged(deliveries, now)
    owner = _moved(deliveries, survivor_of, now)
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        event = delivery.event
        if event.received_at <= now and event.kind not in {*_MERGES, _MOVE}:
            sent_for = root(event.patient, survivor_of)
            person = owner.get((sent_for, said(event, "encounter")), sent_for)
            found.setdefault(person, []).append(delivery)
    return found
