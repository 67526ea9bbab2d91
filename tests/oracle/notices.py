"""The notices that hold: what went wrong with an order, a booking, a report or an admission."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.oracle.clocks import WINDOW, is_spinal_treatment, quiet_at
from tests.oracle.conditions import Case, Condition, notice
from tests.oracle.known import by_encounter, by_thing, current, of_kinds
from tests.oracle.starts import SUSPECTED, death, is_contradicted, readings
from tests.oracle.studies import (
    MR,
    bookings,
    is_of_spine,
    made_things,
    modality_of,
    orders,
    scans,
    without_proof,
)
from tests.oracle.tellings import booked, is_board_only, meant_to_treat

RECENT = timedelta(days=14)


def notices(case: Case) -> Iterator[Condition]:
    """Yield the notices that hold for a living patient."""
    yield from _missed_imaging(case)
    yield from _imaging_booked_late(case)
    yield from _missed_treatment(case)
    yield from _treatment_booked_late(case)
    yield from _admissions(case)
    yield from _reports(case)
    yield from _scans(case)


def _missed_imaging(case: Case) -> Iterator[Condition]:
    """A spinal MRI was cancelled or missed, and none was ordered or booked since."""
    placed = [*orders(case.facts, MR), *bookings(case.facts, MR)]
    ordering = current(case.facts, "imaging-ordered", "imaging-cancelled", by=by_thing)
    booking = current(case.facts, "imaging-scheduled", "imaging-no-show", by=by_thing)
    for fact in [*ordering, *booking]:
        rule = {"imaging-cancelled": "order-cancelled", "imaging-no-show": "no-show"}.get(fact.kind)
        if (
            rule is not None
            and modality_of(fact, case.facts) == "MR"
            and (clocks := case.concerned(fact.at, "mri."))
            and not any(one.at >= fact.at for one in placed)
        ):
            yield notice(rule, fact, clocks=clocks)


def _imaging_booked_late(case: Case) -> Iterator[Condition]:
    standing = bookings(case.facts, MR)
    coming = [b for b in standing if b.thing not in made_things(case.facts)]
    paged: set[str] = set()
    for clock in sorted(case.open_mri(), key=lambda one: (WINDOW[one.rule], one.due_at)):
        if any(clock.start_at <= b.event.scheduled_at <= clock.due_at for b in coming):
            continue
        made = {scan.fact.thing for scan in scans(case.facts, clock.start_at, MR)}
        for fact in standing:
            if fact.event.scheduled_at > clock.due_at and fact.thing not in made:
                found = notice("booked-late", fact, clock.name, clocks=[clock])
                yield replace(found, behind=fact.key in paged)
                paged |= set() if is_board_only(clock) else {fact.key}


def _missed_treatment(case: Case) -> Iterator[Condition]:
    """Spinal treatment was cancelled or missed, and none was planned or booked since."""
    placed = meant_to_treat(case.facts)
    planning = current(case.facts, "treatment-planned", "treatment-cancelled", by=by_thing)
    booking = current(case.facts, "treatment-booked", "treatment-no-show", by=by_thing)
    gone = {f.key: f for f in [*planning, *booking] if is_spinal_treatment(f)}
    for fact in gone.values():
        if (
            fact.kind in {"treatment-cancelled", "treatment-no-show"}
            and (clocks := case.concerned(fact.at, "treatment."))
            and not any(one.at >= fact.at for one in placed)
        ):
            yield notice(fact.kind, fact, clocks=clocks)


def _treatment_booked_late(case: Case) -> Iterator[Condition]:
    standing = booked(case.facts)
    paged: set[str] = set()
    for clock in case.concerned(case.now, "treatment."):
        if any(clock.start_at <= b.event.scheduled_at <= clock.due_at for b in standing):
            continue
        for fact in standing:
            if fact.event.scheduled_at > clock.due_at:
                found = notice("treatment-booked-late", fact, clock.name, clocks=[clock])
                yield replace(found, behind=fact.key in paged)
                paged |= set() if is_board_only(clock) else {fact.key}


def _admissions(case: Case) -> Iterator[Condition]:
    left = current(case.facts, "discharged", "discharge-cancelled", by=by_encounter)
    visits = current(case.facts, "admitted", "admission-cancelled", by=by_encounter)
    rules = {"discharged": "discharged-open", "admission-cancelled": "admission-cancelled"}
    for fact in [*left, *visits]:
        if fact.kind in rules and (clocks := case.concerned(fact.at)):
            yield notice(rules[fact.kind], fact, clocks=clocks)


def deaths(case: Case) -> Iterator[Condition]:
    """Yield the notice of a death that cannot be, for a patient with an episode."""
    died = death(case.facts)
    known = [fact for fact in case.facts if fact.at <= case.now]
    if died is not None and case.clocks and is_contradicted(known, died):
        yield notice("death-contradicted", died)


def _reports(case: Case) -> Iterator[Condition]:
    """A report of spinal imaging from two weeks before the episode on waits for someone to say what it shows."""
    for thing in {f.thing for f in of_kinds(case.facts, "imaging-reported")}:
        latest = readings(case.facts, thing)[-1]
        if latest.event.finding is not None or not is_of_spine(latest, case.facts):
            continue
        for episode in case.episodes:
            waiting = [
                clock
                for clock in episode.clocks
                if clock.is_mri and clock.start_at <= case.now
                if clock.how == "satisfied" or clock.is_open(case.now)
            ]
            since, until = episode.first_at - RECENT, quiet_at(episode.clocks) + RECENT
            if waiting and since <= latest.latest_at <= until:
                yield notice("report-unclassified", latest, clocks=waiting)
                break


def _scans(case: Case) -> Iterator[Condition]:
    told: dict[str, Condition] = {}
    pressing = sorted(case.open_mri(), key=lambda one: (WINDOW[one.rule], one.due_at))
    for clock in pressing:
        if clock.rule == SUSPECTED:
            for scan in scans(case.facts, clock.start_at, MR):
                if not scan.regions and scan.at <= case.now:
                    found = notice("region-unstated", scan.fact, clocks=[clock])
                    told.setdefault(found.cause, replace(found, since=scan.at))
    yield from told.values()
    unproved: dict[str, Condition] = {}
    for clock in pressing:
        for report in without_proof(case.facts, clock.start_at):
            found = notice("exam-time-missing", report, clocks=[clock])
            unproved.setdefault(found.cause, found)
    yield from unproved.values()
