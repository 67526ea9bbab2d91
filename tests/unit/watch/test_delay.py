"""Time, not counts: how long what is unread waits, and whose clock differs."""

from __future__ import annotations

from math import isnan

from cordwatch.watch.delay import ClockOffset, Delay

HERE = ("admissions", 3)


def test_what_is_read_waits_for_nothing() -> None:
    """An end that has been reached is no delay, however old its last record is."""
    delay = Delay()
    delay.seen(HERE, end=5, position=5, at=100)
    assert delay.oldest_s("admissions", now=900) == 0


def test_what_is_unread_waits_since_it_was_first_seen() -> None:
    """Records that come later make nobody's wait shorter."""
    delay = Delay()
    delay.seen(HERE, end=5, position=2, at=100)
    delay.seen(HERE, end=9, position=2, at=110)
    assert delay.oldest_s("admissions", now=160) == 60
    assert delay.oldest_s("treatments", now=160) == 0


def test_a_backlog_has_its_real_age_as_soon_as_some_of_it_is_read() -> None:
    """After a restart the first look says how much there is, the first record how old it is."""
    delay = Delay()
    delay.seen(HERE, end=500, position=2, at=10_000)
    assert delay.oldest_s("admissions", now=10_001) == 1
    delay.read(HERE, position=3, stamped_at=2_800)
    assert delay.oldest_s("admissions", now=10_001) == 7_201


def test_a_wait_ends_when_the_end_that_was_seen_is_read() -> None:
    """What came after it was looked for came lately: the next look finds it."""
    delay = Delay()
    delay.seen(HERE, end=5, position=2, at=100)
    delay.read(HERE, position=5, stamped_at=101)
    assert delay.oldest_s("admissions", now=160) == 0


def test_the_partition_that_waits_longest_counts() -> None:
    """One patient on one partition is one patient."""
    delay = Delay()
    delay.seen(("admissions", 1), end=1, position=0, at=150)
    delay.seen(("admissions", 2), end=1, position=0, at=100)
    assert delay.oldest_s("admissions", now=160) == 60
    delay.forget([2])
    assert delay.oldest_s("admissions", now=160) == 10


def test_the_offset_is_the_least_distance_of_some_minutes() -> None:
    """A slow record says nothing of the clock; one from the future says that ours is behind."""
    offset = ClockOffset()
    assert isnan(offset.offset_s(now=1_000))
    offset.read(stamped_at=970, now=1_000)
    offset.read(stamped_at=1_004, now=1_010)
    offset.read(stamped_at=990, now=1_020)
    assert offset.offset_s(now=1_020) == 6
    offset.read(stamped_at=1_030, now=1_028)
    assert offset.offset_s(now=1_028) == -2


def test_an_offset_of_long_ago_is_forgotten() -> None:
    """A clock that was put right is right."""
    offset = ClockOffset()
    offset.read(stamped_at=900, now=1_000)
    assert offset.offset_s(now=1_200) == 100
    offset.read(stamped_at=1_399, now=1_400)
    assert offset.offset_s(now=1_400) == 1
    assert isnan(offset.offset_s(now=2_000))
