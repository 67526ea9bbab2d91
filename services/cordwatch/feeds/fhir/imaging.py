"""ImagingStudy and DiagnosticReport: what was scanned, and what a person read in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cordwatch.feeds.fhir.coding import (
    OWN_SYSTEMS,
    all_coded,
    coded,
    is_decisive,
    own_codes,
    region_of,
)
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.fhir.findings import read_group, said
from cordwatch.feeds.fhir.orders import codes_of
from cordwatch.feeds.fhir.reading import Reading
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.findings import FINDINGS, yes
from cordwatch.feeds.mapping.reading import CodeAsSent, concepts
from cordwatch_schemas import imaging as img
from cordwatch_schemas.admissions import Diagnosed

_STATUS = {
    "partial": "preliminary",
    "preliminary": "preliminary",
    "final": "final",
    "amended": "corrected",
    "corrected": "corrected",
    "appended": "corrected",
    "modified": "corrected",
}
_VOID = frozenset({"entered-in-error", "cancelled"})


def read_study(reading: Reading) -> bool:
    """Read an ImagingStudy: images that are there were made."""
    study, status = reading.resource, reading.status
    if status not in {"available", "inactive", "cancelled", "entered-in-error"}:
        return False
    codes = all_coded(study.many("procedureCode", "procedure"))
    regions = _imaged(study)
    if is_decisive(codes) and "spine-imaging" not in concepts(codes) and not regions:
        return False
    number, filler, order = reading.order("basedOn")
    codes = codes if "spine-imaging" in concepts(codes) else codes + codes_of(order)
    if "spine-imaging" not in concepts(codes) and not regions:
        return False
    reading.identify("subject", "patient")
    accession = _accession(reading, study) or filler or (None if number else reading.record)
    fields: dict[str, Any] = {
        "order_number": number,
        "accession_number": accession,
        "codes": codes,
    }
    if status == "entered-in-error":
        reading.retract(img.ImagingDone)
    elif status == "cancelled":
        reading.add(img.ImagingCancelled, reading.said_at, **fields)
    else:
        begun = _begun(reading)
        modality = coded(study.one("modality")) or _modalities(study)
        reading.add(
            img.ImagingDone,
            begun,
            record_id=reading.record,
            modality=modality[0]["code"] if modality else None,
            regions=regions,
            **fields,
        )
    return True


def _begun(reading: Reading) -> Stamp:
    study = reading.resource
    begun = reading.time("started")
    starts = [one.time(reading.source.zone, "started") for one in study.many("series")]
    stated = [one for one in starts if one is not None]
    if begun is None and not stated:
        raise Unreadable(f"{study.path}.started", "a scan without a time")
    return begun or min(stated, key=lambda one: one.at)


def _imaged(study: Element) -> list[str] | None:
    """Return the parts of the spine that the series say they show."""
    shown = {region_of(site) for one in study.many("series") for site in one.many("bodySite")}
    return [region for region in ("C", "T", "L") if region in shown] or None


def _modalities(study: Element) -> list[CodeAsSent]:
    return [code for one in study.many("series") for code in coded(one.one("modality"))]


def _accession(reading: Reading, study: Element) -> str | None:
    """Return the accession number of a study, which needs no type where it is the only number."""
    placer, filler = reading.numbers_of(study)
    return filler or placer


def read_report(reading: Reading) -> bool:
    """Read a DiagnosticReport: of the spine, of an assessment, or with a coded diagnosis."""
    report = reading.resource
    codes = reading.concept("code")
    if is_decisive(codes) and "spine-imaging" not in concepts(codes):
        return _assessment(reading, list(_results(reading, ask=False)))
    number, filler, order = reading.order("basedOn")
    studies = [reading.find(one) for one in report.many("imagingStudy", "study")]
    if "spine-imaging" not in concepts(codes):
        codes = codes + codes_of(order)
        for study in studies:
            codes += all_coded(study.many("procedureCode", "procedure")) if study else []
    results = list(_results(reading))
    if "spine-imaging" in concepts(codes):
        reading.identify("subject")
        _report(reading, {"order_number": number, "codes": codes}, filler, studies, results)
        return True
    return _assessment(reading, results)


def _assessment(reading: Reading, results: list[Element]) -> bool:
    """Read a report that is none of imaging: its results may be findings of ours."""
    own = [code for one in results for code in own_codes(one.one("code"))]
    if any(code in FINDINGS for code in own):
        reading.identify("subject")
        read_group(reading, results)
        return True
    return _diagnosis(reading)


def _results(reading: Reading, *, ask: bool = True) -> Iterator[Element]:
    for one in reading.resource.many("result"):
        found = reading.find(one, ask=ask)
        if found is not None:
            yield found


def _report(
    reading: Reading,
    fields: dict[str, Any],
    filler: str | None,
    studies: list[Element | None],
    results: list[Element],
) -> None:
    own, accession = reading.numbers_of(reading.resource)
    for study in studies:
        accession = accession or (_accession(reading, study) if study else None)
    accession = accession or filler
    if not fields["order_number"] and not accession:
        accession = own or reading.record
    fields["accession_number"] = accession
    if reading.status == "entered-in-error":
        reading.retract(img.ImagingReported)
        return
    issued = reading.time("issued")
    if reading.status == "cancelled":
        reading.add(img.ImagingCancelled, reading.said_at, **fields)
        return
    status = _STATUS.get(reading.status)
    if status is None:
        return
    begin, end = reading.period("effective")
    latest = end.latest_at if end else begin.latest_at if begin else None
    stated = dict(said(results))
    regions = [one for one in stated.get("regions", ()) if one.upper() in {"C", "T", "L"}]
    contrast = stated.get("contrast")
    reading.add(
        img.ImagingReported,
        issued or reading.said_at,
        status=status,
        finding=_finding(reading, stated),
        exam_at=begin.at if begin else None,
        exam_latest_at=latest if begin and latest != begin.at else None,
        regions=[one.upper() for one in regions] or None,
        contrast=yes(contrast[0]) if contrast else None,
        record_id=reading.record,
        **fields,
    )


def _finding(reading: Reading, stated: dict[str, list[str]]) -> str | None:
    """Return the coded conclusion; what is written in words is never interpreted."""
    conclusions = all_coded(reading.resource.many("conclusionCode"))
    own = [one["code"] for one in conclusions if one["system"] in OWN_SYSTEMS]
    for word in (*own, *(one.lower() for one in stated.get("cord-compression", ()))):
        if word in {"positive", "negative"}:
            return word
    return "positive" if "cord-compression" in concepts(conclusions) else None


def _diagnosis(reading: Reading) -> bool:
    """Read a report (of pathology, say) whose coded conclusion is a diagnosis."""
    codes = all_coded(reading.resource.many("conclusionCode"))
    if not concepts(codes) & {"lymphoma", "cord-compression"}:
        return False
    reading.identify("subject")
    if reading.status in _VOID:
        reading.retract(Diagnosed)
        return True
    status = _STATUS.get(reading.status)
    if status is None:
        return False
    reading.add(
        Diagnosed,
        reading.time("issued") or reading.said_at,
        codes=codes,
        status="suspected" if status == "preliminary" else "confirmed",
        record_id=reading.record,
    )
    return True
