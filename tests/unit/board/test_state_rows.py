"""The board reads the rows that watch writes; the two never import each other."""

from __future__ import annotations

import pytest

from cordwatch.board.state_rows import FactKey, fact_key
from cordwatch.pathway.facts import fact_of
from cordwatch.watch.patients import fact_row, row_key, wake_key
from tests.builders import a_suspicion


def test_a_fact_is_found_by_the_key_that_watch_gives_it() -> None:
    """Patient and id of a fact come back from the key of its row."""
    fact = fact_of(a_suspicion())
    assert fact_key(row_key("A", fact_row(fact))) == FactKey("A", fact.id)


@pytest.mark.parametrize(
    "key", [wake_key("A"), b"A|a" + b"0" * 24, b"A|f12", b"|f" + b"0" * 24, b"A", b"\xff"]
)
def test_other_rows_are_no_facts(key: bytes) -> None:
    """Wake-ups, alerts and whatever is not ours is passed over."""
    assert fact_key(key) is None
