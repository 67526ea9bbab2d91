"""How a reading that was wrong is taken back, and given back when it turns out to have been right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cordwatch.pathway.facts import EPOCH, Fact
from cordwatch_schemas.admissions import EncounterMoved, MergeCancelled, Merged, RecordRetracted
from cordwatch_schemas.base import Event

SOURCE = "cordwatch|replay"
"""The `source` of what is told by a replay itself, about readings of ours."""

_TAKEN, _GIVEN = "taken-back", "given-back"
_KINDS: dict[str, type[Merged | MergeCancelled]] = {
    "merged": Merged,
    "merge-cancelled": MergeCancelled,
}
_OPPOSITE = {"merged": "merge-cancelled", "merge-cancelled": "merged"}
"""Merges know no retraction, as moves of an encounter do: of one pair the latest word counts, of one encounter the last move."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A note of ours on the topics: a reading that does not count any more, or counts again."""

    fact: str
    at_us: int
    is_taken: bool
    record_id: str


def mark_of(event: Event) -> Mark | None:
    """Return the note that *event* is, None where it is an event like any other."""
    if event.source != SOURCE or event.record_id is None:
        return None
    what, _, rest = event.record_id.partition("/")
    fact, _, at_us = rest.partition("/")
    if what not in {_TAKEN, _GIVEN} or not at_us.isdecimal():
        return None
    return Mark(fact, int(at_us), what == _TAKEN, event.record_id)


def taken_back(fact: Fact, message: str, now: datetime) -> Event:
    """
    Return what takes back the reading that *fact* is.

    It must count from later than the fact, which a wrong zone may have put into
    the future.
    """
    record_id = f"{_TAKEN}/{fact.id}/{_micros(now)}"
    fields = _envelope(fact, record_id, message, now)
    fields["recorded_at"] = max(now, fact.known_at + _TICK)
    if fact.kind in _OPPOSITE:
        return _KINDS[_OPPOSITE[fact.kind]](**fields, **_pair(fact))
    if fact.kind == "encounter-moved":
        back = {"moved_from": fact.values["moved_to"], "moved_to": fact.values["moved_from"]}
        return EncounterMoved(**fields, encounter=fact.encounter or "", **back)
    return RecordRetracted(**fields, target_kind=fact.kind, target=fact.id)


def given_back(fact: Fact, mark: Mark, message: str, now: datetime) -> Event:
    """Return what lets the reading that *fact* is count again, after *mark* took it back."""
    at_us = max(_micros(now), mark.at_us + 1)
    record_id = f"{_GIVEN}/{fact.id}/{at_us}"
    fields = _envelope(fact, record_id, message, now)
    fields["recorded_at"] = max(fact.known_at + 2 * _TICK, EPOCH + at_us * _TICK)
    if fact.kind in _OPPOSITE:
        return _KINDS[fact.kind](**fields, **_pair(fact))
    if fact.kind == "encounter-moved":
        return EncounterMoved(**fields, encounter=fact.encounter or "", **fact.values)
    return RecordRetracted(**fields, target_kind="record-retracted", target=mark.record_id)


def _envelope(fact: Fact, record_id: str, message: str, now: datetime) -> dict[str, Any]:
    return {
        "event_id": sha256(record_id.encode()).hexdigest()[:32],
        "source": SOURCE,
        "source_message_id": message,
        "patient": fact.sent_as,
        "occurred_at": now,
        "received_at": now,
        "record_id": record_id,
    }


def _pair(fact: Fact) -> dict[str, str]:
    return {name: fact.values[name] for name in ("survivor", "retired")}


def _micros(instant: datetime) -> int:
    return (instant - EPOCH) // _TICK
