"""HL7 times: how precise they are, from which offset, and the span of instants that they allow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal

from cordwatch_schemas.base import TimeBasis

StampPrecision = Literal["year", "month", "day", "hour", "minute", "second", "fraction"]

_FORM = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?([+-]\d{4})?",
    re.ASCII,
)
_PRECISIONS: tuple[StampPrecision, ...] = ("year", "month", "day", "hour", "minute", "second")
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
_TICK = timedelta(microseconds=1)


class BadTime(ValueError):
    """A text that is no HL7 time; says why, never what it was."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as told: the instants that its wording allows, first and last, in UTC."""

    at: datetime
    latest_at: datetime
    precision: StampPrecision
    basis: TimeBasis


@lru_cache(maxsize=256)
def offset_of(text: str) -> timezone | None:
    """
    Return the UTC offset that an HL7 time states, None if it states none.

    Raises:
        BadTime: an offset outside -12:00 to +14:00, or minutes beyond 59.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or not match[8]:
        return None
    hours, minutes = int(match[8][1:3]), int(match[8][3:])
    span = timedelta(hours=hours, minutes=minutes)
    span = -span if match[8][0] == "-" else span
    if minutes > 59 or not _WEST <= span <= _EAST:  # noqa: PLR2004 - minutes of an hour
        raise BadTime("offset is out of range")
    return timezone(span)


_DEGREES = {"Y": 4, "L": 6, "D": 8, "H": 10, "M": 12}
"""Second component of a time (TS, up to v2.5), with the digits that it leaves of the first."""


def as_precise_as(text: str, degree: str) -> str:
    """Return *text* without the digits that its sender says mean nothing: `2026030200^D` is a day."""
    digits = _DEGREES.get(degree.upper()) if degree else None
    match = _FORM.fullmatch(text.strip()) if digits else None
    if match is None:
        return text
    return "".join(part or "" for part in match.groups()[:6])[:digits] + (match[8] or "")


@lru_cache(maxsize=256)
def read_time(text: str, zone: tzinfo, message_offset: timezone | None = None) -> Stamp:
    """
    Return the instants that *text* allows.

    The offset is the field's own, else the message's (MSH-7), else that of the
    source's *zone*. Messages say the same instant again and again, so the last ones
    read are remembered. A repeated local hour gives both its instants, a local time
    that never was is shifted forward by the gap (pathway, Time).

    Raises:
        BadTime: it is no time, or no such day exists.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise BadTime("is not an HL7 time")
    parts = [int(part) for part in match.groups()[:6] if part]
    precision: StampPrecision = "fraction" if match[7] else _PRECISIONS[len(parts) - 1]
    own = offset_of(text)
    basis: TimeBasis = "field" if own else "message" if message_offset else "source"
    where = own or message_offset or zone
    try:
        begin = _local(parts, match[7] or "")
        first, last, doubt = _instants(begin, where)
        if precision == "hour" and doubt == "nonexistent":
            # The whole hour moves by the gap, so its end does too.
            last = first + timedelta(hours=1) - _TICK
        elif precision in {"year", "month", "day", "hour"}:
            last = _instants(_after(begin, precision), where)[0] - _TICK
    except (ValueError, OverflowError):
        raise BadTime("no such day or time exists") from None
    if precision in {"year", "month", "day"}:
        # The span covers a midnight that never was or came twice: no doubt is left.
        doubt = None
    return Stamp(first, last, precision, doubt or basis)


def _local(parts: list[int], fraction: str) -> datetime:
    year, month, day, hour, minute, second = [*parts, *(0, 1, 1, 0, 0, 0)[len(parts) :]]
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    midnight = hour == 24  # noqa: PLR2004 - 2400 is the end of the day
    if midnight and (minute or second or micros):
        raise BadTime("no such day or time exists")
    hour = 0 if midnight else hour
    begin = datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001 - zone below
    return begin + timedelta(days=1) if midnight else begin


def _after(begin: datetime, precision: StampPrecision) -> datetime:
    """Return the local time at which the next hour, day, month or year begins."""
    if precision == "year":
        return begin.replace(year=begin.year + 1)
    if precision == "month":
        return (begin + timedelta(days=31)).replace(day=1)
    return begin + (timedelta(days=1) if precision == "day" else timedelta(hours=1))


def _instants(local: datetime, where: tzinfo) -> tuple[datetime, datetime, TimeBasis | None]:
    """Return the first and last instant of a local time, and what is doubtful about it."""
    first = local.replace(tzinfo=where, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=where, fold=1).astimezone(UTC)
    if first == second:
        return first, first, None
    if first < second:
        return first, second, "ambiguous"
    # In a gap the offset from before it moves the time forward by the gap.
    return first, first, "nonexistent"
