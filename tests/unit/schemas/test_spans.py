"""Spans of time as people write them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from cordwatch_schemas.pack_data import Span

SPAN = TypeAdapter(Span)


def test_a_span_is_elapsed_time() -> None:
    """A day is 86,400 s, whatever the clock on the wall does."""
    assert SPAN.validate_python("1 d").total_seconds() == 86_400
    assert SPAN.validate_python("1.5min").total_seconds() == 90


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "is a number and a unit"),
        ("12 parsecs", "is a number and a unit"),
        ("99999999999 d", "is longer than can be reckoned with"),
    ],
)
def test_what_is_none_says_why(text: str, why: str) -> None:
    """Nobody is left to guess."""
    with pytest.raises(ValidationError, match=why):
        SPAN.validate_python(text)
