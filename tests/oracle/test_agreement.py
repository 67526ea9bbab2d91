"""Core and oracle tell the same of the same histories every time, and of fresh ones; `make agreement` compares 10,000."""

import secrets

import pytest

from cordwatch_schemas.pack import load_pack
from tests.oracle.agreement import differences
from tests.sim.wards import history

PACK = load_pack("mescc-lymphoma")
AT_ONCE = 50
FRESH = 50


def differing(seeds: range) -> list[str]:
    """Return of the histories of *seeds* those on which the two differ, as the command that shrinks each."""
    told = [(seed, history(seed)) for seed in seeds]
    return [
        f"python -m tests.oracle --seed {seed} --histories 1"
        for seed, one in told
        if differences(one.told, PACK, one.until, one.stopped)
    ]


@pytest.mark.parametrize("begin", range(0, 200, AT_ONCE))
def test_on_the_same_histories_every_time(begin: int) -> None:
    """From a fixed seed, so that what these histories reach is reached in every run."""
    assert differing(range(begin, begin + AT_ONCE)) == []


def test_on_histories_that_nobody_has_seen() -> None:
    """From a fresh seed: a difference names the seed that repeats it."""
    begin = secrets.randbelow(10**9)
    assert differing(range(begin, begin + FRESH)) == []
