"""SIU: bookings of scans and treatments, their cancellation, and patients who did not come."""

from __future__ import annotations

from typing import Any

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import Reading, coded, concepts, modality_of, site_by
from cordwatch_schemas import imaging as img
from cordwatch_schemas import treatments as cure

_BOOKING = frozenset({"S12", "S13", "S14"})
_CANCELLING = frozenset({"S15", "S17"})


def read_appointment(reading: Reading) -> bool:
    """Read S12-S15, S17 and S26; False where the appointment does not concern the pathway."""
    trigger = reading.message.header.text(9, 2)
    schedule, service = reading.message.first("SCH"), reading.message.first("AIS")
    if trigger not in _BOOKING | _CANCELLING | {"S26"}:
        return False
    if schedule is None:
        reading.fault("SCH", "an appointment without its segment")
        return True
    codes = coded(service, 3) if service else []
    found = concepts(codes)
    order = schedule.text(26) or schedule.text(27)
    treating = modality_of(codes)
    if not treating and "spine-imaging" not in found and (not order or codes):
        return False
    if not reading.identify(reading.message.first("PID")):
        return True
    try:
        fields: dict[str, Any] = {"codes": codes}
        if treating:
            fields |= {"modality": treating, "site": site_by(treating)}
            _treatment(reading, trigger, schedule, service, fields)
        else:
            _imaging(reading, trigger, schedule, service, fields)
    except Unreadable as error:
        reading.fault(error.field, error.reason)
    return True


def _booked_for(reading: Reading, schedule: Segment, service: Segment | None) -> Stamp:
    booked = reading.stamp(service, 4) or reading.stamp(schedule, 11, 4)
    if booked is None:
        raise Unreadable("AIS-4", "an appointment without a start")
    return booked


def _imaging(
    reading: Reading,
    trigger: str,
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
    if trigger in _BOOKING:
        booked = _booked_for(reading, schedule, service)
        reading.add(img.ImagingScheduled, said_at, scheduled_at=booked.at, **fields)
    elif trigger in _CANCELLING:
        reading.add(img.ImagingCancelled, said_at, **fields)
    else:
        reading.add(img.ImagingNoShow, said_at, **fields)


def _treatment(
    reading: Reading,
    trigger: str,
    schedule: Segment,
    service: Segment | None,
    fields: dict[str, Any],
) -> None:
    fields["treatment_number"] = schedule.text(26) or schedule.text(2) or schedule.text(1) or None
    said_at = reading.first_stamp()
    if trigger in _BOOKING:
        booked = _booked_for(reading, schedule, service)
        started = trigger == "S14" and schedule.text(25).upper() == "STARTED"
        if started:
            reading.add(cure.TreatmentStarted, booked, **fields)
        else:
            reading.add(cure.TreatmentBooked, said_at, scheduled_at=booked.at, **fields)
    elif trigger in _CANCELLING:
        reading.add(cure.TreatmentCancelled, said_at, **fields)
    else:
        reading.add(cure.TreatmentNoShow, said_at, **fields)
