"""What ends a clock: the goal reached, a named person's stand-down, death, an abrupt stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cordwatch.pathway.cure import courses
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History
from cordwatch.pathway.imaging import WHOLE_SPINE, Scan, missing_names, spinal_studies
from cordwatch.pathway.steroids import dexamethasone, route_flags
from cordwatch.pathway.where import Where
from cordwatch_schemas.pack import DeadlineRule, Policy

FALLS_OF_A_TAPER = 2

DOCUMENTED_LATE = "in time, documented late"
DIED = "the patient died"
STOOD_DOWN = "stood down by a named person"
STOPPED_ABRUPTLY = "stopped abruptly, without a taper"

_LIVING = ("assessed", "medication-given", "imaging-done", "treatment-started")
"""Facts that need a living patient (pathway, Death)."""


@dataclass(frozen=True, slots=True)
class End:
    """How and when a clock ended, and by which fact."""

    status: Literal["satisfied", "withdrawn"]
    at: datetime
    fact: Fact
    reason: str
    flags: tuple[str, ...] = ()


class Endings:
    """Everything that can end a clock of one patient, read once from the facts that stand."""

    def __init__(self, history: History, where: Where) -> None:
        """Read studies, steroids, courses, consultations and death out of *history*."""
        self.history = history
        self.where = where
        self._scans_since: dict[datetime, list[tuple[Scan, frozenset[str]]]] = {}
        self.studies = spinal_studies(history)
        self.steroid = dexamethasone(history)
        self.courses = courses(history)
        self.death, self.contradiction = self._death()

    @property
    def death_at(self) -> datetime | None:
        """Return when the patient died, None if alive or if facts of a living patient contradict it."""
        return self.death.done_at if self.death and self.contradiction is None else None

    def _death(self) -> tuple[Fact | None, Fact | None]:
        deaths = self.history.standing("died")
        if not deaths:
            return None, None
        death = deaths[-1]
        limit = death.done_at + self.where.policy_of(death).living_after_death
        living = (fact for fact in self.history.standing(*_LIVING) if fact.start_at > limit)
        return death, next(living, None)

    def end_of(
        self, rule: DeadlineRule, start_at: datetime, due_at: datetime, policy: Policy
    ) -> End | None:
        """Return what ended a clock of *rule* first, None while nothing has."""
        found = [
            self._goal(rule, start_at, due_at, policy),
            self._stood_down(rule, start_at),
            self._died(start_at),
        ]
        ends = [end for end in found if end is not None]
        return min(ends, key=lambda end: (end.at, end.status), default=None)

    def missing(self, rule: DeadlineRule, start_at: datetime) -> tuple[str, ...]:
        """Return what would end a clock of *rule*, as far as it is not there yet."""
        match rule.satisfied_by:
            case "whole-spine-mri":
                covered = {region for scan in self._scans(start_at) for region in scan[1]}
                return missing_names(covered)
            case "spinal-mri":
                return ("spinal MRI",)
            case "dexamethasone-given":
                return ("dexamethasone",)
            case "treatment-started":
                return ("radiotherapy or surgery",)
            case "team-consulted":
                present = self._present(start_at)
                return tuple(role for role in rule.team if role not in present)
            case "tapered-stop":  # pragma: no branch - mypy holds that every goal is named
                return ("taper",)

    def beside(self, rule: DeadlineRule, start_at: datetime, policy: Policy) -> str:
        """
        Return what was done before the start and does not count, in words; empty where nothing was.

        Whoever is asked for a dose or a scan should know of the last one.
        """
        match rule.satisfied_by:
            case "spinal-mri" | "whole-spine-mri":
                what, within = "MRI of the spine", policy.scan_mentioned
                scans = [study.scan_for(start_at) for study in self.studies if study.is_mri]
                times = [scan.done_at for scan in scans if scan is not None]
            case "dexamethasone-given":
                what, within = "dose without an active order", policy.dose_before
                times = [dose.done_at for dose in self.steroid.doses]
            case _:
                return ""
        before = [at for at in times if start_at - within <= at < start_at]
        return f"the last {what} was {_ago(start_at - max(before))} before" if before else ""

    def first_dose(self, earliest: datetime, latest: datetime) -> Fact | None:
        """Return the first systemic dose of dexamethasone between the two instants, inclusive."""
        doses = (dose for dose in self.steroid.doses if earliest <= dose.start_at <= latest)
        return next(doses, None)

    def treated_since(self, at: datetime) -> datetime | None:
        """Return when treatment of the cord first started at or after *at*."""
        begun = (course.get("started") for course in self.courses)
        times = [fact.done_at for fact in begun if fact is not None and fact.done_at >= at]
        return min(times, default=None)

    def treated_at(self, start_at: datetime, policy: Policy) -> datetime | None:
        """Return when treatment started at or after *start_at*, which it is where one was running."""
        treated = self._treated(start_at, policy)
        return None if treated is None else treated[0]

    def planned_due(self, rule: DeadlineRule, start_at: datetime) -> datetime | None:
        """Return the end of a recorded taper plan, which takes the place of the window."""
        plan = self.steroid.plan_ends_at() if rule.satisfied_by == "tapered-stop" else None
        return plan if plan is not None and plan > start_at else None

    def _died(self, start_at: datetime) -> End | None:
        if self.death is None or self.death_at is None or self.death_at < start_at:
            return None
        return End("withdrawn", self.death_at, self.death, DIED)

    def _stood_down(self, rule: DeadlineRule, start_at: datetime) -> End | None:
        for fact in self.history.standing("stood-down"):
            if fact.values["rule"] == rule.id and fact.at >= start_at:
                return End("withdrawn", fact.at, fact, STOOD_DOWN)
        return None

    def _goal(
        self, rule: DeadlineRule, start_at: datetime, due_at: datetime, policy: Policy
    ) -> End | None:
        match rule.satisfied_by:
            case "spinal-mri" | "whole-spine-mri":
                done = self._imaged(start_at, whole=rule.satisfied_by == "whole-spine-mri")
            case "dexamethasone-given":
                done = self._dosed(start_at, policy)
            case "treatment-started":
                done = self._treated(start_at, policy)
            case "team-consulted":
                done = self._consulted(start_at, rule.team)
            case "tapered-stop":  # pragma: no branch - mypy holds that every goal is named
                return self._tapered(start_at, due_at)
        return None if done is None else _satisfied(*done, due_at)

    def _scans(self, start_at: datetime) -> list[tuple[Scan, frozenset[str]]]:
        # Every clock that waits for an MRI asks twice: what ended it, and what is missing.
        known = self._scans_since.get(start_at)
        if known is None:
            found = [
                (scan, study.regions)
                for study in self.studies
                if study.is_mri
                and (scan := study.scan_for(start_at)) is not None
                and scan.done_at >= start_at
            ]
            known = self._scans_since[start_at] = sorted(found, key=_by_time)
        return known

    def _imaged(
        self, start_at: datetime, *, whole: bool
    ) -> tuple[datetime, Fact, tuple[str, ...]] | None:
        covered: set[str] = set()
        for scan, regions in self._scans(start_at):
            covered |= regions
            if not whole or covered >= WHOLE_SPINE:
                doubts = set(self.history.flags(scan.fact)) - set(scan.fact.flags)
                return scan.done_at, scan.fact, (*scan.flags, *doubts)
        return None

    def _dosed(
        self, start_at: datetime, policy: Policy
    ) -> tuple[datetime, Fact, tuple[str, ...]] | None:
        before_at = start_at - policy.dose_before
        ordered = self.steroid.is_ordered(start_at)
        counting = []
        for dose in self.steroid.doses:
            flags = (*dose.flags, *route_flags(dose))
            if dose.done_at >= (before_at if ordered else start_at):
                counting.append((max(dose.done_at, start_at), dose, flags))
        return min(counting, key=lambda one: (one[0], one[1].id), default=None)

    def _treated(
        self, start_at: datetime, policy: Policy
    ) -> tuple[datetime, Fact, tuple[str, ...]] | None:
        counting = []
        for course in self.courses:
            begun = course.get("started")
            if begun is None:
                continue
            flags = self.history.flags(begun)
            if not begun.values.get("site"):
                flags = (*flags, "site-unstated")
            if begun.done_at >= start_at or course.is_running(start_at, policy.treatment_running):
                counting.append((max(begun.done_at, start_at), begun, flags))
        return min(counting, key=lambda one: (one[0], one[1].id), default=None)

    def _since(self, start_at: datetime) -> list[Fact]:
        held = (one for one in self.history.standing("consulted") if one.done_at >= start_at)
        return sorted(held, key=lambda one: (one.done_at, one.id))

    def _present(self, start_at: datetime) -> set[str]:
        return {role for fact in self._since(start_at) for role in fact.values.get("roles", ())}

    def _consulted(
        self, start_at: datetime, team: tuple[str, ...]
    ) -> tuple[datetime, Fact, tuple[str, ...]] | None:
        present: set[str] = set()
        for fact in self._since(start_at):
            present |= set(fact.values.get("roles", ()))
            if present.issuperset(team):
                return fact.done_at, fact, fact.flags
        return None

    def _tapered(self, start_at: datetime, due_at: datetime) -> End | None:
        stop = self.steroid.stopped_after(start_at)
        if stop is None:
            return None
        at, fact = stop
        if len(self.steroid.falls(start_at, at)) >= FALLS_OF_A_TAPER:
            return _satisfied(at, fact, fact.flags, due_at)
        return End("withdrawn", at, fact, STOPPED_ABRUPTLY, fact.flags)


def _ago(span: timedelta) -> str:
    """Return *span* in days, hours or minutes, rounded down."""
    hours = span // timedelta(hours=1)
    if hours >= 48:  # noqa: PLR2004 - two days: below that the ward counts hours
        return f"{hours // 24} d"
    return f"{hours} h" if hours else f"{span // timedelta(minutes=1)} min"


def _by_time(scanned: tuple[Scan, frozenset[str]]) -> tuple[datetime, datetime, str]:
    scan = scanned[0]
    return (scan.done_at, scan.fact.received_at, scan.fact.id)


def _satisfied(at: datetime, fact: Fact, flags: tuple[str, ...], due_at: datetime) -> End:
    if at > due_at:
        reason = f"late by {at - due_at}"
    elif fact.documented_at > due_at:
        reason = DOCUMENTED_LATE
    else:
        reason = "in time"
    return End("satisfied", at, fact, reason, flags)
