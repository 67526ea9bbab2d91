"""Every form of an HL7 time, with every offset, and every quarter of an hour of the nights in which clocks change."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cordwatch.feeds.hl7.times import BadTime, offset_of, read_time

QUARTER = timedelta(minutes=15)
TICK = timedelta(microseconds=1)
OFFSETS = [QUARTER * number for number in range(-48, 57)]
"""From -12:00 to +14:00: all that are in use anywhere, -00:30 among them."""

FORMS = [
    ("%Y", "year"),
    ("%Y%m", "month"),
    ("%Y%m%d", "day"),
    ("%Y%m%d%H", "hour"),
    ("%Y%m%d%H%M", "minute"),
    ("%Y%m%d%H%M%S", "second"),
    ("%Y%m%d%H%M%S.2", "fraction"),
    ("%Y%m%d%H%M%S.25", "fraction"),
    ("%Y%m%d%H%M%S.250", "fraction"),
    ("%Y%m%d%H%M%S.2500", "fraction"),
]
WRITTEN = datetime(2026, 11, 25, 13, 47, 59)  # noqa: DTZ001 - a wall clock, the offset is beside it
BEGINS = {
    "year": datetime(2026, 1, 1),  # noqa: DTZ001
    "month": datetime(2026, 11, 1),  # noqa: DTZ001
    "day": datetime(2026, 11, 25),  # noqa: DTZ001
    "hour": datetime(2026, 11, 25, 13),  # noqa: DTZ001
    "minute": datetime(2026, 11, 25, 13, 47),  # noqa: DTZ001
    "second": WRITTEN,
}
LASTS = {
    "year": timedelta(days=365) - TICK,
    "month": timedelta(days=30) - TICK,
    "day": timedelta(days=1) - TICK,
    "hour": timedelta(hours=1) - TICK,
}


def suffix(offset: timedelta) -> str:
    """Return an offset as HL7 writes it."""
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}{minutes % 60:02}"


def test_every_form_with_every_offset() -> None:
    """Exact to the microsecond, and as wide as the wording."""
    assert "-0030" in {suffix(offset) for offset in OFFSETS}
    for form, precision in FORMS:
        for offset in OFFSETS:
            text = WRITTEN.strftime(form) + suffix(offset)
            begin = BEGINS.get(precision, WRITTEN)
            if precision == "fraction":
                begin += timedelta(microseconds=200_000 if form.endswith(".2") else 250_000)
            stamp = read_time(text, ZoneInfo("Europe/Amsterdam"), timezone(timedelta(hours=9)))
            at = begin.replace(tzinfo=UTC) - offset
            assert (stamp.at, stamp.latest_at - stamp.at) == (at, LASTS.get(precision, 0 * TICK))
            assert (stamp.precision, stamp.basis) == (precision, "field"), text


@pytest.mark.parametrize("text", ["+1401", "+1415", "-1201", "-1215", "+0060", "-0075", "+9999"])
def test_offsets_that_no_place_has_are_refused(text: str) -> None:
    """Read as they stand they would move a deadline by hours."""
    with pytest.raises(BadTime):
        offset_of(f"20261125134759{text}")
    with pytest.raises(BadTime):
        read_time(f"20261125134759{text}", UTC)


@pytest.mark.parametrize("text", ["-0000", "+0000"])
def test_zero_is_zero_with_either_sign(text: str) -> None:
    """Some senders write the one, some the other."""
    assert read_time(f"20261125134759{text}", ZoneInfo("Asia/Tokyo")).at.hour == 13


NIGHTS = [
    ("Europe/Amsterdam", datetime(2026, 3, 29, 1, tzinfo=UTC), timedelta(hours=1)),
    ("Europe/Amsterdam", datetime(2026, 10, 25, 1, tzinfo=UTC), timedelta(hours=-1)),
    ("Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC), timedelta(hours=1)),
    ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC), timedelta(hours=-1)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC), timedelta(hours=1)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC), timedelta(hours=-1)),
]
"""When clocks change, and by how much they jump."""


@pytest.mark.parametrize(("name", "jumps_at", "jump"), NIGHTS)
@pytest.mark.parametrize("seconds", [0, 1, 59])
def test_every_quarter_of_a_night_in_which_clocks_change(
    name: str, jumps_at: datetime, jump: timedelta, seconds: int
) -> None:
    """Every wall clock reading is the instants at which a clock on the wall shows it; none: moved by the gap."""
    zone, quiet = ZoneInfo(name), 24
    before = (jumps_at - TICK).astimezone(zone).utcoffset()
    assert before is not None
    # Here the wall is looked at instant by instant; `read_time` goes the other way.
    shown: dict[datetime, list[datetime]] = defaultdict(list)
    for number in range(-4 * quiet, 4 * quiet):
        at = jumps_at + QUARTER * number + timedelta(seconds=seconds)
        shown[at.astimezone(zone).replace(tzinfo=None)].append(at)
    counts = {1: 0, 2: 0, 0: 0}
    for number in range(-quiet, quiet):
        wall = jumps_at.replace(tzinfo=None) + before + QUARTER * number
        wall += timedelta(seconds=seconds)
        stamp = read_time(f"{wall:%Y%m%d%H%M%S}", zone)
        instants = shown.get(wall, [])
        counts[len(instants)] += 1
        if instants:
            assert (stamp.at, stamp.latest_at) == (min(instants), max(instants)), wall
            assert stamp.basis == ("source" if len(instants) == 1 else "ambiguous"), wall
        else:
            moved = wall.replace(tzinfo=UTC) - before
            assert (stamp.at, stamp.latest_at, stamp.basis) == (moved, moved, "nonexistent"), wall
            assert stamp.at.astimezone(zone).replace(tzinfo=None) == wall + jump
    # An hour that is not there, or one that is there twice.
    assert counts[0] == (4 if jump > timedelta(0) else 0)
    assert counts[2] == (0 if jump > timedelta(0) else 4)


@pytest.mark.parametrize(("name", "jumps_at", "jump"), NIGHTS)
def test_the_day_and_the_hours_of_a_night_in_which_clocks_change(
    name: str, jumps_at: datetime, jump: timedelta
) -> None:
    """A day of 23 or 25 hours; every hour as written covers all instants that it may mean."""
    zone = ZoneInfo(name)
    day = f"{jumps_at.astimezone(zone):%Y%m%d}"
    stamp = read_time(day, zone)
    assert stamp.latest_at - stamp.at == timedelta(hours=24) - jump - TICK
    assert (stamp.precision, stamp.basis) == ("day", "source")
    for hour in range(24):
        whole = read_time(f"{day}{hour:02}", zone)
        quarters = [read_time(f"{day}{hour:02}{minute:02}", zone) for minute in range(0, 60, 15)]
        assert whole.at <= min(one.at for one in quarters), hour
        assert whole.latest_at >= max(one.latest_at for one in quarters), hour
        assert whole.basis == quarters[0].basis, hour


@pytest.mark.parametrize(("name", "jumps_at", "jump"), NIGHTS)
def test_an_offset_in_the_field_leaves_no_doubt(
    name: str, jumps_at: datetime, jump: timedelta
) -> None:
    """Whoever writes it means one instant, in the doubled hour and in the missing one."""
    zone = ZoneInfo(name)
    for number in range(-8, 8):
        at = jumps_at + QUARTER * number
        local = at.astimezone(zone)
        stamp = read_time(local.strftime("%Y%m%d%H%M%S%z"), UTC)
        assert (stamp.at, stamp.latest_at, stamp.basis) == (at, at, "field"), jump
