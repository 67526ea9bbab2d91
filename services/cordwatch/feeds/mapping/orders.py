"""ORM, OMI, OMG: orders for imaging of the spine and for treatment of the cord, group by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.hl7.times import Stamp
from cordwatch.feeds.mapping.reading import (
    CodeAsSent,
    Reading,
    booking,
    concepts,
    modality_of,
    site_by,
)
from cordwatch_schemas import imaging as img
from cordwatch_schemas import treatments as cure
from cordwatch_schemas.admissions import RecordRetracted

State = Literal[
    "ordered", "scheduled", "started", "done", "cancelled", "cancel-requested", "error", "none"
]

_CANCELLED = frozenset({"CR", "OC", "DR", "OD", "UA"})
"""UA: the filler cannot take the order on, so nobody will carry it out."""
_REQUESTED = frozenset({"CA", "DC"})
_ORDERING = frozenset({"NW", "SN", "PA", "XO", "RP", "RO", "CH", "XX", "SC", "OK", "NA", ""})


def order_state(control: str, status: str) -> State:  # noqa: PLR0911 - one row of the table each
    """
    Return what an order group says, by ORC-1 and ORC-5; the status outranks the control code.

    A request to cancel (ORC-1 `CA`, `DC`) is not a cancellation: only the
    filler's answer or the status is (pathway, Imaging).
    """
    if status == "ER":
        return "error"
    if control in _CANCELLED or status in {"CA", "DC"}:
        return "cancelled"
    if control in _REQUESTED:
        return "cancel-requested"
    if status == "CM" or (control == "SC" and status == "A"):
        return "done"
    if status == "IP":
        return "started"
    if status == "SC":
        return "scheduled"
    return "ordered" if control in _ORDERING else "none"


class OrderGroup:
    """One ORC/OBR group with what follows it."""

    def __init__(self, segments: list[Segment]) -> None:
        """Find the segments of the group by their names."""
        self.segments = segments
        self.common = self.one("ORC")
        self.request = self.one("OBR")
        self.timing = self.one("TQ1")

    def one(self, name: str) -> Segment | None:
        """Return the first segment of this name."""
        return next((one for one in self.segments if one.name == name), None)

    def number(self, at: int) -> str | None:
        """Return placer (2) or filler (3) number, from ORC or OBR: some senders fill only one."""
        for segment in (self.common, self.request):
            if segment is not None and segment.text(at):
                return segment.text(at)
        return None

    @property
    def numbers(self) -> dict[str, str | None]:
        """Return order and accession number."""
        accession = self.one("IPC")
        filler = self.number(3) or (accession.text(1) if accession else "") or None
        return {"order_number": self.number(2), "accession_number": filler}

    @property
    def state(self) -> State:
        """Return what the group says about the order."""
        common = self.common
        return order_state(common.text(1), common.text(5)) if common else "ordered"

    def scheduled(self, reading: Reading) -> Stamp | None:
        """Return the booked time: OBR-36, else TQ1-7, else the start in OBR-27 or ORC-7 (to v2.4)."""
        return (
            reading.stamp(self.request, 36)
            or reading.stamp(self.timing, 7)
            or reading.stamp(self.request, 27, 4)
            or reading.stamp(self.common, 7, 4)
        )

    @property
    def priority(self) -> str | None:
        """Return how urgent the order is: TQ1-9, else OBR-27 or ORC-7, else OBR-5 (to v2.4)."""
        places = (
            (self.timing, 9, 1),
            (self.request, 27, 6),
            (self.common, 7, 6),
            (self.request, 5, 1),
        )
        stated = (one.text(at, part) for one, at, part in places if one is not None)
        return next((text for text in stated if text), None)


def read_orders(reading: Reading) -> bool:
    """Read the order groups of a message; False where none of them concerns the pathway."""
    known = False
    for segments in reading.message.groups("ORC", "OBR"):
        group = OrderGroup(segments)
        codes = reading.coded(group.request, 4) if group.request else []
        reader = _reader(reading, group, codes)
        if reader is None:
            if group.one("RXO") is None:
                reading.pass_over("ORC", "no imaging or treatment that the pathway knows")
            continue
        known = True
        if not reading.patient and not reading.identify(reading.message.first("PID")):
            return True
        try:
            reader(reading, group, codes)
        except Unreadable as error:
            reading.fault(error.field, error.reason)
    return known


Reader = Callable[[Reading, OrderGroup, list[CodeAsSent]], None]

_NO_DETAIL = frozenset({"ORC", "TQ1", "TQ2", "NTE", "IPC"})


def _reader(reading: Reading, group: OrderGroup, codes: list[CodeAsSent]) -> Reader | None:
    if group.request is None:
        # What becomes of an order is often told by its number alone; which order it is, watch knows.
        alone = {one.name for one in group.segments} <= _NO_DETAIL
        told = group.state in {"scheduled", "done", "cancelled", "cancel-requested", "error"}
        return _imaging if alone and told and any(group.numbers.values()) else None
    if modality_of(codes) is not None:
        return _treatment
    if "spine-imaging" in concepts(codes) or _reasons(reading, group):
        return _imaging
    return None


def _reasons(reading: Reading, group: OrderGroup) -> list[str]:
    """Return the reason codes of an order (OBR-31, its DG1) that mean cord compression, as `system|code`."""
    codes = reading.coded(group.request, 31) if group.request else []
    for one in group.segments:
        if one.name == "DG1":
            codes = [*codes, *reading.coded(one, 3, method=2)]
    return (
        [f"{one['system']}|{one['code']}" for one in codes]
        if "cord-compression" in concepts(codes)
        else []
    )


def _imaging(reading: Reading, group: OrderGroup, codes: list[CodeAsSent]) -> None:
    numbers = group.numbers
    if not any(numbers.values()):
        reading.fault("ORC-2", "an imaging order without any number")
        return
    common, request = group.common, group.request
    said_at = reading.first_stamp((common, 9))
    fields: dict[str, Any] = {
        **numbers,
        "codes": codes,
        "recorded_at": reading.recorded((common, 9)),
    }
    placed = common is not None and common.text(1) in {"NW", "SN"}
    match group.state:
        case "ordered" | "scheduled" | "started":
            if group.state == "ordered" or placed:
                reading.add(
                    img.ImagingOrdered,
                    said_at,
                    reason_codes=_reasons(reading, group),
                    priority=group.priority,
                    **fields,
                )
            booked = group.scheduled(reading)
            if group.state == "scheduled" and booked is not None:
                reading.add(img.ImagingScheduled, said_at, **booking(booked), **fields)
        case "done":
            reading.add(img.ImagingDone, reading.first_stamp((request, 7), (common, 9)), **fields)
        case "cancelled":
            reading.add(img.ImagingCancelled, said_at, **fields)
        case "cancel-requested":
            reading.add(img.ImagingCancelRequested, said_at, **fields)
        case "error":
            target = numbers["order_number"] or numbers["accession_number"]
            for kind in ("imaging-ordered", "imaging-scheduled", "imaging-done"):
                reading.add(RecordRetracted, said_at, target_kind=kind, target=target)


def _treatment(reading: Reading, group: OrderGroup, codes: list[CodeAsSent]) -> None:
    number = group.number(2) or group.number(3)
    modality = modality_of(codes)
    assert modality is not None  # noqa: S101 - read_orders looked
    common, request = group.common, group.request
    said_at = reading.first_stamp((common, 9))
    fields: dict[str, Any] = {
        "treatment_number": number,
        "modality": modality,
        "site": site_by(modality) or site_of(request),
        "codes": codes,
        "recorded_at": reading.recorded((common, 9)),
    }
    match group.state:
        case "ordered":
            reading.add(cure.TreatmentPlanned, said_at, **fields)
        case "scheduled":
            booked = group.scheduled(reading)
            if booked is None:
                reading.add(cure.TreatmentPlanned, said_at, **fields)
            else:
                reading.add(cure.TreatmentBooked, said_at, **booking(booked), **fields)
        case "started" | "done":
            begun = reading.first_stamp((request, 7), (common, 9))
            reading.add(cure.TreatmentStarted, begun, **fields)
            ended = reading.stamp(request, 8)
            if group.state == "done" and ended is not None:
                reading.add(cure.TreatmentEnded, ended, **fields)
        case "cancelled":
            reading.add(cure.TreatmentCancelled, said_at, **fields)
        case "error":
            reading.add(
                RecordRetracted, said_at, target_kind="treatment-started", target=number or "-"
            )


def site_of(request: Segment | None) -> cure.Site | None:
    """Return whether the body site (OBR-15, component 4) is the spine; None: not stated."""
    stated = request.text(15, 4) if request else ""
    if not stated:
        return None
    spinal = any(word in stated.upper() for word in ("SPIN", "VERTEB", "CORD"))
    return "spine" if spinal else "other"
