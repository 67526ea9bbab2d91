"""The worked examples written as a hospital's interface would send them: one HL7 v2 message an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cordwatch_schemas.base import Code

Write = Callable[[Any], tuple[str, list[str]]]


def time(instant: datetime) -> str:
    """Return *instant* as an HL7 time with its offset."""
    return f"{instant:%Y%m%d%H%M%S}.{instant.microsecond // 100:04}+0000"


def _codes(codes: Iterable[Code]) -> str:
    return "~".join(f"{one.code}^^{one.system}" for one in codes)


def fields(name: str, **at: str) -> str:
    """Return a segment with these fields, named `f1`, `f2` and so on."""
    given = {int(key[1:]): value for key, value in at.items()}
    return "|".join([name, *(given.get(number, "") for number in range(1, max(given) + 1))])


def as_hl7(events: Iterable[Any]) -> bytes:
    """Return *events* as a file of messages, in their order, each sent when it was received."""
    return b"\r\n".join(_message(number, event) for number, event in enumerate(events, 1))


def _message(number: int, event: Any) -> bytes:
    trigger, segments = _WRITE[event.kind](event)
    sent = time(event.received_at)
    header = f"MSH|^~\\&|TEST|WARD|CW|H|{sent}||{trigger}|W{number:04}|P|2.5"
    if not segments[0].startswith("PID"):
        segments = [f"PID|1||{event.patient}^^^H^MR", "PV1|1|I|HAEM1", *segments]
    return "\r".join([header, *segments]).encode()


def _diagnosed(event: Any) -> tuple[str, list[str]]:
    diagnosis = fields("DG1", f1="1", f3=_codes(event.codes), f5=time(event.occurred_at), f6="F")
    return "ADT^A08", [fields("EVN", f1="A08"), diagnosis]


def _assessed(event: Any) -> tuple[str, list[str]]:
    found = {
        "back-pain": "Y" if event.back_pain else None,
        "radicular-pain": event.radicular_pain,
        "radicular-deficit": event.radicular_deficit,
        "progressive": None if event.progressive is None else "NY"[event.progressive],
        "developed-over-days": event.developed_over_d,
        "suspected-mescc": "Y" if event.suspected_mescc else None,
    }
    at = time(event.occurred_at)
    request = fields("OBR", f1="1", f3=event.event_id, f4="ASSESS^Neurology^L", f7=at)
    told = [
        fields("OBX", f2="CE", f3=f"{code}^^99CORDWATCH", f5=str(value), f11="F", f14=at)
        for code, value in found.items()
        if value is not None
    ]
    return "ORU^R01", [request, *told]


def _order(control: str, status: str = "") -> Write:
    def write(event: Any) -> tuple[str, list[str]]:
        at = time(event.occurred_at)
        common = fields("ORC", f1=control, f2=event.order_number, f5=status, f9=at)
        request = fields("OBR", f1="1", f2=event.order_number, f4=_codes(event.codes), f7=at)
        if status == "CM":
            # When it was written down is not in the example: the message's own time.
            common = fields("ORC", f1=control, f2=event.order_number, f5=status)
        return "ORM^O01", [common, request]

    return write


def _reported(event: Any) -> tuple[str, list[str]]:
    at = time(event.occurred_at)
    number, codes = event.order_number, _codes(event.codes)
    request = fields("OBR", f1="1", f2=number, f4=codes, f22=at, f25="F")
    coded = fields("OBX", f2="CE", f3="cord-compression^^99CORDWATCH", f5=event.finding, f11="F")
    return "ORU^R01", [fields("ORC", f1="RE", f2=number), request, coded]


def _given(event: Any) -> tuple[str, list[str]]:
    at, unit = time(event.occurred_at), event.dose_unit
    dose = fields(
        "RXA", f1="0", f2="1", f3=at, f5=_codes(event.codes), f6=f"{event.dose:g}", f7=unit
    )
    return "RAS^O17", [fields("ORC", f1="RE", f2=event.event_id), dose, f"RXR|{event.route}"]


def _prescribed(event: Any) -> tuple[str, list[str]]:
    common = fields("ORC", f1="NW", f2=event.order_number, f9=time(event.occurred_at))
    quantity, codes = f"^{event.frequency}", _codes(event.codes)
    drug = fields("RXE", f1=quantity, f2=codes, f3=f"{event.dose:g}", f5=event.dose_unit)
    return "RDE^O11", [common, drug, f"RXR|{event.route}"]


def _treatment(status: str) -> Write:
    def write(event: Any) -> tuple[str, list[str]]:
        at, number = time(event.occurred_at), event.treatment_number
        booked = getattr(event, "scheduled_at", None)
        request = {"f1": "1", "f2": number, "f4": "77412^^C4", "f7": at, "f15": "^^^SPINE"}
        if booked is not None:
            request["f36"] = time(booked)
        common = fields("ORC", f1="SC", f2=number, f5=status, f9=at)
        return "ORM^O01", [common, fields("OBR", **request)]

    return write


def _merged(event: Any) -> tuple[str, list[str]]:
    survivor, retired = f"PID|1||{event.survivor}^^^H^MR", f"MRG|{event.retired}^^^H^MR"
    occurred = fields("EVN", f1="A40", f2=time(event.received_at), f6=time(event.occurred_at))
    return "ADT^A40", [survivor, retired, occurred]


def _died(event: Any) -> tuple[str, list[str]]:
    at = time(event.occurred_at)
    person = fields("PID", f1="1", f3=f"{event.patient}^^^H^MR", f29=at, f30="Y")
    return "ADT^A08", [person, fields("EVN", f1="A08", f2=at)]


def _lives(event: Any) -> tuple[str, list[str]]:
    person = fields("PID", f1="1", f3=f"{event.patient}^^^H^MR", f30="N")
    return "ADT^A08", [person, fields("EVN", f1="A08", f2=time(event.occurred_at))]


_WRITE: dict[str, Write] = {
    "diagnosed": _diagnosed,
    "assessed": _assessed,
    "imaging-ordered": _order("NW"),
    "imaging-done": _order("SC", "CM"),
    "imaging-cancelled": _order("OC", "CA"),
    "imaging-reported": _reported,
    "medication-given": _given,
    "medication-ordered": _prescribed,
    "treatment-booked": _treatment("SC"),
    "treatment-started": _treatment("IP"),
    "merged": _merged,
    "died": _died,
    "death-cancelled": _lives,
}
