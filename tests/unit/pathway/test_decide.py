"""One look at a patient: what it gives back besides alerts, and what it leaves to the next."""

from __future__ import annotations

from datetime import timedelta

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import Decision, OpenClock, decide
from cordwatch.pathway.facts import Fact, fact_of
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T

PACK = load_pack("mescc-lymphoma")
SUSPECTED = b.a_suspicion(T(0))
DISCHARGED = (b.an_admission(T(-2)), SUSPECTED, b.a_discharge(T(2)))


def facts(*told: Event) -> list[Fact]:
    """Return the facts that *told* tell."""
    return [fact_of(one) for one in told]


def test_a_reference_that_lives_elsewhere_has_nothing_to_be_told() -> None:
    """Nor to be woken for: its survivor has all of it."""
    merged = facts(SUSPECTED, *b.a_merge(T(1), "B", "A"))
    assert decide(Chart("A", merged, [], PACK), T(7)) == Decision()
    assert decide(Chart("B", merged, [], PACK), T(7)).alerts != ()


def test_what_can_matter_to_nobody_is_only_kept_for_its_time() -> None:
    """A drug alone: no clock, no alert; it is looked at again when it may be forgotten."""
    alone = facts(b.a_dose(T(0)))
    forget_at = T(0) + PACK.policy.keep_facts
    assert decide(Chart("A", alone, [], PACK), T(1)) == Decision(wake_at=forget_at)
    early = forget_at - timedelta(seconds=1)
    assert decide(Chart("A", alone, [], PACK), early) == Decision(wake_at=forget_at)
    assert decide(Chart("A", alone, [], PACK), forget_at) == Decision(expired=True)


def test_a_lymphoma_alone_is_never_forgotten() -> None:
    """Nor is anybody woken for it."""
    assert decide(Chart("A", facts(b.known_lymphoma()), [], PACK), T(24 * 900)) == Decision()
    assert decide(Chart("A", [], [], PACK), T(0)) == Decision()


def test_a_running_clock_is_named_and_woken_for_its_next_level() -> None:
    """What metrics and the heap check count."""
    found = decide(Chart("A", facts(SUSPECTED), [], PACK), T(1))
    [clock] = found.open_clocks
    assert clock == OpenClock(clock.clock, "mri.mescc-suspected", T(12))
    assert (found.alerts, found.wake_at, found.expired) == ((), T(6), False)


def test_a_patient_is_worked_out_once_for_as_long_as_nothing_is_heard() -> None:
    """Whoever keeps the chart notes what is published, and asks again."""
    chart = Chart("A", facts(SUSPECTED), [], PACK)
    decide(chart, T(1))
    first = chart.picture
    again = decide(chart, T(6))
    assert chart.picture is first
    assert [one.level for one in again.alerts] == ["reminder"]
    chart.note(again.alerts)
    assert decide(chart, T(6)).alerts == ()


def test_what_is_told_while_a_source_cannot_be_read_says_so() -> None:
    """Of a level as of a notice: something may have happened that nobody could hear of."""
    alerts = decide(Chart("A", facts(*DISCHARGED), [], PACK), T(6), stale=True).alerts
    assert {one.kind for one in alerts} == {"clock", "notice", "advisory"}
    assert {one.data_stale for one in alerts} == {True}
    assert not any(
        one.data_stale for one in decide(Chart("A", facts(*DISCHARGED), [], PACK), T(6)).alerts
    )


def test_what_was_told_of_another_patient_is_left_alone() -> None:
    """Un-merged: each closes and repeats only what is theirs."""
    other = b.a_suspicion(T(0), patient="B")
    apart = facts(
        SUSPECTED, other, *b.a_merge(T(1), "B", "A"), *b.a_merge_cancelled(T(2), "B", "A")
    )
    of_b: list[Alert] = list(decide(Chart("B", apart, [], PACK), T(6)).alerts)
    assert [one.patient for one in of_b] == ["B"]
    assert [one.patient for one in decide(Chart("A", apart, of_b, PACK), T(6)).alerts] == ["A"]


def test_a_clock_that_is_overdue_for_ever_is_not_forgotten() -> None:
    """Its pages have ended, and it shows on the board until something ends it."""
    told = decide(Chart("A", facts(SUSPECTED), [], PACK), T(24 * 400))
    assert [one.level for one in told.alerts] == ["due"]
    known = [
        one.model_copy(update={"level": level, "raised_at": T(12), "repeat": repeat})
        for one in told.alerts
        for level, repeat in (("due", 0), ("overdue", 96))
    ]
    later = decide(Chart("A", facts(SUSPECTED), known, PACK), T(24 * 400))
    assert [one.rule for one in later.open_clocks] == ["mri.mescc-suspected"]
    assert (later.alerts, later.wake_at, later.expired) == ((), None, False)


def test_who_was_merged_is_never_forgotten() -> None:
    """What still comes for the retired reference must find its way."""
    merged = facts(*b.a_merge(T(0), "B", "A"), b.a_dose(T(0)))
    assert decide(Chart("B", merged, [], PACK), T(24 * 900)) == Decision()


def test_what_is_due_at_the_same_time_by_another_version_is_not_told_anew() -> None:
    """A pack that changes nothing for an alert leaves it as it was published."""
    known = decide(Chart("A", facts(SUSPECTED), [], PACK), T(6)).alerts
    newer = PACK.model_copy(update={"version": "9.0.0"})
    assert decide(Chart("A", facts(SUSPECTED), known, newer), T(7)).alerts == ()
