"""The nine clocks as the known facts give them: start, due, and how each ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from tests.oracle.drugs import changes, doses, falls, in_force, is_dexamethasone
from tests.oracle.known import Fact, by_itself, by_thing, current, of_kinds, remembered
from tests.oracle.starts import SUSPECTED, Start, death, is_contradicted, starts
from tests.oracle.studies import MR, WHOLE_SPINE, meanings, scans

H = timedelta(hours=1)
DAY = 24 * H
A_MOMENT = timedelta(microseconds=1)
WINDOW = {
    "mri.back-pain": 14 * DAY,
    "mri.radicular-pain": 7 * DAY,
    "mri.deficit-slow": 48 * H,
    "mri.deficit-rapid": 24 * H,
    SUSPECTED: 12 * H,
    "steroid.start": H,
    "treatment.start": 24 * H,
    "mdt.consult": 4 * H,
    "steroid.taper": 14 * DAY,
}
ONCE_AN_EPISODE = {"steroid.start", "treatment.start", "mdt.consult", "steroid.taper"}
TEAM = {"responsible-physician", "radiation-oncologist", "spinal-surgeon"}
EPISODE_GAP = 14 * DAY
TREATMENT_RUNNING = 14 * DAY


@dataclass(frozen=True)
class Clock:
    """Rule and starting fact; `end_at` None while nothing ends it."""

    rule: str
    fact: Fact
    start_at: datetime
    due_at: datetime
    episode: int = 0
    end_at: datetime | None = None
    how: str = ""

    @cached_property
    def name(self) -> tuple[str, str]:
        """Return what makes it this clock and no other: an undated diagnosis of which an earlier record is told is no other."""
        return (self.rule, self.fact.key)

    @property
    def is_mri(self) -> bool:
        """Return whether it waits for an MRI."""
        return self.rule.startswith("mri.")

    @property
    def is_long(self) -> bool:
        """Return whether its repeats are daily."""
        return WINDOW[self.rule] > 48 * H

    @property
    def every(self) -> timedelta:
        """Return the grid of its repeats."""
        return DAY if self.is_long else H / 4

    @property
    def lasting(self) -> timedelta:
        """Return for how long it repeats."""
        return 14 * DAY if self.is_long else DAY

    def is_open(self, at: datetime) -> bool:
        """Return whether it runs at *at*."""
        return self.start_at <= at and not self.has_ended(at)

    def has_ended(self, at: datetime) -> bool:
        """Return whether something ended it by *at*."""
        return self.end_at is not None and self.end_at <= at


@dataclass
class Episode:
    """One threat to the cord: its clocks, and what confirmed it."""

    number: int
    first_at: datetime
    clocks: list[Clock] = field(default_factory=list)
    confirmed: Start | None = None

    def has(self, rule: str) -> bool:
        """Return whether it has a clock of *rule* already."""
        return any(clock.rule == rule for clock in self.clocks)

    def threatened_at(self) -> datetime | None:
        """Return when MESCC was first suspected or confirmed in it."""
        found = [c.start_at for c in self.clocks if c.rule in {SUSPECTED, "steroid.start"}]
        return min(found, default=None)


def episodes(facts: list[Fact]) -> list[Episode]:
    """Return the episodes of the patient, every clock with its end."""
    found: list[Episode] = []
    died = death(facts)
    over_at = died.latest_at if died is not None and not is_contradicted(facts, died) else None
    for start in starts(facts):
        if over_at is not None and start.at > over_at:
            continue  # What comes after a death opens nothing.
        if not found or _opens_next(found[-1], start, facts):
            found.append(Episode(len(found), start.at))
        _add(found[-1], start, facts)
    for episode in found:
        for dose in _first_dose(episode, facts, over_at):
            episode.clocks.append(_clock("steroid.taper", dose.at, dose, facts, episode.number))
    return found


def _first_dose(episode: Episode, facts: list[Fact], over_at: datetime | None) -> list[Fact]:
    """Return the dose that the episode's taper clock counts from, if there is one while it lasts."""
    threatened_at = episode.threatened_at()
    if threatened_at is None:
        return []
    until = quiet_at(episode.clocks) + EPISODE_GAP
    until = until if over_at is None else min(until, over_at)
    return [d for d in doses(facts) if threatened_at - DAY <= d.at <= until][:1]


def _clock(rule: str, at: datetime, fact: Fact, facts: list[Fact], episode: int) -> Clock:
    due_at = at + WINDOW[rule]
    if rule == "steroid.taper":
        due_at = _planned_end(facts, at) or due_at
    return _ended(Clock(rule, fact, at, due_at, episode), facts)


def _add(episode: Episode, start: Start, facts: list[Fact]) -> None:
    rules = [start.what] if start.what in WINDOW else ["mdt.consult"]
    if start.what == "confirmed":
        rules = ["steroid.start", "treatment.start", "mdt.consult"]
        episode.confirmed = episode.confirmed or start
    for rule in rules:
        if rule not in ONCE_AN_EPISODE or not episode.has(rule):
            episode.clocks.append(_clock(rule, start.at, start.fact, facts, episode.number))


def quiet_at(clocks: list[Clock]) -> datetime:
    """Return when all of *clocks* have ended, or have ended their repeats."""
    spent = [(clock, clock.due_at + clock.lasting) for clock in clocks]
    return max(min(clock.end_at or end, end) for clock, end in spent)


def _opens_next(episode: Episode, start: Start, facts: list[Fact]) -> bool:
    clocks = list(episode.clocks)
    begun = _first_dose(episode, facts, None)
    clocks += [_clock("steroid.taper", d.at, d, facts, 0) for d in begun]
    if start.at > quiet_at(clocks) + EPISODE_GAP:
        return True
    treated = [f.latest_at for f in treatments_begun(facts) if f.latest_at >= episode.first_at]
    return start.what == "confirmed" and any(start.at > at + EPISODE_GAP for at in treated)


def _planned_end(facts: list[Fact], start_at: datetime) -> datetime | None:
    planned: list[datetime] = [
        order.event.taper_plan_ends_at
        for order in of_kinds(facts, "medication-ordered")
        if order.event.taper_plan_ends_at is not None and order in in_force(facts, order.at)
    ]
    return planned[-1] if planned and planned[-1] > start_at else None


def _ended(clock: Clock, facts: list[Fact]) -> Clock:
    ends = [
        (fact.at, "stood-down")
        for fact in facts
        if fact.kind == "stood-down" and fact.event.rule == clock.rule and fact.at >= clock.start_at
    ]
    died = death(facts)
    if died is not None and not is_contradicted(facts, died):
        ends.append((max(died.latest_at, clock.start_at), "death"))
    if clock.rule == "steroid.taper":
        ends += _dexamethasone_stopped(clock.start_at, facts)
    else:
        done_at = _satisfied_at(clock, facts)
        ends += [(done_at, "satisfied")] if done_at is not None else []
    # What satisfies at the very instant of another end wins.
    at, how = min(ends, key=lambda e: (e[0], e[1] != "satisfied", e[1]), default=(None, ""))
    return replace(clock, end_at=at, how=how)


def _satisfied_at(clock: Clock, facts: list[Fact]) -> datetime | None:
    match clock.rule:
        case "mri.mescc-suspected":
            seen: set[str] = set()
            for scan in scans(facts, clock.start_at, MR):
                seen |= scan.regions
                if seen >= WHOLE_SPINE:
                    return scan.at
            return None
        case "steroid.start":
            return _steroid_at(clock.start_at, facts)
        case "treatment.start":
            return treated_at(clock.start_at, facts)
        case "mdt.consult":
            return _consulted_at(clock.start_at, facts)
    made = scans(facts, clock.start_at, MR)
    return made[0].at if made else None


def _consulted_at(start_at: datetime, facts: list[Fact]) -> datetime | None:
    roles: set[str] = set()
    for fact in sorted(of_kinds(facts, "consulted"), key=lambda f: f.latest_at):
        roles |= set(fact.event.roles) if fact.latest_at >= start_at else set()
        if roles >= TEAM:
            return fact.latest_at
    return None


def _steroid_at(start_at: datetime, facts: list[Fact]) -> datetime | None:
    given = [fact.latest_at for fact in doses(facts)]
    before = [at for at in given if start_at - DAY <= at < start_at]
    if before and in_force(facts, start_at):
        return start_at
    return min((at for at in given if at >= start_at), default=None)


def _dexamethasone_stopped(start_at: datetime, facts: list[Fact]) -> list[tuple[datetime, str]]:
    """Return the first instant since the start after which nothing is ordered any more."""
    stops = {f.at for f in _stops(facts)}
    for at in changes(facts):
        stopped = at in stops or in_force(facts, at - A_MOMENT)
        goes_on = any(in_force(facts, later) for later in changes(facts) if later >= at)
        if at > start_at and stopped and not goes_on:
            return [(at, "satisfied" if falls(facts, start_at, at) >= 2 else "abrupt-stop")]
    return []


def _stops(facts: list[Fact]) -> list[Fact]:
    """Return the stops of systemic dexamethasone, by the number of its order, else by the drug and its route."""
    ever = [f for f in of_kinds(facts, "medication-ordered") if meanings(f, "dexamethasone")]
    is_systemic = {f.thing: False for f in ever} | {
        f.thing: True for f in ever if is_dexamethasone(f)
    }
    return [
        f
        for f in of_kinds(facts, "medication-stopped")
        if (is_systemic[f.thing] if f.thing and f.thing in is_systemic else is_dexamethasone(f))
    ]


def stop_of(facts: list[Fact], at: datetime) -> Fact:
    """Return what stopped dexamethasone at *at*: a stop, else the order that ran out."""
    stops = [f for f in _stops(facts) if f.at == at]
    # Of two that ran out at once the one heard of first is the cause.
    return min(stops or in_force(facts, at - A_MOMENT), key=lambda f: (f.received_at, f.key))


def is_spinal_treatment(fact: Fact) -> bool:
    """Return whether it is radiotherapy or surgery, of the spine or of a site not stated."""
    event = fact.event
    return event.modality in {"radiotherapy", "surgery"} and event.site != "other"


@remembered
def treatments_begun(facts: list[Fact]) -> list[Fact]:
    """Return the starts of treatment that count."""
    latest = current(facts, "treatment-started", by=by_itself)
    return [f for f in latest if is_spinal_treatment(f)]


def treated_at(start_at: datetime, facts: list[Fact]) -> datetime | None:
    """Return when treatment began, the start itself where it was running already."""
    ended = current(facts, "treatment-ended", by=by_thing)
    over = {f.thing for f in ended if f.latest_at < start_at}
    begun = treatments_begun(facts)
    for fact in begun:
        recent = start_at - TREATMENT_RUNNING <= fact.latest_at < start_at
        if recent and fact.thing not in over:
            return start_at
    return min((f.latest_at for f in begun if f.latest_at >= start_at), default=None)
