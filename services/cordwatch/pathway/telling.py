"""Alerts: what is published for a clock or condition, and how it is closed again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from cordwatch.pathway.clocks import Clock, most_pressing
from cordwatch.pathway.facts import Fact, digest
from cordwatch.pathway.levels import Progress, Raised, Step, pages_ended, progress
from cordwatch.pathway.notices import PER_CLOCK, Condition
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.alerts import Alert, AlertStatus, Level
from cordwatch_schemas.pack import Intent, Pack, Tellable, step_up

ConditionKey = tuple[str, str, str]
SECOND = timedelta(seconds=1)

_WANTED = {
    "spinal-mri": "spinal MRI not done",
    "whole-spine-mri": "MRI of the whole spine not done",
    "dexamethasone-given": "dexamethasone not given",
    "treatment-started": "treatment not started",
    "team-consulted": "consultation not complete",
    "tapered-stop": "taper not complete",
}
_UNPLANNED: dict[Intent, str] = {
    "spinal-mri-order": "nor ordered",
    "dexamethasone-order": "nor ordered",
    "treatment-plan": "nor planned",
}


class Way(NamedTuple):
    """How an alert of a clock stands: the hundred that a late clock has told stand in one or two ways."""

    status: AlertStatus
    patient: str
    ward: str | None
    pack: str


class Ledger:
    """What was published before, found by clock or by condition."""

    def __init__(self) -> None:
        """Begin with nothing published."""
        self.by_clock: dict[str, dict[tuple[Level, int], Alert]] = defaultdict(dict)
        self._ways: dict[str, Counter[Way]] = defaultdict(Counter)
        """By clock in which ways its alerts stand, and how many."""
        self.by_condition: dict[ConditionKey, dict[int, Alert]] = defaultdict(dict)

    def note(self, alert: Alert) -> None:
        """Take note of *alert*, in the place of its earlier revision."""
        if alert.clock and alert.level:
            before = self.by_clock[alert.clock].get((alert.level, alert.repeat))
            self.by_clock[alert.clock][alert.level, alert.repeat] = alert
            self._ways[alert.clock][_way(alert)] += 1
            if before is not None:
                self._ways[alert.clock][_way(before)] -= 1
        else:
            clock = alert.clock if alert.rule in PER_CLOCK and alert.clock else ""
            self.by_condition[alert.rule, alert.cause, clock][alert.repeat] = alert

    def is_open(self, key: ConditionKey) -> bool:
        """Return whether the condition *key* stands open."""
        return any(alert.status == "open" for alert in self.by_condition.get(key, {}).values())

    def ways(self, clock: Clock) -> list[Way]:
        """Return in which ways the alerts of *clock* stand."""
        return [way for way, count in self._ways[clock.id].items() if count]

    def raised(self, clock: Clock) -> Raised:
        """Return the alerts of *clock*."""
        return self.by_clock.get(clock.id, {})


def _way(alert: Alert) -> Way:
    return Way(alert.status, alert.patient, alert.ward, alert.pack)


@dataclass(frozen=True, slots=True)
class Telling:
    """Makes alerts about one patient at one instant."""

    picture: Picture
    ledger: Ledger
    now: datetime
    stale: bool

    def clock(self, clock: Clock) -> tuple[list[Alert], Progress]:
        """Return the new alerts of an open *clock*, and when its next level comes."""
        found = progress(clock, self.ledger.raised(clock), self.now)
        return [self._level(clock, step) for step in found.steps], found

    def _level(self, clock: Clock, step: Step) -> Alert:
        rule, pack = clock.rule, clock.pack
        severity = pack.severity_of_level[step.level]
        if self._lacking(clock):
            severity = step_up(severity)
        place = self.picture.place
        return Alert(
            alert_id=digest("alert", clock.id, step.level, str(step.repeat)),
            kind="clock",
            rule=rule.id,
            level=step.level,
            repeat=step.repeat,
            severity=severity,
            paged=self._is_paged(clock),
            replayed=clock.cause.replayed,
            data_stale=self.stale,
            patient=self.picture.persons.meant(clock.cause),
            encounter=clock.cause.encounter or place.encounter,
            facility=place.facility,
            ward=place.ward,
            episode=clock.episode,
            clock=clock.id,
            cause=clock.cause.id,
            start_at=clock.start_at,
            due_at=clock.due_at,
            raised_at=self.now,
            late_by_s=(self.now - step.at) // SECOND,
            reason=self.wanting(clock),
            missing=clock.missing,
            flags=clock.flags,
            clause=rule.clause,
            pack=pack.label,
        )

    def wanting(self, clock: Clock) -> str:
        """Return what *clock* waits for, in words: not done, nor on order, and what does not count for it."""
        lacking = self._lacking(clock)
        words = [_WANTED[clock.rule.satisfied_by], *([_UNPLANNED[lacking]] if lacking else [])]
        beside = self.picture.endings.beside(clock.rule, clock.start_at, clock.pack.policy)
        return f"{', '.join(words)}; {beside}" if beside else ", ".join(words)

    def _lacking(self, clock: Clock) -> Intent | None:
        """Return what is not on order although it would lead to what *clock* waits for."""
        endings, wanted = self.picture.endings, clock.rule.stepped_up_without
        match wanted:
            case "spinal-mri-order":
                there = any(one.is_mri and one.is_ordered for one in endings.studies)
            case "dexamethasone-order":
                there = endings.steroid.is_ordered(self.now)
            case "treatment-plan":
                there = any(course.is_active for course in endings.courses)
            case None:  # pragma: no branch - mypy holds that every intent is named
                return None
        return None if there else wanted

    def _is_paged(self, clock: Clock) -> bool:
        if clock.is_silent:
            return False
        if not clock.is_mri:
            return True
        rivals = [
            other
            for other in self.picture.open_clocks(self.now)
            if other.is_mri
            and other.episode == clock.episode
            and not other.is_silent
            and not pages_ended(other, self.ledger.raised(other), self.now)
        ]
        first = most_pressing(rivals)
        return first is None or first.id == clock.id

    def condition(
        self, condition: Condition, told: Tellable
    ) -> tuple[list[Alert], datetime | None]:
        """Return the new alerts of a *condition* that holds, and when to repeat it."""
        raised = self.ledger.by_condition.get(condition.key, {})
        if 0 not in raised:
            next_at = self.now + told.repeats.every if told.repeats else None
            return [self._notice(condition, told, 0, self.now)], next_at
        if told.repeats is None:
            return [], None
        first, every = raised[0].raised_at, told.repeats.every
        until = first + told.repeats.lasting
        newest = (min(self.now, until) - first) // every
        fresh = newest > max(raised) and self.now < first + every * (newest + 1)
        own_at = first + every * newest
        new = [self._notice(condition, told, newest, own_at)] if fresh else []
        next_at = own_at + every
        return new, next_at if next_at <= until else None

    def _notice(self, condition: Condition, told: Tellable, repeat: int, own_at: datetime) -> Alert:
        pack, place = pack_for(self.picture, condition), self.picture.place
        cause = condition.cause
        clock = condition.clocks[0] if condition.clocks else None
        old_after = pack.policy.board_only_after
        board_only = (
            told.board_only
            or condition.is_behind
            or cause.received_at - cause.start_at > old_after
            or (bool(condition.clocks) and all(one.is_silent for one in condition.clocks))
        )
        discharged_from = cause.values.get("ward") if cause.kind == "discharged" else None
        return Alert(
            alert_id=digest("alert", *condition.key, str(repeat)),
            kind="notice" if told in pack.notices else "advisory",
            rule=condition.rule,
            repeat=repeat,
            severity="info" if told.board_only else told.severity,
            paged=not board_only and not cause.replayed,
            replayed=cause.replayed,
            data_stale=self.stale,
            patient=self.picture.persons.meant(cause),
            encounter=cause.encounter or place.encounter,
            facility=place.facility,
            ward=discharged_from or place.ward,
            episode=clock.episode if clock else None,
            clock=clock.id if clock else None,
            cause=cause.id,
            start_at=clock.start_at if clock else None,
            due_at=clock.due_at if clock else None,
            raised_at=self.now,
            late_by_s=(self.now - own_at) // SECOND,
            reason=condition.worded(told),
            missing=condition.missing,
            flags=(*cause.flags, *condition.flags),
            clause=told.clause,
            pack=pack.label,
        )

    def reopened(
        self,
        alerts: Iterable[Alert],
        cause: Fact,
        reason: Callable[[], str],
        clock: Clock | None = None,
    ) -> Iterator[Alert]:
        """
        Return the *alerts* that must be told again: all those of one *cause*.

        They were closed before, their ward or patient is another one, or they are due anew by another pack.
        """
        place, label = self.picture.place, clock.pack.label if clock else None
        patient = self.picture.persons.meant(cause)
        if clock and all(
            way == ("open", patient, way.ward if place.ward is None else place.ward, label)
            for way in self.ledger.ways(clock)
        ):
            return
        for known in alerts:
            update: dict[str, object] = {}
            if clock and label != known.pack and clock.due_at != known.due_at:
                update |= _due_anew(clock)
            if patient != known.patient:
                update["patient"] = patient
            moved = place.ward is not None and place.ward != known.ward
            if known.status != "open" or (moved and known.rule != "discharged-open"):
                update |= {"status": "open", "ended_at": None}
                if known.status != "open":
                    update["reason"] = reason()  # No longer the words of its end.
                if moved:
                    update |= {"ward": place.ward, "facility": place.facility}
            if update:
                yield known.model_copy(update=update | {"revision": known.revision + 1})


def _due_anew(clock: Clock) -> dict[str, object]:
    rule, pack = clock.rule, clock.pack.label
    return {"due_at": clock.due_at, "start_at": clock.start_at, "clause": rule.clause, "pack": pack}


def pack_for(picture: Picture, condition: Condition) -> Pack:
    """Return the pack that speaks: that of the clock concerned, else that of the cause."""
    return condition.clocks[0].pack if condition.clocks else picture.pack_of(condition.cause)


def rules_over(told: Alert, known: Alert) -> bool:
    """Return whether of two accounts of one alert *told* is the one to go by: the later, else the earlier raised."""
    return (told.revision, known.raised_at) > (known.revision, told.raised_at)


def closed(
    alerts: Iterable[Alert],
    status: AlertStatus,
    ended_at: datetime,
    reason: str,
    flags: Sequence[str],
) -> Iterator[Alert]:
    """Return the *alerts* that do not yet say that they ended like this."""
    for alert in alerts:
        if (alert.status, alert.reason) == (status, reason):
            continue
        yield alert.model_copy(
            update={
                "status": status,
                "ended_at": ended_at,
                "reason": reason,
                "revision": alert.revision + 1,
                "flags": tuple(dict.fromkeys((*alert.flags, *flags))),
            }
        )
