"""
One patient and one worker, driven step by step by hypothesis: what is heard, doubled, slept through, restarted.

After every step nothing was told early or twice; in the end nothing is owed,
the order of hearing meant nothing, and the oracle tells the same story.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import decide
from cordwatch.pathway.facts import (
    Fact,
    decode_fact,
    encode_fact,
    fact_of,
    fact_of_answer,
    merge_tellings,
)
from cordwatch.pathway.relevance import is_kept
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests.builders import PATIENT, T, known_lymphoma
from tests.oracle.agreement import differences
from tests.sim import happenings as h

PACK = load_pack("mescc-lymphoma")
FRACTIONS = {(one.id, step.level): step.at for one in PACK.rules for step in one.levels}
SECOND = timedelta(seconds=1)
HAPPENINGS = (
    h.suspicion,
    h.milder_signs,
    h.remarks,
    h.diagnosis,
    h.refutation,
    h.mri_order,
    h.mri_booking,
    h.mri_scan,
    h.mri_upset,
    h.other_imaging,
    h.report,
    h.answer,
    h.stand_down,
    h.dexamethasone,
    h.dexamethasone_stop,
    h.dose,
    h.other_drug,
    h.treatment,
    h.consultation,
    h.record,
    h.stay,
    h.life_and_death,
)
LAGS_H = (0, 0, 0, 1, 5, 12, 24)
WAITS_H = (0, 0.5, 1, 3, 6, 12)


class Watched(RuleBasedStateMachine):
    """A worker that keeps one patient's facts and alerts as watch does, and looks when it is woken."""

    def __init__(self) -> None:
        """Begin with nobody ill."""
        super().__init__()
        self.now: datetime = T(0)
        self.told: list[h.Told] = []
        self.facts: dict[str, Fact] = {}
        self.alerts: dict[str, Alert] = {}
        self.wake_at: datetime | None = None

    def chart(self, *published: Alert) -> Chart:
        """Return the chart drawn up anew: none is kept here."""
        return Chart(PATIENT, list(self.facts.values()), published, PACK)

    def look(self) -> None:
        """Decide at this instant, and remember what was published."""
        found = decide(self.chart(*self.alerts.values()), self.now)
        for alert in found.alerts:
            known = self.alerts.get(alert.alert_id)
            assert known is None or alert.revision > known.revision, "told twice"
            self.alerts[alert.alert_id] = alert
        self.wake_at = found.wake_at

    def sleep_until(self, then: datetime) -> None:
        """Let time pass: look whenever something falls due."""
        while self.wake_at is not None and self.wake_at <= then:
            assert self.wake_at >= self.now, "woken in the past"
            self.now = max(self.now, self.wake_at)
            self.look()
        self.now = then

    def hear(self, told: h.Told) -> None:
        """Take in what is told at this instant."""
        self.told.append(told)
        fact = fact_of(told) if isinstance(told, Event) else fact_of_answer(told)
        if fact is not None and is_kept(fact):
            known = self.facts.get(fact.id)
            self.facts[fact.id] = fact if known is None else merge_tellings(known, fact)
            self.look()

    @initialize(has_lymphoma=st.booleans())
    def begin(self, has_lymphoma: bool) -> None:
        """Most of the patients are known to have lymphoma."""
        if has_lymphoma:
            self.hear(known_lymphoma(at=self.now))

    @rule(
        happening=st.sampled_from(HAPPENINGS),
        seed=st.integers(0, 999),
        lag_h=st.sampled_from(LAGS_H),
    )
    def something_is_told(self, happening: h.Happening, seed: int, lag_h: float) -> None:
        """Something happened, now or a while ago."""
        self.sleep_until(self.now + SECOND)
        at = self.now - timedelta(hours=lag_h)
        told = happening(random.Random(seed), at, PATIENT)
        self.hear(told.model_copy(update={"received_at": self.now}))

    @rule(choice=st.integers(0, 999))
    def something_is_told_again(self, choice: int) -> None:
        """A message is delivered a second time."""
        if self.told:
            self.sleep_until(self.now + SECOND)
            again = self.told[choice % len(self.told)]
            self.hear(again.model_copy(update={"received_at": self.now}))

    @rule(hours=st.sampled_from(WAITS_H))
    def time_passes(self, hours: float) -> None:
        """Nothing is heard for a while."""
        self.sleep_until(self.now + timedelta(hours=hours))

    @rule()
    def the_worker_is_restarted(self) -> None:
        """Only rows and alerts survive; a look at once says nothing that was not said."""
        rows = [(fact.id, encode_fact(fact)) for fact in self.facts.values()]
        self.facts = {fact_id: decode_fact(fact_id, row) for fact_id, row in reversed(rows)}
        before = dict(self.alerts)
        self.look()
        assert self.alerts == before

    @invariant()
    def nothing_is_early(self) -> None:
        """A level is told at or after its instant."""
        for alert in self.alerts.values():
            if alert.kind == "clock":
                assert alert.start_at is not None
                assert alert.due_at is not None
                fraction = FRACTIONS.get((alert.rule, alert.level or "due"), 1)
                assert (
                    alert.raised_at >= alert.start_at + (alert.due_at - alert.start_at) * fraction
                )

    def teardown(self) -> None:
        """Hear all of it again in another order: the same; and the oracle says so too."""
        if not self.told:
            return
        self.sleep_until(self.now)
        shuffled = random.Random(len(self.told)).sample(self.told, len(self.told))
        alone = {one.alert_id: one for one in simulate(shuffled, PACK, self.now)}
        assert {key: (one.status, one.revision > 0) for key, one in alone.items()} == {
            key: (one.status, one.revision > 0) for key, one in self.alerts.items()
        }
        assert differences(self.told, PACK, self.now) == []
        open_clocks = decide(self.chart(), self.now).open_clocks
        told = {(one.clock, one.level) for one in self.alerts.values()}
        assert [
            c for c in open_clocks if c.due_at <= self.now and (c.clock, "due") not in told
        ] == []


TestWatched = Watched.TestCase
TestWatched.settings = settings(
    max_examples=150,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
