"""Weekly hours in a hospital's own time, like `mon-fri 08:00-17:00`: who is there, and when it should be quiet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import PlainValidator

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
_HOURS = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")
LOOK_AHEAD = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Hours:
    """The same hours on some days of the week; those that pass midnight belong to the day on which they begin."""

    days: frozenset[int]
    """0 is Monday."""
    begin_min: int
    length_min: int
    text: str

    @classmethod
    def of(cls, text: object) -> Hours:
        """
        Return the hours that *text* says.

        Raises:
            ValueError: it does not say any.
        """
        said = text.strip() if isinstance(text, str) else ""
        match = _HOURS.fullmatch(said.lower())
        if match is None:
            raise ValueError("hours are written like 'mon-fri 08:00-17:00' or '22:00-07:00'")
        first, last, *times = match.groups()
        if any(day is not None and day not in DAYS for day in (first, last)):
            raise ValueError(f"days are {', '.join(DAYS)}")
        begin, end = (int(h) * 60 + int(m) for h, m in (times[:2], times[2:]))
        if int(times[1]) > 59 or int(times[3]) > 59 or begin >= DAY_MIN or end > DAY_MIN:  # noqa: PLR2004
            raise ValueError("times run from 00:00 to 24:00")
        length = (end - begin) % DAY_MIN or DAY_MIN
        return cls(_days(first, last), begin, length, said)

    def holds(self, at: datetime, zone: ZoneInfo) -> bool:
        """Return whether it is within these hours, by the clock on the wall."""
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        return (today in self.days and 0 <= minute - self.begin_min < self.length_min) or (
            yesterday in self.days and minute + DAY_MIN - self.begin_min < self.length_min
        )

    def end_after(self, at: datetime, zone: ZoneInfo) -> datetime:
        """Return the first full minute from *at* on that is outside; at most eight days later."""
        minute = at.replace(second=0, microsecond=0)
        return _end_after(self, minute if minute == at else minute + timedelta(minutes=1), zone)


@lru_cache(maxsize=256)
def _end_after(hours: Hours, minute: datetime, zone: ZoneInfo) -> datetime:
    """Kept, since all that waits for the same morning asks in the same minute."""
    found = minute
    while hours.holds(found, zone) and found - minute < LOOK_AHEAD:
        found += timedelta(minutes=1)
    return found


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin = DAYS.index(first)
    span = (DAYS.index(last) - begin) % 7 if last else 0
    return frozenset((begin + step) % 7 for step in range(span + 1))


WeeklyHours = Annotated[
    Hours, PlainValidator(lambda value: value if isinstance(value, Hours) else Hours.of(value))
]
"""As it stands in a plan."""
