"""The figures of the outcome report: pure counting over clocks, alerts and answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from math import ceil
from statistics import median

from cordwatch.report.reading import ClockOutcome, Known, Need, Outcome
from cordwatch_schemas.alerts import Alert

ANSWER_WITHIN = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)

DAY_FROM_H, EVENING_FROM_H, NIGHT_FROM_H = 7, 15, 23
SHIFTS = ("day", "evening", "night")
"""07:00-15:00, 15:00-23:00 and 23:00-07:00 on the wall; a night belongs to the date it begins on."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NEEDS_SHOWN: tuple[Need, ...] = ("MRI", "steroid", "treatment", "consultation", "taper", "other")
SEVERITIES = ("critical", "urgent", "warning", "info")
LEVELS = ("prompt", "reminder", "warning", "urgent", "due", "overdue", "-")

_MET: frozenset[Outcome] = frozenset({"in-time", "documented-late"})
_BREACHED: frozenset[Outcome] = frozenset({"late", "overdue", "ended-overdue"})
_DONE: frozenset[Outcome] = frozenset({"in-time", "documented-late", "late"})


@dataclass(frozen=True, slots=True)
class Period:
    """What the report is about: from `since` on, up to `until` and without it; None is no limit."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, instant: datetime) -> bool:
        """Return whether *instant* belongs to the period."""
        after = self.since is None or instant >= self.since
        return after and (self.until is None or instant < self.until)


@dataclass(frozen=True, slots=True)
class Share:
    """How many clocks of one need and one cut were met in time, and how late the others were."""

    cut: str
    value: str
    need: Need
    judged: int
    in_time: int
    documented_late: int
    """Of those in time: written down only after due."""
    late: int
    overdue: int
    ended_overdue: int
    running: int
    withdrawn: int
    superseded: int
    minutes_late_median: float | None
    minutes_late_p90: float | None

    @property
    def share(self) -> float | None:
        """Return the part of the judged clocks that was met in time."""
        return _part(self.in_time, self.judged)


@dataclass(frozen=True, slots=True)
class PatientBurden:
    """How many alerts a patient gives: over those with at least one."""

    patients: int
    alerts: int
    paged: int
    median: float | None
    p90: float | None
    most: int


@dataclass(frozen=True, slots=True)
class ShiftBurden:
    """How many alerts a shift of one kind meets, quiet ones counted too."""

    shift: str
    shifts: int
    alerts: int
    paged: int
    most: int

    @property
    def mean(self) -> float | None:
        """Return the alerts a shift."""
        return round(self.alerts / self.shifts, 2) if self.shifts else None


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """How many alerts that may wake somebody were seen within a quarter of an hour."""

    severity: str
    judged: int
    within: int
    later: int
    never: int
    waiting: int
    """Raised less than that before the end, and not yet seen: not judged."""

    @property
    def share(self) -> float | None:
        """Return the part seen in time."""
        return _part(self.within, self.judged)


@dataclass(frozen=True, slots=True)
class Following:
    """What came of the alerts of one rule and level."""

    rule: str
    level: str
    alerts: int
    followed: int
    """What it asked for was done after it was raised."""
    already_done: int
    """It had been done by then, and was written down later."""
    ended_otherwise: int
    open: int

    @property
    def share(self) -> float | None:
        """Return the part that was followed by what it asked for."""
        return _part(self.followed, self.alerts)


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """Every figure, and what they are about."""

    at: datetime
    zone: tzinfo
    period: Period
    pack: str
    source: str
    shares: tuple[Share, ...]
    patients: PatientBurden
    shifts: tuple[ShiftBurden, ...]
    acknowledged: tuple[Acknowledging, ...]
    followed: tuple[Following, ...]
    notes: tuple[str, ...]


def _part(some: int, of_all: int) -> float | None:
    return round(some / of_all, 4) if of_all else None


def ninetieth(values: Sequence[float]) -> float | None:
    """Return the smallest of *values* that at least nine tenths do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[ceil(0.9 * len(ordered)) - 1] if ordered else None


def shift_of(instant: datetime, zone: tzinfo) -> tuple[date, str]:
    """Return date and name of the shift at work at *instant*."""
    local = instant.astimezone(zone)
    if local.hour < DAY_FROM_H:
        return local.date() - timedelta(days=1), "night"
    if local.hour < EVENING_FROM_H:
        return local.date(), "day"
    return local.date(), "evening" if local.hour < NIGHT_FROM_H else "night"


def outcome_report(
    found: Known, period: Period, zone: tzinfo, pack: str, source: str, notes: tuple[str, ...] = ()
) -> OutcomeReport:
    """
    Return the figures of *found* for *period*, with days and hours as in *zone*.

    Clocks belong to the period by their start, alerts by their being raised.
    """
    clocks = [clock for clock in found.clocks if period.holds(clock.start_at)]
    alerts = [alert for alert in found.alerts if period.holds(alert.raised_at)]
    return OutcomeReport(
        at=found.at,
        zone=zone,
        period=period,
        pack=pack,
        source=source,
        shares=tuple(_shares(clocks, zone, found.at)),
        patients=_per_patient(alerts, found),
        shifts=tuple(_per_shift(alerts, period, zone, found.at)),
        acknowledged=tuple(_acknowledged(alerts, found)),
        followed=tuple(_followed(alerts, found)),
        notes=notes,
    )


def _shares(clocks: Sequence[ClockOutcome], zone: tzinfo, at: datetime) -> Iterable[Share]:
    cuts: dict[str, Callable[[ClockOutcome], str]] = {
        "all": lambda _: "all",
        "rule": lambda clock: clock.rule,
        "ward": lambda clock: clock.ward,
        "weekday": lambda clock: str(clock.start_at.astimezone(zone).weekday()),
        "hour": lambda clock: f"{clock.start_at.astimezone(zone):%H}",
    }
    for cut, value_of in cuts.items():
        cells: dict[tuple[int, str], list[ClockOutcome]] = defaultdict(list)
        for clock in clocks:
            cells[NEEDS_SHOWN.index(clock.need), value_of(clock)].append(clock)
        for (need, value), some in sorted(cells.items()):
            shown = WEEKDAYS[int(value)] if cut == "weekday" else value
            yield _share(cut, shown, NEEDS_SHOWN[need], some, at)


def _share(cut: str, value: str, need: Need, clocks: Sequence[ClockOutcome], at: datetime) -> Share:
    count = Counter(clock.outcome for clock in clocks)
    # Of a clock still open: late so far. To leave the worst ones out would flatter the figure.
    late = [
        ((clock.ended_at or at) - clock.due_at) / MINUTE
        for clock in clocks
        if clock.outcome in _BREACHED
    ]
    return Share(
        cut=cut,
        value=value,
        need=need,
        judged=sum(count[one] for one in _MET | _BREACHED),
        in_time=sum(count[one] for one in _MET),
        documented_late=count["documented-late"],
        late=count["late"],
        overdue=count["overdue"],
        ended_overdue=count["ended-overdue"],
        running=count["running"],
        withdrawn=count["withdrawn"],
        superseded=count["superseded"],
        minutes_late_median=_minutes(median(late) if late else None),
        minutes_late_p90=_minutes(ninetieth(late)),
    )


def _minutes(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _per_patient(alerts: Sequence[Alert], found: Known) -> PatientBurden:
    counts = Counter(found.person_of.get(alert.patient, alert.patient) for alert in alerts)
    each = list(counts.values())
    return PatientBurden(
        patients=len(each),
        alerts=len(alerts),
        paged=sum(alert.paged for alert in alerts),
        median=median(each) if each else None,
        p90=ninetieth(each),
        most=max(each, default=0),
    )


def _per_shift(
    alerts: Sequence[Alert], period: Period, zone: tzinfo, at: datetime
) -> Iterable[ShiftBurden]:
    raised = [shift_of(alert.raised_at, zone) for alert in alerts]
    met = Counter(raised)
    paged = Counter(shift for shift, alert in zip(raised, alerts, strict=True) if alert.paged)
    first = period.since or min((alert.raised_at for alert in alerts), default=None)
    last = at if period.until is None else min(at, period.until - timedelta.resolution)
    held = Counter(_shifts_between(first, last, zone))
    for name in SHIFTS:
        mine = [count for (_, shift), count in met.items() if shift == name]
        yield ShiftBurden(
            shift=name,
            shifts=held[name],
            alerts=sum(mine),
            paged=sum(count for (_, shift), count in paged.items() if shift == name),
            most=max(mine, default=0),
        )


def _shifts_between(first: datetime | None, last: datetime, zone: tzinfo) -> Iterable[str]:
    """Return the names of the shifts from that of *first* to that of *last*."""
    if first is None or first > last:
        return
    begin, end = (
        day.toordinal() * len(SHIFTS) + SHIFTS.index(name)
        for day, name in (shift_of(first, zone), shift_of(last, zone))
    )
    for number in range(begin, end + 1):
        yield SHIFTS[number % len(SHIFTS)]


def _acknowledged(alerts: Sequence[Alert], found: Known) -> Iterable[Acknowledging]:
    seen_at: dict[str, datetime] = {}
    for answer in found.answers:
        known = seen_at.get(answer.alert_id)
        if known is None or answer.occurred_at < known:
            seen_at[answer.alert_id] = answer.occurred_at
    woke = [alert for alert in alerts if alert.paged]
    for severity in ("all", *SEVERITIES):
        mine = [alert for alert in woke if severity in {"all", alert.severity}]
        if mine or severity == "all":
            count = Counter(_answer(alert, seen_at.get(alert.alert_id), found.at) for alert in mine)
            yield Acknowledging(
                severity=severity,
                judged=count["within"] + count["later"] + count["never"],
                within=count["within"],
                later=count["later"],
                never=count["never"],
                waiting=count["waiting"],
            )


def _answer(alert: Alert, seen_at: datetime | None, at: datetime) -> str:
    limit = alert.raised_at + ANSWER_WITHIN
    if seen_at is not None:
        return "within" if seen_at <= limit else "later"
    return "waiting" if at < limit else "never"


def _followed(alerts: Sequence[Alert], found: Known) -> Iterable[Following]:
    clocks = {clock.clock: clock for clock in found.clocks}
    cells: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for alert in alerts:
        cells[alert.rule, LEVELS.index(alert.level or "-")][_came_of(alert, clocks)] += 1
    for (rule, level), count in sorted(cells.items()):
        yield Following(
            rule=rule,
            level=LEVELS[level],
            alerts=count.total(),
            followed=count["followed"],
            already_done=count["already-done"],
            ended_otherwise=count["ended-otherwise"],
            open=count["open"],
        )


def _came_of(alert: Alert, clocks: dict[str, ClockOutcome]) -> str:
    clock = clocks.get(alert.clock or "") if alert.kind == "clock" else None
    if clock is None:
        # A notice asks for nothing that could be counted: its cause goes, or its clock ends.
        return "open" if alert.status == "open" else "ended-otherwise"
    if clock.outcome in _DONE and clock.ended_at is not None:
        return "followed" if clock.ended_at > alert.raised_at else "already-done"
    return "open" if clock.ended_at is None else "ended-otherwise"
