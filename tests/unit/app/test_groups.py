"""A stream in groups: nothing lost, nothing read ahead of its group."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cordwatch.app.commands.groups import groups


@pytest.mark.parametrize(
    ("many", "cut"), [(0, []), (1, [[0]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2], [3]])]
)
def test_a_stream_is_cut_into_groups(many: int, cut: list[list[int]]) -> None:
    """All of it, in order; the last group may be short, and none is empty."""
    assert list(groups(range(many), 3)) == cut


def test_a_group_is_given_before_the_next_is_read() -> None:
    """What was read is published before more of a long file is in memory."""
    read: list[int] = []

    def stream() -> Iterator[int]:
        for one in range(10):
            read.append(one)
            yield one

    assert next(groups(stream(), 3)) == [0, 1, 2]
    assert read == [0, 1, 2]
