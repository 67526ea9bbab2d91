"""ServiceRequest and Appointment: orders and bookings of scans and treatments, and their cancellation."""

from __future__ import annotations

from typing import Any

from cordwatch.feeds.fhir.coding import all_coded, coded, words
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.reading import Reading
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.mapping.reading import CodeAsSent, concepts, modality_of, site_by
from cordwatch_schemas import imaging as img
from cordwatch_schemas import treatments as cure

ORDERING = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order", ""}
)
"""Intents that somebody acts on: a proposal or plan is not an order."""


def read_request(reading: Reading) -> bool:
    """Read a ServiceRequest; False where it concerns neither the spine's imaging nor its treatment."""
    request, status = reading.resource, reading.status
    codes = reading.concept("code")
    modality, reasons = modality_of(codes), _reasons(reading)
    if modality is None and "spine-imaging" not in concepts(codes) and not reasons:
        return False
    if status in {"draft", "on-hold", "unknown"} or request.flag("doNotPerform"):
        return False
    is_plan = request.text("intent") == "plan"
    if request.text("intent") not in ORDERING and not (is_plan and modality):
        return False
    reading.identify("subject")
    placer, filler = reading.numbers_of(request)
    number = placer or (None if filler else request.text("id")[:200] or None)
    if status not in {"active", "completed", "revoked", "ended", "entered-in-error"}:
        raise Unreadable(f"{request.path}.status", "is not known")
    if modality is not None:
        site = site_by(modality) or site_of(request.many("bodySite", "bodyStructure"))
        _treatment(reading, modality, number or filler, {"site": site, "codes": codes})
    else:
        fields = {"order_number": number, "accession_number": filler, "codes": codes}
        _imaging(reading, fields, reasons)
    return True


def _imaging(reading: Reading, fields: dict[str, Any], reasons: list[str]) -> None:
    if not fields["order_number"] and not fields["accession_number"]:
        raise Unreadable(f"{reading.resource.path}.identifier", "an order without any number")
    match reading.status:
        case "revoked" | "ended":
            reading.add(img.ImagingCancelled, reading.said_at, **fields)
        case "entered-in-error":
            target = fields["order_number"] or fields["accession_number"]
            models = (img.ImagingOrdered, img.ImagingScheduled, img.ImagingDone)
            reading.retract(*models, target=target)
        case _:
            reading.add(
                img.ImagingOrdered,
                reading.time("authoredOn") or reading.said_at,
                reason_codes=reasons,
                priority=reading.resource.text("priority")[:200] or None,
                **fields,
            )


def _treatment(
    reading: Reading, modality: cure.Modality, number: str | None, fields: dict[str, Any]
) -> None:
    fields |= {"modality": modality, "treatment_number": number}
    match reading.status:
        case "revoked" | "ended":
            reading.add(cure.TreatmentCancelled, reading.said_at, **fields)
        case "entered-in-error":
            reading.retract(cure.TreatmentPlanned, cure.TreatmentStarted, target=number)
        case _:
            when = reading.time("authoredOn") or reading.said_at
            reading.add(cure.TreatmentPlanned, when, **fields)


def _reasons(reading: Reading) -> list[str]:
    """Return the reasons for the scan that mean cord compression, as `system|code`."""
    request = reading.resource
    codes = all_coded(request.many("reasonCode", "reason"))
    for one in (*request.many("reasonReference"), *request.many("reason")):
        if one.has("reference"):
            found = reading.find(one)
            codes += coded(found.one("code")) if found else []
    if "cord-compression" not in concepts(codes):
        return []
    return [f"{one['system']}|{one['code']}"[:200] for one in codes]


def site_of(sites: Any) -> cure.Site | None:
    """Return whether a body site is the spine, by the words of its codes; None: not stated."""
    told = " ".join(words(one) for one in sites).upper()
    if not told:
        return None
    return "spine" if any(word in told for word in ("SPIN", "VERTEB", "CORD")) else "other"


_BOOKED = frozenset({"booked", "pending", "arrived", "checked-in", "fulfilled"})


def read_appointment(reading: Reading) -> bool:
    """Read an Appointment; what it is for is said by itself or by the order that it goes back to."""
    status = reading.status
    if status not in _BOOKED | {"cancelled", "noshow", "entered-in-error"}:
        return False
    codes = all_coded(reading.resource.many("serviceType"))
    number, filler, order = reading.order("basedOn", "incomingReferral")
    if not concepts(codes) and order is not None:
        codes = coded(order.one("code"))
    modality = modality_of(codes)
    if modality is None and "spine-imaging" not in concepts(codes) and (not number or order):
        return False
    _whose(reading)
    record = reading.record
    if modality is not None:
        site = site_by(modality) or site_of(order.many("bodySite") if order else ())
        treatment = {"modality": modality, "site": site, "treatment_number": number or record}
        _booked(reading, cure.TreatmentBooked, cure.TreatmentCancelled, cure.TreatmentNoShow)(
            **treatment, codes=codes
        )
        return True
    fields = {"order_number": number or (None if filler else record), "accession_number": filler}
    _booked(reading, img.ImagingScheduled, img.ImagingCancelled, img.ImagingNoShow)(
        **fields, codes=codes
    )
    return True


def _whose(reading: Reading) -> None:
    """Find the patient: R5 has a subject, before that one of those who take part is one."""
    appointment = reading.resource
    if appointment.has("subject"):
        reading.identify("subject")
        return
    for one in appointment.many("participant"):
        actor = one.one("actor")
        if actor is not None and _is_patient(actor):
            reading.patient = reading.person(actor, f"{one.path}.actor")
            return
    raise Unreadable(f"{appointment.path}.participant", "no patient")


def _is_patient(actor: Element) -> bool:
    target = actor.text("reference")
    return actor.text("type") == "Patient" or "Patient/" in target


def _booked(reading: Reading, booked: Any, cancelled: Any, no_show: Any) -> Any:
    """Return how to tell the booking, by the appointment's status."""
    appointment, said_at = reading.resource, reading.said_at

    def tell(**fields: Any) -> None:
        match reading.status:
            case "cancelled":
                reading.add(cancelled, said_at, **fields)
            case "noshow":
                reading.add(no_show, said_at, **fields)
            case "entered-in-error":
                reading.retract(booked)
            case _:
                start = reading.time("start")
                if start is None:
                    where = f"{appointment.path}.start"
                    raise Unreadable(where, "an appointment without a start")
                made_at = reading.time("created") or said_at
                reading.add(
                    booked, made_at, scheduled_at=start.at, record_id=reading.record, **fields
                )

    return tell


def codes_of(order: Element | None) -> list[CodeAsSent]:
    """Return the codes of an order, none where there is no order."""
    return coded(order.one("code")) if order else []
