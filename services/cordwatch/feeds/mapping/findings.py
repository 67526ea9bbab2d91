"""Coded findings of an assessment (OBX-3, system `99CORDWATCH`): examination, pain, consultation, support."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from cordwatch.feeds.hl7.message import Segment
from cordwatch.feeds.mapping.orders import OrderGroup
from cordwatch.feeds.mapping.reading import Reading
from cordwatch_schemas import admissions as to
from cordwatch_schemas import treatments as cure
from cordwatch_schemas.base import Event

OWN_SYSTEM = "99CORDWATCH"
"""Code system of coded findings where a hospital has none of its own (docs/reference/findings.md)."""

RETRACTED = frozenset({"D", "W"})
"""OBX-11 of an observation that was deleted or sent in error."""

Of = Literal["assessed", "consulted", "dental", "risk", "pain", "support"]


_YES, _NO = frozenset({"Y", "YES", "TRUE", "1"}), frozenset({"N", "NO", "FALSE", "0"})


def yes(text: str) -> bool:
    """Return whether a Y/N value says yes."""
    return text.strip().upper() in _YES


def yes_or_no(text: str) -> bool | None:
    """Return what a Y/N value says, None where it says neither: "possibly" is no "no"."""
    return yes(text) if text.strip().upper() in _YES | _NO else None


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding code: into which field of which event its value goes, and how it is read."""

    of: Of
    field: str
    read: Callable[[Sequence[str]], object]
    """Reads the repetitions of OBX-5; a ValueError means that it cannot be read."""
    values: str
    """What a sender may write, for the reference page."""


def _flag(texts: Sequence[str]) -> bool:
    said = yes_or_no(texts[0])
    if said is None:
        raise ValueError("neither yes nor no")
    return said


def _number(texts: Sequence[str]) -> float:
    return float(texts[0])


def _sign(texts: Sequence[str]) -> str | None:
    text = texts[0].lower()
    if text.upper() in _NO:
        return None
    return text if text in get_args(to.Sign) else "unstated"


def _any_of(literal: object) -> tuple[Callable[[Sequence[str]], object], str]:
    allowed = get_args(literal)

    def read(texts: Sequence[str]) -> tuple[str, ...]:
        chosen = tuple(text for text in texts if text)
        if not chosen or not set(chosen) <= set(allowed):
            raise ValueError("not one of the words of the table")
        return chosen

    return read, "repeated: " + ", ".join(f"`{word}`" for word in allowed)


_SIDE = "`unilateral`, `bilateral` or `unstated`; N: not there"
_Improved = Literal["steroid", "ivig"]
_PainKind = Literal["neuropathic", "inflammatory", "skeletal", "unstated"]
_Instrument = Literal["SOAPP-R", "ORT", "other"]
_Support = Literal["physiotherapy", "behavioural", "psychosocial"]

FINDINGS: dict[str, Finding] = {
    "back-pain": Finding("assessed", "back_pain", _flag, "Y or N"),
    "radicular-pain": Finding("assessed", "radicular_pain", _sign, _SIDE),
    "radicular-deficit": Finding("assessed", "radicular_deficit", _sign, _SIDE),
    "progressive": Finding("assessed", "progressive", _flag, "Y or N; absent counts as Y"),
    "developed-over-days": Finding("assessed", "developed_over_d", _number, "number of days"),
    "lhermitte": Finding("assessed", "lhermitte", _flag, "Y or N"),
    "suspected-mescc": Finding("assessed", "suspected_mescc", _flag, "Y or N"),
    "paraplegia-hours": Finding("assessed", "paraplegia_h", _number, "number of hours"),
    "life-expectancy-months": Finding(
        "assessed", "life_expectancy_months", _number, "number of months"
    ),
    "surgical-indication": Finding(
        "assessed", "surgical_indications", *_any_of(to.SurgicalIndication)
    ),
    "improved-after": Finding("assessed", "improved_after", *_any_of(_Improved)),
    "conservative-management": Finding("assessed", "conservative_management", _flag, "Y or N"),
    "consultation": Finding("consulted", "roles", *_any_of(cure.ConsultRole)),
    "dental-measures": Finding("dental", "", _flag, "Y: preventive measures were taken"),
    "opioid-risk-screen": Finding("risk", "instrument", *_any_of(_Instrument)),
    "pain-score": Finding("pain", "score", _number, "0 to 10; 0 is no pain"),
    "pain-kind": Finding("pain", "pain_kinds", *_any_of(_PainKind)),
    "support": Finding("support", "support", *_any_of(_Support)),
}
"""Every finding that the mapping knows, by its code."""


REPORT_FINDINGS = frozenset({"cord-compression", "regions", "contrast"})
"""Codes of what a report says, beside those of an assessment."""


def own_code(reading: Reading, observed: Segment) -> str | None:
    """Return the finding code of an OBX, if it is one of ours or the profile says which it is."""
    for component in (1, 4):
        if observed.text(3, component + 2) == OWN_SYSTEM:
            return observed.text(3, component)
    # Most of what a hospital sends are results, so a profile without codes costs them nothing.
    for one in reading.coded(observed, 3) if reading.source.codes.says_anything else ():
        if one["system"] == OWN_SYSTEM:
            return one["code"]
    return None


def is_retracted(observed: Segment) -> bool:
    """Return whether an observation was deleted: by its status, or by the null as its value."""
    return observed.text(11).upper() in RETRACTED or observed.is_null(5)


def read_findings(reading: Reading, group: OrderGroup, observed: list[Segment]) -> None:
    """
    Read the findings of one result group: what was examined, and what was done about it.

    A finding without a value says nothing, one with the null as its value is deleted.
    """
    own = [(code, one) for one in observed if one.whole(5) and (code := own_code(reading, one))]
    if not own:
        reading.pass_over("OBX-5", "findings without a value")
        return
    record = group.number(3) or group.number(2)
    when = reading.first_stamp((own[0][1], 14), (group.request, 7))
    written = reading.recorded((group.request, 22))
    statuses = {one.text(11).upper() for _, one in own}
    standing = [pair for pair in own if not is_retracted(pair[1])]
    kinds = {FINDINGS[code].of for code, _ in own if code in FINDINGS}
    if not standing:
        if record is None:
            reading.fault("OBR-3", "a retraction without the number of what it retracts")
            return
        for model in (EVENTS[of] for of in sorted(kinds)):
            reading.add(
                to.RecordRetracted,
                when,
                target_kind=model.model_fields["kind"].default,
                target=record,
                record_id=f"{record}/retraction",
                recorded_at=written,
            )
        return
    common = {
        "record_id": record,
        "recorded_at": written,
        "corrects": record if "C" in statuses else None,
    }
    found = _values(reading, standing)
    for of, fields in found.items():
        for one in each(of, fields):
            reading.add(EVENTS[of], when, **one, **common)


EVENTS: dict[Of, type[Event]] = {
    "assessed": to.Assessed,
    "consulted": cure.Consulted,
    "dental": cure.DentalRecorded,
    "risk": cure.RiskScreened,
    "pain": cure.PainRecorded,
    "support": cure.SupportRecorded,
}


def _values(reading: Reading, own: list[tuple[str, Segment]]) -> dict[Of, dict[str, Any]]:
    found: dict[Of, dict[str, Any]] = {}
    for code, one in own:
        finding = FINDINGS.get(code)
        if finding is None:
            reading.pass_over("OBX-3", "no finding of that code")
            continue
        texts = [one.text(5, repetition=n) for n in range(one.repetitions(5))] or [""]
        try:
            value = finding.read(texts)
        except ValueError:
            reading.fault("OBX-5", f"the value of {code} cannot be read")
            continue
        if isinstance(value, tuple):
            value = (*found.get(finding.of, {}).get(finding.field, ()), *value)
        found.setdefault(finding.of, {})[finding.field] = value
    return found


def each(of: Of, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of each event: instruments and kinds of support are events of their own."""
    match of:
        case "dental":
            return [{}] if fields[""] else []
        case "risk" | "support":
            return [{name: value} for name, values in fields.items() for value in values]
    return [fields]
