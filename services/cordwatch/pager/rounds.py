"""A round: everybody who is told of a matter until it is told anew; how one begins, and ends those before it."""

from __future__ import annotations

from datetime import datetime

from cordwatch.pager.lane import is_at_least, wanting
from cordwatch_schemas.pages import Delivery, LedgerEntry


def current_of(entry: LedgerEntry) -> list[Delivery]:
    """Return what was decided in the present round."""
    return [one for one in entry.deliveries if one.round == entry.round]


def is_untold(entry: LedgerEntry) -> bool:
    """Return whether it was never told, or was taken back and now holds again."""
    return all(one.wanted == "closed" for one in current_of(entry))


def anew(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """Begin the next round; what nobody took of the ones before is not told after it."""
    deliveries = tuple(
        wanting(one, "closed", "told anew") if one.accepted == "nothing" else one
        for one in entry.deliveries
    )
    update = {"round": entry.round + 1, "round_at": now, "quiet_until": None}
    return entry.model_copy(update=update | {"deliveries": deliveries})


def replaced(entry: LedgerEntry) -> LedgerEntry:
    """Close what an earlier round or another ward was told, once somebody has been told in its place."""
    current = current_of(entry)
    open_ = [one for one in current if one.wanted != "closed"]
    here = [one for one in open_ if one.ward == entry.matter.ward]
    if not any(is_at_least(one.accepted, "told") for one in here):
        return entry
    # Whoever stands for both wards is there at once: the old one waits for the others too.
    are_here = all(one.passed_over or is_at_least(one.accepted, "told") for one in here)
    changed = tuple(
        wanting(one, "closed", "told anew")
        if one.round < entry.round
        else wanting(one, "closed", "the patient is on another ward")
        if are_here and one.ward != entry.matter.ward
        else one
        for one in entry.deliveries
    )
    return entry.model_copy(update={"deliveries": changed})
