"""Imaging of the spine, read off the facts that are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cordwatch_schemas.code_table import Meaning, meaning
from tests.oracle.known import Fact, by_itself, by_thing, current, of_kinds, remembered, said

WHOLE_SPINE = frozenset("CTL")
MR = frozenset({"MR"})
NOT_MR = frozenset({"CT", "XR", "NM"})
_DICOM = {"MR": "MR", "CT": "CT", "CR": "XR", "DX": "XR", "XR": "XR", "RG": "XR", "NM": "NM"}
_ABOUT_STUDIES = (
    "imaging-ordered",
    "imaging-scheduled",
    "imaging-done",
    "imaging-reported",
    "imaging-cancelled",
    "imaging-no-show",
)


def meanings(fact: Fact, concept: str) -> list[Meaning]:
    """Return what the codes of the fact say about *concept*."""
    found = [meaning(code.system, code.code) for code in said(fact.event, "codes") or ()]
    return [what for what in found if what is not None and what.concept == concept]


def _about(fact: Fact, facts: list[Fact]) -> list[Fact]:
    kinds = (*_ABOUT_STUDIES, "report-classified")
    return [fact, *(f for f in of_kinds(facts, *kinds) if f.thing == fact.thing)]


def is_of_spine(fact: Fact, facts: list[Fact]) -> bool:
    """Return whether the study shows the spine: by a code, a region, or a word about the cord."""
    return any(
        meanings(one, "spine-imaging") or said(one.event, "regions") or said(one.event, "finding")
        for one in _about(fact, facts)
    )


def modality_of(fact: Fact, facts: list[Fact]) -> str | None:
    """Return the modality of spinal imaging, None for anything else or where nothing says it."""
    if not is_of_spine(fact, facts):
        return None
    for one in _about(fact, facts):
        sent = said(one.event, "modality")
        if sent is not None:
            return str(_DICOM.get(sent.upper(), sent.upper()))
        for what in meanings(one, "spine-imaging"):
            if what.modality is not None:
                return what.modality
    return None


def regions_of(fact: Fact) -> frozenset[str]:
    """Return the parts of the spine that a study or report names; empty: not stated."""
    if fact.event.regions is not None:
        return frozenset(fact.event.regions)
    return frozenset(r for what in meanings(fact, "spine-imaging") for r in what.regions)


def contrast_of(fact: Fact) -> bool | None:
    """Return whether the fact says with or without contrast, None if it does not."""
    if fact.event.contrast is not None:
        return bool(fact.event.contrast)
    said = [w.contrast for w in meanings(fact, "spine-imaging") if w.contrast is not None]
    return said[0] if said else None


@dataclass(frozen=True)
class Scan:
    """A study that was made."""

    at: datetime
    regions: frozenset[str]
    fact: Fact


@remembered
def final_reports(facts: list[Fact]) -> list[Fact]:
    """Return the final reports, per study the one recorded last."""
    finals = [f for f in of_kinds(facts, "imaging-reported") if f.event.status != "preliminary"]
    return current(finals, "imaging-reported", by=by_thing)


@remembered
def orders(facts: list[Fact], modalities: frozenset[str]) -> list[Fact]:
    """Return the orders of spinal imaging that stand: placed, not cancelled."""
    latest = current(facts, "imaging-ordered", "imaging-cancelled", by=by_thing)
    placed = [fact for fact in latest if fact.kind == "imaging-ordered"]
    return [fact for fact in placed if modality_of(fact, facts) in modalities]


@remembered
def bookings(facts: list[Fact], modalities: frozenset[str]) -> list[Fact]:
    """Return the bookings of spinal imaging that stand: neither missed nor cancelled since."""
    cancelled = {
        fact.thing: fact.recorded_at
        for fact in current(facts, "imaging-ordered", "imaging-cancelled", by=by_thing)
        if fact.kind == "imaging-cancelled"
    }
    latest = current(facts, "imaging-scheduled", "imaging-no-show", by=by_thing)
    return [
        fact
        for fact in latest
        if fact.kind == "imaging-scheduled"
        and modality_of(fact, facts) in modalities
        and not (fact.thing in cancelled and fact.recorded_at <= cancelled[fact.thing])
    ]


@remembered
def scans(facts: list[Fact], start_at: datetime, modalities: frozenset[str]) -> list[Scan]:
    """Return the studies made at or after *start_at*, earliest first."""
    done = current(facts, "imaging-done", by=by_itself)
    reports = {report.thing: report for report in final_reports(facts)}
    found = []
    for scan in done:
        report = reports.get(scan.thing)
        found.append(Scan(scan.latest_at, _imaged(facts, scan, report), scan))
    scanned = {scan.thing for scan in done}
    for thing, report in reports.items():
        at = proven_at(facts, report, start_at)
        if thing not in scanned and at is not None:
            found.append(Scan(at, _imaged(facts, None, report), report))
    kept = [s for s in found if s.at >= start_at and modality_of(s.fact, facts) in modalities]
    return sorted(kept, key=lambda scan: (scan.at, scan.fact.received_at, scan.fact.key))


def _imaged(facts: list[Fact], scan: Fact | None, report: Fact | None) -> frozenset[str]:
    """Return what was imaged: by the final report, else by the scan; only where neither says a word, by the order."""
    telling = [fact for fact in (report, scan) if fact is not None]
    for fact in telling:
        if regions_of(fact):
            return regions_of(fact)
    if any(meanings(fact, "spine-imaging") for fact in telling):
        return frozenset()
    about = [f for f in orders_ever(facts) if f.thing == telling[0].thing]
    booked = [f for f in bookings(facts, MR) if f.thing == telling[0].thing]
    return next((regions_of(f) for f in [*about, *booked] if regions_of(f)), frozenset())


def intended(facts: list[Fact], order: Fact) -> frozenset[str]:
    """Return what is to be imaged: by the order, else by the booking."""
    booked = [f for f in bookings(facts, MR) if f.thing == order.thing]
    return next((regions_of(f) for f in [order, *booked] if regions_of(f)), frozenset())


def orders_ever(facts: list[Fact]) -> list[Fact]:
    """Return of each study the order as it was last placed, cancelled or not."""
    return current(facts, "imaging-ordered", by=by_thing)


def proven_at(facts: list[Fact], report: Fact, start_at: datetime) -> datetime | None:
    """Return when the study of a final report was made, None if that cannot be told."""
    exam_at: datetime | None = report.event.exam_latest_at or report.event.exam_at
    if exam_at is not None:
        return min(exam_at, report.received_at)
    placed = [f for f in orders_ever(facts) if f.thing == report.thing]
    if any(order.at >= start_at for order in placed):
        return report.latest_at
    return None


@remembered
def without_proof(facts: list[Fact], start_at: datetime) -> list[Fact]:
    """Return the final MRI reports since *start_at* from which the time of the scan cannot be told."""
    scanned = {fact.thing for fact in of_kinds(facts, "imaging-done")}
    return [
        report
        for report in final_reports(facts)
        if report.thing not in scanned
        and report.latest_at >= start_at
        and modality_of(report, facts) == "MR"
        and proven_at(facts, report, start_at) is None
    ]


@remembered
def active_orders(facts: list[Fact], modalities: frozenset[str]) -> list[Fact]:
    """Return the orders of spinal imaging that are neither cancelled nor done."""
    return [order for order in orders(facts, modalities) if order.thing not in made_things(facts)]


def made_things(facts: list[Fact]) -> set[str]:
    """Return the studies that were made, by a scan or a final report."""
    made = {fact.thing for fact in of_kinds(facts, "imaging-done")}
    return made | {report.thing for report in final_reports(facts)}


@remembered
def meant(facts: list[Fact], modalities: frozenset[str]) -> list[Fact]:
    """Return the orders, and bookings without one, of studies that are not made yet."""
    ordered = active_orders(facts, modalities)
    seen = made_things(facts) | {order.thing for order in ordered}
    return ordered + [one for one in bookings(facts, modalities) if one.thing not in seen]


def contrast_used(facts: list[Fact], scan: Scan) -> bool | None:
    """Return whether contrast was given: the final report says it, else the scan, else the order."""
    about = [f for f in final_reports(facts) if f.thing == scan.fact.thing] + [scan.fact]
    about += [f for f in orders_ever(facts) if f.thing == scan.fact.thing]
    said = [contrast_of(fact) for fact in about]
    return next((one for one in said if one is not None), None)
