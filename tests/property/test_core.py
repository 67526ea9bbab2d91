"""The core over random timelines: never early, never twice, and the order of delivery means nothing."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import decide
from cordwatch.pathway.facts import Fact, decode_fact, encode_fact, fact_of, merge_tellings
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests.builders import (
    CERVICAL_AND_THORACIC_MRI,
    LUMBAR_MRI,
    T,
    a_back_pain,
    a_confirmed_diagnosis,
    a_consultation,
    a_death,
    a_death_cancelled,
    a_deficit,
    a_dose,
    a_report,
    a_suspicion,
    a_treatment_started,
    an_mri_cancelled,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)

PACK = load_pack("mescc-lymphoma")
RULES = {rule.id: rule for rule in PACK.rules}
HOURS = st.integers(0, 144).map(lambda half: half / 2)
MAKERS = (
    a_suspicion,
    a_back_pain,
    a_deficit,
    a_confirmed_diagnosis,
    a_dose,
    a_death,
    a_death_cancelled,
    a_treatment_started,
    a_consultation,
    lambda at: a_report(at=at, finding="positive"),
    lambda at: a_report(at=at, finding="negative"),
    lambda at: an_mri_ordered(at=at),
    lambda at: an_mri_cancelled(at=at),
    lambda at: an_mri_done(at=at),
    lambda at: an_mri_done(at=at, code=LUMBAR_MRI, order="OL"),
    lambda at: an_mri_done(at=at, code=CERVICAL_AND_THORACIC_MRI, order="OCT"),
)


@st.composite
def timelines(draw: st.DrawFn) -> list[Event]:
    """Return up to eight things that happened within three days, some told late."""
    events: list[Event] = [known_lymphoma()] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 8))):
        at = T(draw(HOURS))
        event = draw(st.sampled_from(MAKERS))(at=at)
        late = timedelta(hours=draw(st.sampled_from([0, 0, 0, 1, 7])))
        events.append(event.model_copy(update={"received_at": event.received_at + late}))
    return events


def shown(events: list[Event]) -> list[dict[str, object]]:
    """Return the whole outcome of a simulation."""
    return [alert.model_dump() for alert in simulate(events, PACK, T(130))]


@settings(max_examples=60, deadline=None)
@given(timelines(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_delivery_mean_nothing(
    events: list[Event], chance: random.Random
) -> None:
    """Clocks, alerts and ids depend on the set of facts alone."""
    doubled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(doubled)
    assert shown(doubled) == shown(events)


@settings(max_examples=60, deadline=None)
@given(timelines())
def test_never_early_never_twice(events: list[Event]) -> None:
    """A level comes at or after its instant, and under one id."""
    alerts = simulate(events, PACK, T(130))
    places: Counter[tuple[object, ...]] = Counter()
    for alert in alerts:
        if alert.kind != "clock":
            continue
        assert alert.start_at is not None
        assert alert.due_at is not None
        places[alert.clock, alert.level, alert.repeat] += 1
        fraction = {one.level: one.at for one in RULES[alert.rule].levels}.get(
            alert.level or "due", 1
        )
        instant = alert.start_at + (alert.due_at - alert.start_at) * fraction
        assert alert.raised_at >= instant
    assert set(places.values()) <= {1}


@settings(max_examples=60, deadline=None)
@given(timelines(), HOURS)
def test_deciding_again_says_nothing_more(events: list[Event], hour: float) -> None:
    """Given its own alerts back, the core is silent."""
    now: datetime = T(hour)
    facts = list({one.id: one for one in map(fact_of, events) if one.received_at <= now}.values())
    first = decide(Chart("A", facts, [], PACK), now)
    again = decide(Chart("A", facts, list(first.alerts), PACK), now)
    assert again.alerts == ()
    assert again.wake_at is None or again.wake_at > now


@given(timelines())
def test_a_row_is_the_fact(events: list[Event]) -> None:
    """What is written is what was known."""
    for fact in map(fact_of, events):
        assert decode_fact(fact.id, encode_fact(fact)) == fact


@given(st.permutations([0, 1, 2]))
def test_tellings_of_one_fact_merge_in_any_order(order: list[int]) -> None:
    """Receipt by minimum, last record by maximum."""
    told = [fact_of(a_suspicion(at=T(0), received_at=T(n), recorded_at=T(3 - n))) for n in range(3)]
    merged: Fact = told[order[0]]
    for place in order[1:]:
        merged = merge_tellings(merged, told[place])
    assert (merged.received_at, merged.recorded_at, merged.recorded_last_at) == (T(0), T(1), T(3))


@given(st.permutations([0, 1, 2]))
def test_a_time_is_known_as_exactly_as_anybody_told_it(order: list[int]) -> None:
    """Told by the day, by an hour of two, and to the second: the doubt goes, whoever was heard first."""
    how: list[dict[str, Any]] = [
        {"occurred_latest_at": T(24), "occurred_precision": "day"},
        {"occurred_latest_at": T(1), "occurred_basis": "ambiguous"},
        {},
    ]
    told = [fact_of(a_suspicion(at=T(0), received_at=T(30), **more)) for more in how]
    merged: Fact = told[order[0]]
    for place in order[1:]:
        merged = merge_tellings(merged, told[place])
    assert merged == told[2]
