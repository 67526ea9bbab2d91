"""Charts are kept of patients with a clock: never out of date, whatever comes in between."""

from __future__ import annotations

from typing import Any

import pytest

from cordwatch.pathway.chart import Chart
from cordwatch.watch import charts
from cordwatch.watch.effects import Send
from tests.builders import T, a_suspicion, an_mri_done
from tests.unit.watch.test_machine import Log, a_machine, run


def drawn_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every chart of a patient that is drawn up."""
    drawn: list[str] = []

    class Counted(Chart):
        def __init__(self, patient: str, *args: Any) -> None:
            drawn.append(patient)
            super().__init__(patient, *args)

    monkeypatch.setattr(charts, "Chart", Counted)
    return drawn


def test_a_chart_is_drawn_up_when_something_is_told_and_not_when_time_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A day of overdue repeats is told from one chart; the scan needs another."""
    log, drawn = Log(), drawn_from_now_on(monkeypatch)
    log.tell(a_suspicion(at=T(0), patient="A"))
    machine = a_machine(log)
    run(machine, log, T(0))
    while (at := machine.wake_at()) is not None and at < T(20):
        run(machine, log, at)
    assert len(log.alerts) > 30
    assert drawn == ["A"]
    log.tell(an_mri_done(at=T(20), patient="A"))
    run(machine, log, T(20))
    assert drawn == ["A", "A"]
    assert {one.status for one in log.alerts[-30:]} == {"resolved"}


def test_of_more_patients_than_charts_are_kept_nothing_is_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their charts are drawn up again at every look."""
    told = [a_suspicion(at=T(n / 60), patient=f"p{n}") for n in range(3)]
    found = []
    for charts_kept in (2, 3):
        log, drawn = Log(), drawn_from_now_on(monkeypatch)
        log.tell(*told)
        machine = a_machine(log, charts_kept)
        run(machine, log, T(1))
        while (at := machine.wake_at()) is not None and at < T(20):
            run(machine, log, at)
        found.append(log.alerts)
        assert (len(drawn) > 3) == (charts_kept < 3)
    assert found[0] == found[1]


def test_what_is_told_while_an_alert_is_published_is_not_missed_by_the_next_look() -> None:
    """The chart from which the alert was told does not hold it."""
    log = Log()
    log.tell(a_suspicion(at=T(0), patient="A"))
    machine = a_machine(log)
    run(machine, log, T(0))
    at = machine.wake_at()
    assert at is not None
    looking = machine.settle(sorted(machine.waiting(at)), at)
    while not isinstance(effect := next(looking), Send):
        log.do(effect)
    log.do(effect)
    log.tell(an_mri_done(at=at, patient="A"))
    for one in [*machine.take(log.unread(machine), at), *looking]:
        log.do(one)
    run(machine, log, at)
    latest = {one.alert_id: one for one in log.alerts}
    assert {one.status for one in latest.values()} == {"resolved"}
