"""One way in for every event: text to a typed contract, or the reason why not."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError

from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.admissions import AdmissionEvent, RecordRetracted
from cordwatch_schemas.base import Event
from cordwatch_schemas.imaging import ImagingEvent
from cordwatch_schemas.medications import MedicationEvent
from cordwatch_schemas.treatments import TreatmentEvent

_SOURCE_UNION: Any = Annotated[
    get_args(AdmissionEvent)[0]
    | get_args(ImagingEvent)[0]
    | get_args(MedicationEvent)[0]
    | get_args(TreatmentEvent)[0],
    Field(discriminator="kind"),
]
_SOURCE_EVENT: TypeAdapter[Event] = TypeAdapter(_SOURCE_UNION)
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def _kinds(union: object) -> frozenset[str]:
    models = get_args(get_args(union)[0])
    return frozenset(model.model_fields["kind"].default for model in models)


TOPIC_KINDS: dict[str, frozenset[str]] = {
    "admissions": _kinds(AdmissionEvent),
    "imaging-orders": _kinds(ImagingEvent),
    "medications": _kinds(MedicationEvent),
    "treatments": _kinds(TreatmentEvent),
}
"""Which kinds of event stand on which source topic (by its noun)."""

_TOPIC_OF_KIND = {
    kind: noun
    for noun, kinds in TOPIC_KINDS.items()
    for kind in kinds
    if kind != "record-retracted"
}


class BadEvent(ValueError):
    """
    A text that is not the event it claims to be.

    `field` and `reason` say where and why, and hold nothing of the content.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def refusal(error: ValidationError) -> BadEvent:
    """Return what is wrong with an event that a contract refuses, without a word of what it held."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "event"
    # Union and literal errors quote what they found; the type of the error does not.
    reason = first["msg"] if first["type"] in _SAFE_TYPES else first["type"].replace("_", " ")
    return BadEvent(field, reason)


_SAFE_TYPES = frozenset(
    {
        "missing",
        "string_too_long",
        "string_too_short",
        "timezone_aware",
        "datetime_type",
        "greater_than",
        "greater_than_equal",
        "value_error",
        "float_type",
        "bool_type",
    }
)


def read_event(text: bytes | str) -> Event:
    """
    Return the source event that *text* (JSON) holds.

    Raises:
        BadEvent: with the field and the reason, and nothing of the content.
    """
    try:
        return _SOURCE_EVENT.validate_json(text)
    except ValidationError as error:
        raise refusal(error) from None


def read_answer(text: bytes | str) -> Answer:
    """
    Return the acknowledgement, stand-down or classification that *text* (JSON) holds.

    Raises:
        BadEvent: with the field and the reason.
    """
    try:
        return _ANSWER.validate_json(text)
    except ValidationError as error:
        raise refusal(error) from None


def topic_of(event: Event) -> str:
    """Return the noun of the source topic on which *event* travels."""
    if isinstance(event, RecordRetracted):
        return _TOPIC_OF_KIND.get(event.target_kind, "admissions")
    return _TOPIC_OF_KIND[event.kind]  # type: ignore[attr-defined]
