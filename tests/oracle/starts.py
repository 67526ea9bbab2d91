"""What starts clocks: assessments, diagnoses and reports, read off the known facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cordwatch_schemas.code_table import canonical_system, meaning
from tests.oracle.known import (
    Fact,
    by_encounter,
    by_itself,
    by_thing,
    current,
    numbers,
    of_kinds,
    remembered,
)

NEEDS_LYMPHOMA = {"mri.back-pain", "mri.radicular-pain", "mri.deficit-slow", "mri.deficit-rapid"}
ONCE = {"assessed", "medication-given"}
LIVING = ONCE | {"imaging-done", "treatment-started"}
AFTER_DEATH = timedelta(minutes=60)
SUSPECTED = "mri.mescc-suspected"


@dataclass(frozen=True)
class Start:
    """A fact that may start clocks, and from when."""

    what: str
    """An MRI rule, `deficit` or `confirmed`."""
    at: datetime
    fact: Fact


@remembered
def death(facts: list[Fact]) -> Fact | None:
    """Return the recorded death, contradicted or not."""
    latest = current(facts, "died", "death-cancelled")
    return latest[0] if latest and latest[0].kind == "died" else None


@remembered
def is_contradicted(facts: list[Fact], died: Fact) -> bool:
    """Return whether a living patient's fact is dated more than an hour after the death."""
    living = list(of_kinds(facts, *ONCE))
    # Of a scan or a treatment the last word counts: a reading that was replaced is no life sign.
    living += [f for kind in LIVING - ONCE for f in current(facts, kind, by=by_itself)]
    return any(fact.at > died.latest_at + AFTER_DEATH for fact in living)


def is_dead(facts: list[Fact], now: datetime) -> bool:
    """Return whether a death stands that nothing contradicts."""
    died = death(facts)
    return died is not None and died.latest_at <= now and not is_contradicted(facts, died)


def _codes(fact: Fact) -> frozenset[tuple[str, str]]:
    return frozenset((canonical_system(c.system), c.code) for c in fact.event.codes)


def _of_diagnosis(fact: Fact) -> object:
    return (_codes(fact), fact.event.status, fact.event.encounter)


def is_refuted(fact: Fact, facts: list[Fact]) -> bool:
    """Return whether a diagnosis was taken back after it was recorded."""
    return fact.kind == "diagnosed" and any(
        _codes(r) & _codes(fact)
        and r.recorded_at >= fact.recorded_at
        and r.event.encounter in {None, fact.event.encounter}
        for r in of_kinds(facts, "diagnosis-retracted")
    )


@remembered
def diagnoses(facts: list[Fact], concept: str) -> list[Fact]:
    """Return the diagnoses of *concept* that stand, per code, status and visit the earliest onset."""
    # Without a number of its own it is replaced by no repeat: the earliest onset rules.
    told = of_kinds(facts, "diagnosed")
    told = sorted(told, key=lambda f: (f.at, f.received_at, f.key), reverse=True)
    latest = {_of_diagnosis(fact): fact for fact in told if not is_refuted(fact, facts)}
    return [
        fact
        for fact in latest.values()
        if any(
            (what := meaning(*code)) is not None and what.concept == concept
            for code in _codes(fact)
        )
    ]


def _is_old_news(fact: Fact, facts: list[Fact]) -> bool:
    """Return whether a diagnosis opens nothing: historical, or listed from before the visit."""
    visits = current(facts, "admitted", "admission-cancelled", by=by_encounter)
    admitted = [
        visit.at
        for visit in visits
        if visit.kind == "admitted"
        and visit.event.encounter is not None
        and visit.event.encounter == fact.event.encounter
    ]
    before = fact.event.problem_list and any(fact.at < at for at in admitted)
    return fact.event.status == "historical" or before


def mri_rule(found: Fact) -> str | None:
    """Return the rule that an assessment starts, by its most urgent sign."""
    event = found.event
    if (
        event.suspected_mescc
        or event.lhermitte
        or "bilateral" in {event.radicular_pain, event.radicular_deficit}
    ):
        return SUSPECTED
    if is_progressive_deficit(found):
        slow = event.developed_over_d is not None and event.developed_over_d > 7
        return "mri.deficit-slow" if slow else "mri.deficit-rapid"
    if event.radicular_deficit is not None or event.radicular_pain is not None:
        return "mri.radicular-pain"
    return "mri.back-pain" if event.back_pain else None


def is_progressive_deficit(found: Fact) -> bool:
    """Return whether a deficit was found that is progressive, or not said to be otherwise."""
    return found.event.radicular_deficit is not None and found.event.progressive is not False


@remembered
def readings(facts: list[Fact], thing: str) -> list[Fact]:
    """Return what was said about one study, the ruling word last."""
    said = of_kinds(facts, "imaging-reported", "report-classified")
    return sorted(
        (fact for fact in said if fact.thing == thing),
        key=lambda f: (
            f.recorded_at,
            f.at,
            f.event.finding == "positive",
            f.key,
        ),
    )


def _report_of(answer: Fact, said: list[Fact]) -> Fact:
    """Return the report that a person's answer is about."""
    reports = [fact for fact in said if fact.kind == "imaging-reported"]
    before = [fact for fact in reports if fact.recorded_at <= answer.recorded_at]
    # Where the report itself comes later, the answer stands alone: a later report moves no start.
    return before[-1] if before else answer


def _confirming_reading(facts: list[Fact], thing: str) -> Start | None:
    said = readings(facts, thing)
    first: Fact | None = None
    for fact in said:
        if fact.event.finding == "negative":
            first = None
        elif fact.event.finding == "positive" and first is None:
            first = fact
    if first is None:
        return None
    since = _report_of(first, said) if first.kind == "report-classified" else first
    return Start("confirmed", since.at, since)


def confirmations(facts: list[Fact]) -> list[Start]:
    """Return what confirms MESCC: confirmed diagnoses, and reports that stand as positive."""
    found = [
        Start("confirmed", fact.at, fact)
        for fact in diagnoses(facts, "cord-compression")
        if fact.event.status == "confirmed" and not _is_old_news(fact, facts)
    ]
    things = {f.thing for f in of_kinds(facts, "imaging-reported", "report-classified")}
    read = [_confirming_reading(facts, thing) for thing in things]
    return found + [start for start in read if start is not None]


def _suspects(order: Fact) -> bool:
    told = [code.partition("|") for code in order.event.reason_codes]
    found = [meaning(system, code) for system, _, code in told if system and code]
    return any(what is not None and what.concept == "cord-compression" for what in found)


def _working_diagnoses(facts: list[Fact]) -> list[Fact]:
    suspected = [
        fact
        for fact in diagnoses(facts, "cord-compression")
        if fact.event.status == "suspected" and not _is_old_news(fact, facts)
    ]
    # A cancelled order leaves its reason standing: the clock goes on.
    placed = current(facts, "imaging-ordered", by=by_thing)
    return suspected + [order for order in placed if _suspects(order)]


@remembered
def starts(facts: list[Fact]) -> list[Start]:
    """Return everything that may start a clock, in order of time."""
    has_lymphoma = bool(diagnoses(facts, "lymphoma"))
    assessed = of_kinds(facts, "assessed")
    found = [Start("deficit", f.at, f) for f in assessed if is_progressive_deficit(f)]
    for fact in assessed:
        rule = mri_rule(fact)
        if rule is not None and (has_lymphoma or rule not in NEEDS_LYMPHOMA):
            found.append(Start(rule, fact.at, fact))
    found += [Start(SUSPECTED, fact.at, fact) for fact in _working_diagnoses(facts)]
    found += confirmations(facts)
    return sorted(found, key=_by_hearing)


def _by_hearing(start: Start) -> tuple[object, ...]:
    fact = start.fact
    heard = (fact.received_at, fact.kind, fact.event.patient, numbers(fact))
    return (start.at, *heard, fact.key, start.what)
