"""Topic `cordwatch.treatments.v1`: radiotherapy, surgery, consultations, and the records around them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.admissions import RecordRetracted
from cordwatch_schemas.base import Event, Instant, RecordId, ShortText

Modality = Literal["radiotherapy", "surgery", "vertebroplasty", "other"]
Site = Literal["spine", "other"]
ConsultRole = Literal[
    "responsible-physician", "radiation-oncologist", "spinal-surgeon", "coordinator"
]
"""Whose presence a consultation rule may ask for; which of them it does is the pack's."""


class TreatmentEvent_(Event):  # noqa: N801 - the union below owns the plain name
    """An event about one course of treatment."""

    treatment_number: RecordId | None = None
    """The source's number of the plan, booking or procedure."""
    modality: Modality
    site: Site | None = None
    """None: not stated; such a treatment counts, flagged."""


class TreatmentPlanned(TreatmentEvent_):
    """A treatment was decided on or ordered. A plan is not a start."""

    kind: Literal["treatment-planned"] = "treatment-planned"
    fractions: Annotated[int, Field(ge=1)] | None = None
    dose_per_fraction_gy: Annotated[float, Field(gt=0)] | None = None
    stereotactic: bool | None = None


class TreatmentBooked(TreatmentEvent_):
    """The treatment was booked for `scheduled_at`. A booking is not enough."""

    kind: Literal["treatment-booked"] = "treatment-booked"
    scheduled_at: Instant
    """The latest instant that the wording allows."""
    scheduled_basis: Literal["ambiguous", "nonexistent"] | None = None
    """Why the booked local time is doubtful; None: it is not."""


class TreatmentStarted(TreatmentEvent_):
    """The first fraction was given, or the operation began."""

    kind: Literal["treatment-started"] = "treatment-started"


class TreatmentEnded(TreatmentEvent_):
    """The course is over: it no longer counts as already running."""

    kind: Literal["treatment-ended"] = "treatment-ended"


class TreatmentCancelled(TreatmentEvent_):
    """The plan or booking was cancelled; the clock goes on."""

    kind: Literal["treatment-cancelled"] = "treatment-cancelled"
    reason: ShortText | None = None


class TreatmentNoShow(TreatmentEvent_):
    """The patient was not treated at the booked time."""

    kind: Literal["treatment-no-show"] = "treatment-no-show"


class Consulted(Event):
    """A consultation took place; `roles` says who was in it."""

    kind: Literal["consulted"] = "consulted"
    roles: tuple[ConsultRole, ...]


class DentalRecorded(Event):
    """Dental preventive measures were recorded (needed before a bone agent)."""

    kind: Literal["dental-recorded"] = "dental-recorded"


class RiskScreened(Event):
    """The patient was screened for opioid risk."""

    kind: Literal["risk-screened"] = "risk-screened"
    instrument: Literal["SOAPP-R", "ORT", "other"]


class PainRecorded(Event):
    """Pain was assessed, or assessed again."""

    kind: Literal["pain-recorded"] = "pain-recorded"
    pain_kinds: tuple[Literal["neuropathic", "inflammatory", "skeletal", "unstated"], ...] = ()
    score: Annotated[float, Field(ge=0, le=10)] | None = None


class SupportRecorded(Event):
    """Physiotherapy or exercise, behavioural or psychosocial support was offered or given."""

    kind: Literal["support-recorded"] = "support-recorded"
    support: Literal["physiotherapy", "behavioural", "psychosocial"]


TreatmentEvent = Annotated[
    TreatmentPlanned
    | TreatmentBooked
    | TreatmentStarted
    | TreatmentEnded
    | TreatmentCancelled
    | TreatmentNoShow
    | Consulted
    | DentalRecorded
    | RiskScreened
    | PainRecorded
    | SupportRecorded
    | RecordRetracted,
    Field(discriminator="kind"),
]
"""Everything that may stand on `cordwatch.treatments.v1`."""
