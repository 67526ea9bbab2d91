"""The pager plan: who must know what, in which order, how soon they must answer: a hospital's own, as data."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cordwatch.pager.hours import WeeklyHours
from cordwatch.pager.plan_faults import faults_between
from cordwatch.pager.transports.settings import Destination
from cordwatch_schemas.pack_data import NotEmpty, PackData, Span
from cordwatch_schemas.pages import Matter, Name
from cordwatch_schemas.positions import BadYaml, Fault, read_placed, read_yaml

StepName = Literal[
    "operational", "advisory", "notice", "reminder", "warning", "urgent", "prompt", "due", "overdue"
]
STEPS: tuple[StepName, ...] = (
    "operational",
    "advisory",
    "notice",
    "reminder",
    "warning",
    "urgent",
    "prompt",
    "due",
    "overdue",
)
"""The steps of the ladder, the least pressing first. The level of an alert is its step."""

PRESSING = frozenset({"prompt", "due", "overdue"})
"""Never muted, never held back for calm: a time has come or a drug is wanted now."""

Role = Literal[
    "nurse-in-charge",
    "ward-physician",
    "responsible-physician",
    "radiation-oncologist",
    "spinal-surgeon",
    "mscc-coordinator",
    "duty-manager",
    "integration-engineer",
]


NOWHERE = "synthetic-patient"
"""The destination of synthetic patients, which every pager has and no plan may name."""


def _some_time(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return span


def _within_reach(span: timedelta) -> timedelta:
    # An instant so far ahead may be none that can be reckoned with.
    if span > LONGEST:
        raise ValueError(f"must be {LONGEST.days} d at most")
    return span


LONGEST = timedelta(days=366)
Time = Annotated[Span, AfterValidator(_within_reach)]
"""Elapsed time, of a year at most."""

SomeTime = Annotated[Time, AfterValidator(_some_time)]
"""Elapsed time that does pass."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone, like Europe/Amsterdam") from None
    return name


class Step(PackData):
    """One step of the ladder: whom to tell at once, whom after them, and what an answer does."""

    tell: Annotated[tuple[Role, ...], NotEmpty]
    """All of them, at once."""
    then: tuple[Role, ...] = ()
    """One after another, while nobody answers."""
    answer_within: SomeTime = timedelta(minutes=15)
    """Without an answer in that time the next one is told. Accepted is not delivered."""
    quiet_for: SomeTime | None = timedelta(minutes=30)
    """For how long an acknowledgement quietens this step; null: for good, which prompt, due and overdue may not have. It never stops a clock."""
    again_after: SomeTime | None = None
    """Told anew after so long, while it still holds; absent: the next level does that."""


class RuleSteps(PackData):
    """What one rule does differently."""

    rule: Annotated[str, Field(min_length=1)]
    """A rule, notice or advisory of the pack, or a kind of operational alert."""
    steps: dict[StepName, Step]
    """Steps that replace those of the ladder, whole."""


class Watch(PackData):
    """Who stands for a role, where and when, and by which destinations they are reached."""

    role: Role
    """Whom the line is about."""
    facilities: tuple[Name, ...] = ()
    """For patients of these houses, as the messages name them; absent: of any."""
    wards: tuple[Name, ...] = ()
    """For patients on these wards, as the messages name them; absent: on any."""
    hours: WeeklyHours | None = None
    """When they stand for it; absent: always."""
    by: Annotated[tuple[Name, ...], NotEmpty]
    """Destinations, the first one first; the others follow while nobody answers."""

    def covers(self, matter: Matter) -> bool:
        """Return whether the patient is on one of its wards."""
        return (not self.facilities or matter.facility in self.facilities) and (
            not self.wards or matter.ward in self.wards
        )


class Mute(PackData):
    """Hours in which less pressing steps wait for the morning."""

    hours: WeeklyHours
    """When they wait."""
    steps: Annotated[tuple[StepName, ...], NotEmpty]
    """Which steps wait; prompt, due and overdue never do."""

    @model_validator(mode="after")
    def _never_what_presses(self) -> Self:
        if PRESSING & set(self.steps):
            raise ValueError(f"{', '.join(sorted(PRESSING))} are never muted")
        return self


class Calm(PackData):
    """How many pages a recipient gets at most in a while; what presses is never held back, nothing is dropped."""

    pages: Annotated[int, Field(ge=1, le=1_000)] = 30
    """So many pages."""
    within: SomeTime = timedelta(hours=2)
    """In so long."""


class Plan(PackData):
    """The whole plan."""

    version: Literal[1] = 1
    """Of how a plan is written."""
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Time zone of all hours, and of the times in a page."""
    board_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    """Pages link to it."""
    show_ward: bool = True
    """Whether a page says on which ward the patient is; name and number it never says."""
    show_reference: bool = True
    """Whether its text has the first characters of the patient reference; its title never does."""
    destinations: dict[Name, Destination]
    """How each team, room or system is reached, by a name of your own."""
    roster: Annotated[tuple[Watch, ...], NotEmpty]
    """Who stands for which role: the first line that fits ward and hour counts."""
    ladder: dict[StepName, Step]
    """What is done at each step; every step is needed."""
    by_rule: tuple[RuleSteps, ...] = ()
    """What single rules do differently."""
    mute: tuple[Mute, ...] = ()
    """Hours in which less pressing steps wait."""
    calm: Calm = Calm()
    """When a recipient has had enough for now."""
    settle: Time = timedelta(minutes=10)
    """A notice that comes and goes is told once in that time."""
    fallback_after: SomeTime = timedelta(seconds=60)
    """A destination that has not accepted by then is passed over for the next."""
    tell_of_the_last: Time = timedelta(days=7)
    """What was raised earlier, and never told, is history."""

    def step(self, matter: Matter) -> Step:
        """Return what is to be done at this level of this rule."""
        name = step_of(matter)
        for one in self.by_rule:
            if one.rule == matter.rule and name in one.steps:
                return one.steps[name]
        return self.ladder[name]

    def destinations_of(self, role: str, matter: Matter, at: datetime) -> tuple[str, ...]:
        """Return how a role is reached for a patient at a time; nothing where nobody is there."""
        if matter.is_synthetic:
            # Whatever the plan says: no person is ever told of a synthetic patient.
            return (NOWHERE,)
        zone = ZoneInfo(self.zone)
        for watch in self.roster:
            is_on = watch.hours is None or watch.hours.holds(at, zone)
            if watch.role == role and watch.covers(matter) and is_on:
                return watch.by
        return ()

    def muted_until(self, matter: Matter, at: datetime) -> datetime | None:
        """Return when the hours end in which this step waits; None: it does not."""
        zone, name = ZoneInfo(self.zone), step_of(matter)
        ends = [
            mute.hours.end_after(at, zone)
            for mute in self.mute
            if name in mute.steps and mute.hours.holds(at, zone)
        ]
        return max(ends, default=None)

    def rungs(self, matter: Matter, at: datetime) -> Iterator[tuple[int, str, str]]:
        """
        Yield rung, role and destination of a round, in order.

        Rung 0 is told at once. A role that nobody stands for passes to the next at
        once; where nobody of `tell` is there, the first of `then` takes the place.
        """
        step = self.step(matter)
        reached = [(role, self.destinations_of(role, matter, at)) for role in step.tell]
        first = [(role, by) for role, by in reached if by]
        later = [(role, self.destinations_of(role, matter, at)) for role in step.then]
        later = [(role, by) for role, by in later if by]
        if not first and later:
            first, later = later[:1], later[1:]
        for role, by in first:
            yield 0, role, by[0]
        for rung, told in enumerate(_after(first, later), 1):
            yield rung, *told


Reached = Sequence[tuple[str, tuple[str, ...]]]


def _after(first: Reached, later: Reached) -> Iterator[tuple[str, str]]:
    """Yield the second channels of those told first, then the other roles with all of their channels."""
    for place in range(1, max((len(by) for _, by in first), default=0)):
        yield from ((role, by[place]) for role, by in first if place < len(by))
    for role, by in later:
        yield from ((role, destination) for destination in by)


def step_of(matter: Matter) -> StepName:
    """Return the step of the ladder that a matter stands on."""
    if matter.level is not None:
        return matter.level
    return "notice" if matter.kind == "clock" else matter.kind


class _AsWritten(BaseModel):
    """The keys and values of a plan, whatever they are."""

    model_config = ConfigDict(extra="allow")


def load_plan(path: str | Path, rules: Collection[str] | None = None) -> Plan:
    """
    Return the plan in a file. *rules*: the names that `by_rule` may name; None: any.

    Raises:
        BadYaml: it is malformed; says `file:line:column`, field and reason, all errors at once.
        OSError: it cannot be read.
    """
    text, name = Path(path).read_bytes(), str(path)
    faults: list[Fault] = []
    plan = None
    try:
        plan = read_yaml(text, Plan, name)
    except BadYaml as error:
        faults += error.faults
    # What does not fit together is looked for in what was written: in a plan with another fault too.
    with contextlib.suppress(BadYaml):
        written = read_placed(text, _AsWritten, name)
        between = faults_between(written.value.model_extra or {}, STEPS, PRESSING, rules, NOWHERE)
        faults += [written.fault(path, reason) for path, reason in between]
    if plan is None or faults:
        raise BadYaml(name, faults)
    return plan
