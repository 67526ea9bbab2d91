"""Observation: coded findings of an assessment, and coded diagnoses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cordwatch.feeds.fhir.bundle import key_of
from cordwatch.feeds.fhir.coding import OWN_SYSTEMS, coded, own_codes, words
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.reading import Reading
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.mapping.findings import EVENTS, FINDINGS, Of, each
from cordwatch.feeds.mapping.reading import concepts
from cordwatch_schemas import admissions as to

_READ = frozenset({"preliminary", "final", "amended", "corrected", "appended"})
_CHANGED = frozenset({"amended", "corrected"})
_VOID = frozenset({"entered-in-error", "cancelled"})

_DAYS = {
    "min": 1 / 1440,
    "h": 1 / 24,
    "d": 1.0,
    "wk": 7.0,
    "mo": 30.4375,
    "a": 365.25,
}
_WANTED = {"developed-over-days": "d", "paraplegia-hours": "h", "life-expectancy-months": "mo"}
"""In which unit (UCUM) a number of time is wanted."""


def read_observation(reading: Reading) -> bool:
    """Read an Observation; False where it is no finding of ours and no diagnosis."""
    observation = reading.resource
    members = list(_members(reading))
    rows = [*_rows(observation), *(row for one in members for row in _rows(one))]
    if any(code in FINDINGS for code, _ in rows):
        if reading.status not in _READ | _VOID:
            return False
        reading.identify("subject")
        read_group(reading, [observation, *members])
        return True
    return _diagnosis(reading)


def _members(reading: Reading) -> Iterator[Element]:
    for one in reading.resource.many("hasMember"):
        found = reading.find(one)
        if found is not None and found.type == "Observation":
            yield found


def _rows(observation: Element) -> Iterator[tuple[str, Element]]:
    """Yield the codes of ours that an observation or its components bear, with what holds the value."""
    for one in (observation, *observation.many("component")):
        for code in own_codes(one.one("code")):
            yield code, one


def said(observations: Sequence[Element]) -> Iterator[tuple[str, list[str]]]:
    """Yield what observations of ours say, as texts, by their codes; retracted ones say nothing."""
    for observation in observations:
        if observation.text("status") in _VOID:
            continue
        for code, one in _rows(observation):
            texts = _values(code, one)
            if texts:
                yield code, texts


def read_group(reading: Reading, observations: Sequence[Element]) -> None:
    """Read the findings of one assessment: those of one observation, or of a report's results."""
    reading.consumed |= {key_of(one.value) for one in observations}
    rows = [code for one in observations for code, _ in _rows(one)]
    kinds = {FINDINGS[code].of for code in rows if code in FINDINGS}
    if reading.status in _VOID:
        reading.retract(*(EVENTS[of] for of in sorted(kinds)))
        return
    found: dict[Of, dict[str, Any]] = {}
    for code, texts in said(observations):
        finding = FINDINGS.get(code)
        if finding is None:
            continue
        try:
            value = finding.read(texts)
        except ValueError:
            where = f"{reading.resource.path}.value"
            reading.fault(where, f"the value of {code} cannot be read")
            continue
        if isinstance(value, tuple):
            value = (*found.get(finding.of, {}).get(finding.field, ()), *value)
        found.setdefault(finding.of, {})[finding.field] = value
    begin, _ = reading.period("effective")
    issued = reading.time("issued")
    common = {
        "record_id": reading.record,
        "recorded_at": (issued or reading.said_at).at,
        "corrects": reading.record if reading.status in _CHANGED else None,
    }
    if common["corrects"]:
        # The first telling and its correction may bear one time of issue; the later version counts.
        common["recorded_at"] = reading.said_at.at
    for of, fields in found.items():
        for one in each(of, fields):
            reading.add(EVENTS[of], begin or issued or reading.said_at, **one, **common)


def _values(code: str, one: Element) -> list[str]:
    """Return a value of whatever type as the texts that a coded finding has in HL7."""
    if one.has("valueString"):
        return [one.text("valueString")]
    if (flag := one.flag("valueBoolean")) is not None:
        return ["Y" if flag else "N"]
    if (number := one.number("valueInteger")) is not None:
        return [f"{number:g}"]
    quantity = one.one("valueQuantity")
    if quantity is not None:
        return _quantity(code, quantity)
    concept = one.one("valueCodeableConcept")
    if concept is None:
        _refuse_others(one)
        return []
    codes = coded(concept)
    own = [code["code"] or "" for code in codes if code["system"] in OWN_SYSTEMS]
    return own or [code["code"] or "" for code in codes[:1]] or [words(concept)]


def _refuse_others(one: Element) -> None:
    """A value of a type that is not read is a fault: passed over, a finding would be half understood."""
    other = next((name for name in one.value if name.startswith("value")), None)
    if other is not None:
        raise Unreadable(f"{one.path}.{other}", "is of a type that is not read here")


def _quantity(code: str, quantity: Element) -> list[str]:
    number = quantity.number("value")
    if number is None:
        return []
    wanted, unit = _WANTED.get(code), quantity.text("code", "unit")
    if quantity.has("comparator"):
        raise Unreadable(f"{quantity.path}.comparator", "is no exact number")
    if wanted is None or not unit or unit == wanted:
        return [f"{number:.10g}"]
    if unit not in _DAYS:
        raise Unreadable(f"{quantity.path}.code", f"is not a unit of time like {wanted}")
    return [f"{number * _DAYS[unit] / _DAYS[wanted]:.10g}"]


def _diagnosis(reading: Reading) -> bool:
    """Read a coded value that is a diagnosis, as in a result of pathology."""
    codes = coded(reading.resource.one("valueCodeableConcept"))
    if not concepts(codes) & {"lymphoma", "cord-compression"}:
        return False
    if reading.status not in _READ | _VOID:
        return False
    reading.identify("subject")
    if reading.status in _VOID:
        reading.retract(to.Diagnosed)
        return True
    begin, _ = reading.period("effective")
    reading.add(
        to.Diagnosed,
        begin or reading.time("issued") or reading.said_at,
        codes=codes,
        status="suspected" if reading.status == "preliminary" else "confirmed",
        record_id=reading.record,
    )
    return True
