"""ADT: admission, transfer, discharge, death, merge, and the diagnoses and procedures they carry."""

from __future__ import annotations

from typing import Any

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import Reading, coded, concepts, modality_of, site_by
from cordwatch_schemas import admissions as to
from cordwatch_schemas.treatments import TreatmentStarted

_CLASSES: dict[str, to.PatientClass] = {
    "I": "inpatient",
    "O": "outpatient",
    "E": "emergency",
    "P": "preadmit",
}
_EXPIRED = frozenset({"20", "40", "41", "42"})
"""Discharge dispositions (table 0112, UB-04) that mean death."""

_ADMITTING = frozenset({"A01", "A04", "A05", "A06", "A07"})
_UPDATING = frozenset({"A08", "A31", "A28"})
_MERGING = frozenset({"A18", "A34", "A40", "A47"})


def read_stay(reading: Reading) -> bool:
    """Read an ADT message; False where its trigger is none that the pathway knows."""
    trigger = reading.message.header.text(9, 2) or _event_type(reading)
    if trigger in _MERGING or trigger == "A37":
        _merges(reading, undone=trigger == "A37")
        return True
    known = trigger in _ADMITTING | _UPDATING | {"A02", "A03", "A11", "A12", "A13"}
    if not known:
        return False
    person = reading.message.first("PID")
    if not reading.identify(person):
        return True
    visit, event = reading.message.first("PV1"), reading.message.first("EVN")
    for part in (_movement, _death):
        try:
            part(reading, trigger, person, visit, event)
        except Unreadable as error:
            reading.fault(error.field, error.reason)
    read_diagnoses(reading)
    _procedures(reading)
    return True


def _event_type(reading: Reading) -> str:
    event = reading.message.first("EVN")
    return event.text(1) if event else ""


def _place(visit: Segment | None, at: int = 3) -> dict[str, Any]:
    if visit is None:
        return {}
    return {
        "ward": visit.text(at) or None,
        "bed": visit.text(at, 3) or None,
        "facility": visit.text(at, 4) or None,
    }


def _movement(
    reading: Reading, trigger: str, _: Segment | None, visit: Segment | None, event: Segment | None
) -> None:
    recorded = {"recorded_at": reading.recorded((event, 2))}
    if trigger in _ADMITTING or (trigger in _UPDATING and visit is not None and visit.text(44)):
        when = reading.first_stamp((visit, 44), (event, 6), (event, 2))
        # An update repeats the admission daily: told as recorded then, it adds nothing.
        written = {"recorded_at": when.at} if trigger in _UPDATING else recorded
        letter = visit.text(2).upper() if visit else ""
        kind = _CLASSES.get(letter, "other") if letter else "inpatient"
        reading.add(to.Admitted, when, patient_class=kind, **_place(visit), **written)
        return
    when = reading.first_stamp((event, 6), (event, 2))
    match trigger:
        case "A11":
            reading.add(to.AdmissionCancelled, when, **recorded)
        case "A02":
            reading.add(to.Transferred, when, **_place(visit), **recorded)
        case "A12":
            reading.add(to.TransferCancelled, when, **_place(visit), **recorded)
        case "A03":
            left = reading.first_stamp((visit, 45), (event, 6), (event, 2))
            ward = visit.text(3) if visit else ""
            reading.add(to.Discharged, left, ward=ward or None, **recorded)
        case "A13":
            reading.add(to.DischargeCancelled, when, **_place(visit), **recorded)


def _death(
    reading: Reading,
    _: str,
    person: Segment | None,
    visit: Segment | None,
    event: Segment | None,
) -> None:
    if person is None:
        return
    recorded = {"recorded_at": reading.recorded((event, 2))}
    expired = visit is not None and visit.text(36) in _EXPIRED
    if person.text(30).upper() == "N" or person.is_null(29):
        reading.add(to.DeathCancelled, reading.first_stamp((event, 2)), undated=True, **recorded)
    elif person.text(30).upper() == "Y" or person.text(29) or expired:
        stated = reading.stamp(person, 29)
        left = reading.stamp(visit, 45) if expired else None
        when = stated or left or reading.first_stamp((event, 6), (event, 2))
        reading.add(to.Died, when, undated=not (stated or left), **recorded)


def _merges(reading: Reading, *, undone: bool) -> None:
    """Publish every survivor and prior number of the message, under both references."""
    model = to.MergeCancelled if undone else to.Merged
    event = reading.message.first("EVN")
    pairs = 0
    for group in reading.message.groups("PID", "MRG"):
        prior = next((one for one in group if one.name == "MRG"), None)
        if prior is None:
            continue
        pairs += 1
        survivor = reading.source.patient_number(group[0], 3)
        retired = reading.source.patient_number(prior, 1)
        if not survivor or not retired:
            reading.fault("MRG-1" if survivor else "PID-3", "no patient number")
            continue
        pair = {
            "survivor": reading.source.reference("p", survivor),
            "retired": reading.source.reference("p", retired),
        }
        try:
            when = reading.first_stamp((event, 6), (event, 2))
            recorded = reading.recorded((event, 2))
        except Unreadable as error:
            reading.fault(error.field, error.reason)
            continue
        for reference in dict.fromkeys(pair.values()):
            reading.add(model, when, patient=reference, recorded_at=recorded, **pair)
    if pairs == 0:
        reading.fault("MRG", "a merge without a prior number")


def read_diagnoses(reading: Reading) -> None:
    """Read DG1: coded diagnoses, their status, and their retraction."""
    for segment in reading.message.all("DG1"):
        codes = coded(segment, 3)
        if not codes:
            continue
        try:
            stated = reading.stamp(segment, 5)
            when: Stamp = stated or reading.first_stamp()
        except Unreadable as error:
            if concepts(codes):
                reading.fault(error.field, error.reason)
            continue
        if segment.text(21).upper() == "D":
            reading.add(to.DiagnosisRetracted, when, codes=codes)
            continue
        suspected = segment.text(6).upper() in {"A", "W"}
        reading.add(
            to.Diagnosed,
            when,
            codes=codes,
            status="suspected" if suspected else "confirmed",
            undated=stated is None,
        )


def _procedures(reading: Reading) -> None:
    """Read PR1: a procedure that was done is a treatment that started."""
    for segment in reading.message.all("PR1"):
        codes = coded(segment, 3)
        modality = modality_of(codes)
        if modality is None:
            continue
        try:
            when = reading.stamp(segment, 5)
        except Unreadable as error:
            reading.fault(error.field, error.reason)
            continue
        if when is None:
            reading.fault("PR1-5", "a procedure without a time")
            continue
        reading.add(
            TreatmentStarted,
            when,
            codes=codes,
            modality=modality,
            site=site_by(modality),
        )
