"""The advisories on surgery and radiotherapy, on the course of the disease and on support."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from tests.oracle.clocks import quiet_at, treatments_begun
from tests.oracle.conditions import Case, Condition, advice
from tests.oracle.known import (
    Fact,
    by_encounter,
    by_hearing,
    by_thing,
    by_time,
    current,
    of_kinds,
    said,
)
from tests.oracle.starts import diagnoses
from tests.oracle.tellings import booked, meant_to_treat, plans

DAY = timedelta(days=1)
SUPPORT = {"physiotherapy", "behavioural", "psychosocial"}
SUPPORT_WITHIN = 7 * DAY
TWO_WEEKS = 14 * DAY


def advisories(case: Case) -> Iterator[Condition]:
    """Yield those that hold for a patient with lymphoma or a clock."""
    operations = _planned(case, "surgery")
    if _is_contraindicated(case):
        for plan in operations:
            yield advice("surgery.contraindicated", plan)
    yield from _indications(case)
    yield from _radiotherapy(case, operations)
    yield from _masked(case)
    yield from _support(case)


def _begun(case: Case, modality: str) -> list[Fact]:
    """Return what is known to have begun; dated minutes ahead, it was at least planned."""
    return [f for f in treatments_begun(case.facts) if f.event.modality == modality]


def _planned(case: Case, modality: str) -> list[Fact]:
    """Return what is known to be planned or booked and not begun, one of each course."""
    found = {
        f.thing or f.key: f
        for f in [*booked(case.facts), *plans(case.facts)]
        if f.event.modality == modality
    }
    return list(found.values())


def _first_told(case: Case, fact: Fact) -> Fact:
    """Return what came first of a course: its plan, its booking or its begin."""
    kinds = ("treatment-planned", "treatment-booked", "treatment-started")
    latest = [f for kind in kinds for f in current(case.facts, kind, by=by_thing)]
    same = [f for f in latest if f.thing and f.thing == fact.thing]
    return min([*same, fact], key=by_hearing)


def _has_been(case: Case, what: str, is_bad: Callable[[float], bool]) -> bool:
    """Return whether the last known word on *what* is bad, and the first of such words in a row not ahead of its time."""
    first: Fact | None = None
    for fact in sorted(of_kinds(case.facts, "assessed"), key=by_time):
        word = said(fact.event, what)
        if word is not None:
            first = (first or fact) if is_bad(float(word)) else None
    return first is not None and first.at <= case.now


def _is_diagnosed(case: Case, concept: str) -> bool:
    return any(fact.at <= case.now for fact in diagnoses(case.facts, concept))


def _is_contraindicated(case: Case) -> bool:
    return (
        _is_diagnosed(case, "lymphoma")
        or _has_been(case, "paraplegia_h", lambda hours: hours > 24)
        or _has_been(case, "life_expectancy_months", lambda months: months < 3)
    )


def _indications(case: Case) -> Iterator[Condition]:
    """An absolute indication is answered by the surgeon, or by an operation that stands."""
    answers = [f for f in of_kinds(case.facts, "consulted") if "spinal-surgeon" in f.event.roles]
    meant = [f for f in meant_to_treat(case.facts) if f.event.modality == "surgery"]
    # What is known to have begun answers at once, even where its clock is minutes fast.
    answers += [*meant, *_begun(case, "surgery")]
    found = [f for f in of_kinds(case.facts, "assessed") if f.event.surgical_indications]
    for fact in sorted(found, key=by_time):
        if fact.at <= case.now and not any(fact.at <= answer.latest_at for answer in answers):
            yield advice("surgery.indication", fact)


def _is_irradiated(case: Case, since: datetime) -> bool:
    """Return whether radiotherapy is planned, booked or running, or was given since."""
    over = {
        f.thing
        for f in current(case.facts, "treatment-ended", by=by_thing)
        if f.latest_at < since and f.thing
    }
    begun = [f for f in _begun(case, "radiotherapy") if f.thing not in over]
    return bool(_planned(case, "radiotherapy") or begun)


def _radiotherapy(case: Case, operations: list[Fact]) -> Iterator[Condition]:
    recent = [f for f in _begun(case, "surgery") if case.now < f.at + TWO_WEEKS]
    causes = {first.key: first for f in [*operations, *recent] for first in [_first_told(case, f)]}
    for fact in sorted(causes.values(), key=by_hearing):
        if not _is_irradiated(case, fact.at):
            yield advice("rt.regimen", fact)
    for clock in case.clocks:
        half_at = clock.start_at + (clock.due_at - clock.start_at) / 2
        if (
            clock.rule == "treatment.start"
            and clock.is_open(case.now)
            and case.now >= half_at
            and _is_contraindicated(case)
            and not _is_irradiated(case, clock.start_at)
        ):
            yield advice("rt.regimen", clock.fact, "", clock)


def _masked(case: Case) -> Iterator[Condition]:
    """Better under steroid or IVIG, which is no reason to stop suspecting lymphoma in the nerves."""
    if not _is_diagnosed(case, "lymphoma") or not _is_diagnosed(case, "cidp"):
        return
    told = of_kinds(case.facts, "assessed")
    for found in sorted(told, key=by_time):
        if found.event.improved_after and found.at <= case.now:
            yield advice("neurolymphomatosis.masked", found)


def _support(case: Case) -> Iterator[Condition]:
    told = current(case.facts, "discharged", "discharge-cancelled", by=by_encounter)
    left = [f.at for f in told if f.kind == "discharged"]
    for episode in case.episodes:
        since, now = episode.first_at, case.now
        offered = {
            f.event.support
            for f in of_kinds(case.facts, "support-recorded")
            if f.latest_at >= since
        }
        is_time = now >= since + SUPPORT_WITHIN or any(since <= at <= now for at in left)
        if is_time and offered < SUPPORT and now < quiet_at(episode.clocks) + TWO_WEEKS:
            yield advice("support.offer", episode.clocks[0].fact)
