"""References: a keyed hash of a number, or the one that was given before the key was exchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.profile import Profile, Profiles
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source

OLD, NEW = b"the first key of this hospital, long", b"the second key of this hospital, long"
NUMBERS = st.text(min_size=1, max_size=20)


def carried(number: str, *keys: bytes) -> References:
    """Return references by the last of *keys*, to which *number* was carried from one to the next."""
    references = References(keys[0])
    for key in keys[1:]:
        made = References(key).of("p", number)
        references = References(key, {made: references.of("p", number)})
    return references


@given(NUMBERS)
def test_a_reference_is_as_it_was_before_keys_could_be_exchanged(number: str) -> None:
    """What stands on the topics of an installation was made so: another way would make everybody somebody else."""
    made = References(OLD).of("p", number)
    assert made == Source(references=References(OLD)).reference("p", number)
    assert References(OLD).of("e", number)[2:] != made[2:]


def test_of_a_certain_key_it_is_this() -> None:
    """Written down once: no change of the code may change it."""
    assert References(b"key").of("p", "4711") == "p_gtwxqcwxlwfyfpnq2e2hmdfl"


@given(NUMBERS, NUMBERS)
def test_who_was_known_stays_and_who_comes_gets_another(known: str, fresh: str) -> None:
    """A carried number keeps the reference of the former key; any other gets one by the present key alone."""
    references = carried(known, OLD, NEW)
    assert references.of("p", known) == References(OLD).of("p", known)
    if fresh != known:
        assert references.of("p", fresh) == References(NEW).of("p", fresh)


@given(NUMBERS)
def test_after_a_second_exchange_it_is_still_the_first(number: str) -> None:
    """A reference stands for the one that was given first, however many keys lie between."""
    third = carried(number, OLD, NEW, b"the third key of this hospital, long")
    assert third.of("p", number) == References(OLD).of("p", number)


@pytest.mark.parametrize("of", ["source", "profiles"])
def test_all_that_read_messages_are_told_by_what(of: str) -> None:
    """A source, and every profile of several, makes references by what it was told last."""
    one = Profile()
    sources: Source | Profiles = Source(references=References(OLD))
    if of == "profiles":
        sources = Profiles((one, one), (one.source(References(OLD)), one.source(References(OLD))))
    told = sources.by(carried("7", OLD, NEW))
    wanted = References(OLD).of("p", "7"), References(NEW).of("p", "8")
    assert {(each.reference("p", "7"), each.reference("p", "8")) for each in told.each()} == {
        wanted
    }
    assert (told.reference("p", "7"), told.references.fingerprint) == (
        wanted[0],
        References(NEW).fingerprint,
    )


def test_a_fingerprint_tells_keys_apart_and_nothing_more() -> None:
    """Neither it nor what is printed of references holds the key; no number has it for its reference."""
    one, other = References(OLD), References(NEW)
    assert one.fingerprint != other.fingerprint == carried("7", OLD, NEW).fingerprint
    for shown in (repr(carried("7", OLD, NEW)), str(Source(references=one))):
        assert OLD.decode() not in shown
        assert one.of("p", "7") not in shown
        assert one.fingerprint not in shown
    assert len(one.fingerprint) * 4 == 120
