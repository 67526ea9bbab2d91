"""Frames, chunks and messages from fixed seeds; `make fuzz MINUTES=10` for fresh ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from cordwatch.feeds.hl7.mllp import frame
from tests.fuzz.feeds import CHECKS, good
from tests.fuzz.wire import converse

EXAMPLES = {
    "every frame is answered in order": 250,
    "chunks do not matter": 250,
    "a message is read or refused": 1_000,
}
"""A few seconds of each; enough of the last to see a time that is read and never was (tried by breaking that)."""


@pytest.mark.parametrize("name", CHECKS)
def test_whatever_is_sent(name: str) -> None:
    """No crash, no hang, no false acknowledgement."""
    strategy, check = CHECKS[name]
    examples = settings(
        max_examples=EXAMPLES[name],
        deadline=10_000,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    examples(given(strategy)(check))()
    assert examples.max_examples == EXAMPLES[name]


def test_a_refused_record_is_no_acknowledgement() -> None:
    """The wire tells: without it the checks above would hold of anything."""
    found = converse([frame(good(0)), frame(good(1))], refused={0})
    assert found.answers == [("AR", "good-0"), ("AA", "good-1")]
    assert found.kept == ["good-1"]
