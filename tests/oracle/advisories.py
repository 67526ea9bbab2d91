"""The advisories that hold: those on imaging and on steroids, then the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.oracle import drugs, pain, surgery
from tests.oracle.clocks import WINDOW, Clock, stop_of, treated_at
from tests.oracle.conditions import Case, Condition, advice
from tests.oracle.known import Fact, numbers
from tests.oracle.starts import SUSPECTED, diagnoses
from tests.oracle.studies import (
    MR,
    NOT_MR,
    WHOLE_SPINE,
    Scan,
    contrast_used,
    intended,
    meant,
    scans,
)

DAY = timedelta(hours=24)
TELLING = {"imaging-ordered", "imaging-scheduled", "imaging-done", "imaging-reported"}
ORDERS_GATHER = timedelta(minutes=2)
ONE_AT_A_TIME = {
    "mri.wrong-modality",
    "mri.partial-coverage",
    "steroid.low-dose",
    "steroid.other-drug",
    "surgery.indication",
    "rt.regimen",
    "neurolymphomatosis.masked",
}
"""They hold or not as a whole: while one is open, a further cause of it raises nothing."""


def advisories(case: Case) -> Iterator[Condition]:
    """Yield the advisories that hold for a living patient, the earliest cause first."""
    for clock in sorted(case.open_mri(), key=lambda one: (WINDOW[one.rule], one.due_at)):
        yield from _wrong_modality(case, clock)
        if clock.rule == SUSPECTED:
            yield from _partial_coverage(case, clock)
    yield from _no_contrast(case)
    confirmed = [(e, e.confirmed.at) for e in case.episodes if e.confirmed is not None]
    for episode, confirmed_at in confirmed:
        if confirmed_at <= case.now:
            about = tuple(clock for clock in episode.clocks if clock.rule == "steroid.start")
            for one in [*_low_dose(case, confirmed_at), *_other_drug(case, confirmed_at)]:
                yield replace(one, clocks=about)
    if case.episodes or diagnoses(case.facts, "lymphoma"):
        yield from _high_dose(case)
        yield from surgery.advisories(case)
        yield from pain.advisories(case)
    yield from _abrupt_stop(case)


def _by_study(
    case: Case, rule: str, causes: Iterable[tuple[datetime, Fact]], *clocks: Clock
) -> Iterator[Condition]:
    """Yield one advisory per study: its order and its scan are one cause, what was told of it first."""
    told: list[tuple[Fact, datetime, Fact]] = []
    for since, fact in causes:
        about = [one for one in case.facts.ever if one.thing == fact.thing and one.kind in TELLING]
        first = min(about, key=lambda one: (one.received_at, numbers(one), one.key))
        told.append((fact, since, first))
    told.sort(key=lambda t: (t[0].at, t[0].received_at, *_heard(t[2]), t[0].key))
    for _, since, first in told:
        yield replace(advice(rule, first, "", *clocks), since=since)


def _heard(fact: Fact) -> tuple[datetime, str, list[str]]:
    return (fact.received_at, fact.event.patient, numbers(fact))


def _wrong_modality(case: Case, clock: Clock) -> Iterator[Condition]:
    if meant(case.facts, MR) or scans(case.facts, clock.start_at, MR):
        return
    made = [(scan.at, scan.fact) for scan in scans(case.facts, clock.start_at, NOT_MR)]
    ordered = [(order.at, order) for order in meant(case.facts, NOT_MR)]
    yield from _by_study(case, "mri.wrong-modality", [*ordered, *made], clock)


def _partial_coverage(case: Case, clock: Clock) -> Iterator[Condition]:
    """What was imaged since the start and what is on order leave part of the spine out."""
    made = [s for s in scans(case.facts, clock.start_at, MR) if s.regions]
    ordered = meant(case.facts, MR)
    if any(not intended(case.facts, order) for order in ordered):
        return  # What is on order may be the rest.
    covered = {r for scan in made for r in scan.regions}
    covered |= {r for order in ordered for r in intended(case.facts, order)}
    if not covered >= WHOLE_SPINE:
        ripe = [(max(f.at, f.received_at + ORDERS_GATHER), f) for f in ordered]
        done = [(scan.at, scan.fact) for scan in made]
        yield from _by_study(case, "mri.partial-coverage", [*ripe, *done], clock)


def _no_contrast(case: Case) -> Iterator[Condition]:
    """The MRI that stopped a clock was made without contrast, and none with contrast since."""
    told: dict[str, tuple[Fact, Clock]] = {}
    for clock in case.clocks:
        if not (clock.is_mri and clock.how == "satisfied" and clock.end_at is not None):
            continue
        if clock.end_at > case.now:
            continue
        made = scans(case.facts, clock.start_at, MR)
        since = scans(case.facts, clock.end_at, MR)
        if not any(contrast_used(case.facts, scan) for scan in since):
            last = [scan for scan in made if scan.at == clock.end_at]
            for scan in last[:1] if clock.rule != SUSPECTED else _completing(made):
                if contrast_used(case.facts, scan) is False:
                    told.setdefault(scan.fact.key, (scan.fact, clock))
    for fact, clock in told.values():
        yield from _by_study(case, "mri.no-contrast", [(case.now, fact)], clock)


def _completing(made: list[Scan]) -> list[Scan]:
    covered: set[str] = set()
    for scan in made:
        covered |= scan.regions
        if covered >= WHOLE_SPINE:
            return [scan]
    return []


def _low_dose(case: Case, confirmed_at: datetime) -> Iterator[Condition]:
    rule, facts, now = "steroid.low-dose", case.facts, case.now
    treated = treated_at(confirmed_at, facts)
    if treated is not None and treated <= now:
        return
    active = [order for order in drugs.in_force(facts, now) if not drugs.is_single(order)]
    amounts = [drugs.daily_mg(order) for order in active]
    if active:
        # One that cannot be judged keeps the whole silent.
        is_low = None not in amounts and sum(a or 0 for a in amounts) < drugs.MINIMUM_MG
        if is_low and not drugs.was_lowered_after_a_full_day(facts, now):
            for order in sorted(active, key=lambda one: (one.at, one.received_at, one.key)):
                first_told = drugs.first_told(case.facts, order)
                yield replace(advice(rule, first_told), since=order.at)
        return
    if any(not drugs.is_single(order) for order in drugs.ever_in_force(facts)):
        return
    given = [dose for dose in drugs.doses(facts) if dose.at >= confirmed_at - DAY]
    for first in given[:1]:
        total = drugs.given_mg(facts, first.at)
        if now >= first.at + DAY and total is not None and total < drugs.MINIMUM_MG:
            yield Condition("advisory", rule, first.key, first)


def _other_drug(case: Case, confirmed_at: datetime) -> Iterator[Condition]:
    for fact in drugs.other_steroids(case.facts):
        since = [dose for dose in drugs.doses(case.facts) if dose.latest_at >= fact.at]
        if confirmed_at - DAY <= fact.latest_at and fact.at <= case.now and not since:
            yield Condition("advisory", "steroid.other-drug", fact.key, fact)


def _high_dose(case: Case) -> Iterator[Condition]:
    """An order says all; without one above the limit the doses given do, those that follow each other as one."""
    too_much = [
        order
        for order in drugs.in_force(case.facts, case.now)
        if max(drugs.mg(order) or 0, drugs.daily_mg(order) or 0) > drugs.MAXIMUM_MG
    ]
    for order in too_much:
        first_told = drugs.first_told(case.facts, order)
        yield replace(advice("steroid.high-dose", first_told), since=order.at)
    first: Fact | None = None
    last_at: datetime | None = None
    given = drugs.doses(case.facts)
    for place, fact in enumerate(given):
        day = [drugs.mg(one) or 0 for one in given[:place] if one.at >= fact.at - DAY]
        if sum(day) + (drugs.mg(fact) or 0) > drugs.MAXIMUM_MG:
            goes_on = last_at is not None and fact.at <= last_at + DAY
            first, last_at = (first if goes_on else fact), fact.at
    if not too_much and first is not None and last_at is not None and case.now < last_at + DAY:
        yield Condition("advisory", "steroid.high-dose", first.key, first)


def _abrupt_stop(case: Case) -> Iterator[Condition]:
    """The stop closed the taper clock."""
    for clock in case.clocks:
        at = clock.end_at
        if clock.how == "abrupt-stop" and at is not None and at <= case.now:
            yield advice("steroid.abrupt-stop", stop_of(case.facts, at), "", clock)
