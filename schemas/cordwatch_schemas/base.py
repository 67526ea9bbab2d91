"""The ground of every contract: frozen models, references and instants with their precision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

REFERENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$"


_EARLIEST_YEAR, _LATEST_YEAR = 1850, 2200


def _as_text(value: object) -> object:
    if isinstance(value, int | float) or (isinstance(value, str) and value.isdecimal()):
        raise ValueError("a bare number is no time")
    return value


def _in_utc(value: datetime) -> datetime:
    if not _EARLIEST_YEAR <= value.year <= _LATEST_YEAR:
        raise ValueError("no time within any patient's reach")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_in_utc)]
"""An instant in UTC; a text without an offset is refused, never guessed."""

PatientRef = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
"""A patient *reference*: a keyed hash made by the feed, never a number that a person wears."""

EncounterRef = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
"""An encounter (visit) reference, hashed like the patient's."""

RecordId = Annotated[str, Field(min_length=1, max_length=200)]
"""The source's own number of a thing: order, accession, report, administration, booking."""

ShortText = Annotated[str, Field(max_length=200)]

Precision = Literal["fraction", "second", "minute", "hour", "day", "unstated"]
"""How exactly the source told the time. `unstated`: no time of its own, the record's time stands in."""

TimeBasis = Literal["field", "message", "source", "ambiguous", "nonexistent"]
"""Where the UTC offset came from: the field, the message header, the source's zone; or why it is doubtful."""


class Contract(BaseModel):
    """
    A message that two parts of cordwatch agree on.

    Frozen, because what was said is not edited. Unknown keys are ignored, so
    that a newer producer does not stop an older consumer during an upgrade.
    Input is kept out of error texts: it may hold patient data.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )


class Code(Contract):
    """A code exactly as the source sent it: nothing is translated here."""

    system: Annotated[str, Field(min_length=1, max_length=120)]
    """Name of the code system: `LN`, `SCT`, `I10`, `RXNORM`, `ATC`, `CPT`, or the source's own."""
    code: Annotated[str, Field(min_length=1, max_length=80)]
    display: ShortText | None = None


class Event(Contract):
    """
    One thing that a source said happened to one patient.

    `occurred_at` is the earliest instant that the source's wording allows and
    `occurred_latest_at` the latest: a day without a time is a whole day, a
    repeated local hour is two instants. A start counts from the earliest, a
    satisfying event from the latest (pathway, Time).
    """

    schema_version: Literal[1] = 1
    event_id: RecordId
    """Made from the content, so that the same message sent twice makes the same id."""
    source: RecordId
    """Sending application and facility, or base URL."""
    source_message_id: RecordId
    patient: PatientRef
    encounter: EncounterRef | None = None
    occurred_at: Instant
    occurred_latest_at: Instant | None = None
    """Absent when it equals `occurred_at`."""
    occurred_precision: Precision = "second"
    occurred_basis: TimeBasis = "field"
    recorded_at: Instant | None = None
    """When the source wrote it down; its message's own time where it states nothing better."""
    received_at: Instant
    """When cordwatch first got it."""
    record_id: RecordId | None = None
    """The source's number of this very record: what a correction or retraction refers to."""
    corrects: RecordId | None = None
    """The `record_id` that this event replaces (same kind), where the source says so."""
    codes: tuple[Code, ...] = ()
    replayed: bool = False
    """Told again from a file `--as-recorded`: alerts from it are marked and never paged."""
