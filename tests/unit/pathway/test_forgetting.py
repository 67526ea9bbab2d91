"""When a patient is forgotten: after the time that the packs say under which the facts are read, and in any case at last."""

from __future__ import annotations

from datetime import timedelta

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import Decision, decide
from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import Pack, load_pack
from cordwatch_schemas.pack_choice import PackTable
from tests.builders import T, a_suspicion, an_admission, an_mri_done

SHIPPED = load_pack("mescc-lymphoma")


def keeping(days: int, name: str) -> Pack:
    """Return the shipped pack with facts kept for so long, under a name of its own."""
    policy = SHIPPED.policy.model_copy(update={"keep_facts": timedelta(days=days)})
    return SHIPPED.model_copy(update={"name": name, "policy": policy})


LONDON, ELSEWHERE = keeping(20, "london"), keeping(40, "elsewhere")
PACKS = PackTable(ELSEWHERE, {("LON", None): LONDON})


def looked_at(*told: Event) -> list[tuple[float, Decision]]:
    """Return every decision about a patient from T2 on: at its wake-ups alone, with the day of each."""
    facts = [fact for one in told if (fact := fact_of(one)) is not None]
    alerts: dict[str, Alert] = {}
    found: list[tuple[float, Decision]] = []
    now = T(2)
    while True:
        decision = decide(Chart("A", facts, list(alerts.values()), PACKS), now)
        alerts |= {one.alert_id: one for one in decision.alerts}
        found.append(((now - T(0)) / timedelta(days=1), decision))
        if decision.wake_at is None:
            return found
        assert decision.wake_at >= now
        now = decision.wake_at


def test_whoever_was_told_of_last_is_looked_at_once_more_to_be_forgotten() -> None:
    """The end of an advisory is the last that is told; without another look its patient would be kept for ever."""
    *_, (before, told), (last, gone) = looked_at(
        an_admission(T(0)), a_suspicion(T(0)), an_mri_done(T(1))
    )
    assert [one.status for one in told.alerts] == ["resolved"]
    assert (told.expired, gone.expired, gone.alerts) == (False, True, ())
    assert before < 15
    assert 40 < last < 41


def test_facts_are_kept_as_long_as_the_pack_says_under_which_they_are_read() -> None:
    """Another hospital's pack does not keep them longer; a patient of two is kept as long as the longer one says."""
    told = (a_suspicion(T(0)), an_mri_done(T(1)))
    in_london = looked_at(an_admission(T(0), facility="LON"), *told)
    assert 20 < in_london[-1][0] < 21
    later = an_admission(T(0.9), facility="NORTH", encounter="V2")
    in_both = looked_at(an_admission(T(0), facility="LON"), later, *told)
    assert 40 < in_both[-1][0] < 41


def test_what_is_over_for_longer_than_it_is_kept_is_told_before_it_is_forgotten() -> None:
    """A watch that stood still for two months closes what it had told, and only then drops it."""
    begun = (an_admission(T(0)), a_suspicion(T(0)))
    facts = [fact for one in begun if (fact := fact_of(one)) is not None]
    known = decide(Chart("A", facts, [], PACKS), T(6)).alerts
    done = fact_of(an_mri_done(T(7)))
    assert done is not None
    now = T(24 * 60)
    told = decide(Chart("A", [*facts, done], known, PACKS), now)
    assert {one.status for one in told.alerts} == {"resolved"}
    assert (told.expired, told.wake_at) == (False, now)
    closed = {one.alert_id: one for one in (*known, *told.alerts)}
    assert decide(Chart("A", [*facts, done], list(closed.values()), PACKS), now).expired
