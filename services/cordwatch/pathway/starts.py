"""What starts a clock: presentations, diagnoses and confirmations read as triggers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History
from cordwatch.pathway.imaging import Study
from cordwatch.pathway.relevance import cord_compression_reason
from cordwatch.pathway.where import Where
from cordwatch_schemas.code_table import meaning
from cordwatch_schemas.pack import Policy, Trigger

Role = Literal["mri", "deficit", "confirmed"]


@dataclass(frozen=True, slots=True)
class Start:
    """A fact that starts a clock, and when."""

    at: datetime
    role: Role
    """`mri` starts its own MRI clock, `deficit` and `confirmed` what the episode has once."""
    trigger: Trigger
    fact: Fact
    flags: tuple[str, ...] = ()


def concepts_of(fact: Fact) -> set[str]:
    """Return what the codes of *fact* mean."""
    return {found.concept for system, code in fact.codes if (found := meaning(system, code))}


def lymphoma_known(history: History, where: Where) -> Fact | None:
    """
    Return the first diagnosis that makes the patient one with lymphoma, None if there is none.

    Suspected and historical ones count: the milder windows are long, and a
    relapse is what one worries about. Myeloma only by switch, that of the place
    where it was diagnosed.
    """
    for fact in history.standing("diagnosed"):
        found = concepts_of(fact)
        if "lymphoma" in found:
            return fact
        if "myeloma" in found and where.policy_of(fact).myeloma_counts:
            return fact
    return None


def is_progressive_deficit(assessment: Fact) -> bool:
    """Return whether *assessment* records a progressive deficit; not stated counts as progressive."""
    values = assessment.values
    return bool(values.get("radicular_deficit")) and values.get("progressive") is not False


def presentation(assessment: Fact, policy: Policy) -> Trigger | None:
    """
    Return the most urgent presentation that *assessment* records.

    'Suspected MESCC: MRI within 12 hours'; Lhermitte's sign and bilateral
    signs are read as suspicion by switch. One assessment opens one MRI clock.
    """
    values = assessment.values
    pain, deficit = values.get("radicular_pain"), values.get("radicular_deficit")
    if values.get("suspected_mescc"):
        return "mescc-suspected"
    urgent_sign = values.get("lhermitte") or "bilateral" in {pain, deficit}
    if urgent_sign and policy.bilateral_signs_are_suspected:
        return "mescc-suspected"
    if deficit:
        if not is_progressive_deficit(assessment):
            return "radicular-pain"
        developed_d = values.get("developed_over_d")
        slow = developed_d is not None and developed_d > policy.slow_deficit_over_d
        return "deficit-slow" if slow else "deficit-rapid"
    if pain or values.get("lhermitte"):
        return "radicular-pain"
    return "back-pain" if values.get("back_pain") else None


def starts(history: History, studies: Sequence[Study], where: Where) -> list[Start]:
    """Return every start among the facts that stand, by time."""
    found = [*_assessments(history, where), *_diagnoses(history), *_orders(history)]
    for study in studies:
        reading = study.positive_since
        if reading is not None:
            found.append(
                Start(reading.start_at, "confirmed", "mescc-confirmed", reading, reading.flags)
            )
    # Of two at one instant the one heard of first is the cause: what comes later moves nothing.
    return sorted(found, key=_by_hearing)


def _by_hearing(start: Start) -> tuple[object, ...]:
    fact = start.fact
    return (start.at, fact.received_at, fact.kind, fact.sent_as, fact.numbers, fact.id, start.role)


def _assessments(history: History, where: Where) -> list[Start]:
    found = []
    for fact in history.standing("assessed"):
        trigger = presentation(fact, where.policy_of(fact))
        if trigger is not None:
            found.append(Start(fact.start_at, "mri", trigger, fact, fact.flags))
        if is_progressive_deficit(fact):
            found.append(Start(fact.start_at, "deficit", "deficit-or-confirmed", fact, fact.flags))
    return found


def _diagnoses(history: History) -> list[Start]:
    found = []
    admitted_at: dict[str | None, datetime] = {}
    for stay in history.standing("admitted"):
        admitted_at.setdefault(stay.encounter, stay.start_at)
    for fact in history.standing("diagnosed"):
        if "cord-compression" not in concepts_of(fact):
            continue
        status = fact.values.get("status")
        since = admitted_at.get(fact.encounter)
        is_listed = bool(fact.values.get("problem_list"))
        if status == "historical" or (is_listed and since is not None and fact.start_at < since):
            continue
        if status == "suspected":
            found.append(Start(fact.start_at, "mri", "mescc-suspected", fact, fact.flags))
        else:
            found.append(Start(fact.start_at, "confirmed", "mescc-confirmed", fact, fact.flags))
    return found


def _orders(history: History) -> list[Start]:
    # A cancelled order leaves its reason standing: the clock goes on (pathway, Imaging).
    return [
        Start(fact.start_at, "mri", "mescc-suspected", fact, history.flags(fact))
        for fact in history.orders_placed()
        if cord_compression_reason(fact)
    ]
