"""What is heard, in the words of the ward: how the pages of the specification say an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cordwatch.pathway.simulation import Told
from cordwatch_schemas.base import Code, Event
from cordwatch_schemas.code_table import meaning
from tests import builders as b

SECOND = timedelta(seconds=1)
_NAMES = {
    b.DEXAMETHASONE: "dexamethasone",
    b.PREDNISOLONE: "prednisolone",
    b.ZOLEDRONIC_ACID: "zoledronic acid",
    b.MORPHINE: "morphine",
    b.IBUPROFEN: "ibuprofen",
    b.DULOXETINE: "duloxetine",
    b.AMITRIPTYLINE: "amitriptyline",
    b.AN_SSRI: "an SSRI",
    b.CIDP: "a neuropathy like CIDP",
    b.CORD_COMPRESSION: "cord compression",
    b.SPINE_MRI_PART_UNSTATED: "MRI of the spine, part not stated",
}
_MODALITIES = {"MR": "MRI", "XR": "radiograph", "CT": "CT", "NM": "scintigraphy"}
_REGIONS = {"C": "cervical", "T": "thoracic", "L": "lumbar"}
_INDICATIONS = {
    "instability": "spinal instability",
    "recurrence-after-radiotherapy": "recurrence after radiotherapy",
    "deterioration-under-treatment": "deterioration under treatment",
}
_TREATMENTS = {"radiotherapy": "radiotherapy", "surgery": "operation", "other": "other treatment"}


def at(instant: datetime, zone: str = "") -> str:
    """Return *instant* as hours from T0 (T10:48, T12:00:01), or in local time where that matters."""
    if zone:
        return f"{instant.astimezone(ZoneInfo(zone)):%d %b %H:%M:%S %Z}".replace(":00 ", " ")
    seconds = (instant - b.T0) // SECOND
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, minutes, rest = seconds // 3_600, seconds // 60 % 60, seconds % 60
    text = f"T{sign}{hours}"
    if minutes or rest:
        text += f":{minutes:02}"
    return f"{text}:{rest:02}" if rest else text


def number(value: float) -> str:
    """Return a figure without needless digits."""
    return f"{value:g}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return *names* as a sentence lists them."""
    *most, end = list(names) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def spine(regions: Iterable[str]) -> str:
    """Return which part of the spine *regions* are."""
    seen = set(regions)
    if seen == set(_REGIONS):
        return "the whole spine"
    return f"the {listed(name for key, name in _REGIONS.items() if key in seen)} spine"


def code(one: Code) -> str:
    """Return what *one* code names."""
    if one in _NAMES:
        return _NAMES[one]
    found = meaning(one.system, one.code)
    if found is None:
        return f"code {one.system}|{one.code}"
    if found.concept == "spine-imaging":
        where = spine(found.regions) if found.regions else "the spine"
        return f"{_MODALITIES[found.modality or 'MR']} of {where}"
    return f"{found.concept.replace('-', ' ')} ({one.code})"


def heard(told: Told, zone: str = "") -> str:
    """Return the line that says *told*."""
    kind: str = told.kind  # type: ignore[union-attr]
    text = _WORDS[kind](told)
    if not isinstance(told, Event):
        return f"{text}, by a named person"
    if told.replayed:
        text += " (replayed)"
    return f"{_of(told)}{text}{_aside(told, zone)}"


def _of(event: Event) -> str:
    identity = event.kind in {"merged", "merge-cancelled", "encounter-moved"}  # type: ignore[attr-defined]
    return "" if event.patient == b.PATIENT or identity else f"(of {event.patient}) "


def _aside(event: Event, zone: str) -> str:
    """Return what is odd about the times, numbers or origin of *event*."""
    parts = []
    if event.occurred_precision == "unstated":
        parts.append("no time of its own")
    elif event.occurred_latest_at is not None:
        span = f"{at(event.occurred_at, zone)} and {at(event.occurred_latest_at, zone)}"
        parts.append(f"at some time between {span}")
    elif event.occurred_at != event.received_at:
        parts.append(f"dated {at(event.occurred_at, zone)}")
    if event.occurred_basis in {"ambiguous", "nonexistent"}:
        parts.append(f"a local time that is {event.occurred_basis}")
    if event.recorded_at is not None and event.recorded_at != event.occurred_at:
        parts.append(f"written down {at(event.recorded_at, zone)}")
    if event.corrects:
        parts.append(f"in place of record {event.corrects}")
    if event.record_id:
        parts.append(f"record {event.record_id}")
    return f" [{'; '.join(parts)}]" if parts else ""


def _assessed(one: Any) -> str:
    found = []
    if one.suspected_mescc:
        found.append("suspected MESCC")
    if one.lhermitte:
        found.append("Lhermitte's sign")
    if one.radicular_deficit:
        found.append(_deficit(one))
    if one.radicular_pain:
        found.append(f"{_side(one.radicular_pain)}radicular pain")
    if one.back_pain:
        found.append(
            "back pain" if one.radicular_pain or one.radicular_deficit else "back pain only"
        )
    if one.paraplegia_h is not None:
        found.append(f"paraplegia for {number(one.paraplegia_h)} h")
    if one.life_expectancy_months is not None:
        found.append(f"life expectancy {number(one.life_expectancy_months)} months")
    found += [_INDICATIONS[name] for name in one.surgical_indications]
    if one.improved_after:
        found.append(f"better after {listed(one.improved_after)}")
    if one.conservative_management:
        found.append("managed conservatively")
    return f"assessment: {', '.join(found) or 'nothing of these'}"


def _deficit(one: Any) -> str:
    progress = {True: "progressive ", False: "not progressive ", None: ""}[one.progressive]
    days = "" if one.developed_over_d is None else f" over {number(one.developed_over_d)} d"
    stated = "" if one.progressive is not None else ", progression not stated"
    untimed = ", time not stated" if one.progressive and not days else ""
    return f"{progress}{_side(one.radicular_deficit)}radicular deficit{days}{stated}{untimed}"


def _side(sign: str) -> str:
    return "" if sign == "unstated" else f"{sign} "


def _diagnosed(one: Any) -> str:
    where = ", on the problem list" if one.problem_list else ""
    return f"diagnosis: {listed(map(code, one.codes))}, {one.status}{where}"


def _study(one: Any) -> str:
    name = listed(map(code, one.codes)) if one.codes else "imaging"
    if one.modality:
        name += f" ({one.modality})"
    if one.regions is not None:
        name += f", stated: {listed(_REGIONS[region] for region in one.regions)}"
    if one.contrast is not None:
        name += f" {'with' if one.contrast else 'without'} contrast"
    return name


def _order_of(one: Any) -> str:
    numbers = [one.order_number or "", one.accession_number or ""]
    return "" if numbers == ["O1", ""] else f" ({'/'.join(filter(None, numbers))})"


def _imaging(verb: str) -> Callable[[Any], str]:
    return lambda one: f"{_study(one)} {verb}{_order_of(one)}"


def _imaging_ordered(one: Any) -> str:
    reasons = [code(Code(system=r.split("|")[0], code=r.split("|")[1])) for r in one.reason_codes]
    why = f", reason for exam: {listed(reasons)}" if reasons else ""
    return f"{_study(one)} ordered{_order_of(one)}{why}"


def _scheduled(one: Any) -> str:
    return f"{_study(one)} booked for {at(one.scheduled_at)}{_order_of(one)}"


def _reported(one: Any) -> str:
    says = one.finding or "no coded conclusion"
    exam = "" if one.exam_at is None else f", scan made at {at(one.exam_at)}"
    return f"{one.status} report of {_study(one)}: {says}{exam}{_order_of(one)}"


def _classified(one: Any) -> str:
    return f"a named person reads the report: {one.finding}{_order_of(one)}"


def _drug(one: Any) -> str:
    name = listed(map(code, one.codes)) if one.codes else "drug"
    if one.dose is not None:
        top = "" if one.dose_max is None else f" to {number(one.dose_max)}"
        name += f" {number(one.dose)}{top} {one.dose_unit or '(unit not stated)'}"
    return name


def _route(one: Any) -> str:
    return f", route {one.route}" if one.route else ", route not stated"


def _ordered(one: Any) -> str:
    ends = "" if one.ends_at is None else f", until {at(one.ends_at)}"
    plan = (
        ""
        if one.taper_plan_ends_at is None
        else f", taper planned to end {at(one.taper_plan_ends_at)}"
    )
    frequency = f" {one.frequency}" if one.frequency else ", frequency not stated"
    return f"{_drug(one)}{frequency} ordered{ends}{plan} ({one.order_number})"


def _course(verb: str) -> Callable[[Any], str]:
    def words(one: Any) -> str:
        name = _TREATMENTS.get(one.modality, one.modality)
        site = {"spine": " of the spine", "other": " of another site", None: ", site not stated"}
        where = "" if one.modality == "vertebroplasty" else site[one.site]
        when = f" for {at(one.scheduled_at)}" if verb == "booked" else ""
        return f"{name}{where} {verb}{when} ({one.treatment_number or 'no number'})"

    return words


def _pain(one: Any) -> str:
    kinds = listed(one.pain_kinds) or "kind not stated"
    return f"pain recorded: {kinds}, score {number(one.score) if one.score is not None else 'none'}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "assessed": _assessed,
    "diagnosed": _diagnosed,
    "diagnosis-retracted": lambda one: f"diagnosis refuted: {listed(map(code, one.codes))}",
    "imaging-ordered": _imaging_ordered,
    "imaging-scheduled": _scheduled,
    "imaging-done": _imaging("done"),
    "imaging-reported": _reported,
    "report-classified": _classified,
    "imaging-cancel-requested": _imaging("asked to be cancelled"),
    "imaging-cancelled": _imaging("cancelled"),
    "imaging-no-show": _imaging("not made: the patient was not there"),
    "medication-ordered": _ordered,
    "medication-given": lambda one: f"{_drug(one)} given{_route(one)}",
    "medication-stopped": lambda one: f"{_drug(one)} stopped ({one.order_number})",
    "medication-not-given": lambda one: f"{_drug(one)} not given",
    "treatment-planned": _course("planned"),
    "treatment-booked": _course("booked"),
    "treatment-started": _course("started"),
    "treatment-ended": _course("ended"),
    "treatment-cancelled": _course("cancelled"),
    "treatment-no-show": _course("not given: the patient was not there"),
    "consulted": lambda one: f"consultation: {listed(one.roles)}",
    "dental-recorded": lambda _: "dental measures recorded",
    "risk-screened": lambda one: f"opioid risk screened with {one.instrument}",
    "pain-recorded": _pain,
    "support-recorded": lambda one: f"{one.support} support recorded",
    "admitted": lambda one: f"admitted to {one.ward}",
    "admission-cancelled": lambda _: "admission cancelled",
    "transferred": lambda one: f"transferred to {one.ward}",
    "discharged": lambda one: f"discharged from {one.ward}",
    "discharge-cancelled": lambda _: "discharge cancelled",
    "died": lambda _: "the patient died",
    "death-cancelled": lambda _: "the death was entered in error",
    "merged": lambda one: f"{one.retired} merged into {one.survivor}",
    "encounter-moved": lambda one: (
        f"encounter {one.encounter} moved from {one.moved_from} to {one.moved_to}"
    ),
    "merge-cancelled": lambda one: f"merge of {one.retired} into {one.survivor} undone",
    "record-retracted": lambda one: (
        f"record {one.target} ({one.target_kind}) withdrawn by its source"
    ),
    "stood-down": lambda one: f"stood down: {one.rule}",
    "classified": lambda one: f"the report {one.report_number} is read: {one.finding}",
}
