"""The advisories on imaging and on steroids that hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tests.oracle import drugs
from tests.oracle.clocks import Clock, treated_at
from tests.oracle.conditions import Case, Condition
from tests.oracle.known import Fact, of_kinds
from tests.oracle.starts import SUSPECTED, diagnoses
from tests.oracle.studies import (
    MR,
    NOT_MR,
    WHOLE_SPINE,
    is_without_contrast,
    meant,
    regions_of,
    scans,
)

DAY = timedelta(hours=24)
ORDERS_GATHER = timedelta(minutes=2)
ONE_AT_A_TIME = {
    "mri.wrong-modality",
    "mri.partial-coverage",
    "steroid.low-dose",
    "steroid.other-drug",
}
"""They hold or not as a whole: while one is open, a further cause of it raises nothing."""


def advisories(case: Case) -> Iterator[Condition]:
    """Yield the advisories that hold for a living patient, the earliest cause first."""
    for clock in case.open_mri():
        yield from _wrong_modality(case, clock)
        if clock.rule == SUSPECTED:
            yield from _partial_coverage(case, clock)
    yield from _no_contrast(case)
    confirmed = [e.confirmed.at for e in case.episodes if e.confirmed is not None]
    if confirmed and confirmed[-1] <= case.now:
        yield from _low_dose(case, confirmed[-1])
        yield from _other_drug(case, confirmed[-1])
    if case.episodes or diagnoses(case.facts, "lymphoma"):
        yield from _high_dose(case)
    yield from _abrupt_stop(case)


def _by_study(rule: str, causes: Iterable[Fact]) -> Iterator[Condition]:
    """Yield one advisory per study: its order and its scan are one cause."""
    for fact in sorted(causes, key=lambda f: (f.at, f.received_at, f.key)):
        yield Condition("advisory", rule, fact.thing, fact)


def _wrong_modality(case: Case, clock: Clock) -> Iterator[Condition]:
    if meant(case.facts, MR) or scans(case.facts, clock.start_at, MR):
        return
    made = [scan.fact for scan in scans(case.facts, clock.start_at, NOT_MR)]
    yield from _by_study("mri.wrong-modality", [*meant(case.facts, NOT_MR), *made])


def _partial_coverage(case: Case, clock: Clock) -> Iterator[Condition]:
    """What was imaged since the start and what is on order leave part of the spine out."""
    made = [s for s in scans(case.facts, clock.start_at, MR) if s.regions and s.at <= case.now]
    ordered = [f for f in meant(case.facts, MR) if regions_of(f)]
    covered = {r for scan in made for r in scan.regions}
    covered |= {r for order in ordered for r in regions_of(order)}
    if not covered >= WHOLE_SPINE:
        ripe = [f for f in ordered if f.received_at + ORDERS_GATHER <= case.now]
        yield from _by_study("mri.partial-coverage", [*ripe, *(scan.fact for scan in made)])


def _no_contrast(case: Case) -> Iterator[Condition]:
    """An MRI that counted for a clock was made without contrast."""
    told: dict[str, Fact] = {}
    for clock in case.clocks:
        for scan in scans(case.facts, clock.start_at, MR) if clock.is_mri else []:
            counted = clock.end_at is None or scan.at <= clock.end_at
            if counted and scan.at <= case.now and is_without_contrast(case.facts, scan):
                told[scan.fact.key] = scan.fact
    yield from _by_study("mri.no-contrast", told.values())


def _low_dose(case: Case, confirmed_at: datetime) -> Iterator[Condition]:
    rule, facts, now = "steroid.low-dose", case.facts, case.now
    treated = treated_at(confirmed_at, facts)
    if treated is not None and treated <= now:
        return
    active = drugs.in_force(facts, now)
    judged = [order for order in active if drugs.daily_mg(order) is not None]
    if judged:
        is_low = drugs.ordered_mg(facts, now) < drugs.MINIMUM_MG
        if is_low and not drugs.was_lowered_after_a_full_day(facts, now):
            for order in judged:
                yield Condition("advisory", rule, order.thing or order.key, order)
        return
    ordered = [f for f in of_kinds(facts, "medication-ordered") if drugs.is_dexamethasone(f)]
    if any(not drugs.is_single(order) for order in ordered):
        return
    given = [dose for dose in drugs.doses(facts) if dose.at >= confirmed_at - DAY]
    for first in given[:1]:
        if now >= first.at + DAY and drugs.given_mg(facts, first.at) < drugs.MINIMUM_MG:
            yield Condition("advisory", rule, first.key, first)


def _other_drug(case: Case, confirmed_at: datetime) -> Iterator[Condition]:
    for fact in drugs.other_steroids(case.facts):
        since = [dose for dose in drugs.doses(case.facts) if dose.latest_at >= fact.at]
        if confirmed_at - DAY <= fact.at <= case.now and not since:
            yield Condition("advisory", "steroid.other-drug", fact.key, fact)


def _high_dose(case: Case) -> Iterator[Condition]:
    for fact in drugs.doses(case.facts):
        if drugs.highest_mg(fact) > drugs.MAXIMUM_MG and case.now < fact.at + DAY:
            yield Condition("advisory", "steroid.high-dose", fact.key, fact)
    for order in drugs.in_force(case.facts, case.now):
        one = drugs.highest_mg(order)
        if max(one, one * (drugs.times_a_day(order) or 0)) > drugs.MAXIMUM_MG:
            yield Condition("advisory", "steroid.high-dose", order.key, order)


def _abrupt_stop(case: Case) -> Iterator[Condition]:
    """The stop closed the taper clock, and nothing was ordered since."""
    for clock in case.clocks:
        stopped = clock.how == "abrupt-stop" and clock.has_ended(case.now)
        if stopped and not drugs.in_force(case.facts, case.now):
            cause = repr((clock.name, clock.end_at))
            yield Condition("advisory", "steroid.abrupt-stop", cause, clock.fact)
