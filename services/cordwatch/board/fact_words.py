"""Facts in the words of the ward: coded content only, never a free text of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cordwatch.board.chain import ROLES
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.imaging import REGION_NAMES
from cordwatch_schemas.code_table import meaning

_WORDS = {
    "admitted": "Admitted",
    "admission-cancelled": "Admission cancelled",
    "transferred": "Transferred",
    "transfer-cancelled": "Transfer cancelled",
    "discharged": "Discharged",
    "discharge-cancelled": "Discharge cancelled",
    "died": "Death recorded",
    "death-cancelled": "Death record cancelled",
    "merged": "Records merged",
    "merge-cancelled": "Merge undone",
    "encounter-moved": "Encounter moved to another patient",
    "assessed": "Assessed",
    "diagnosed": "Diagnosis",
    "diagnosis-retracted": "Diagnosis refuted",
    "record-retracted": "Record taken back",
    "imaging-ordered": "Imaging ordered",
    "imaging-scheduled": "Imaging booked",
    "imaging-done": "Scan made",
    "imaging-reported": "Report written",
    "report-classified": "Report classified",
    "imaging-cancelled": "Imaging order cancelled",
    "imaging-cancel-requested": "Cancellation of imaging asked for",
    "imaging-no-show": "Not scanned at the booked time",
    "medication-ordered": "Drug ordered",
    "medication-given": "Drug given",
    "medication-not-given": "Drug not given",
    "medication-stopped": "Drug order stopped",
    "treatment-planned": "Treatment planned",
    "treatment-booked": "Treatment booked",
    "treatment-started": "Treatment begun",
    "treatment-ended": "Treatment ended",
    "treatment-cancelled": "Treatment cancelled",
    "treatment-no-show": "Not treated at the booked time",
    "consulted": "Consultation",
    "pain-recorded": "Pain recorded",
    "dental-recorded": "Dental measures recorded",
    "risk-screened": "Opioid risk screened",
    "support-recorded": "Support recorded",
    "stood-down": "Stood down",
}
_SIGNS = {
    "back_pain": "back pain",
    "lhermitte": "Lhermitte sign",
    "suspected_mescc": "cord compression suspected",
    "conservative_management": "conservative management",
}


Write = Callable[[datetime], str]
"""How an instant is written for whom it is told to."""


def in_utc(instant: datetime) -> str:
    """Write an instant for a program, or for who does not say where it is read."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def fact_words(fact: Fact, write: Write = in_utc) -> str:
    """Return *fact* in a line."""
    details = [*_details(fact.values, write), *(_code(system, code) for system, code in fact.codes)]
    word = _WORDS.get(fact.kind, fact.kind)
    return f"{word}: {', '.join(details)}" if details else word


def _details(values: Mapping[str, Any], write: Write) -> Iterator[str]:
    for name, words in _SIGNS.items():
        if values.get(name):
            yield words
    yield from _dose(values)
    if values.get("scheduled_at"):
        yield f"for {write(datetime.fromisoformat(values['scheduled_at']))}"
    for name, told in _TOLD.items():
        value = values.get(name)
        if value not in {None, ""} if not isinstance(value, list | tuple) else value:
            yield told(value)


def _code(system: str, code: str) -> str:
    """Return a code, with what it means to the pathway where it means something."""
    found = meaning(system, code)
    if found is None:
        return f"{system} {code}"
    words = [found.modality or "", found.concept.replace("-", " ")]
    words += [REGION_NAMES[one] for one in "CTL" if one in found.regions]
    return f"{' '.join(word for word in words if word)} ({system} {code})"


def _dose(values: Mapping[str, Any]) -> Iterator[str]:
    if values.get("dose") is not None:
        yield f"{values['dose']:g} {values.get('dose_unit') or ''}".strip()


_TOLD: dict[str, Callable[[Any], str]] = {
    "radicular_pain": lambda side: f"radicular pain, {side}",
    "radicular_deficit": lambda side: f"radicular deficit, {side}",
    "progressive": lambda told: "progressive" if told else "not progressive",
    "developed_over_d": lambda days: f"developed over {days:g} days",
    "status": str,
    "finding": str,
    "modality": str,
    "regions": lambda regions: " ".join(REGION_NAMES.get(one, one) for one in regions),
    "route": str,
    "frequency": str,
    "roles": lambda roles: ", ".join(ROLES.get(one, one) for one in roles),
    "ward": str,
    "bed": lambda bed: f"bed {bed}",
    "rule": str,
    "by": lambda by: f"by {by}",
    "reason": str,
    "pain_kinds": ", ".join,
    "instrument": str,
    "support": str,
    "site": str,
}
"""What is told of a fact, and how, in this order; anything else stays in the records."""
