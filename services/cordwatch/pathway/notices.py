"""Notices: things that somebody must know at once because a clock runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.cure import Course
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.imaging import Study
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.pack import Tellable

PER_CLOCK = frozenset({"booked-late", "treatment-booked-late"})
"""Told once per booking *and* clock: a booking may turn late when another clock opens."""


ONE_AT_A_TIME = frozenset(
    {
        "mri.wrong-modality",
        "mri.partial-coverage",
        "steroid.low-dose",
        "steroid.other-drug",
        "surgery.indication",
        "rt.regimen",
        "neurolymphomatosis.masked",
    }
)
"""These hold or not as a whole: while one stands open, a further cause raises nothing new."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A notice or advisory that holds from `since` on: by which rule, because of which fact."""

    rule: str
    cause: Fact
    since: datetime
    clocks: tuple[Clock, ...] = ()
    """The clocks that it concerns, the first one named in the alert."""
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    until: datetime | None = None
    is_behind: bool = False
    """A more pressing clock says the same about the same cause: for the board only."""
    detail: str = ""
    """What exactly, in words without patient data: which contraindication, which drug."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes it one and the same, however often it is found."""
        clock = self.clocks[0].id if self.rule in PER_CLOCK else ""
        return (self.rule, self.cause.id, clock)

    def worded(self, told: Tellable) -> str:
        """Return why it is told: the words of the pack, and what exactly."""
        return f"{told.text}: {self.detail}" if self.detail else told.text


def notices(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Return the notices that hold at *now* or will by time alone (pathway, Notices); few for the dead."""
    if not picture.is_dead(now):
        yield from _imaging(picture, now)
        yield from _treatment(picture, now)
        yield from _stay(picture, now)
        yield from _reports(picture, now)
        yield from _scans(picture, now)
    contradiction, death = picture.endings.contradiction, picture.endings.death
    if contradiction is not None and death is not None and picture.clocks:
        yield Condition("death-contradicted", death, contradiction.start_at)
    yield from _refused_merges(picture)


def _refused_merges(picture: Picture) -> Iterator[Condition]:
    """A merge was refused that concerns a patient with a clock: told once to each such patient."""
    told: set[tuple[str, str]] = set()
    for fact, why in picture.persons.refused if picture.clocks else ():
        pair = (fact.values["survivor"], fact.values["retired"])
        if pair not in told and picture.persons.root(fact.sent_as) == picture.owner:
            told.add(pair)
            yield Condition("merge-refused", fact, fact.start_at, flags=(why,))


def _concerned(clocks: Iterable[Clock], cause_at: datetime, now: datetime) -> tuple[Clock, ...]:
    """Return the clocks that ran when the cause happened; nothing once all of them ended."""
    then = tuple(clock for clock in clocks if clock.is_open(cause_at))
    return then if any(clock.is_open(now) for clock in then) else ()


def pressing_first(clocks: Iterable[Clock]) -> list[Clock]:
    """Return *clocks* by how soon they want something; of equal ones that which was heard of first."""
    return sorted(
        clocks, key=lambda one: (one.rule.window, one.due_at, one.cause.received_at, one.id)
    )


def _imaging(picture: Picture, now: datetime) -> Iterator[Condition]:
    clocks = pressing_first(clock for clock in picture.clocks if clock.is_mri)
    studies = [study for study in picture.endings.studies if study.is_mri]
    for study in studies:
        for rule, fact in (("order-cancelled", study.cancelled), ("no-show", study.no_show)):
            if fact is None or _mended(studies, fact.start_at):
                continue
            concerned = _concerned(clocks, fact.start_at, now)
            if concerned:
                yield Condition(rule, fact, fact.start_at, concerned)
        if study.booking is not None and not study.is_cancelled:
            yield from _late(
                "booked-late",
                study.booking,
                [
                    one
                    for one in clocks
                    if one.is_open(now) and not study.was_made_for(one.start_at)
                ],
                [one.booking for one in studies if one.booking is not None and one.is_active],
            )


def _mended(studies: Iterable[Study], since: datetime) -> bool:
    """Return whether an MRI was ordered or booked at or after *since*."""
    return any(
        fact is not None and fact.start_at >= since and not study.is_cancelled
        for study in studies
        # An order that was cancelled, whenever it was placed, mends nothing: a booking since then may.
        for fact in (None if study.cancelled else study.order, study.booking)
    )


def _late(
    rule: str, booking: Fact, clocks: Iterable[Clock], others: Iterable[Fact]
) -> Iterator[Condition]:
    booked_for = _scheduled(booking)
    times, behind = [_scheduled(other) for other in others], False
    for clock in clocks:
        in_time = any(clock.start_at <= at <= clock.due_at for at in times)
        if booked_for > clock.due_at and not in_time:
            since = max(booking.start_at, clock.start_at)
            yield Condition(rule, booking, since, (clock,), is_behind=behind)
            # One booking pages once: for the most pressing clock that it is too late for.
            behind = behind or not clock.is_silent


def _scheduled(booking: Fact) -> datetime:
    return datetime.fromisoformat(booking.values["scheduled_at"])


def _treatment(picture: Picture, now: datetime) -> Iterator[Condition]:
    clocks = [one for one in picture.clocks if one.rule.satisfied_by == "treatment-started"]
    courses = picture.endings.courses
    bookings = [one.booked for one in courses if one.is_active]
    active = [fact for fact in bookings if fact is not None]
    for course in courses:
        for rule, fact in (
            ("treatment-cancelled", course.cancelled),
            ("treatment-no-show", course.get("no-show")),
        ):
            if fact is None or _planned_again(courses, fact):
                continue
            concerned = _concerned(clocks, fact.start_at, now)
            if concerned:
                yield Condition(rule, fact, fact.start_at, concerned)
        booked = course.booked
        if booked is not None and course.is_active:
            yield from _late(
                "treatment-booked-late",
                booked,
                [clock for clock in clocks if clock.is_open(now)],
                active,
            )


def _planned_again(courses: Iterable[Course], cause: Fact) -> bool:
    """Return whether treatment was planned or booked at or after *cause*, and that not cancelled in turn."""
    return any(plan.start_at >= cause.start_at for course in courses for plan in course.meant)


def _stay(picture: Picture, now: datetime) -> Iterator[Condition]:
    for rule, kind in (
        ("discharged-open", "discharged"),
        ("admission-cancelled", "admission-cancelled"),
    ):
        for fact in picture.history.standing(kind):
            concerned = _concerned(pressing_first(picture.clocks), fact.start_at, now)
            if concerned:
                yield Condition(rule, fact, fact.start_at, concerned)


def _reports(picture: Picture, now: datetime) -> Iterator[Condition]:
    for study in picture.endings.studies:
        report = study.unclassified
        if report is None:
            continue
        for episode in picture.episodes:
            clocks = [
                clock
                for clock in pressing_first(episode.clocks)
                if clock.is_mri
                and (clock.is_open(now) or (clock.end and clock.end.status == "satisfied"))
            ]
            gap = episode.pack.policy.episode_gap
            reach = episode.began_at - gap <= report.done_at <= episode.quiet_at + gap
            if clocks and reach:
                since = max(report.start_at, min(clock.start_at for clock in clocks))
                yield Condition("report-unclassified", report, since, tuple(clocks))
                break


def _scans(picture: Picture, now: datetime) -> Iterator[Condition]:
    clocks = pressing_first(clock for clock in picture.open_clocks(now) if clock.is_mri)
    for study in picture.endings.studies:
        if not (study.is_mri and study.was_made):
            continue
        for clock in clocks:
            scan, report = study.scan_for(clock.start_at), study.final_report
            if scan is None and report is not None and report.done_at >= clock.start_at:
                yield Condition("exam-time-missing", report, report.start_at, (clock,))
                break
        for clock in clocks:
            scan = study.scan_for(clock.start_at)
            whole = clock.rule.satisfied_by == "whole-spine-mri"
            if whole and scan and scan.done_at >= clock.start_at and not study.regions:
                yield Condition("region-unstated", scan.fact, scan.done_at, (clock,))
                break
