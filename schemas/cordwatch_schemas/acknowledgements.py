"""Topic `cordwatch.acks.v1`: what people answered, wherever they answered it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.base import Contract, EncounterRef, Instant, PatientRef, RecordId, ShortText
from cordwatch_schemas.imaging import Finding

Channel = Literal["command-line", "board", "pager", "webhook"]


class Answer_(Contract):  # noqa: N801 - the union below owns the plain name
    """A named person's answer; its id makes a second delivery harmless."""

    schema_version: Literal[1] = 1
    event_id: RecordId
    patient: PatientRef
    by: Annotated[str, Field(min_length=1, max_length=120)]
    """Who answered, as people call them. Staff, never a patient."""
    by_id: Annotated[str, Field(min_length=1, max_length=600)] | None = None
    """Who it is for good, where a token said so: its issuer and subject, which are given to nobody else."""
    occurred_at: Instant
    received_at: Instant
    channel: Channel


class Acknowledged(Answer_):
    """Somebody has seen the alert. Quietens the pager for a time; never stops a clock."""

    kind: Literal["acknowledged"] = "acknowledged"
    alert_id: RecordId
    reason: ShortText | None = None
    until: Instant | None = None
    """Holds no longer than this, where whoever answered said so: a silence has an end."""


class Unacknowledged(Answer_):
    """An acknowledgement was taken back, or ran out where it was given: the pager tells anew."""

    kind: Literal["unacknowledged"] = "unacknowledged"
    alert_id: RecordId


class StoodDown(Answer_):
    """
    A named person took responsibility for a clock that will not be met as written.

    Closes the clocks of `rule` that are open at `occurred_at`.
    """

    kind: Literal["stood-down"] = "stood-down"
    alert_id: RecordId
    encounter: EncounterRef | None = None
    """That of the alert: the answer goes where the encounter goes."""
    rule: ShortText
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Classified(Answer_):
    """A named person said what a report shows; watch reads it as a `report-classified` fact."""

    kind: Literal["classified"] = "classified"
    report_number: RecordId
    """Order or accession number of the report."""
    encounter: EncounterRef | None = None
    """That of the report, where it is known: the answer goes where the encounter goes."""
    finding: Finding


Answer = Annotated[
    Acknowledged | Unacknowledged | StoodDown | Classified, Field(discriminator="kind")
]
"""Everything that may stand on `cordwatch.acks.v1`."""
