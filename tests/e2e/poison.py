"""HL7 messages and FHIR resources in which every field that may hold a text of somebody's own holds a payload."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from cordwatch.app import demo_day as v2
from cordwatch.feeds.files import Format, Item
from cordwatch.feeds.gateway import Translated, translate
from cordwatch.feeds.hl7.encoding import STANDARD, escape
from cordwatch.feeds.mapping.fields_read import FIELDS_READ
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from tests.golden.tellers import ATC, Fhir, Hl7, Teller, code, instant

NOW = v2.DAY + timedelta(hours=10)
"""When the board is looked at."""
RECEIVED_AT = v2.DAY + timedelta(hours=7)
FREE = "free text"
"""Stands in a resource where the mapping takes what is written as it is written."""
FIELDS = 50
"""As many as the longest segments have."""
AS_SENT = frozenset({("RXR", 1), ("RXA", 7), ("RXE", 5), ("TQ1", 3)})
"""Coded fields that are taken as they are written: route, unit, how often."""


def told(tell: Teller) -> None:
    """A patient of whom every kind of thing is told, with a clock that runs on."""
    tell.admit(1, 0)
    tell.order(1, 1, "NW", name="R")
    tell.book(1, 1.2, "R", 2)
    tell.order(1, 2, "CM", name="R")
    tell.report(1, 3, "R", None)
    tell.assess(1, 4, suspected_mescc="Y", back_pain="Y")
    tell.give(1, 5, 16)
    tell.radiate(1, 6)


# --- HL7


def hl7(payload: str) -> Sequence[Translated]:
    """Return what the mapping makes of a story in HL7 whose every text is *payload*."""
    tell = Hl7()
    told(tell)
    person, visit = v2.patient(1)
    tell.day.send(6.1, "ADT^A02", f"EVN|A02|{v2.at(6.1)}", person, visit)
    problem = f"PRB|AD|{v2.at(-900)}|C83.3^Lymphoma^I10|P1|||{v2.at(-900)}"
    tell.day.send(6.2, "PPR^PC1", person, visit, problem)
    order = f"ORC|NW|X1|||||||{v2.at(6.3)}"
    drug = "RXE|^Q6H|H02AB02^Dexamethasone^ATC|8||mg"
    tell.day.send(6.3, "RDE^O11", person, visit, order, drug, "RXR|PO")
    messages = [message for _, message in sorted(tell.day.sent, key=lambda one: one[0])]
    text = escape(payload, STANDARD)
    return [_read("hl7v2", _message(one, text), payload) for one in messages]


def _message(message: str, text: str) -> bytes:
    header, *segments = message.split("\r")
    return "\r".join([_header(header, text), *(_segment(one, text) for one in segments)]).encode()


def _header(header: str, text: str) -> str:
    fields = header.split("|")
    fields += [""] * (17 - len(fields))
    # MSH-1 is the separator itself: what stands at n is MSH-(n+1).
    for at in (2, 3, 4, 5, 7, 16):
        fields[at] = text
    return "|".join([*fields[:9], f"{fields[9]}{text}", *fields[10:], "UNICODE UTF-8"])


def _segment(segment: str, text: str) -> str:
    name, *fields = segment.split("|")
    fields += [""] * (FIELDS - len(fields))
    return "|".join([name, *(_field(name, at, raw, text) for at, raw in enumerate(fields, 1))])


def _field(segment: str, at: int, raw: str, text: str) -> str:
    """Return a field with the payload wherever no time, amount or word of a table must stand."""
    kind, everywhere = FIELDS_READ.get(segment, {}).get(at), f"{text}^{text}^{text}"
    if kind in {"time", "measure"}:
        return raw
    if kind == "number":
        return "^".join([text, *raw.split("^")[1:]])
    if kind == "place":
        return f"{everywhere}^{text}"
    if kind in {None, "name"} or (segment, at) in AS_SENT or not raw:
        return everywhere
    if kind == "value":
        return f"{raw}^{text}"
    parts = raw.split("^")
    # What it is called, and a code of a system that nobody knows beside it.
    return f"{parts[0]}^{text}^{'^'.join(parts[2:])}~{everywhere}" if parts[1:] else raw


# --- FHIR


def fhir(payload: str) -> Sequence[Translated]:
    """Return what the mapping makes of the same story in FHIR whose every text is *payload*."""
    tell = Fhir()
    told(tell)
    tell.say(
        6.3,
        "MedicationRequest",
        "x1",
        status="active",
        intent="order",
        medicationCodeableConcept=code(ATC, "H02AB02"),
        authoredOn=instant(6.3),
        dosageInstruction=[
            {
                "text": FREE,
                "timing": {"code": {"coding": [{"code": FREE}]}},
                "route": {"text": FREE},
                "doseAndRate": [{"doseQuantity": {"value": 8, "code": FREE}}],
            }
        ],
        **tell.of(1),
    )
    entries = [{"resource": _resource(one, payload)} for _, one in tell.lines]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return [_read("fhir", json.dumps(bundle).encode(), payload)]


_NAMED = {"use": "official", "family": FREE, "given": [FREE], "text": FREE}
_MORE = {
    "text": {"status": "generated", "div": FREE},
    "note": [{"text": FREE}],
    **dict.fromkeys(("description", "comment", "conclusion", "title", "patientInstruction"), FREE),
    "reasonCode": [{"text": FREE}],
}
_OF_TYPE: Mapping[str, Mapping[str, Any]] = {
    "Patient": {"name": [_NAMED], "birthDate": FREE, "address": [{"text": FREE}]},
    "ServiceRequest": {"priority": FREE, "bodySite": [{"text": FREE}]},
}


def _resource(resource: Mapping[str, Any], payload: str) -> dict[str, Any]:
    more = {**_MORE, **_OF_TYPE.get(resource["resourceType"], {})}
    found: dict[str, Any] = _element({**more, **resource}, payload)
    return found


def _element(value: Any, text: str) -> Any:
    """Return a part of a resource with the payload wherever somebody may write a text of their own."""
    if isinstance(value, list):
        return [_element(one, text) for one in value]
    if not isinstance(value, dict):
        return text if value == FREE else value
    found = {name: _element(one, text) for name, one in value.items()}
    if "coding" in found:
        unknown = {"system": text, "code": text, "display": text}
        found = {**found, "coding": [*found["coding"], unknown], "text": text}
    if isinstance(found.get("value"), str):
        found["value"] = text
    elif "value" in found:
        found |= {"code": text, "unit": text}
    if {"reference", "code", "display"} & found.keys() and "resourceType" not in found:
        found["display"] = text
    return found


def _read(form: Format, data: bytes, payload: str) -> Translated:
    # A hospital for each payload: no two of them are of one patient, even if they differ in blanks alone.
    return translate(
        Item("message", form, data), Source(references=References(payload.encode())), RECEIVED_AT
    )
