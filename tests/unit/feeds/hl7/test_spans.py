"""The span that a wording allows: whole hours, days, months; every offset; both clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.times import BadTime, offset_of, read_time

TICK = timedelta(microseconds=1)
ZONES = ("Europe/Amsterdam", "Europe/London", "America/New_York")


def span(text: str, zone: str) -> tuple[str, str, str]:
    """Return first and last instant (to the second, UTC) and the basis."""
    stamp = read_time(text, ZoneInfo(zone))
    return f"{stamp.at:%m-%dT%H:%M:%S}", f"{stamp.latest_at:%m-%dT%H:%M:%S}", stamp.basis


@pytest.mark.parametrize(
    ("zone", "text", "first", "last", "basis"),
    [
        # The nights in which an hour is missing: the hour, its neighbours, the day of 23 hours.
        ("Europe/Amsterdam", "2026032901", "03-29T00:00:00", "03-29T00:59:59", "source"),
        ("Europe/Amsterdam", "2026032902", "03-29T01:00:00", "03-29T01:59:59", "nonexistent"),
        ("Europe/Amsterdam", "20260329020000", "03-29T01:00:00", "03-29T01:00:00", "nonexistent"),
        ("Europe/Amsterdam", "20260329", "03-28T23:00:00", "03-29T21:59:59", "source"),
        ("Europe/London", "2026032901", "03-29T01:00:00", "03-29T01:59:59", "nonexistent"),
        ("Europe/London", "20260329", "03-29T00:00:00", "03-29T22:59:59", "source"),
        ("America/New_York", "2026030802", "03-08T07:00:00", "03-08T07:59:59", "nonexistent"),
        ("America/New_York", "20260308", "03-08T05:00:00", "03-09T03:59:59", "source"),
        # The nights in which an hour comes twice: both passes, and the day of 25 hours.
        ("Europe/Amsterdam", "2026102501", "10-24T23:00:00", "10-24T23:59:59", "source"),
        ("Europe/Amsterdam", "2026102502", "10-25T00:00:00", "10-25T01:59:59", "ambiguous"),
        ("Europe/Amsterdam", "20261025025959", "10-25T00:59:59", "10-25T01:59:59", "ambiguous"),
        ("Europe/Amsterdam", "20261025030000", "10-25T02:00:00", "10-25T02:00:00", "source"),
        ("Europe/Amsterdam", "20261025", "10-24T22:00:00", "10-25T22:59:59", "source"),
        ("Europe/London", "2026102501", "10-25T00:00:00", "10-25T01:59:59", "ambiguous"),
        ("Europe/London", "20261025", "10-24T23:00:00", "10-25T23:59:59", "source"),
        ("America/New_York", "2026110101", "11-01T05:00:00", "11-01T06:59:59", "ambiguous"),
        ("America/New_York", "20261101", "11-01T04:00:00", "11-02T04:59:59", "source"),
        # A midnight that never was leaves no doubt about the day.
        ("Asia/Beirut", "20260329", "03-28T22:00:00", "03-29T20:59:59", "source"),
        # Partial dates, whole.
        ("Europe/Amsterdam", "202602", "01-31T23:00:00", "02-28T22:59:59", "source"),
        ("Europe/Amsterdam", "202612", "11-30T23:00:00", "12-31T22:59:59", "source"),
        ("Europe/Amsterdam", "2026", "12-31T23:00:00", "12-31T22:59:59", "source"),
    ],
)
def test_a_vague_wording_is_all_that_it_allows(
    zone: str, text: str, first: str, last: str, basis: str
) -> None:
    """The earliest starts a clock, the latest is all that is certain to be over."""
    assert span(text, zone) == (first, last, basis)


def test_a_span_ends_a_microsecond_before_the_next_begins() -> None:
    """No instant lies between two days, two hours, or in both."""
    for zone in map(ZoneInfo, ZONES):
        for one, other in (("20261024", "20261025"), ("2026102500", "2026102501")):
            assert read_time(one, zone).latest_at + TICK == read_time(other, zone).at


@pytest.mark.parametrize("minutes", range(-12 * 60, 14 * 60 + 1, 15))
def test_every_offset_is_exact(minutes: int) -> None:
    """From -1200 to +1400, below one hour too."""
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"202602282359{sign}{size // 60:02}{size % 60:02}"
    expected = datetime(2026, 2, 28, 23, 59, tzinfo=UTC) - timedelta(minutes=minutes)
    stamp = read_time(text, ZoneInfo("Europe/Amsterdam"))
    assert (stamp.at, stamp.latest_at, stamp.basis) == (expected, expected, "field")


@pytest.mark.parametrize("offset", ["-1201", "-1400", "+1401", "+0260", "+9999"])
def test_an_offset_that_no_place_has_is_refused(offset: str) -> None:
    """It is a typing error, and which one nobody knows."""
    with pytest.raises(BadTime):
        read_time(f"20260302080000{offset}", ZoneInfo("UTC"))
    with pytest.raises(BadTime):
        offset_of(f"20260302{offset}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240229", datetime(2024, 2, 29, tzinfo=UTC)),
        ("20261231240000", datetime(2027, 1, 1, tzinfo=UTC)),
        ("20240229240000.000", datetime(2024, 3, 1, tzinfo=UTC)),
        ("20260302080000.9999999", datetime(2026, 3, 2, 8, 0, 0, 999_999, tzinfo=UTC)),
        ("20260302080000.1", datetime(2026, 3, 2, 8, 0, 0, 100_000, tzinfo=UTC)),
        (" 20260302080000+0000 ", datetime(2026, 3, 2, 8, tzinfo=UTC)),
    ],
)
def test_edges_of_the_calendar(text: str, expected: datetime) -> None:
    """Leap day, the end of a day, of a year, of a second."""
    assert read_time(text, ZoneInfo("UTC")).at == expected


@pytest.mark.parametrize(
    "text",
    [
        *("20250229", "99991231", "9999", "00010101+1400", "00000101", "202603022401"),
        *("2026030", "20260302080060", "20261301", "\u0662\u0660\u0662\u0666"),
    ],
)
def test_no_such_time_is_refused(text: str) -> None:
    """The last day that Python knows, too: no span fits behind it."""
    with pytest.raises(BadTime) as refusal:
        read_time(text, ZoneInfo("UTC"))
    assert text not in str(refusal.value)


@given(
    st.text(alphabet="0123456789+-.", max_size=24) | st.text(max_size=12), st.sampled_from(ZONES)
)
def test_any_text_is_a_time_or_refused(text: str, zone: str) -> None:
    """Never another error, and never an end before its beginning."""
    try:
        stamp = read_time(text, ZoneInfo(zone))
    except BadTime:
        return
    assert stamp.at <= stamp.latest_at


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2060, 1, 1)),  # noqa: DTZ001 - local on purpose
    st.sampled_from(ZONES),
)
def test_a_local_second_reads_back(local: datetime, zone: str) -> None:
    """Both instants show the time that was written, unless it never was."""
    stamp = read_time(f"{local:%Y%m%d%H%M%S}", ZoneInfo(zone))
    shown = {
        one.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for one in (stamp.at, stamp.latest_at)
    }
    if stamp.basis == "nonexistent":
        assert shown == {local.replace(microsecond=0) + timedelta(hours=1)}
    else:
        assert shown == {local.replace(microsecond=0)}
    assert (stamp.at != stamp.latest_at) == (stamp.basis == "ambiguous")


def test_the_order_of_offsets() -> None:
    """The field's own, then the header's, then the source's zone."""
    zone, header = ZoneInfo("Europe/Amsterdam"), timezone(timedelta(hours=-5))
    told = [
        read_time("20260302080000+0200", zone, header),
        read_time("20260302080000", zone, header),
        read_time("20260302080000", zone),
    ]
    assert [(one.at.hour, one.basis) for one in told] == [
        (6, "field"),
        (13, "message"),
        (7, "source"),
    ]
