"""More in quarantine than usual: against the source's own history, with a floor, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cordwatch.feeds.trouble.quarantine_rate import AT_LEAST, HOURS_MAX, HOURS_MIN, Rate

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return an instant so many seconds later."""
    return NOW + timedelta(seconds=seconds)


def with_messages(count: int, *, hours: list[int] | None = None) -> Rate:
    """Return a source of which so many went to quarantine just now."""
    rate = Rate(hours=hours or [])
    for _ in range(count):
        rate.add(NOW)
    return rate


@pytest.mark.parametrize(("count", "jumped"), [(AT_LEAST - 1, False), (AT_LEAST, True)])
def test_fewer_than_the_floor_are_no_jump(count: int, jumped: bool) -> None:
    """A source that never failed may fail a few times."""
    assert with_messages(count).has_jumped(AT_LEAST) is jumped


@pytest.mark.parametrize(("count", "jumped"), [(79, False), (80, True), (81, True)])
def test_a_source_is_compared_with_itself(count: int, jumped: bool) -> None:
    """Twice what nineteen of twenty hours had at most."""
    hours = [40] * (HOURS_MIN - 1) + [500]
    assert with_messages(count, hours=hours).has_jumped(AT_LEAST) is jumped


def test_nothing_is_usual_before_a_day_was_seen() -> None:
    """An hour is no habit."""
    assert with_messages(0, hours=[40] * (HOURS_MIN - 1)).usual == 0
    assert with_messages(0, hours=[40] * HOURS_MIN).usual == 40


@pytest.mark.parametrize(("seconds", "count"), [(899, 20), (900, 0), (901, 0)])
def test_a_quarter_of_an_hour_is_looked_at(seconds: int, count: int) -> None:
    """By whole minutes."""
    rate = with_messages(20)
    rate.pass_time(1, at(seconds))
    assert rate.count == count


def test_it_is_over_when_it_is_half_the_limit() -> None:
    """Not at the first message less; and not because a process that just began has seen nothing."""
    rate = with_messages(5)
    rate.pass_time(899, at(0))
    assert not rate.is_over(AT_LEAST)
    rate.pass_time(1, at(1))
    assert not rate.is_over(AT_LEAST)
    assert with_messages(5).is_over(11) is False
    rate.pass_time(60, at(900))
    assert rate.is_over(AT_LEAST)


def hour_by_hour(rate: Rate, hours: int, *, able_s: float = 3_600, count: int = 3) -> None:
    """Let hours go by in each of which so many went to quarantine."""
    for hour in range(hours):
        rate.pass_time(0, at(3_600 * hour))
        for _ in range(count):
            rate.add(at(3_600 * hour))
        rate.pass_time(able_s, at(3_600 * hour + 3_599))


def test_an_hour_teaches_the_most_that_a_quarter_of_it_had() -> None:
    """Two weeks of them are kept."""
    rate = Rate()
    hour_by_hour(rate, HOURS_MAX + 3)
    assert rate.hours == [3] * HOURS_MAX


def test_an_hour_with_an_alert_or_without_the_gateway_teaches_nothing() -> None:
    """What is wrong must not become usual."""
    rate = Rate(jumped_since=NOW)
    hour_by_hour(rate, 3)
    assert rate.hours == []
    missed = Rate()
    hour_by_hour(missed, 3, able_s=3_539)
    assert missed.hours == []
