"""Topic `cordwatch.imaging-orders.v1`: from the order to the report, and what a person read in it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cordwatch_schemas.admissions import RecordRetracted
from cordwatch_schemas.base import Event, Instant, RecordId, ShortText

Region = Literal["C", "T", "L"]
"""Part of the spine: cervical, thoracic, lumbar (with sacral)."""
Finding = Literal["positive", "negative"]
"""Whether the cord is compressed: by a coded conclusion or a named person, never by free text."""


class ImagingEvent_(Event):  # noqa: N801 - the union below owns the plain name
    """
    An event about one imaging order, study or report.

    `order_number` (placer) and `accession_number` (filler) name the same
    thing; either will do, and an event with both ties them together.
    """

    order_number: RecordId | None = None
    accession_number: RecordId | None = None
    modality: ShortText | None = None
    """DICOM modality as sent (MR, CT, CR, NM ...), where the codes do not say it."""
    regions: tuple[Region, ...] | None = None
    """Regions that the source states beside the code (body site, report); None: only the codes tell."""
    contrast: bool | None = None

    @model_validator(mode="after")
    def _has_a_number(self) -> Self:
        if self.order_number is None and self.accession_number is None:
            raise ValueError("order_number or accession_number is needed")
        return self


class ImagingOrdered(ImagingEvent_):
    """A study was ordered. A cord-compression code among `reason_codes` is a working diagnosis."""

    kind: Literal["imaging-ordered"] = "imaging-ordered"
    reason_codes: tuple[ShortText, ...] = ()
    """Reason-for-exam codes as sent, `system|code`."""
    priority: ShortText | None = None


class ImagingScheduled(ImagingEvent_):
    """The study was booked for `scheduled_at`. A booking is not a scan."""

    kind: Literal["imaging-scheduled"] = "imaging-scheduled"
    scheduled_at: Instant
    """The latest instant that the wording allows."""
    scheduled_basis: Literal["ambiguous", "nonexistent"] | None = None
    """Why the booked local time is doubtful; None: it is not."""


class ImagingDone(ImagingEvent_):
    """The scan was made: what an MRI clock waits for."""

    kind: Literal["imaging-done"] = "imaging-done"


class ImagingReported(ImagingEvent_):
    """
    A report was written. `occurred_at` is the report's own time.

    `finding` None means unclassified: nobody has said in a code what it shows.
    """

    kind: Literal["imaging-reported"] = "imaging-reported"
    status: Literal["preliminary", "final", "corrected"] = "final"
    finding: Finding | None = None
    exam_at: Instant | None = None
    """When the scan was made, as the report says (OBR-7)."""
    exam_latest_at: Instant | None = None


class ReportClassified(ImagingEvent_):
    """A person with a name said what the report shows; as much a fact as a coded conclusion."""

    kind: Literal["report-classified"] = "report-classified"
    finding: Finding
    by: ShortText


class ImagingCancelRequested(ImagingEvent_):
    """Somebody asked for the cancellation (ORC-1 CA, DC): not a cancellation yet."""

    kind: Literal["imaging-cancel-requested"] = "imaging-cancel-requested"


class ImagingCancelled(ImagingEvent_):
    """The order was cancelled or discontinued. Its clock goes on, and someone is told at once."""

    kind: Literal["imaging-cancelled"] = "imaging-cancelled"
    reason: ShortText | None = None


class ImagingNoShow(ImagingEvent_):
    """The patient was not scanned at the booked time (S26)."""

    kind: Literal["imaging-no-show"] = "imaging-no-show"


ImagingEvent = Annotated[
    ImagingOrdered
    | ImagingScheduled
    | ImagingDone
    | ImagingReported
    | ReportClassified
    | ImagingCancelRequested
    | ImagingCancelled
    | ImagingNoShow
    | RecordRetracted,
    Field(discriminator="kind"),
]
"""Everything that may stand on `cordwatch.imaging-orders.v1`."""
