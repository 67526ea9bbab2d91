"""How far was read, where the client does not know it."""

from __future__ import annotations

from typing import cast

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from cordwatch.runtime.reading_place import has_read

PART = TopicPartition("cordwatch.alerts.v1", 0)


class Placed:
    """A client at a place, or at none."""

    def __init__(self, at: int | None, error: Exception | None = None) -> None:
        """Stand at *at*, or fail with *error*."""
        self._at, self._error = at, error

    def position(self, _: TopicPartition, timeout_ms: int) -> int | None:
        """Tell the place, as kafka-python does."""
        assert timeout_ms
        if self._error is not None:
            raise self._error
        return self._at


@pytest.mark.parametrize(
    ("placed", "expected"),
    [
        (Placed(7), True),
        (Placed(8), True),
        (Placed(6), False),
        (Placed(None), False),
        (Placed(7, KafkaTimeoutError()), False),
    ],
    ids=["at", "beyond", "before", "nowhere", "no-answer"],
)
def test_only_who_knows_its_place_has_read_to_the_end(placed: Placed, expected: bool) -> None:
    """A pager whose broker has just come back goes on, and does not end over it."""
    assert has_read(cast("KafkaConsumer", placed), PART, 7) is expected
