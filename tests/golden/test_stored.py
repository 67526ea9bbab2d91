"""What every version left behind is read by this one, and what it tells of the rest is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.stored import FOLDER, read, told_by, told_since

FILES = sorted(FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_upgrade_changes_nothing_that_is_told(path: Path) -> None:
    """Clocks that ran go on, what was told is not told again, what ends is ended under its id."""
    lines = list(read(path))
    for line in lines:
        assert told_by(told_since(line)) == line["alerts"], f"history {line['seed']}"
    assert sum(len(line["rows"]) for line in lines) > 200
    assert sum(len(line["alerts"]) for line in lines) > 100


def test_there_is_a_file_of_some_version_and_the_commit_of_each() -> None:
    """Nothing would be compared otherwise."""
    assert FILES
    assert [one.stem for one in FILES] == [one.stem for one in sorted(FOLDER.glob("*.commit"))]
