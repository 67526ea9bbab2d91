"""Condition: a diagnosis, how sure one is of it, and that it was none."""

from __future__ import annotations

from cordwatch.feeds.fhir.coding import coded, own_codes
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.reading import Reading
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch_schemas import admissions as to

_ERROR = "entered-in-error"
_DOUBTFUL = frozenset({"unconfirmed", "provisional", "differential"})
_PAST = frozenset({"resolved", "inactive"})
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"


def read_condition(reading: Reading) -> bool:
    """Read a Condition; False where it has no code at all, as free text has none."""
    condition = reading.resource
    codes = coded(condition.one("code"))
    sure, now = _code(reading, "verificationStatus"), _code(reading, "clinicalStatus")
    if not codes and sure != _ERROR:
        return False
    reading.identify("subject", "patient")
    suspicion = "suspected-mescc" in own_codes(condition.one("code"))
    if sure == _ERROR or (suspicion and sure == "refuted"):
        # This record alone: the same diagnosis told by another one stands.
        kinds = (
            (to.Assessed,)
            if suspicion
            else (to.Diagnosed,)
            if codes
            else (to.Assessed, to.Diagnosed)
        )
        reading.retract(*kinds)
        return True
    if suspicion:
        when = _stated(reading) or reading.said_at
        if now not in _PAST:
            reading.add(to.Assessed, when, suspected_mescc=True, record_id=reading.record)
        return True
    if sure == "refuted":
        reading.add(to.DiagnosisRetracted, reading.said_at, codes=codes)
        return True
    stated = _stated(reading)
    listed = any(
        one["code"] == "problem-list-item"
        for category in condition.many("category")
        for one in coded(category)
    )
    reading.add(
        to.Diagnosed,
        stated or reading.said_at,
        codes=codes,
        status="historical" if now in _PAST else "suspected" if sure in _DOUBTFUL else "confirmed",
        problem_list=listed,
        undated=stated is None,
        record_id=reading.record,
    )
    return True


def _code(reading: Reading, name: str) -> str:
    """Return a status, which is a concept since R4; sent as a bare code it is still one."""
    found = reading.resource.value.get(name)
    if isinstance(found, str):
        return found
    codes = coded(reading.resource.one(name))
    return codes[0]["code"] or "" if codes else ""


def _stated(reading: Reading) -> Stamp | None:
    """
    Return since when: the onset, else when it was stated or recorded.

    An onset that says no more than a year gives way to an exact time beside
    it; alone it is not understood (pathway, Time).
    """
    condition, zone = reading.resource, reading.source.zone
    vague: Unreadable | None = None
    for place, names in (
        (condition, ("onsetDateTime",)),
        (condition.one("onsetPeriod"), ("start",)),
        (_asserted(reading), ("valueDateTime",)),
        (condition, ("recordedDate", "assertedDate")),
    ):
        try:
            stamp = place.time(zone, *names) if place is not None else None
        except Unreadable as error:
            if not error.reason.startswith("says no more"):
                raise
            vague = vague or error
            continue
        if stamp is not None:
            return stamp
    if vague is not None:
        raise vague
    return None


def _asserted(reading: Reading) -> Element | None:
    """Return the extension that says when a diagnosis was stated."""
    listed = reading.resource.many("extension")
    return next((one for one in listed if one.text("url") == _ASSERTED), None)
