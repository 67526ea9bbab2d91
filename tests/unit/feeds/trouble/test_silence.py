"""Silence of a feed: learnt by hour of the week, told to the second, and nobody's where the gateway was away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cordwatch.feeds.trouble.presence import AWAY_S, Away, Presence
from cordwatch.feeds.trouble.silence import (
    FACTOR,
    UNLEARNT_S,
    WEEKS_MAX,
    Hearing,
    SilencePlan,
    SilencePlans,
    hour_of_week,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PLAN = SilencePlan(at_least_s=900)
LONG_S = 10_000.0


def heard(*longest: int, hour: int = 33, quiet_s: float = 0.0) -> Hearing:
    """Return a feed in whose hour these were the longest silences, week by week."""
    return Hearing(quiet_s=quiet_s, last_at=NOW, hours={hour: list(longest)})


@pytest.mark.parametrize(
    ("quiet_s", "silent"), [(3_599.0, False), (3_600.0, True), (3_601.0, True)]
)
def test_it_is_told_from_twice_what_is_usual_on(quiet_s: float, silent: bool) -> None:
    """One second before, at, and after."""
    assert heard(1_800, 1_700, quiet_s=quiet_s).is_silent(33, PLAN, LONG_S) is silent


@pytest.mark.parametrize(("quiet_s", "silent"), [(899.0, False), (900.0, True), (901.0, True)])
def test_a_silence_below_the_floor_is_never_told(quiet_s: float, silent: bool) -> None:
    """However busy the feed usually is at this hour."""
    assert heard(20, 30, quiet_s=quiet_s).is_silent(33, PLAN, LONG_S) is silent


def test_a_silence_above_the_ceiling_always_is() -> None:
    """Whatever was learnt."""
    plan = SilencePlan(at_least_s=900, at_most_s=1_200)
    assert heard(1_800, 1_800).limit_s(33, plan) == 1_200
    assert heard(20, 30).limit_s(33, plan) == 900


def test_what_is_silent_at_night_is_no_news_at_night() -> None:
    """And is in the morning."""
    feed = heard(14_000, 15_000, hour=3)
    feed.hours[9] = [60, 90]
    feed.quiet_s = 7_200
    assert not feed.is_silent(3, PLAN, LONG_S)
    assert feed.is_silent(9, PLAN, LONG_S)


def test_the_hours_beside_count_too() -> None:
    """A batch that comes at three comes at times at five to."""
    feed = heard(60, 60, hour=3)
    feed.hours |= {2: [5_000, 5_000], 4: [9_000, 9_000], 5: [20_000, 20_000]}
    assert feed.limit_s(3, PLAN) == FACTOR * 9_000
    feed.hours |= {167: [30_000, 30_000], 0: [60, 60], 1: [60, 60]}
    assert feed.limit_s(0, PLAN) == FACTOR * 30_000


@pytest.mark.parametrize(
    ("weeks", "usual"),
    [
        ([600, 90_000], 90_000),
        ([600, 90_000, 600], 90_000),
        ([600, 90_000, 600, 700], 700),
        ([90_000, 90_000, 600, 700], 90_000),
    ],
)
def test_one_outage_is_no_habit_and_two_are(weeks: list[int], usual: int) -> None:
    """From four weeks on the longest is left out; a feed that has become rarer is learnt."""
    assert heard(*weeks).limit_s(33, PLAN) == FACTOR * usual


def test_until_an_hour_is_learnt_a_day_is_the_limit() -> None:
    """Or twice the longest silence that there ever was: a feed of once a week is not told daily."""
    feed = heard(60)
    assert (feed.limit_s(33, PLAN), feed.is_learnt(33)) == (UNLEARNT_S, False)
    feed.quiet_s = 500_000.0
    feed.hear(NOW)
    assert feed.limit_s(33, PLAN) == FACTOR * 500_000
    assert feed.limit_s(33, SilencePlan(at_most_s=3_600)) == 3_600


def test_a_silence_that_was_told_teaches_nothing() -> None:
    """The next one would be told later."""
    feed = Hearing(quiet_s=500_000.0, last_at=NOW, silent_since=NOW)
    feed.hear(NOW)
    assert feed.longest_s == 0


def test_what_never_came_is_missed_only_where_the_profile_names_it() -> None:
    """A type that a sender does not have is not silent."""
    never = Hearing(quiet_s=2 * UNLEARNT_S)
    assert not never.is_silent(33, PLAN, LONG_S)
    assert never.is_silent(33, SilencePlan(expected=True), LONG_S)
    assert not never.is_silent(33, SilencePlan(expected=True, never=True), LONG_S)


@pytest.mark.parametrize(("able_for_s", "silent"), [(899.0, False), (900.0, True)])
def test_senders_get_time_to_come_back(able_for_s: float, silent: bool) -> None:
    """After a restart the silence goes on where it was, but is not told before the floor."""
    assert heard(60, 60, quiet_s=5_000).is_silent(33, PLAN, able_for_s) is silent


def test_an_hour_teaches_how_long_the_silence_grew_in_it() -> None:
    """At the end of the hour, with what was there when it began."""
    feed = Hearing(last_at=NOW)
    for second in range(0, 3_601, 60):
        feed.pass_time(60, 10)
        if second % 600 == 0:
            feed.hear(NOW + timedelta(seconds=second))
    assert feed.pass_time(60, 11)
    assert feed.hours == {10: [600]}
    for _ in range(59):
        assert not feed.pass_time(60, 11)
    feed.pass_time(60, 12)
    assert feed.hours[11][0] > 3_500


@pytest.mark.parametrize(("heard_s", "learnt"), [(3_539, False), (3_540, True)])
def test_an_hour_of_which_a_part_was_missed_teaches_nothing(heard_s: int, learnt: bool) -> None:
    """The silence may have been the gateway's."""
    feed = Hearing(last_at=NOW)
    feed.pass_time(0, 10)
    feed.pass_time(heard_s, 10)
    assert feed.pass_time(0, 11) is learnt
    assert bool(feed.hours) is learnt


def test_a_feed_that_never_came_teaches_nothing() -> None:
    """Else it would be told later and later once it is connected."""
    feed = Hearing()
    feed.pass_time(0, 10)
    feed.pass_time(3_600, 10)
    assert not feed.pass_time(0, 11)
    feed.hear(NOW)
    assert (feed.hours, feed.longest_s) == ({}, 0)


def test_old_weeks_are_forgotten() -> None:
    """A feed changes, and so does what is usual."""
    feed = Hearing(last_at=NOW)
    for week in range(WEEKS_MAX + 2):
        feed.pass_time(0, 10)
        feed.pass_time(3_600 + week, 10)
        feed.hear(NOW)
        feed.pass_time(0, 11)
    assert feed.hours[10] == [3_602, 3_603, 3_604, 3_605, 3_606, 3_607]


@pytest.mark.parametrize(
    ("instant", "hour"),
    [
        ("2026-03-02T00:00:00+01:00", 0),
        ("2026-03-01T23:59:59+01:00", 167),
        # Spring: from 01:59:59 to 03:00:00.
        ("2026-03-29T00:59:59+00:00", 145),
        ("2026-03-29T01:00:00+00:00", 147),
        # Autumn: the hour from two to three comes twice, and is one hour of the week.
        ("2026-10-25T00:00:00+00:00", 146),
        ("2026-10-25T01:00:00+00:00", 146),
        ("2026-10-25T02:00:00+00:00", 147),
    ],
)
def test_the_week_is_the_hospitals(instant: str, hour: int) -> None:
    """Night is night in the zone of the profile, in both nights on which the clocks change."""
    assert hour_of_week(datetime.fromisoformat(instant), AMSTERDAM) == hour


def test_silence_is_elapsed_time_in_the_night_that_has_an_hour_more() -> None:
    """Two real hours of one hour of the week: the silence in it is two hours long."""
    feed, at = Hearing(last_at=NOW), datetime(2026, 10, 25, tzinfo=UTC)
    for minute in range(121):
        feed.pass_time(60 if minute else 0, hour_of_week(at + timedelta(minutes=minute), AMSTERDAM))
    assert feed.hours == {146: [7_140]}


def test_plans_are_by_type_and_else_the_usual_one() -> None:
    """A merge may stay away for days while admissions come by the minute."""
    plans = SilencePlans(PLAN, {"ADT^A40": SilencePlan(at_most_s=1)})
    assert (plans.of("ADT"), plans.of("ADT^A40").at_most_s) == (PLAN, 1)


def steps(presence: Presence, *at: tuple[float, bool]) -> tuple[float, list[Away]]:
    """Go through these seconds, able or not; return the seconds heard, and absences."""
    total, found = 0.0, []
    for seconds, able in at:
        heard_s, absences = presence.step(NOW + timedelta(seconds=seconds), able=able)
        total += heard_s
        found += absences
    return total, found


def test_time_in_which_the_broker_was_away_is_nobodys_silence() -> None:
    """It is told as that, once it has lasted, and again when it is over."""
    presence = Presence()
    heard_s, found = steps(presence, (0, True), (60, True), (61, False), (100, False))
    assert (heard_s, found) == (60.0, [])
    begun = NOW + timedelta(seconds=61)
    assert steps(presence, (61 + AWAY_S - 1, False)) == (0.0, [])
    assert steps(presence, (61 + AWAY_S, False)) == (0.0, [Away("broker-away", begun, None)])
    assert steps(presence, (61 + AWAY_S + 1, False)) == (0.0, [])
    back = NOW + timedelta(seconds=200)
    assert steps(presence, (200, True)) == (0.0, [Away("broker-away", begun, back)])
    assert presence.able_for_s == 0
    assert steps(presence, (210, True)) == (10.0, [])
    assert presence.able_for_s == 10


@pytest.mark.parametrize(("later_s", "away"), [(AWAY_S, False), (AWAY_S + 1, True)])
def test_a_restart_that_takes_long_is_told(later_s: float, away: bool) -> None:
    """From when the process before was seen last; nothing of that time counts as silence."""
    now = NOW + timedelta(seconds=later_s)
    heard_s, found = steps(Presence(NOW), (later_s, True))
    assert heard_s == 0
    assert found == ([Away("gateway-away", NOW, now)] if away else [])


def test_a_process_that_was_stopped_was_not_there() -> None:
    """Suspended with its machine, for an hour: no silence of an hour."""
    presence = Presence()
    heard_s, found = steps(presence, (0, True), (10, True), (3_610, True), (3_611, True))
    assert heard_s == 11
    assert [one.kind for one in found] == ["gateway-away"]
    assert presence.able_for_s == 1


def test_a_clock_that_is_set_back_is_no_time_gone_by() -> None:
    """And none that is counted twice."""
    heard_s, found = steps(Presence(), (0, True), (100, True), (50, True), (101, True))
    assert (heard_s, found) == (101.0, [])
