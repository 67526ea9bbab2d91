"""ORU^R01: imaging reports, coded findings, pathology with a coded diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.mapping.findings import is_retracted, own_code, read_findings, yes_or_no
from cordwatch.feeds.mapping.orders import OrderGroup
from cordwatch.feeds.mapping.reading import Reading, concepts
from cordwatch_schemas import admissions as to
from cordwatch_schemas import imaging as img

_STATUS = {
    "P": "preliminary",
    "R": "preliminary",
    "F": "final",
    "C": "corrected",
}


def read_results(reading: Reading) -> bool:
    """Read the result groups of a message; False where none of them concerns the pathway."""
    known = False
    for segments in reading.message.groups("ORC", "OBR"):
        group = OrderGroup(segments)
        if group.request is None:
            continue
        observed = [one for one in segments if one.name == "OBX"]
        reader = _reader(reading, group, observed)
        if reader is None:
            reading.pass_over("OBR-4", "no report, finding or diagnosis that the pathway knows")
            continue
        known = True
        if not reading.patient and not reading.identify(reading.message.first("PID")):
            return True
        try:
            reader(reading, group, observed)
        except Unreadable as error:
            reading.fault(error.field, error.reason)
    return known


Reader = Callable[[Reading, OrderGroup, list[Segment]], None]


def _reader(reading: Reading, group: OrderGroup, observed: list[Segment]) -> Reader | None:
    if group.request is not None and "spine-imaging" in concepts(reading.coded(group.request, 4)):
        return _report
    if any(own_code(reading, one) for one in observed):
        return read_findings
    wanted = {"lymphoma", "cord-compression"}
    if any(concepts(reading.coded(one, 5)) & wanted for one in observed if _is_coded(one)):
        return _diagnosis
    return None


def _is_coded(observed: Segment) -> bool:
    return observed.text(2) in {"CE", "CWE", "CNE"}


def _finding(reading: Reading, observed: list[Segment]) -> img.Finding | None:
    """Return the coded conclusion of a report; free text is never interpreted."""
    found: img.Finding | None = None
    for one in observed:
        if is_retracted(one):
            continue
        if own_code(reading, one) == "cord-compression":
            value: Literal["positive", "negative"] | None = {
                "positive": "positive",
                "negative": "negative",
            }.get(one.text(5).lower())  # type: ignore[assignment]
            found = value or found
        elif _is_coded(one) and "cord-compression" in concepts(reading.coded(one, 5)):
            found = "positive"
    return found


def _report(reading: Reading, group: OrderGroup, observed: list[Segment]) -> None:
    request, numbers = group.request, group.numbers
    assert request is not None  # noqa: S101 - read_results looked
    letter = request.text(25).upper()
    if not any(numbers.values()):
        reading.fault("OBR-3", "a report without any number")
        return
    said_at = reading.first_stamp((request, 22))
    fields: dict[str, Any] = {
        **numbers,
        "codes": reading.coded(request, 4),
        "recorded_at": said_at.at,
    }
    if letter == "X":
        reading.add(img.ImagingCancelled, said_at, **fields)
        return
    status = _STATUS.get(letter)
    if status is None:
        reading.pass_over("OBR-25", "a status that says nothing of a report")
        return
    exam = reading.stamp(request, 7)
    own = {code: one for one in observed if (code := own_code(reading, one))}
    regions = _regions(own.get("regions"))
    contrast = own.get("contrast")
    reading.add(
        img.ImagingReported,
        said_at,
        status=status,
        finding=_finding(reading, observed),
        exam_at=exam.at if exam else None,
        exam_latest_at=exam.latest_at if exam and exam.latest_at != exam.at else None,
        regions=regions,
        contrast=yes_or_no(contrast.text(5)) if contrast else None,
        **fields,
    )


def _regions(observed: Segment | None) -> list[str] | None:
    if observed is None:
        return None
    stated = [observed.text(5, repetition=n).upper() for n in range(observed.repetitions(5))]
    return [region for region in stated if region in {"C", "T", "L"}] or None


def _diagnosis(reading: Reading, _: OrderGroup, observed: list[Segment]) -> None:
    for one in observed:
        codes = reading.coded(one, 5) if _is_coded(one) else []
        if not concepts(codes):
            continue
        when = reading.first_stamp((one, 14))
        if one.text(11).upper() in {"D", "W"}:
            reading.add(to.DiagnosisRetracted, when, codes=codes)
        else:
            status = "suspected" if one.text(11).upper() == "P" else "confirmed"
            reading.add(to.Diagnosed, when, codes=codes, status=status)
