"""Time: precision, local time, dates that cannot be, late news; levels and their severity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cordwatch.pathway.simulation import Told
from tests.builders import (
    SPINE_CT,
    T,
    a_back_pain,
    a_confirmed_diagnosis,
    a_deficit,
    a_discharge,
    a_dose,
    a_suspicion,
    an_mri_cancelled,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import HOUR, MINUTE, SECOND, Case, Page, Raised, Turn, level, tells
from tests.spec.cases.mri import DOCUMENTED_LATE, IN_TIME, levels

TWELVE, RAPID, MDT = "mri.mescc-suspected", "mri.deficit-rapid", "mdt.consult"
AMSTERDAM = "Europe/Amsterdam"
SUSPECTED = a_suspicion(T(0))
KNOWN = known_lymphoma()
ALL = (6, 9, 10.8, 12)


def _more(
    says: str,
    rules: tuple[str, ...],
    heard: tuple[Told, ...],
    *raised: Raised,
    until: datetime | None = None,
    **details: Any,
) -> Case:
    return Case("more", says, heard, raised, until, rules, **details)


def _utc(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


_MIDNIGHT, _LAST_SECOND = T(-8), T(16) - SECOND
_WHOLE_DAY: dict[str, Any] = {
    "occurred_at": _MIDNIGHT,
    "occurred_latest_at": _LAST_SECOND,
    "occurred_precision": "day",
}
"""The day of T0, which is eight in the morning: no time stated."""
_DAY_FLAG = ("day-precision",)
_TWICE: dict[str, Any] = {
    "occurred_at": _utc(10, 25, 0, 30),
    "occurred_latest_at": _utc(10, 25, 1, 30),
    "occurred_basis": "ambiguous",
}
"""Half past two in the night in which that hour comes twice."""
_TWICE_FLAG = ("local-time-ambiguous",)

_DST_START = _utc(10, 24, 13)
_DST_END = _utc(10, 25, 2)
_LATE = (_DST_END, "late by 0:30:00")


def _from(
    start: datetime,
    *hours: float,
    rule: str = "",
    flags: tuple[str, ...] = (),
    ends_flagged: tuple[str, ...] = (),
    then: tuple[Turn, ...] = (),
    up: bool = True,
) -> list[Raised]:
    names = ("reminder", "warning", "urgent", "due")
    return [
        level(
            start + timedelta(seconds=round(at * 3_600)),
            name,
            *then,
            up=up,
            rule=rule,
            flags=flags,
            ends_flagged=ends_flagged,
        )
        for at, name in zip(hours, names, strict=False)
    ]


_NIGHT = _utc(10, 24, 22, 30)
_SPRING = _utc(3, 28, 23, 30)
_LEAP = _utc(2, 28, 20, year=2028)
TIME = Page(
    "time",
    (
        _more(
            "A start on a day without a time counts from its earliest instant",
            (TWELVE,),
            (a_suspicion(T(0), **_WHOLE_DAY),),
            level(T(0), "reminder", up=True, late_by=2 * HOUR, flags=_DAY_FLAG),
            level(T(1), "warning", up=True, flags=_DAY_FLAG),
        ),
        _more(
            "A scan on a day without a time counts if any instant of the day does, at the latest at receipt",
            (TWELVE,),
            (SUSPECTED, an_mri_done(T(7), **_WHOLE_DAY)),
            level(T(6), "reminder", (T(7), IN_TIME), up=True, ends_flagged=_DAY_FLAG),
        ),
        _more(
            "Told after due it is late: the latest instant counts",
            (TWELVE,),
            (SUSPECTED, an_mri_done(T(12.2), **_WHOLE_DAY)),
            *_from(T(0), *ALL, ends_flagged=_DAY_FLAG, then=((T(12.2), "late by 0:12:00"),)),
        ),
        _more(
            "A dose does both: the earliest instant for the taper, the latest for the steroid clock",
            ("steroid.start", "steroid.taper"),
            (a_confirmed_diagnosis(T(0)), a_dose(T(0.5), **_WHOLE_DAY)),
            level(
                T(0),
                "prompt",
                (T(0.5), IN_TIME),
                up=True,
                rule="steroid.start",
                ends_flagged=_DAY_FLAG,
            ),
            level(T(160), "reminder", rule="steroid.taper", flags=_DAY_FLAG),
        ),
        _more(
            "Hours are elapsed hours over the night in which the clocks go back",
            (RAPID, MDT),
            (KNOWN, a_deficit(_NIGHT)),
            *_from(_NIGHT, 2, 3, 3.6, 4, rule=MDT, up=False),
            until=_NIGHT + 4 * HOUR,
            zone=AMSTERDAM,
        ),
        _more(
            "The 24 hours of that night end an hour earlier by the wall clock",
            (RAPID,),
            (KNOWN, a_deficit(_NIGHT)),
            *_from(_NIGHT, 12, 18, 21.6, 24),
            zone=AMSTERDAM,
        ),
        _more(
            "And an hour later where the clocks went forward",
            (RAPID,),
            (KNOWN, a_deficit(_SPRING)),
            *_from(_SPRING, 12, 18, 21.6, 24),
            zone=AMSTERDAM,
        ),
        _more(
            "A start in the hour that comes twice: the earlier instant",
            (TWELVE,),
            (a_suspicion(_utc(10, 25, 3), **_TWICE),),
            *_from(_utc(10, 25, 0, 30), *ALL, flags=_TWICE_FLAG),
            zone=AMSTERDAM,
        ),
        _more(
            "A scan in the hour that comes twice: the later instant",
            (TWELVE,),
            (a_suspicion(_DST_START), an_mri_done(_DST_END, **_TWICE)),
            *_from(_DST_START, *ALL, ends_flagged=_TWICE_FLAG, then=(_LATE,)),
            *(
                level(
                    _utc(10, 25, 1) + 15 * MINUTE * n,
                    "overdue",
                    _LATE,
                    repeat=n,
                    up=True,
                    ends_flagged=_TWICE_FLAG,
                )
                for n in (1, 2, 3)
            ),
            zone=AMSTERDAM,
        ),
        _more(
            "A local time that does not exist was shifted forward by the gap, and is flagged",
            (TWELVE,),
            (a_suspicion(_utc(3, 29, 1, 30), occurred_basis="nonexistent"),),
            *_from(_utc(3, 29, 1, 30), 6, flags=("local-time-nonexistent",)),
            zone=AMSTERDAM,
        ),
        _more(
            "Twelve hours into a leap day",
            (TWELVE,),
            (a_suspicion(_LEAP),),
            *_from(_LEAP, *ALL),
            zone="UTC",
        ),
        _more(
            "Fourteen days over a leap day",
            ("mri.back-pain",),
            (KNOWN, a_back_pain(_utc(2, 20, 8, year=2028))),
            *_from(_utc(2, 20, 8, year=2028), 168, 252, 302.4, 336),
            zone="UTC",
        ),
        _more(
            "Five minutes in the future are believed",
            (TWELVE,),
            (a_suspicion(T(0) + 5 * MINUTE, received_at=T(0)),),
            level(T(6) + 5 * MINUTE, "reminder", up=True),
        ),
        _more(
            "A second more is read as the time of receipt, and flagged",
            (TWELVE,),
            (a_suspicion(T(0) + 5 * MINUTE + SECOND, received_at=T(0)),),
            level(T(6), "reminder", up=True, flags=("future-clamped",)),
        ),
        _more(
            "A scan dated tomorrow is read as the time of receipt, until it is corrected",
            (TWELVE,),
            (
                SUSPECTED,
                an_mri_done(T(24), received_at=T(7), record_id="S1"),
                an_mri_done(T(5), received_at=T(8), record_id="S2", corrects="S1"),
            ),
            level(T(6), "reminder", (T(7), IN_TIME), up=True, ends_flagged=("future-clamped",)),
        ),
        _more(
            "News of exactly 30 days ago is paged",
            (TWELVE,),
            (a_suspicion(T(-720), received_at=T(0)),),
            level(T(0), "due", late_by=708 * HOUR),
        ),
        _more(
            "A second older it is for the board only",
            (TWELVE,),
            (a_suspicion(T(-720) - SECOND, received_at=T(0)),),
            level(T(0), "due", late_by=708 * HOUR + SECOND, paged=False),
        ),
        _more(
            "A discharge of exactly 30 days ago is paged",
            ("discharged-open",),
            (SUSPECTED, a_discharge(T(2), received_at=T(722))),
            tells(T(722)),
        ),
        _more(
            "A discharge a second older is for the board only",
            ("discharged-open",),
            (SUSPECTED, a_discharge(T(2), received_at=T(722) + SECOND)),
            tells(T(722) + SECOND, paged=False),
        ),
        _more(
            "What the source wrote down before due was documented in time, however late it reached us",
            (TWELVE,),
            (SUSPECTED, an_mri_done(T(11), recorded_at=T(11.5), received_at=T(12.2))),
            *levels(ALL, (T(12.2), IN_TIME)),
        ),
        _more(
            "Written down after due, it was documented late",
            (TWELVE,),
            (SUSPECTED, an_mri_done(T(11), recorded_at=T(12.1), received_at=T(12.2))),
            *levels(ALL, (T(12.2), DOCUMENTED_LATE)),
        ),
    ),
    title="Time",
    intro=(
        "Deadlines are elapsed time, counted from when a thing happened and not from when it was told. Doubt "
        "is resolved towards the earlier deadline, and flagged. *Within* is inclusive."
    ),
    not_promised=(
        "That a date of which only month or year is known counts: its message is set aside for a person.",
    ),
)

LEVELS = Page(
    "levels",
    (
        _more(
            "The service stands still over due: one alert, how late it is, then the grid for 24 h more",
            (TWELVE,),
            (a_suspicion(T(1)),),
            level(T(7), "reminder", up=True),
            level(T(10), "warning", up=True),
            level(T(37), "due", late_by=24 * HOUR),
            *(level(T(37) + 15 * MINUTE * n, "overdue", repeat=96 + n) for n in range(1, 97)),
            stopped=((T(11), T(37)),),
            until=T(62),
        ),
        _more(
            "It stands still after due: the repeats that were missed are one",
            (TWELVE,),
            (SUSPECTED,),
            *levels(ALL),
            level(T(20.1), "overdue", repeat=32, late_by=6 * MINUTE),
            level(T(20.25), "overdue", repeat=33),
            stopped=((T(12.1), T(20.1)),),
        ),
        _more(
            "Told seven hours late: the level that passed comes at once, and says so",
            (TWELVE,),
            (a_suspicion(T(0), received_at=T(7)),),
            level(T(7), "reminder", up=True, late_by=HOUR),
            level(T(9), "warning", up=True),
        ),
        _more(
            "Told when three have passed: the highest of them",
            (TWELVE,),
            (a_suspicion(T(0), received_at=T(11)),),
            level(T(11), "urgent", up=True, late_by=12 * MINUTE),
            level(T(12), "due"),
        ),
        _more(
            "Told after due: due, and nothing beyond it at once",
            (TWELVE,),
            (a_suspicion(T(0), received_at=T(30)),),
            level(T(30), "due", late_by=18 * HOUR),
            level(T(30.25), "overdue", repeat=73),
        ),
        _more(
            "Done before it was told of: nothing is raised",
            (TWELVE,),
            (a_suspicion(T(0), received_at=T(11)), an_mri_done(T(10))),
            until=T(12),
        ),
        _more(
            "An order lowers what comes after it, its cancellation raises it again",
            (TWELVE,),
            (SUSPECTED, an_mri_ordered(T(7)), an_mri_cancelled(T(10))),
            level(T(6), "reminder", up=True),
            level(T(9), "warning"),
            level(T(10.8), "urgent", up=True),
        ),
        _more(
            "An order for a CT lowers nothing",
            (TWELVE,),
            (SUSPECTED, an_mri_ordered(T(1), SPINE_CT)),
            level(T(6), "reminder", up=True),
        ),
        _more(
            "News replayed from a file is marked, and nobody is paged",
            (TWELVE,),
            (a_suspicion(T(0), replayed=True),),
            level(T(6), "reminder", up=True, paged=False),
        ),
    ),
    title="Levels and severity",
    intro=(
        "A *level* says how far a clock has run, the *severity* how loudly it is said. What passed unseen "
        "becomes one alert. While nothing is on order for it, a level is said one step louder."
    ),
)
