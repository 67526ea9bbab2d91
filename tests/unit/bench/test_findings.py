"""The page of the benchmarks says plainly which aim was missed."""

from __future__ import annotations

import pytest

from bench.findings import Findings, at_least, at_most


@pytest.mark.parametrize(
    ("value", "said"),
    [(5.0, "at most 5 s: met"), (10.0, "at most 5 s: **missed** by a factor of 2.00")],
)
def test_a_bound_from_above(value: float, said: str) -> None:
    """The bound itself is met."""
    assert at_most(5, "5 s").verdict(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.8, "at least 0.8: met"), (0.4, "at least 0.8: **missed** by a factor of 2.00")],
)
def test_a_bound_from_below(value: float, said: str) -> None:
    """The bound itself is met."""
    assert at_least(0.8, "0.8").verdict(value) == said


def test_of_nothing_there_is_no_multiple() -> None:
    """One false alert misses an aim of none by no factor."""
    assert at_most(0, "0").verdict(1) == "at most 0: **missed**"


@pytest.mark.parametrize(
    ("value", "said"),
    [(5.0, "at most 5 s: met"), (10.0, "at most 5 s: **missed** by a factor of 2.00: one core")],
)
def test_why_is_said_where_an_aim_is_missed_and_only_there(value: float, said: str) -> None:
    """A reason beside a figure that needs none would be an excuse."""
    found = Findings()
    found.add("S", "what", "figure", "how", (at_most(5, "5 s"), value), why_missed="one core")
    assert found.sections["S"] == [("what", "figure", said, "how")]
