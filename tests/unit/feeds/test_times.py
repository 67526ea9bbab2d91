"""HL7 times: exact instants, and the span that a vague wording allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cordwatch.feeds.hl7.times import BadTime, as_precise_as, read_time

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260302080000+0000", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("202603020800-0030", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("20260302080000+1400", datetime(2026, 3, 1, 18, tzinfo=UTC)),
        ("20260302080000-1200", datetime(2026, 3, 2, 20, tzinfo=UTC)),
        ("20260302080000.2500+0000", datetime(2026, 3, 2, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("20260228240000+0000", datetime(2026, 3, 1, tzinfo=UTC)),
        ("20260302080000", datetime(2026, 3, 2, 7, tzinfo=UTC)),
    ],
)
def test_an_instant_is_exact(text: str, expected: datetime) -> None:
    """Offsets of the field, `2400`, fractions, and the source's zone."""
    stamp = read_time(text, AMSTERDAM)
    assert (stamp.at, stamp.latest_at) == (expected, expected)


@pytest.mark.parametrize(
    ("zone", "text", "first", "second"),
    [
        ("Europe/Amsterdam", "202610250230", (2026, 10, 25, 0, 30), (2026, 10, 25, 1, 30)),
        ("Europe/London", "202610250130", (2026, 10, 25, 0, 30), (2026, 10, 25, 1, 30)),
        ("America/New_York", "202611010130", (2026, 11, 1, 5, 30), (2026, 11, 1, 6, 30)),
    ],
)
def test_a_repeated_hour_is_both_instants(
    zone: str, text: str, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    """The earlier for a start, the later for what satisfies."""
    stamp = read_time(text, ZoneInfo(zone))
    assert stamp.at == datetime(*first, tzinfo=UTC)  # type: ignore[misc, arg-type]
    assert stamp.latest_at == datetime(*second, tzinfo=UTC)  # type: ignore[misc, arg-type]
    assert stamp.basis == "ambiguous"


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("Europe/Amsterdam", "202603290230", (2026, 3, 29, 1, 30)),
        ("Europe/London", "202603290130", (2026, 3, 29, 1, 30)),
        ("America/New_York", "202603080230", (2026, 3, 8, 7, 30)),
    ],
)
def test_an_hour_that_never_was_is_shifted_by_the_gap(
    zone: str, text: str, expected: tuple[int, ...]
) -> None:
    """And says so."""
    stamp = read_time(text, ZoneInfo(zone))
    assert stamp.at == stamp.latest_at == datetime(*expected, tzinfo=UTC)  # type: ignore[misc, arg-type]
    assert stamp.basis == "nonexistent"


def test_a_day_is_all_its_instants() -> None:
    """A DST day in autumn is 25 hours long."""
    stamp = read_time("20261025", AMSTERDAM)
    assert stamp.latest_at - stamp.at == timedelta(hours=25) - TICK
    assert stamp.precision == "day"


def test_the_message_offset_comes_before_the_zone() -> None:
    """A field without an offset takes that of MSH-7."""
    stamp = read_time("20260302080000", AMSTERDAM, timezone(timedelta(hours=-5)))
    assert (stamp.at, stamp.basis) == (datetime(2026, 3, 2, 13, tzinfo=UTC), "message")


@pytest.mark.parametrize(
    "text",
    ["2026-03-02", "20260230", "20260302250000", "20260302080000+1500", "garbage", "20260302x"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Nothing is guessed, and the refusal does not repeat the text."""
    with pytest.raises(BadTime) as refusal:
        read_time(text, AMSTERDAM)
    assert text not in str(refusal.value)


@pytest.mark.parametrize(("text", "precision"), [("2026", "year"), ("202603", "month")])
def test_month_and_year_are_told_as_such(text: str, precision: str) -> None:
    """The mapping sends them to quarantine."""
    assert read_time(text, AMSTERDAM).precision == precision


@pytest.mark.parametrize(
    ("text", "degree", "expected"),
    [
        ("20260302080910+0100", "D", "20260302+0100"),
        ("20260302080910.25", "M", "202603020809"),
        ("20260302080910", "L", "202603"),
        ("20260302", "M", "20260302"),
        ("20260302080910", "S", "20260302080910"),
        ("20260302080910", "", "20260302080910"),
        ("garbage", "D", "garbage"),
    ],
)
def test_digits_that_the_sender_disowns_are_left_out(text: str, degree: str, expected: str) -> None:
    """The second component of a time, up to v2.5: midnight may stand for a day."""
    assert as_precise_as(text, degree) == expected
