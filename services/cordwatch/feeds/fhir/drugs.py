"""MedicationRequest and MedicationAdministration: what was ordered, and what was really given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cordwatch.feeds.fhir.coding import coded, route_of
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.orders import ORDERING
from cordwatch.feeds.fhir.reading import Reading
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import concepts
from cordwatch_schemas import medications as med

_MEDICATION = ("medicationCodeableConcept", "medication", "medicationReference")
_ACTIVE = frozenset({"active", "completed"})
_STOPPED = frozenset({"on-hold", "cancelled", "stopped", "ended"})

_UNITS = {"min": "M", "h": "H", "d": "D", "wk": "W"}
_SPANS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "wk": timedelta(weeks=1),
}
_CODES = {"AM": "QAM", "PM": "QPM", "BED": "QHS"}
"""Codes of FHIR's own list of timings that HL7 v2 writes otherwise."""

_DAY_H = 24


def read_request(reading: Reading) -> bool:
    """Read a MedicationRequest: each dosage is an order, a change of dose, or a stop."""
    request, status = reading.resource, reading.status
    codes = reading.concept(*_MEDICATION)
    if request.text("intent") not in ORDERING or request.flag("doNotPerform"):
        return False
    if status not in _ACTIVE | _STOPPED | {"entered-in-error"} or not codes:
        return False
    reading.identify("subject")
    placer, filler = reading.numbers_of(request)
    number = placer or filler or request.text("id")[:200] or None
    dosages = list(request.many("dosageInstruction"))
    said = reading.time("authoredOn") or reading.said_at
    begun: set[Any] = set()
    for place, dosage in enumerate(dosages or [Element({}, f"{request.path}.dosageInstruction")]):
        begins, ends = _span(reading, dosage, said)
        # Two dosages at one time add up: as one order the second would replace the first.
        name = f"{number}/{place + 1}"[:200] if number and begins.at in begun else number
        begun.add(begins.at)
        fields = {"order_number": name, "codes": codes, **_dosage(dosage)}
        if status == "entered-in-error":
            if name is None:
                raise Unreadable(f"{request.path}.id", "a retraction without a number")
            reading.retract(med.MedicationOrdered, target=name)
        elif status in _STOPPED:
            reading.add(med.MedicationStopped, reading.said_at, record_id=_stop(reading), **fields)
        else:
            if concepts(codes) and _may_have_stopped(reading):
                # Active again after a pause: the stop that an earlier version told is taken back.
                reading.retract(med.MedicationStopped, target=_stop(reading))
            frequency = _frequency(dosage)
            reading.add(
                med.MedicationOrdered,
                begins,
                frequency=frequency,
                ends_at=ends.latest_at if ends else None,
                recorded_at=said.at,
                **fields,
            )
    return True


def _stop(reading: Reading) -> str:
    return f"{reading.record}/stop"[:200]


def _may_have_stopped(reading: Reading) -> bool:
    """Return whether there was an earlier version, as far as this one tells."""
    meta = reading.resource.one("meta")
    return meta is not None and meta.text("versionId") not in {"", "0", "1"}


def _span(reading: Reading, dosage: Element, said: Stamp) -> tuple[Stamp, Stamp | None]:
    """Return from when to when a dosage is in force."""
    timing = dosage.one("timing")
    repeat = timing.one("repeat") if timing else None
    bounds = repeat.one("boundsPeriod") if repeat else None
    begins = (bounds.time(reading.source.zone, "start") if bounds else None) or said
    ends = bounds.time(reading.source.zone, "end") if bounds else None
    lasting = repeat.one("boundsDuration") if repeat else None
    if ends is None and lasting is not None:
        number, unit = lasting.number("value"), _SPANS.get(lasting.text("code", "unit"))
        if number is not None and unit is not None:
            until = begins.at + min(number, 100_000) * unit
            ends = Stamp(until, until, "second", begins.basis)
    return begins, ends


def _dosage(dosage: Element) -> dict[str, Any]:
    rate = dosage.one("doseAndRate") or dosage
    low, high = rate.one("doseQuantity", "dose"), None
    span = rate.one("doseRange")
    if span is not None:
        low, high = span.one("low"), span.one("high")
    unit = next((one.text("code", "unit") for one in (low, high) if one), "")
    return {
        "route": route_of(dosage.one("route")),
        "dose": low.number("value") if low else None,
        "dose_max": high.number("value") if high else None,
        "dose_unit": unit[:200] or None,
    }


def _frequency(dosage: Element) -> str | None:
    """Return how often, as HL7 v2 writes it: `Q6H`, `3XD`, `ONCE`, `PRN`; None: not told, or not sayable."""
    timing = dosage.one("timing")
    asked = dosage.value.get("asNeededBoolean", dosage.value.get("asNeeded"))
    needed = any(dosage.has(name) for name in ("asNeededCodeableConcept", "asNeededFor"))
    if asked is True or needed:
        return "PRN"
    if timing is None:
        return None
    codes = coded(timing.one("code"))
    if codes:
        code = codes[0]["code"] or ""
        return _CODES.get(code, code)[:200]
    repeat = timing.one("repeat")
    return _repeated(repeat) if repeat else None


def _repeated(repeat: Element) -> str | None:
    if repeat.number("count") == 1:
        return "ONCE"
    times, period = repeat.number("frequency") or 1, repeat.number("period") or 1
    unit = _UNITS.get(repeat.text("periodUnit"))
    if repeat.has("frequencyMax") or repeat.has("periodMax") or unit is None:
        return None
    if unit == "D" and period == 1 and times > 1:
        return f"{times:g}XD"
    if unit == "D" and times > 1:
        unit, period = "H", period * _DAY_H
    each = period / times
    return f"Q{each:g}{unit}" if each == int(each) else None


def read_administration(reading: Reading) -> bool:
    """Read a MedicationAdministration: given, not given, or never was."""
    given, status = reading.resource, reading.status
    if status not in {"completed", "stopped", "not-done", "entered-in-error"}:
        return False
    codes = reading.concept(*_MEDICATION)
    if status == "entered-in-error":
        reading.identify("subject")
        reading.retract(med.MedicationGiven)
        return True
    if not codes:
        return False
    reading.identify("subject")
    begin, _ = reading.period("effective", "occurence", "occurrence")
    if begin is None:
        raise Unreadable(f"{given.path}.effective", "an administration without a time")
    placer, filler, request = reading.order("request", "basedOn")
    if request is not None and request.type != "MedicationRequest":
        placer = filler = None
    model = med.MedicationNotGiven if status == "not-done" else med.MedicationGiven
    dosage = given.one("dosage")
    recorded = reading.time("recorded") or reading.said_at
    reading.add(
        model,
        begin,
        order_number=placer or filler,
        record_id=reading.record,
        codes=codes,
        recorded_at=recorded.at,
        **(_dosage(dosage) if dosage else {}),
    )
    return True
