"""An event that is refused says where and why, and nothing of what stood there."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch_schemas.base import Event
from cordwatch_schemas.events import BadEvent, read_answer, read_event
from cordwatch_schemas.examples import examples

CANARY = "ZZYX-CANARY-0042"
SENT = [one.model_dump(mode="json") for one in examples() if hasattr(one, "kind")]
SOURCE = [one.model_dump(mode="json") for one in examples() if isinstance(one, Event)]


def refusal_of(text: str) -> BadEvent | None:
    """Return why *text* is refused, None if it is accepted (a free text may hold anything)."""
    try:
        read_event(text)
    except BadEvent as refusal:
        return refusal
    return None


canaries = st.sampled_from(
    [CANARY, [CANARY], {CANARY: CANARY}, [{"system": CANARY, "code": CANARY * 20}], f" {CANARY}\n"]
)


@given(event=st.sampled_from(SOURCE), places=st.lists(st.integers(0, 60), min_size=1), bad=canaries)
def test_a_refusal_never_quotes_the_event(
    event: dict[str, Any], places: list[int], bad: object
) -> None:
    """Wherever a name stands in an event, the refusal does not repeat it."""
    keys = [*event, CANARY]
    spoilt = event | {keys[place % len(keys)]: bad for place in places}

    refusal = refusal_of(json.dumps(spoilt))

    if refusal is not None:
        told = "".join(traceback.format_exception(refusal))
        assert CANARY not in told + refusal.field + refusal.reason


@given(event=st.sampled_from(SENT), cut=st.integers(0, 2_000))
def test_half_a_message_is_refused_without_quoting_it(event: dict[str, Any], cut: int) -> None:
    """A text that breaks off is refused with two words about JSON."""
    text = json.dumps(event | {"source": CANARY, "by": CANARY})
    broken = text[: min(cut, len(text) - 1)]
    for read in (read_event, read_answer):
        with pytest.raises(BadEvent, match="json invalid") as refusal:
            read(broken)
        assert CANARY not in str(refusal.value)


@given(st.binary())
def test_no_bytes_at_all_raise_anything_but_a_refusal(raw: bytes) -> None:
    """Whatever comes in, it is an event or a `BadEvent`: the file goes on."""
    for read in (read_event, read_answer):
        with pytest.raises(BadEvent):
            read(raw)
