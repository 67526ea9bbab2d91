"""Which drugs are in use, and since when: what advice about pain and its drugs goes by."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cordwatch.pathway.drugs import Drugs, number_of
from cordwatch.pathway.facts import fact_of
from cordwatch.pathway.history import History
from cordwatch_schemas.base import Code, Event
from tests import builders as b
from tests.builders import T

SECOND = timedelta(seconds=1)
EVER = T(9_000)


def drugs(*told: Event) -> Drugs:
    """Return what is in use by *told*."""
    return Drugs(History([fact_of(one) for one in told]))


def an_opioid(begins: float, ends: float | datetime | None = None, order: str = "RX1") -> Event:
    """Return an order of morphine from the one hour to the other."""
    ends_at = T(ends) if isinstance(ends, int | float) else ends
    return b.a_drug_order(T(begins), b.MORPHINE, order, ends_at=ends_at)


def since(at: datetime, *told: Event) -> datetime | None:
    """Return since when an opioid is in use at *at*."""
    use = drugs(*told).active_since({"opioid"}, at)
    return None if use is None else use.begins_at


def test_an_opioid_that_runs_out_is_in_use_until_then() -> None:
    """Not before it begins, and not at the instant of its end."""
    order = an_opioid(1, 5)
    at = (T(1) - SECOND, T(1), T(5) - SECOND, T(5))
    assert [since(one, order) for one in at] == [None, T(1), T(1), None]
    assert [bool(drugs(order).active({"opioid"}, one)) for one in at] == [False, True, True, False]
    assert since(EVER, an_opioid(1)) == T(1)
    assert drugs(order).active({"nsaid"}, T(2)) == []


@pytest.mark.parametrize(("after", "begun"), [(0 * SECOND, T(0)), (SECOND, T(34) + SECOND)])
def test_an_order_renewed_within_a_day_goes_on_with_the_old_one(
    after: timedelta, begun: datetime
) -> None:
    """At 24 h it does, a second later a new run begins."""
    again = b.a_drug_order(T(34) + after, b.MORPHINE, "RX2")
    assert since(T(40), an_opioid(0, 10), again) == begun


def test_a_run_reaches_as_far_as_its_longest_order() -> None:
    """A short one within a long one cuts nothing off, and one without an end none."""
    long, short = an_opioid(0, 100), an_opioid(10, 20, "RX2")
    assert [since(T(at), long, short) for at in (50, 99, 100)] == [T(0), T(0), None]
    assert since(T(110), long, short, an_opioid(110, 200, "RX3")) == T(0)
    assert since(EVER, an_opioid(0), short) == T(0)
    assert since(EVER, an_opioid(0, 15), an_opioid(10, None, "RX2")) == T(0)
    assert since(EVER, an_opioid(0), short, an_opioid(500, 600, "RX3")) == T(0)


def test_a_single_dose_is_no_use() -> None:
    """But an order all the same: an infusion of a bone agent is one."""
    found = drugs(b.a_drug_order(T(1), b.ZOLEDRONIC_ACID, frequency="ONCE"))
    assert (len(found.orders), found.uses) == (1, [])
    assert found.edges() == [T(1)]
    assert drugs(an_opioid(1, 5)).edges() == [T(1), T(5)]


def test_what_is_longest_in_use_comes_first() -> None:
    """Of two at one time that which was written down first."""
    late, early = an_opioid(2), an_opioid(1, order="RX2")
    assert [use.fact for use in drugs(late, early).orders] == [fact_of(early), fact_of(late)]
    second, first = (b.a_drug_order(T(1), b.MORPHINE, f"RX{n}", recorded_at=T(n)) for n in (3, 2))
    assert [use.fact for use in drugs(second, first).uses] == [fact_of(first), fact_of(second)]


def test_an_order_without_a_number_is_a_thing_of_its_own() -> None:
    """Another such is another."""
    told = [b.a_drug_order(T(at), b.MORPHINE, order_number=None) for at in (1, 2)]
    assert len(drugs(*told).orders) == len(told)
    fact = fact_of(told[0])
    assert number_of(fact) == fact.id
    assert number_of(fact_of(an_opioid(1))) == "RX1"


@pytest.mark.parametrize(
    ("stop", "ends"),
    [
        (b.a_drug_stop(T(5), b.MORPHINE, "RX1"), True),
        (b.a_drug_stop(T(5), b.MORPHINE, "RX2"), False),
        (b.a_drug_stop(T(5), b.MORPHINE, order_number=None), True),
        (b.a_drug_stop(T(5), b.IBUPROFEN, order_number=None), False),
        (b.a_drug_stop(T(5), b.MORPHINE, order_number=None, route="TOP"), False),
        (b.a_drug_stop(T(5), b.IBUPROFEN, "RX1"), True),
    ],
)
def test_a_stop_ends_the_order_that_it_names_or_else_its_drug(stop: Event, ends: bool) -> None:
    """Who stops a gel, and names no order, does not mean the tablets."""
    assert since(T(6), an_opioid(1), stop) == (None if ends else T(1))


def test_a_stop_of_a_patch_ends_the_patch() -> None:
    """Whatever is put on the skin alone is stopped by what says so, number or none."""
    patch = b.a_drug_order(T(1), b.MORPHINE, "RX1", route="TOP")
    assert since(T(6), patch) == T(1)
    assert (
        since(T(6), patch, b.a_drug_stop(T(5), b.MORPHINE, order_number=None, route="TOP")) is None
    )


def test_an_nsaid_on_the_skin_is_none() -> None:
    """It treats no spine; another drug there counts, and what follows in the list is looked at."""
    gel = b.a_drug_order(T(1), b.IBUPROFEN, "RX1", route="TOP")
    tablets = b.a_drug_order(T(2), b.IBUPROFEN, "RX2", route="PO")
    assert drugs(gel).orders == []
    assert [use.fact for use in drugs(gel, tablets).orders] == [fact_of(tablets)]


def test_an_order_is_of_every_kind_that_its_codes_name() -> None:
    """What no table knows names none."""
    both = b.a_drug_order(
        T(1), b.MORPHINE, codes=(b.MORPHINE, b.IBUPROFEN, Code(system="99HOSP", code="X"))
    )
    [use] = drugs(both).orders
    assert use.concepts == {"opioid", "nsaid"}
