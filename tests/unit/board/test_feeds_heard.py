"""Freshness of feeds: what nobody vouches for is never called live."""

from __future__ import annotations

from cordwatch.board.feeds_heard import FeedsHeard
from tests.builders import T
from tests.unit.board.hospital import Record, a_gateway, a_silence, projected

RIS = "north-ris|ORU"


def heard(*records: Record) -> FeedsHeard:
    """Return what is known of the feeds from *records*."""
    return projected(records).feeds


def test_a_feed_that_was_just_heard_is_live() -> None:
    """The usual case: nothing to be said."""
    found = heard(a_gateway(T(1), {RIS: T(0.99)}))
    (feed,) = found.feeds(T(1.01))
    assert (feed.name, feed.state, feed.last_at) == ("north-ris ORU", "live", T(0.99))
    assert found.troubles(T(1.01)) == []


def test_a_feed_that_was_never_heard_is_never_live() -> None:
    """An interface that was never connected must not look like a quiet one."""
    found = heard(a_gateway(T(1), {}, limit_s={RIS: 3600}))
    (feed,) = found.feeds(T(1))
    assert feed.state == "never heard"
    assert found.troubles(T(1)) == ["Feed north-ris ORU was never heard."]


def test_a_silent_feed_is_late_and_says_why() -> None:
    """The gateway's own word is taken, with its reason."""
    found = heard(a_gateway(T(1), {RIS: T(0.9)}), a_silence(T(0), T(1)))
    assert found.feeds(T(1))[0].state == "late"
    assert found.troubles(T(1)) == ["Feed north-ris ORU is late: silent for 60 min."]


def test_a_feed_heard_again_is_live_again() -> None:
    """The end of a silence ends the warning."""
    found = heard(
        a_gateway(T(1), {RIS: T(0.99)}), a_silence(T(0), T(0.5)), a_silence(T(0), T(1), "over")
    )
    assert found.feeds(T(1))[0].state == "live"


def test_a_limit_that_passes_between_two_words_of_the_gateway_is_noticed() -> None:
    """Within a minute the board reckons on by itself."""
    found = heard(a_gateway(T(1), {RIS: T(0.5)}, limit_s=1830))
    assert found.feeds(T(1))[0].state == "live"
    assert found.feeds(T(1.01))[0].state == "late"


def test_of_a_gateway_that_says_nothing_no_feed_is_live() -> None:
    """Three minutes without a word: what its feeds do is not known."""
    found = heard(a_gateway(T(1), {RIS: T(1)}))
    assert found.feeds(T(1.1))[0].state == "not known"
    (trouble,) = found.troubles(T(1.1))
    assert trouble.startswith("Gateway feeds says nothing since 6 min")


def test_of_a_gateway_whose_clock_is_ahead_no_feed_is_live() -> None:
    """By such a clock it would seem to speak for an hour after it has gone; some seconds are usual."""
    found = heard(a_gateway(T(2), {RIS: T(2)}))
    assert found.feeds(T(1.99))[0].state == "live"
    assert found.feeds(T(1))[0].state == "not known"
    assert found.troubles(T(1)) == [
        "Gateway feeds has a clock that is 60 min ahead: whether its feeds are silent is not known."
    ]


def test_without_any_gateway_that_is_said() -> None:
    """No feeds known is no reason for calm."""
    assert heard().troubles(T(1)) == [
        "No gateway tells of its feeds: nobody knows whether messages are missing."
    ]
