"""The comparison can tell: every fault seeded into the core is found, within a bounded number of histories."""

from __future__ import annotations

from functools import cache

import pytest

from cordwatch_schemas.pack import load_pack
from tests.oracle.agreement import Shown, told_by_core, told_by_oracle
from tests.oracle.faults import FAULTS, Fault, core_with
from tests.sim.wards import History, history

FAULTS_AT_LEAST = 20
HISTORIES = 400
"""Of the 10,000 that every run of CI compares; from a fixed seed, so that this test is no lottery."""

PACK = load_pack("mescc-lymphoma")


@cache
def expected(seed: int) -> tuple[History, Shown]:
    """Return the history of *seed* and what the oracle tells of it."""
    one = history(seed)
    return one, told_by_oracle(one.told, one.until, one.stopped)


def found_in(fault: Fault) -> int | None:
    """Return the first history on which the core with *fault* differs from the oracle, or breaks."""
    with core_with(fault) as core:
        for seed in range(HISTORIES):
            one, oracle = expected(seed)
            try:
                told = told_by_core(one.told, PACK, one.until, one.stopped, core)
            except Exception:  # noqa: BLE001 - a core that breaks is found too
                return seed
            if told != oracle:
                return seed
    return None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.meaning)
def test_a_fault_is_found(fault: Fault) -> None:
    """A core that reads the pathway so is told apart from the oracle."""
    assert found_in(fault) is not None


def test_there_are_enough_of_them() -> None:
    """At least twenty, each said once."""
    assert len({fault.meaning for fault in FAULTS}) == len(FAULTS) >= FAULTS_AT_LEAST


def test_the_sound_core_is_not_accused() -> None:
    """Imported by the same way but unchanged, it agrees on the first histories."""
    nothing = Fault("nothing", "levels", "passed[-1:]", "passed[-1:]")
    with core_with(nothing) as core:
        for seed in range(20):
            one, oracle = expected(seed)
            assert told_by_core(one.told, PACK, one.until, one.stopped, core) == oracle
