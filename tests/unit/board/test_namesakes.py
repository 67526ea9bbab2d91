"""Whom one could take for the other on a ward."""

from __future__ import annotations

from cordwatch.board.namesakes import Namesakes
from cordwatch.pathway.picture import Place

HERE, THERE = Place("V1", "H", "HAEM-4"), Place("V1", "H", "ONC-2")


def test_two_of_a_name_are_flagged_while_they_lie_together() -> None:
    """Moved, renamed, or gone from the board: then nobody is taken for the other any more."""
    found = Namesakes()
    for patient, place in (("A", HERE), ("B", HERE), ("C", THERE)):
        found.put(patient, place, "zebra")
    assert found.shared == {"A", "B"}
    found.put("B", THERE, "zebra")
    assert found.shared == {"B", "C"}
    found.put("C", THERE, "okapi")
    assert found.shared == set()
    found.put("C", THERE, "zebra")
    found.put("B", None, "")
    assert found.shared == set()


def test_of_three_two_stay_flagged() -> None:
    """When one of three has gone the others can still be mixed up."""
    found = Namesakes()
    for patient in "ABC":
        found.put(patient, HERE, "zebra")
    found.put("A", None, "")
    assert found.shared == {"B", "C"}


def test_nobody_is_flagged_whose_name_or_ward_nobody_told() -> None:
    """What is not known is no likeness."""
    found = Namesakes()
    for patient in "AB":
        found.put(patient, HERE, "")
        found.put(f"{patient}2", Place(), "zebra")
    assert found.shared == set()
