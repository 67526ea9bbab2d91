"""SIU: bookings of scans and treatments, their cancellation, and patients who did not come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import (
    CodeAsSent,
    Reading,
    booking,
    concepts,
    modality_of,
    site_by,
)
from cordwatch_schemas import imaging as img
from cordwatch_schemas import treatments as cure

Told = Literal["booked", "started", "cancelled", "no-show", "waiting"]

_TRIGGERS: dict[str, Told] = {
    "S12": "booked",
    "S13": "booked",
    "S14": "booked",
    "S15": "cancelled",
    "S16": "cancelled",
    "S17": "cancelled",
    "S26": "no-show",
}
SIU_TRIGGERS = frozenset(_TRIGGERS)
"""Every SIU event that is read."""

_STATUSES: dict[str, Told] = {
    "STARTED": "started",
    "COMPLETE": "started",
    "CANCELLED": "cancelled",
    "DC": "cancelled",
    "DELETED": "cancelled",
    "NOSHOW": "no-show",
    "WAITLIST": "waiting",
}
"""Filler status (SCH-25, table 0278), which some senders tell by S14 instead of a trigger of its own."""


def read_appointment(reading: Reading) -> bool:
    """Read S12-S17 and S26; False where the appointment does not concern the pathway."""
    trigger = _TRIGGERS.get(reading.message.trigger)
    if trigger is None:
        reading.pass_over("MSH-9", "is no SIU event that is read")
        return False
    schedule = reading.message.first("SCH")
    if schedule is None:
        reading.fault("SCH", "an appointment without its segment")
        return True
    services = [one for one in _services(reading) if _concerns(schedule, one)]
    if not services:
        reading.pass_over("AIS-3", "no service that the pathway knows")
        return False
    if not reading.identify(reading.message.first("PID")):
        return True
    standing = [one for one in services if not one.is_deleted]
    if standing != services and standing:
        reading.pass_over("AIS-2", "a service is left out, the appointment stands")
    for service in standing or services:
        try:
            _read_service(reading, trigger, schedule, service)
        except Unreadable as error:
            reading.fault(error.field, error.reason)
    return True


@dataclass(frozen=True, slots=True)
class Service:
    """What is to be done at the appointment; without a segment it does not say."""

    segment: Segment | None
    codes: list[CodeAsSent]

    @property
    def is_deleted(self) -> bool:
        """Return whether it was taken out of the appointment."""
        return self.segment is not None and self.segment.text(2).upper() == "D"


def _services(reading: Reading) -> Iterator[Service]:
    named = list(reading.message.all("AIS"))
    yield from (Service(one, reading.coded(one, 3)) for one in named)
    if not named:
        yield Service(None, [])


def _concerns(schedule: Segment, service: Service) -> bool:
    """Return whether it is treatment, spine imaging, or unnamed and of an order by its number."""
    if modality_of(service.codes) or "spine-imaging" in concepts(service.codes):
        return True
    return not service.codes and bool(schedule.text(26) or schedule.text(27))


def _read_service(reading: Reading, trigger: Told, schedule: Segment, service: Service) -> None:
    told = trigger
    if reading.message.trigger == "S14":
        told = _STATUSES.get(schedule.text(25).upper(), trigger)
        told = "cancelled" if service.is_deleted else told
    if told == "waiting":
        reading.pass_over("SCH-25", "asked for, not booked")
        return
    fields: dict[str, Any] = {"codes": service.codes}
    treating = modality_of(service.codes)
    if treating:
        fields |= {"modality": treating, "site": site_by(treating)}
        _treatment(reading, told, schedule, service.segment, fields)
    else:
        _imaging(reading, told, schedule, service.segment, fields)


def _booked_for(reading: Reading, schedule: Segment, service: Segment | None) -> Stamp:
    booked = reading.stamp(service, 4) or reading.stamp(schedule, 11, 4)
    if booked is None:
        raise Unreadable("AIS-4", "an appointment without a start")
    return booked


def _imaging(
    reading: Reading,
    told: Told,
    schedule: Segment,
    service: Segment | None,
    fields: dict[str, Any],
) -> None:
    fields |= {
        "order_number": schedule.text(26) or None,
        "accession_number": schedule.text(27) or None,
    }
    if not fields["order_number"] and not fields["accession_number"]:
        fields["order_number"] = schedule.text(2) or schedule.text(1) or None
    said_at = reading.first_stamp()
    if told in {"booked", "started"}:
        # "Started" is no scan: that is told by its order or report.
        booked = _booked_for(reading, schedule, service)
        reading.add(img.ImagingScheduled, said_at, **booking(booked), **fields)
    elif told == "cancelled":
        reading.add(img.ImagingCancelled, said_at, **fields)
    else:
        reading.add(img.ImagingNoShow, said_at, **fields)


def _treatment(
    reading: Reading,
    told: Told,
    schedule: Segment,
    service: Segment | None,
    fields: dict[str, Any],
) -> None:
    fields["treatment_number"] = schedule.text(26) or schedule.text(2) or schedule.text(1) or None
    said_at = reading.first_stamp()
    if told == "started":
        reading.add(cure.TreatmentStarted, _booked_for(reading, schedule, service), **fields)
    elif told == "booked":
        booked = _booked_for(reading, schedule, service)
        reading.add(cure.TreatmentBooked, said_at, **booking(booked), **fields)
    elif told == "cancelled":
        reading.add(cure.TreatmentCancelled, said_at, **fields)
    else:
        reading.add(cure.TreatmentNoShow, said_at, **fields)
