"""Topic `cordwatch.medications.v1`: what was ordered, what the patient was really given."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.admissions import RecordRetracted
from cordwatch_schemas.base import Event, Instant, RecordId, ShortText


class MedicationEvent_(Event):  # noqa: N801 - the union below owns the plain name
    """An event about one drug, which `codes` names."""

    order_number: RecordId | None = None
    route: ShortText | None = None
    """Route as sent (HL7 table 0162 code or text). None: not stated."""
    dose: Annotated[float, Field(ge=0)] | None = None
    """Amount of one dose, in `dose_unit`."""
    dose_max: Annotated[float, Field(ge=0)] | None = None
    """Upper end where the order gives a range."""
    dose_unit: ShortText | None = None


class MedicationOrdered(MedicationEvent_):
    """
    A drug was ordered, or its dosage changed from `occurred_at` on. An order is not a dose.

    `frequency` is the code as sent (`Q6H`, `BID`, `ONCE`, `PRN` ...).
    """

    kind: Literal["medication-ordered"] = "medication-ordered"
    frequency: ShortText | None = None
    ends_at: Instant | None = None
    taper_plan_ends_at: Instant | None = None
    """Planned end of a recorded taper, where there is one."""


class MedicationGiven(MedicationEvent_):
    """The drug was given to the patient."""

    kind: Literal["medication-given"] = "medication-given"


class MedicationNotGiven(MedicationEvent_):
    """A due dose was refused or not given (RXA-20 RE, NA)."""

    kind: Literal["medication-not-given"] = "medication-not-given"
    reason: ShortText | None = None


class MedicationStopped(MedicationEvent_):
    """The order was stopped, cancelled or put on hold."""

    kind: Literal["medication-stopped"] = "medication-stopped"


MedicationEvent = Annotated[
    MedicationOrdered | MedicationGiven | MedicationNotGiven | MedicationStopped | RecordRetracted,
    Field(discriminator="kind"),
]
"""Everything that may stand on `cordwatch.medications.v1`."""
