"""What a person did at the board as a FHIR R4 AuditEvent: references and staff ids, no patient's name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

from cordwatch.board.access import Reader

Deed = Literal[
    "board-opened",
    "wall-opened",
    "row-opened",
    "printed",
    "exported",
    "acknowledged",
    "stood-down",
    "classified",
    "refused",
    "not-done",
    "cards-shown",
    "card-accepted",
    "card-overridden",
]

_ACTIONS: Final[dict[Deed, str]] = {
    "board-opened": "R",
    "wall-opened": "R",
    "row-opened": "R",
    "printed": "R",
    "exported": "R",
    "acknowledged": "C",
    "stood-down": "C",
    "classified": "C",
    "refused": "E",
    "not-done": "E",
    "cards-shown": "R",
    "card-accepted": "C",
    "card-overridden": "C",
}
_SUBTYPES: Final = "urn:cordwatch:audit-deed"
_TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_ROLES: Final = "urn:cordwatch:role"
_OBJECT_ROLES: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_FAILED: Final = "4"
"""FHIR: a minor failure. `not-done`: what an earlier record told was not done after all."""


def audit_event(
    deed: Deed,
    reader: Reader | None,
    at: datetime,
    *,
    board: str,
    peer: str,
    patients: Iterable[str] = (),
    about: dict[str, str] | None = None,
) -> dict[str, Any]:
    """
    Return what *reader* did at *at* from *peer*: about whom, and any more that must be known.

    *about* holds ids and codes (clock, alert, reason code); None of *reader*: somebody unknown.
    """
    roles = sorted(reader.roles) if reader else []
    entities: list[dict[str, Any]] = [
        {
            "what": {"identifier": {"value": patient}},
            "type": {"code": "1", "display": "Person"},
            "role": {"system": _OBJECT_ROLES, "code": "1", "display": "Patient"},
        }
        for patient in patients
    ]
    if about:
        told = [{"type": name, "valueString": value} for name, value in sorted(about.items())]
        entities.append({"name": deed, "detail": told})
    agent = {
        "who": _who(reader),
        "requestor": True,
        "role": [{"coding": [{"system": _ROLES, "code": role}]} for role in roles],
        "network": {"address": peer, "type": "2"},
    }
    event = {
        "resourceType": "AuditEvent",
        "type": {"system": _TYPES, "code": "rest"},
        "subtype": [{"system": _SUBTYPES, "code": deed}],
        "action": _ACTIONS[deed],
        "recorded": at.isoformat(),
        "outcome": _FAILED if deed in {"refused", "not-done"} else "0",
        "agent": [_without_empty(agent)],
        "source": {"observer": {"identifier": {"value": board}}},
        "entity": entities,
    }
    return _without_empty(event)


def _who(reader: Reader | None) -> dict[str, Any]:
    """Return who it was: for good where that is known, and then the name for people beside it."""
    if reader is None:
        return {"identifier": {"value": "unknown"}}
    if not reader.subject:
        return {"identifier": {"value": reader.user}}
    told = {"system": reader.issuer, "value": reader.subject}
    return {"identifier": told, "display": reader.user}


def _without_empty(told: dict[str, Any]) -> dict[str, Any]:
    """Return what is *told* without empty lists: in FHIR's JSON there is none."""
    return {name: value for name, value in told.items() if value != []}
