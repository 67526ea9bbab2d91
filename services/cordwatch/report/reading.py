"""What the report counts: every clock with how it ended, from the core, or from its alerts alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.decide import CAN_MATTER
from cordwatch.pathway.endings import DIED, DOCUMENTED_LATE, STOOD_DOWN, STOPPED_ABRUPTLY
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.identity import persons
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.where import PLACES
from cordwatch_schemas.acknowledgements import Acknowledged, StoodDown
from cordwatch_schemas.alerts import Alert, AlertStatus
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.synthetic import is_synthetic

Outcome = Literal[
    "in-time",
    "documented-late",
    "late",
    "overdue",
    "ended-overdue",
    "running",
    "withdrawn",
    "superseded",
]
"""How a clock stands: docs/report.md says each in words."""

Need = Literal["MRI", "steroid", "treatment", "consultation", "taper", "other"]
"""What was due, in the words of the ward."""

SEEN: tuple[type[Acknowledged], type[StoodDown]] = (Acknowledged, StoodDown)
"""Answers that show that somebody has seen an alert."""

NEEDS: dict[str, Need] = {
    "spinal-mri": "MRI",
    "whole-spine-mri": "MRI",
    "dexamethasone-given": "steroid",
    "treatment-started": "treatment",
    "team-consulted": "consultation",
    "tapered-stop": "taper",
}

_TRUE_TO_THE_END = frozenset({DIED, STOOD_DOWN, STOPPED_ABRUPTLY})
"""Ends of a clock that was right to run: a breach before them stays (pathway, Death)."""

UNKNOWN_WARD = "not known"
_WARD_CHARACTERS_MAX = 24


@dataclass(frozen=True, slots=True)
class ClockOutcome:
    """A clock and how it stands; nothing in it leads to a patient."""

    clock: str
    rule: str
    need: Need
    ward: str
    start_at: datetime
    due_at: datetime
    outcome: Outcome
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that the report is made from, as it stood `at`."""

    at: datetime
    clocks: Sequence[ClockOutcome]
    alerts: Sequence[Alert]
    answers: Sequence[Acknowledged | StoodDown]
    person_of: Mapping[str, str]
    """Under which reference a retired one lives; those not in it live under their own."""


def known(
    facts: Mapping[str, Sequence[Fact]],
    alerts: Iterable[Alert],
    answers: Iterable[Acknowledged | StoodDown],
    packs: Packs,
    at: datetime,
) -> Known:
    """
    Return what is known at *at* from *facts* by reference, and what was published and answered.

    Clocks come from the core. One that the facts no longer give (retracted,
    re-timed) is known from its alerts alone. Synthetic patients are nobody.
    """
    facts = {one: told for one, told in facts.items() if not is_synthetic(one)}
    published = [alert for alert in alerts if not is_synthetic(alert.patient)]
    needs: dict[str, Need] = {
        rule.id: NEEDS[rule.satisfied_by] for pack in packs.each for rule in pack.rules
    }
    clocks: list[ClockOutcome] = []
    person_of: dict[str, str] = {}
    for reference, told in facts.items():
        if not any(fact.kind in CAN_MATTER for fact in told):
            continue
        who = persons(told)
        root = who.root(reference)
        person_of[reference] = root
        if root == reference:
            mine = [fact for fact in told if who.owner(fact) == reference]
            person_of.update((who.meant(fact), reference) for fact in mine)
            clocks += _from_picture(Picture(mine, who, packs), at)
    derived = {clock.clock for clock in clocks}
    clocks += [one for one in clocks_of_alerts(published, needs, at) if one.clock not in derived]
    return Known(at, clocks, published, list(answers), person_of)


def _from_picture(picture: Picture, at: datetime) -> Iterator[ClockOutcome]:
    for clock in picture.clocks:
        if clock.start_at <= at:
            outcome, ended_at = _of_clock(clock, at)
            yield ClockOutcome(
                clock=clock.id,
                rule=clock.rule.id,
                need=NEEDS[clock.rule.satisfied_by],
                ward=ward_at(picture, clock.start_at),
                start_at=clock.start_at,
                due_at=clock.due_at,
                outcome=outcome,
                ended_at=ended_at,
            )


def _of_clock(clock: Clock, at: datetime) -> tuple[Outcome, datetime | None]:
    end = clock.end
    if end is None or end.at > at:
        return _judged("open", clock.due_at, at, "", at), None
    status: AlertStatus = "resolved" if end.status == "satisfied" else "withdrawn"
    return _judged(status, clock.due_at, end.at, end.reason, at), end.at


def clocks_of_alerts(
    alerts: Iterable[Alert], needs: Mapping[str, Need], at: datetime
) -> Iterator[ClockOutcome]:
    """Return the clocks that *alerts* tell of: every one that reached a level, and no other."""
    last: dict[str, Alert] = {}
    for alert in alerts:
        if alert.kind != "clock" or alert.clock is None:
            continue
        known_alert = last.get(alert.clock)
        if known_alert is None or _word(alert) > _word(known_alert):
            last[alert.clock] = alert
    for clock, alert in last.items():
        if alert.start_at is None or alert.due_at is None:
            continue
        ended_at = alert.ended_at if alert.status != "open" else None
        yield ClockOutcome(
            clock=clock,
            rule=alert.rule,
            need=needs.get(alert.rule, "other"),
            ward=ward_name(alert.ward),
            start_at=alert.start_at,
            due_at=alert.due_at,
            outcome=_judged(alert.status, alert.due_at, ended_at or at, alert.reason, at),
            ended_at=ended_at,
        )


def _word(alert: Alert) -> tuple[datetime, int]:
    """Return what makes one alert of a clock a later word on it than another."""
    return (alert.raised_at, alert.revision)


def _judged(
    status: AlertStatus, due_at: datetime, ended_at: datetime, reason: str, at: datetime
) -> Outcome:
    """Return how a clock stands, from what a clock of the core and an alert record both hold."""
    if status == "superseded":
        return "superseded"
    if status == "open":
        return "overdue" if at > due_at else "running"
    if status == "resolved":
        if ended_at > due_at:
            return "late"
        return "documented-late" if reason == DOCUMENTED_LATE else "in-time"
    if ended_at > due_at and reason in _TRUE_TO_THE_END:
        return "ended-overdue"
    return "withdrawn"


def ward_at(picture: Picture, instant: datetime) -> str:
    """
    Return the ward of the patient at *instant*; assessed before any admission, the first one after.

    Not the ward of today: a transfer must not move an old breach to the ward
    that the patient was moved to.
    """
    moves = [move for move in picture.history.standing(*PLACES) if move.values.get("ward")]
    if not moves:
        return UNKNOWN_WARD
    before = [move for move in moves if move.at <= instant]
    chosen = before[-1] if before else moves[0]
    return ward_name(chosen.values["ward"])


def ward_name(ward: str | None) -> str:
    """Return *ward* as it may be shown: short and printable, whatever a source wrote there."""
    if not ward or not ward.strip():
        return UNKNOWN_WARD
    shown = "".join(letter if letter.isprintable() else "?" for letter in ward.strip())
    return shown[:_WARD_CHARACTERS_MAX]
