"""How much an order means a day, and from when to when it is in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cordwatch.pathway.dosage import Dosage, dose_mg, is_once, stops_of, timeline
from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.base import Event
from tests import builders as b
from tests.builders import T

SECOND = timedelta(seconds=1)
Span = tuple[datetime, datetime | None]


def laid(orders: list[Event], stops: list[Event] | None = None) -> list[Dosage]:
    """Return the dosages of *orders*, which are those of one number, whatever order they come in."""
    facts, ends = [fact_of(one) for one in orders], [fact_of(one) for one in stops or []]
    found = timeline(facts, ends)
    assert timeline(facts[::-1], ends[::-1]) == found
    return found


def spans(orders: list[Event], stops: list[Event] | None = None) -> list[Span]:
    """Return from when to when each is in force."""
    return [(one.begins_at, one.ends_at) for one in laid(orders, stops)]


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        ({"dose": 8}, 8),
        ({"dose": 4, "dose_max": 8}, 8),
        ({"dose": 0.5, "dose_unit": "g"}, 500),
        ({"dose": 500, "dose_unit": "mcg"}, 0.5),
        ({"dose": 8, "dose_unit": "MG"}, 8),
        ({"dose": 8, "dose_unit": None}, None),
        ({"dose": 8, "dose_unit": "tablet"}, None),
        ({"dose": None}, None),
    ],
)
def test_the_amount_of_one_dose(told: dict[str, Any], amount: float | None) -> None:
    """In mg, of a range the upper end; nothing where amount or unit cannot be told."""
    found = dose_mg(fact_of(b.a_dexamethasone_order(T(0), **told)))
    assert found == (None if amount is None else pytest.approx(amount))


@pytest.mark.parametrize(
    ("frequency", "once"),
    [
        ("ONCE", True),
        ("stat", True),
        ("1x", True),
        ("1X ONLY", True),
        ("BID", False),
        (None, False),
    ],
)
def test_an_order_for_a_single_dose(frequency: str | None, once: bool) -> None:
    """It is judged with the doses given."""
    assert is_once(fact_of(b.a_dexamethasone_order(T(0), frequency=frequency))) is once


def test_each_dosage_is_in_force_until_the_next() -> None:
    """With what it means a day, as far as that can be computed."""
    orders = [
        b.a_dexamethasone_order(T(0), 8),
        b.a_dexamethasone_order(T(10), 4),
        b.a_dexamethasone_order(T(20), 4, "as directed"),
        b.a_dexamethasone_order(T(30), 4, dose_unit=None),
    ]
    assert [(one.begins_at, one.ends_at, one.daily_mg) for one in laid([*orders])] == [
        (T(0), T(10), 16),
        (T(10), T(20), 8),
        (T(20), T(30), None),
        (T(30), None, None),
    ]


def test_of_two_with_one_start_the_later_record_counts() -> None:
    """An order that was changed before it began was never in force as it was."""
    orders = [b.a_dexamethasone_order(T(0), mg, received_at=T(mg)) for mg in (8, 4, 6)]
    assert [one.fact for one in laid([*orders])] == [fact_of(orders[0])]


def test_an_order_ends_when_it_says_or_is_stopped() -> None:
    """Whichever is first; one that was over before it began, or as it began, hides none that follow."""
    order = b.a_dexamethasone_order(T(0), ends_at=T(10))
    assert spans([order]) == [(T(0), T(10))]
    assert spans([order], [b.a_dexamethasone_stop(T(5))]) == [(T(0), T(5))]
    assert spans([order], [b.a_dexamethasone_stop(T(15))]) == [(T(0), T(10))]
    assert spans([order], [b.a_dexamethasone_stop(T(7)), b.a_dexamethasone_stop(T(5))]) == [
        (T(0), T(5))
    ]
    again = b.a_dexamethasone_order(T(20))
    for gone in (
        b.a_dexamethasone_order(T(2), ends_at=T(1)),
        b.a_dexamethasone_order(T(2), ends_at=T(2)),
    ):
        assert spans([gone, again]) == [(T(20), None)]


def test_a_stop_ends_what_was_placed_before_it() -> None:
    """Of a stop and an order at one instant the later record counts."""
    order = b.a_dexamethasone_order(T(1), recorded_at=T(3))
    assert spans([order], [b.a_dexamethasone_stop(T(0))]) == [(T(1), None)]
    for written, ends in ((T(3) - SECOND, False), (T(3), True), (T(3) + SECOND, True)):
        stop = b.a_dexamethasone_stop(T(1), recorded_at=written)
        assert spans([order], [stop]) == ([] if ends else [(T(1), None)])


def test_a_dosage_is_in_force_from_its_begin_until_before_its_end() -> None:
    """At the instant of the end the next one is."""
    [dosage] = laid([b.a_dexamethasone_order(T(1), ends_at=T(2))])
    at = (T(1) - SECOND, T(1), T(2) - SECOND, T(2))
    assert [dosage.is_active(one) for one in at] == [False, True, True, False]
    [endless] = laid([b.a_dexamethasone_order(T(1))])
    assert endless.is_active(T(9_000))


def test_the_stops_of_an_order() -> None:
    """Its own, and those that name none."""
    own, other, none = (
        fact_of(b.a_dexamethasone_stop(T(1), order_number=number))
        for number in ("RX1", "RX2", None)
    )
    assert stops_of("RX1", [own, other, none]) == [own, none]
