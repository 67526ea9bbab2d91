"""JSON from outside: a name stands once, at every depth, or it is none."""

from __future__ import annotations

import pytest

from cordwatch.board.cds import asked
from cordwatch.feeds.fhir import bundle
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.pager.inlets import server
from cordwatch.pager.inlets.heard import NotHeard
from cordwatch.runtime.strict_json import TwiceNamed, read_once

TWICE = b'{"a": [{"b": 1, "c": 2, "b": 1}]}'


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b'{"a": 1, "\\u0061": 2}', TWICE])
def test_a_name_that_stands_twice_is_refused(body: bytes) -> None:
    """Written otherwise or with the same value too; what was sent is not repeated."""
    with pytest.raises(TwiceNamed) as refused:
        read_once(body)
    assert str(refused.value) == "a name stands twice in one object"


def test_the_same_name_in_two_objects_is_as_ever() -> None:
    """As a list of things has it."""
    assert read_once(b'[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]


def test_whoever_reads_json_from_outside_reads_each_name_once() -> None:
    """Record system, FHIR server and who answers pages."""
    with pytest.raises(asked.Refused):
        asked._json(TWICE)
    with pytest.raises(Unreadable, match="twice"):
        bundle.read_json(TWICE)
    with pytest.raises(NotHeard):
        server._json(TWICE)
