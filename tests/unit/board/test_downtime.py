"""The downtime copy: the last whole one is there, whatever becomes of the disk."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from cordwatch.board.downtime import keep_copy
from cordwatch.board.metrics import BoardMetrics
from tests.builders import T

AGE = "cordwatch_board_downtime_copy_timestamp_seconds"


async def test_a_copy_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    """The board goes on, and the age of the copy tells that it is an old one."""
    registry = CollectorRegistry()
    metrics, path = BoardMetrics(registry), tmp_path / "ward" / "copy.html"
    await keep_copy(path, "nobody made the folder", T(0), metrics)
    assert registry.get_sample_value(AGE) == 0
    path.parent.mkdir()
    await keep_copy(path, "first", T(1), metrics)
    beside = path.with_name(".copy.html.new")
    beside.mkdir()
    await keep_copy(path, "second", T(2), metrics)
    assert path.read_text() == "first"
    assert registry.get_sample_value(AGE) == T(1).timestamp()
