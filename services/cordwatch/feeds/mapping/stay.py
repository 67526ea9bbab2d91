"""ADT: admission, transfer, discharge, death, merge, and the diagnoses and procedures they carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from cordwatch.feeds.hl7.message import Message, Segment, Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import (
    PATIENT_NUMBERS,
    PRIOR_NUMBERS,
    Reading,
    concepts,
    modality_of,
    site_by,
)
from cordwatch_schemas import admissions as to
from cordwatch_schemas.treatments import TreatmentStarted

Tie: TypeAlias = to.Merged | to.MergeCancelled | to.EncounterMoved
_CLASSES: dict[str, to.PatientClass] = {
    "I": "inpatient",
    "O": "outpatient",
    "E": "emergency",
    "P": "preadmit",
}
_EXPIRED = frozenset({"20", "40", "41", "42"})
"""Discharge dispositions (table 0112, UB-04) that mean death."""

_USUAL_CLASS: dict[str, to.PatientClass] = {
    "A04": "outpatient",
    "A05": "preadmit",
    "A07": "outpatient",
}
"""What a trigger means where PV1-2 says nothing; else an inpatient."""

_ADMITTING = frozenset({"A01", "A04", "A05", "A06", "A07"})
_UPDATING = frozenset({"A08", "A31", "A28", "A45"})
_MERGING = frozenset({"A18", "A34", "A40", "A47"})
_MOVING = frozenset({"A02", "A03", "A11", "A12", "A13"})
_UNMERGING = "A37"

ADT_TRIGGERS = _ADMITTING | _UPDATING | _MERGING | _MOVING | {_UNMERGING}
"""Every ADT event that is read."""


def read_stay(reading: Reading) -> bool:
    """Read an ADT message; False where its trigger is none that the pathway knows."""
    trigger = reading.message.trigger or _event_type(reading)
    if trigger not in ADT_TRIGGERS:
        reading.pass_over("MSH-9", "is no ADT event that is read")
        return False
    if trigger in _MERGING or trigger == _UNMERGING:
        _merges(reading, undone=trigger == _UNMERGING)
        return True
    if trigger == "A45":
        _moved_visits(reading)
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


def _place(reading: Reading, visit: Segment | None) -> dict[str, Any]:
    facility = reading.source.facility
    if visit is None:
        return {"facility": facility}
    return {
        "ward": visit.text(3) or None,
        "bed": visit.text(3, 3) or None,
        "facility": visit.text(3, 4) or facility,
    }


def _movement(
    reading: Reading, trigger: str, _: Segment | None, visit: Segment | None, event: Segment | None
) -> None:
    recorded = {"recorded_at": reading.recorded((event, 2))}
    if trigger in _ADMITTING or (trigger in _UPDATING and visit is not None and visit.text(44)):
        when = reading.first_stamp((visit, 44), (event, 6), (event, 2))
        # An update repeats the admission daily: told as recorded then, it adds nothing.
        written = {"recorded_at": when.at} if trigger in _UPDATING else recorded
        kind = _class_of(visit, trigger)
        reading.add(to.Admitted, when, patient_class=kind, **_place(reading, visit), **written)
        return
    when = reading.first_stamp((event, 6), (event, 2))
    match trigger:
        case "A11":
            reading.add(to.AdmissionCancelled, when, **recorded)
        case "A02":
            reading.add(to.Transferred, when, **_place(reading, visit), **recorded)
        case "A12":
            reading.add(to.TransferCancelled, when, **_place(reading, visit), **recorded)
        case "A03":
            left = reading.first_stamp((visit, 45), (event, 6), (event, 2))
            ward = visit.text(3) if visit else ""
            reading.add(to.Discharged, left, ward=ward or None, **recorded)
        case "A13":
            reading.add(to.DischargeCancelled, when, **_place(reading, visit), **recorded)


def _class_of(visit: Segment | None, trigger: str) -> to.PatientClass:
    letter = visit.text(2).upper() if visit else ""
    return _CLASSES.get(letter, "other") if letter else _USUAL_CLASS.get(trigger, "inpatient")


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
    said = person.text(30).upper()
    # "Delete" takes a death back only where the message does not say Y or N beside it.
    taken_back = not said and (person.is_null(29) or (person.is_null(30) and not person.text(29)))
    if said == "N" or taken_back:
        reading.add(to.DeathCancelled, reading.first_stamp((event, 2)), undated=True, **recorded)
    elif said == "Y" or person.text(29) or expired:
        stated = reading.stamp(person, 29)
        left = reading.stamp(visit, 45) if expired else None
        when = stated or left or reading.first_stamp((event, 6), (event, 2))
        reading.add(to.Died, when, undated=not (stated or left), **recorded)


def _merges(reading: Reading, *, undone: bool) -> None:
    """Publish every survivor and prior number of the message, under both references."""
    model = to.MergeCancelled if undone else to.Merged
    pairs = 0
    both = _unlinked(reading.message) if undone else ()
    for person, prior in both or _pairs(reading.message):
        pairs += 1
        survivor = reading.number(person, *PATIENT_NUMBERS)
        retired = reading.number(prior, *(PATIENT_NUMBERS if both else PRIOR_NUMBERS))
        if not survivor or not retired:
            reading.fault("MRG-1" if survivor and not both else "PID-3", "no patient number")
            continue
        pair = {
            "survivor": reading.source.reference("p", survivor),
            "retired": reading.source.reference("p", retired),
        }
        _under_both(reading, model, pair, pair.values())
    if pairs == 0:
        reading.fault("MRG", "a merge without a prior number")


def _pairs(message: Message) -> Iterator[tuple[Segment | None, Segment]]:
    """Return each MRG with the PID before it, which may have several."""
    person: Segment | None = None
    for group in message.groups("PID", "MRG"):
        person = next((one for one in group if one.name == "PID"), person)
        prior = next((one for one in group if one.name == "MRG"), None)
        if prior is not None:
            yield person, prior


def _unlinked(message: Message) -> Sequence[tuple[Segment, Segment]]:
    """
    Return the two PID of A37, in both orders; nothing where it names a prior number as a merge does.

    It does not say which of them had survived. To undo a merge that never was changes nothing.
    """
    people = [one for one in message.segments if one.name == "PID"]
    if len(people) != 2 or message.first("MRG"):  # noqa: PLR2004 - two patients
        return ()
    first, second = people
    return (first, second), (second, first)


def _moved_visits(reading: Reading) -> None:
    """
    Read the MRG of A45: a visit goes to another account, and may go to another patient with it.

    Then everything that was told for the visit goes too; the rest of the message is an update.
    """
    for person, prior in _pairs(reading.message):
        former = reading.number(prior, *PRIOR_NUMBERS)
        present = reading.number(person, *PATIENT_NUMBERS)
        if not former or former == present:
            reading.pass_over("MRG", "the visit changes its account, not its patient")
            continue
        # As PV1-19 and PID-18 number a visit everywhere else.
        visit = prior.text(5) or prior.text(3)
        if not present:
            reading.fault("PID-3", "no patient number")
        elif not visit:
            reading.fault("MRG-5", "no number of the visit that moved")
        else:
            moved = {
                "encounter": reading.source.reference("e", visit),
                "moved_from": reading.source.reference("p", former),
                "moved_to": reading.source.reference("p", present),
            }
            _under_both(reading, to.EncounterMoved, moved, (moved["moved_from"], moved["moved_to"]))


def _under_both(
    reading: Reading, model: type[Tie], fields: dict[str, str], pair: Iterable[str]
) -> None:
    """Publish what ties two patients under the reference of each: they lie on different partitions."""
    event = reading.message.first("EVN")
    try:
        when = reading.first_stamp((event, 6), (event, 2))
        recorded = reading.recorded((event, 2))
    except Unreadable as error:
        reading.fault(error.field, error.reason)
        return
    for reference in dict.fromkeys(pair):
        reading.add(model, when, patient=reference, recorded_at=recorded, **fields)


def read_diagnoses(reading: Reading) -> None:
    """Read DG1: coded diagnoses, their status, and their retraction."""
    for segment in reading.message.all("DG1"):
        codes = reading.coded(segment, 3, method=2)
        if not codes:
            reading.pass_over("DG1-3", "a diagnosis without a code")
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
        codes = reading.coded(segment, 3, method=2)
        modality = modality_of(codes)
        if modality is None:
            reading.pass_over("PR1-3", "no procedure that treats a cord")
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
