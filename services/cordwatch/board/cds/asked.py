"""What a record system asks: which hook, for which patient number; everything else it sends is not kept."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cordwatch.board.cds.cards import OVERRIDE_REASONS, REASON_SYSTEM, CardId
from cordwatch.board.cds.setup import CdsHooks
from cordwatch.runtime.strict_json import read_once

FEEDBACK_MAX: Final = 50
NUMBER_MAX: Final = 200
PREFETCH_KEY: Final = "patient"
PREFETCH: Final = {PREFETCH_KEY: "Patient/{{context.patientId}}"}
OUTCOMES: Final = ("accepted", "overridden")

_FHIR_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_USER: Final = re.compile(r"[A-Z][A-Za-z]{1,40}/[A-Za-z0-9.-]{1,64}")


class Refused(Exception):
    """It is not answered; says with which status and why, nothing of what was sent."""

    def __init__(self, status: int, why: str) -> None:
        """Say why."""
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a hook."""

    instance: str
    user: str
    """Who looks at the patient, as the record system says: `Practitioner/abc`; empty: it does not say."""
    numbers: frozenset[str]
    """The patient's numbers: mostly one."""


def read_asked(body: bytes, hook: str, hooks: CdsHooks) -> Asked:
    """
    Return what the body of a call asks.

    Raises:
        Refused: 400, it is no call of this hook; 412, it does not tell the patient's number.
    """
    told = _object(_json(body), "the body")
    if told.get("hook") != hook:
        raise Refused(400, f"this service is for the hook {hook}")
    try:
        instance = str(uuid.UUID(_text(told, "hookInstance")))
    except ValueError:
        raise Refused(400, "hookInstance is no UUID") from None
    context = _object(told.get("context"), "context")
    patient_id, user = _text(context, "patientId"), context.get("userId")
    if not _FHIR_ID.fullmatch(patient_id):
        raise Refused(400, "context.patientId is no FHIR id")
    known = isinstance(user, str) and _USER.fullmatch(user)
    return Asked(instance, str(user) if known else "", _numbers(told, patient_id, hooks))


def _numbers(told: Mapping[str, Any], patient_id: str, hooks: CdsHooks) -> frozenset[str]:
    prefetch = told.get("prefetch")
    patient = prefetch.get(PREFETCH_KEY) if isinstance(prefetch, dict) else None
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        if hooks.ids_are_numbers:
            return frozenset({patient_id})
        raise Refused(412, "prefetch.patient is missing: a FHIR id alone does not tell the number")
    if patient.get("id") != patient_id:
        raise Refused(400, "prefetch.patient is somebody else than context.patientId")
    listed = patient.get("identifier")
    found = {
        one["value"].strip()
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
        and one.get("system") == hooks.patient_system
        and one.get("use") != "old"
        and isinstance(one.get("value"), str)
        and len(one["value"]) <= NUMBER_MAX
    } - {""}
    if not found:
        raise Refused(412, "prefetch.patient has no number of the system that is configured")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody did with a card."""

    card: CardId
    outcome: str
    reason: str
    """A code of ours; `not-ours`: one of the record system's; empty: none was given."""
    is_commented: bool
    """Whether there were words too: they may name a patient, and are not kept."""
    at: datetime


def read_feedback(body: bytes) -> list[Feedback]:
    """
    Return what the body of a call to the feedback endpoint tells.

    Raises:
        Refused: 400, something in it is no feedback: then nothing of it is taken; 413, it is too much.
    """
    listed = _object(_json(body), "the body").get("feedback")
    if not isinstance(listed, list) or not listed:
        raise Refused(400, "feedback is no list with something in it")
    if len(listed) > FEEDBACK_MAX:
        raise Refused(413, f"more than {FEEDBACK_MAX} at once")
    return [_feedback(_object(one, "feedback")) for one in listed]


def _feedback(told: Mapping[str, Any]) -> Feedback:
    try:
        card = CardId.read(_text(told, "card"))
    except ValueError:
        raise Refused(400, "card is none of this board") from None
    outcome = told.get("outcome")
    if outcome not in OUTCOMES:
        raise Refused(400, "outcome is neither accepted nor overridden")
    try:
        at = datetime.fromisoformat(_text(told, "outcomeTimestamp"))
    except ValueError:
        raise Refused(400, "outcomeTimestamp is no time") from None
    if at.tzinfo is None:
        raise Refused(400, "outcomeTimestamp has no offset")
    why = told.get("overrideReason")
    given = why if isinstance(why, dict) else {}
    return Feedback(card, outcome, _reason(given.get("reason")), bool(given.get("userComment")), at)


def _reason(coding: object) -> str:
    if not isinstance(coding, dict):
        return ""
    code = coding.get("code")
    is_ours = coding.get("system") == REASON_SYSTEM and code in OVERRIDE_REASONS
    return str(code) if is_ours else "not-ours"


def _json(body: bytes) -> object:
    try:
        return read_once(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(400, f"{where} is no object")
    return value


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str):
        raise Refused(400, f"{name} is missing")
    return value
