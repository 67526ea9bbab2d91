"""Procedure: radiotherapy and surgery that began, ended, or did not take place."""

from __future__ import annotations

from cordwatch.feeds.fhir.coding import coded, is_decisive
from cordwatch.feeds.fhir.orders import codes_of, site_of
from cordwatch.feeds.fhir.reading import Reading
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.mapping.reading import modality_of, site_by
from cordwatch_schemas import treatments as cure

_BEGUN = frozenset({"in-progress", "completed", "stopped", "on-hold"})


def read_procedure(reading: Reading) -> bool:
    """Read a Procedure; False where it is no treatment of the cord, or only being prepared."""
    done, status = reading.resource, reading.status
    if status not in _BEGUN | {"not-done", "entered-in-error"}:
        return False
    codes = coded(done.one("code"))
    if modality_of(codes) is None and is_decisive(codes):
        return False
    number, filler, order = reading.order("basedOn")
    if modality_of(codes) is None:
        codes = codes + codes_of(order)
    modality = modality_of(codes)
    if modality is None:
        return False
    reading.identify("subject")
    stated = site_of(done.many("bodySite"))
    ordered = site_of(order.many("bodySite")) if order else None
    fields = {
        "codes": codes,
        "modality": modality,
        "site": site_by(modality) or stated or ordered,
        "treatment_number": number or filler or reading.record,
    }
    if status == "entered-in-error":
        reading.retract(cure.TreatmentStarted)
        return True
    if status == "not-done":
        reading.add(cure.TreatmentCancelled, reading.said_at, **fields)
        return True
    begin, end = reading.period("performed", "occurrence")
    if begin is None:
        raise Unreadable(f"{done.path}.performed", "a procedure without a time")
    reading.add(cure.TreatmentStarted, begin, record_id=reading.record, **fields)
    if status in {"completed", "stopped"} and end is not None:
        reading.add(cure.TreatmentEnded, end, **fields)
    return True
