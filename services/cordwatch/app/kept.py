"""What watch has kept: its patients, as the facts topic leaves them."""

from __future__ import annotations

from collections.abc import Iterable

from cordwatch.pathway.facts import Fact
from cordwatch.watch.patients import WAKE_ROW, BadRow, Patient, split_key
from cordwatch_schemas.alerts import Alert

Records = Iterable[tuple[bytes | None, bytes | None]]
"""Keys and values of the facts topic, from its start."""


def patients_of(records: Records) -> tuple[dict[str, Patient], int]:
    """Return the patients by reference, and how many records could not be read."""
    patients: dict[str, Patient] = {}
    unread = 0
    for key, value in records:
        try:
            reference, row_id = split_key(key or b"")
        except BadRow:
            unread += 1
            continue
        if row_id == WAKE_ROW.encode():
            continue
        patient = patients.setdefault(reference, Patient(reference, 0))
        if value is None:
            patient.drop(row_id)
        else:
            patient.put(row_id + value)
    return patients, unread


def facts_of(records: Records) -> tuple[dict[str, list[Fact]], int]:
    """Return the facts of every reference that has any, and how many records could not be read."""
    facts, _, unread = kept_of(records)
    return {reference: found for reference, found in facts.items() if found}, unread


def kept_of(
    records: Records,
) -> tuple[dict[str, list[Fact]], dict[str, list[Alert]], int]:
    """Return facts and published alerts of every reference, and how many records could not be read."""
    patients, unread = patients_of(records)
    facts: dict[str, list[Fact]] = {}
    alerts: dict[str, list[Alert]] = {}
    for reference, patient in patients.items():
        known = patient.read()
        unread += known.unreadable
        facts[reference], alerts[reference] = known.facts, known.alerts
    return facts, alerts, unread
