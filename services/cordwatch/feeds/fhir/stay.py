"""Encounter and Patient: admission, place, discharge; death and merge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cordwatch.feeds.fhir.coding import coded
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.reading import Reading, patient_number, visit_number
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch_schemas import admissions as to

_HERE = frozenset({"arrived", "triaged", "in-progress", "onleave", "on-hold"})
_LEFT = frozenset({"finished", "completed", "discharged"})
_UNDONE = frozenset({"cancelled", "entered-in-error", "discontinued"})

_CLASSES: dict[str, to.PatientClass] = {
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "OBSENC": "inpatient",
    "AMB": "outpatient",
    "SS": "outpatient",
    "EMER": "emergency",
    "PRENC": "preadmit",
}
_EXPIRED = frozenset({"exp", "20", "40", "41", "42"})
"""Discharge dispositions that mean death: FHIR's own code, and those of UB-04."""

_BEDS = frozenset({"bd", "ro"})
_WARD = "wa"
_CLIMB_MAX = 5


def read_encounter(reading: Reading) -> bool:
    """Read an Encounter: where the patient is, since when, and whether still."""
    stay, status = reading.resource, reading.status
    if status not in _HERE | _LEFT | _UNDONE | {"planned"}:
        return False
    reading.identify("subject", "patient")
    number = visit_number(stay)
    reading.encounter = reading.source.reference("e", number) if number else None
    if status in _UNDONE:
        reading.add(to.AdmissionCancelled, reading.said_at)
        return True
    period = stay.one("actualPeriod", "period")
    begins = period.time(reading.source.zone, "start") if period else None
    moves = _moves(reading)
    if status == "planned":
        reading.add(to.Admitted, reading.said_at, patient_class="preadmit")
        return True
    if begins is None:
        raise Unreadable(f"{stay.path}.period.start", "an encounter without a begin")
    house = _house(reading)
    first = moves[0][1] if moves else {}
    reading.add(to.Admitted, begins, patient_class=_class(reading), facility=house, **first)
    for since, place in moves[1:]:
        reading.add(to.Transferred, since or reading.said_at, facility=house, **place)
    if status in _LEFT:
        _leave(reading, period, moves[-1][1] if moves else {})
    else:
        # A discharge that an earlier version told is taken back by this one, if there was any.
        reading.add(to.DischargeCancelled, begins)
    return True


def _house(reading: Reading) -> str | None:
    """Return the hospital, as its Organization is called; else where the source says it is."""
    provider = reading.resource.one("serviceProvider")
    if provider is None:
        return reading.source.facility
    found = reading.find(provider)
    return _told(provider) if found is None else _called(found)


def _class(reading: Reading) -> to.PatientClass:
    codes = [code for one in reading.resource.many("class") for code in coded(one)]
    return _CLASSES.get((codes[0]["code"] or "").upper(), "other") if codes else "inpatient"


def _leave(reading: Reading, period: Element | None, last: dict[str, Any]) -> None:
    left = period.time(reading.source.zone, "end") if period else None
    when = left or reading.said_at
    reading.add(to.Discharged, when, ward=last.get("ward"))
    how = reading.resource.one("admission", "hospitalization")
    disposition = coded(how.one("dischargeDisposition")) if how else []
    if any(one["code"] in _EXPIRED for one in disposition):
        reading.add(to.Died, when, undated=left is None)


def _moves(reading: Reading) -> list[tuple[Stamp | None, dict[str, Any]]]:
    """Return the wards in the order in which the patient lay there, each with its begin."""
    found: list[tuple[Stamp | None, dict[str, Any]]] = []
    for one in reading.resource.many("location"):
        if one.text("status") in {"planned", "reserved"}:
            continue
        span = one.one("period")
        since = span.time(reading.source.zone, "start") if span else None
        place = _place(reading, one)
        if place.get("ward"):
            found.append((since, place))
    # Without a begin of its own a place is the last one told, if others have theirs.
    far = max((since.at for since, _ in found if since), default=reading.said_at.at)
    found.sort(key=lambda move: move[0].at if move[0] else far)
    moves: list[tuple[Stamp | None, dict[str, Any]]] = []
    for since, place in found:
        if moves and moves[-1][1]["ward"] == place["ward"]:
            moves[-1][1].update({key: value for key, value in place.items() if value})
        else:
            moves.append((since, place))
    return moves


def _place(reading: Reading, one: Element) -> dict[str, Any]:
    """Return ward and bed of an encounter's location: up from the bed to the ward it stands in."""
    reference = one.one("location")
    if reference is None:
        return {}
    form = _form(one)
    found = reading.find(reference)
    if found is None:
        return {"ward": _told(reference)} if form not in _BEDS else {"bed": _told(reference)}
    chain = [found]
    while len(chain) < _CLIMB_MAX and _form(chain[-1]) in _BEDS:
        above = reading.find(chain[-1].one("partOf"))
        if above is None:
            break
        chain.append(above)
    place: dict[str, Any] = {}
    if (form or _form(found)) == "bd":
        place["bed"] = _called(found)
    ward = next((link for link in chain if _form(link) == _WARD), chain[-1])
    if _form(ward) not in _BEDS:
        place["ward"] = _called(ward)
    return place


def _form(place: Element) -> str:
    codes = coded(place.one("form", "physicalType"))
    return codes[0]["code"] or "" if codes else ""


def _called(place: Element) -> str | None:
    number = next((one.text("value") for one in place.many("identifier")), "")
    return (number or place.text("name") or place.text("id"))[:200] or None


def _told(reference: Element) -> str | None:
    logical = reference.one("identifier")
    number = logical.text("value") if logical else ""
    told = number or reference.text("display") or reference.text("reference").rpartition("/")[2]
    return told[:200] or None


def read_patient(reading: Reading) -> bool:
    """Read a Patient: alive or dead, and with whom the record was joined."""
    person = reading.resource
    number = patient_number(person.many("identifier"), reading.source.patient_system)
    if not number:
        raise Unreadable("Patient.identifier", "no patient number")
    reading.patient = reading.source.reference("p", number)
    died = reading.time("deceasedDateTime")
    if died is not None or person.flag("deceasedBoolean"):
        reading.add(to.Died, died or reading.said_at, undated=died is None)
    elif person.flag("deceasedBoolean") is False:
        reading.add(to.DeathCancelled, reading.said_at, undated=True)
    for link in _links(reading, person).values():
        _merge(reading, link)
    for link, since in _gone(reading):
        _merge(reading, link, undone_at=since)
    return True


def _links(reading: Reading, person: Element) -> dict[tuple[str, str], Element]:
    """Return the links that join two records, by kind and by whom; that others are only like this one says nothing."""
    found: dict[tuple[str, str], Element] = {}
    for link in person.many("link"):
        kind, other = link.text("type"), link.one("other")
        if kind in {"replaces", "replaced-by"}:
            told = other.text("reference") if other else ""
            whom = reading.context.local(told) or json.dumps(link.value.get("other"), default=str)
            found.setdefault((kind, whom), link)
    return found


def _gone(reading: Reading) -> Iterator[tuple[Element, Stamp]]:
    """
    Return the links that earlier versions had and this one has not, each with when it was first missing.

    That instant stays as it is, however many versions follow: they tell the same
    un-merge, and not that of a merge which somebody told after it.
    """
    person, kept = reading.resource, _links(reading, reading.resource)
    gone: dict[tuple[str, str], tuple[Element, Stamp | None]] = {}
    for version in (*reading.earlier(), person):
        stated = version.one("meta")
        written = stated.time(reading.source.zone, "lastUpdated") if stated else None
        links = _links(reading, version)
        for name, (link, since) in list(gone.items()):
            gone[name] = (link, None) if name in links else (link, since or written)
        gone |= {name: (link, None) for name, link in links.items() if name not in gone}
    for name, (link, since) in gone.items():
        if name not in kept:
            yield link, since or reading.said_at


def _merge(reading: Reading, link: Element, undone_at: Stamp | None = None) -> None:
    """Publish a merge, or its undoing, under both references."""
    try:
        other = reading.person(link.one("other"), f"{link.path}.other")
    except Unreadable as error:
        reading.fault(error.field, error.reason)
        return
    me = reading.patient
    survivor, retired = (me, other) if link.text("type") == "replaces" else (other, me)
    when, model = undone_at or reading.said_at, to.MergeCancelled if undone_at else to.Merged
    for reference in dict.fromkeys((survivor, retired)):
        reading.add(
            model,
            when,
            patient=reference,
            survivor=survivor,
            retired=retired,
            recorded_at=when.at,
        )
