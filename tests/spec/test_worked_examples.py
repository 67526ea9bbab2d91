"""The sixteen worked examples of the pathway: each gives its list of alerts, and nothing else."""

from __future__ import annotations

import random

import pytest

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from tests.spec.worked_example import (
    WorkedExample,
    example_names,
    in_order,
    listed,
    read_example,
    shown,
)

PACK = load_pack("mescc-lymphoma")
ANY_ORDER = "10-any-order-each-twice"
ORDERS = 20


def _run(example: WorkedExample) -> list[Alert]:
    return simulate(example.events, PACK, example.until, example.stopped)


def test_there_are_sixteen_examples() -> None:
    """No worked example of the text is left out."""
    assert [int(name[:2]) for name in example_names()] == list(range(1, 17))


@pytest.mark.parametrize("name", example_names())
def test_the_example_gives_its_alerts_and_no_others(name: str) -> None:
    """Every alert that the example lists is there as listed, none is missing and none is extra."""
    example = read_example(name)
    actual = in_order([shown(alert) for alert in _run(example)])
    assert actual == in_order([listed(alert) for alert in example.expected])


@pytest.mark.parametrize("name", example_names())
def test_the_alerts_say_what_is_missing(name: str) -> None:
    """Where the example names regions or roles that are missing, the alert names just these."""
    example = read_example(name)
    actual = {(alert.rule, alert.raised_at): set(alert.missing) for alert in _run(example)}
    for alert in _typed(example):
        assert actual[alert.rule, alert.raised_at] == set(alert.missing)


def _typed(example: WorkedExample) -> list[Alert]:
    unread = {"alert_id": "-", "cause": "-", "reason": "-", "clause": "-", "pack": "-"}
    return [Alert(**unread, **told) for told in example.expected if "missing" in told]


@pytest.mark.parametrize("name", example_names())
def test_the_alerts_say_how_it_ended(name: str) -> None:
    """Where the example gives words of the reason, the alert uses them."""
    example = read_example(name)
    wanted = {
        (told["rule"], told["raised_at"]): told["reason_contains"]
        for told in example.expected
        if "reason_contains" in told
    }
    found = {
        (shown(alert)["rule"], shown(alert)["raised_at"]): alert.reason for alert in _run(example)
    }
    assert {key: words for key, words in wanted.items() if words not in found[key]} == {}


def test_any_order_of_the_facts_gives_the_same_alerts_under_the_same_ids() -> None:
    """The order of lines, second deliveries and a restart change nothing, ids included."""
    example = read_example(ANY_ORDER)
    first = _run(example)
    events = list(example.events)
    shuffler = random.Random(16)
    for _ in range(ORDERS):
        shuffler.shuffle(events)
        assert simulate(events, PACK, example.until, ()) == first
