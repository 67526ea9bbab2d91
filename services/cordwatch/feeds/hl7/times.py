"""HL7 times: how precise they are, from which offset, and the span of instants that they allow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal

from cordwatch_schemas.base import TimeBasis

StampPrecision = Literal["year", "month", "day", "hour", "minute", "second", "fraction"]

_FORM = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?"
)
_PRECISIONS: tuple[StampPrecision, ...] = ("year", "month", "day", "hour", "minute", "second")
_MAX_OFFSET = timedelta(hours=14)
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


def offset_of(text: str) -> timezone | None:
    """
    Return the UTC offset that an HL7 time states, None if it states none.

    Raises:
        BadTime: an offset beyond 14 hours, or minutes beyond 59.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or not match[8]:
        return None
    hours, minutes = int(match[8][1:3]), int(match[8][3:])
    span = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or span > _MAX_OFFSET:  # noqa: PLR2004 - minutes of an hour
        raise BadTime("offset is out of range")
    return timezone(-span if match[8][0] == "-" else span)


def read_time(text: str, zone: tzinfo, message_offset: timezone | None = None) -> Stamp:
    """
    Return the instants that *text* allows.

    The offset is the field's own, else the message's (MSH-7), else that of the
    source's *zone*. A repeated local hour gives both its instants, a local time
    that never was is shifted forward by the gap (pathway, Time).

    Raises:
        BadTime: it is no time, or no such day exists.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise BadTime("is not an HL7 time")
    parts = [int(part) if part else None for part in match.groups()[:6]]
    told = sum(part is not None for part in parts)
    precision: StampPrecision = "fraction" if match[7] else _PRECISIONS[told - 1]
    own = offset_of(text)
    begin = _local(parts, match[7])
    basis: TimeBasis = "field" if own else "message" if message_offset else "source"
    where = own or message_offset or zone
    first, last, doubt = _instants(begin, where)
    if precision in {"day", "hour"}:
        span = timedelta(days=1) if precision == "day" else timedelta(hours=1)
        last = _instants(begin + span, where)[0] - _TICK
    return Stamp(first, max(first, last), precision, doubt or basis)


def _local(parts: list[int | None], fraction: str | None) -> datetime:
    year, month, day, hour, minute, second = parts
    midnight = hour == 24  # noqa: PLR2004 - 2400 is the end of the day
    if midnight and (minute or second or fraction):
        raise BadTime("hour is out of range")
    micros = round(float(fraction) * 1_000_000) if fraction else 0
    try:
        begin = datetime(  # noqa: DTZ001 - the zone is applied by the caller
            year or 0,
            month or 1,
            day or 1,
            0 if midnight else hour or 0,
            minute or 0,
            second or 0,
            min(micros, 999_999),
        )
        return begin + timedelta(days=1) if midnight else begin
    except (ValueError, OverflowError):
        raise BadTime("no such day or time exists") from None


def _instants(local: datetime, where: tzinfo) -> tuple[datetime, datetime, TimeBasis | None]:
    """Return the first and last instant of a local time, and what is doubtful about it."""
    try:
        one = local.replace(tzinfo=where, fold=0)
        other = local.replace(tzinfo=where, fold=1)
        first, second = one.astimezone(UTC), other.astimezone(UTC)
    except OverflowError:
        raise BadTime("no such day or time exists") from None
    if first == second:
        return first, first, None
    if first < second:
        return first, second, "ambiguous"
    # In a gap the offset from before it moves the time forward by the gap.
    return first, first, "nonexistent"
