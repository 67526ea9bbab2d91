"""What the inlets and the heartbeat tell an operator; closed label sets, all touched at start."""

from __future__ import annotations

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cordwatch.pager.inlets.heard import INLETS, Because
from cordwatch.runtime.heartbeat import Way

Outcome = Literal["published", "standing-by", "full", "late"] | Because
"""
What became of what came in. `published`: an answer on the topic; `standing-by`:
another pager leads; `full`: no room for it; `late`: no word of the broker in
time; else why it is no answer.
"""

OUTCOMES: tuple[Outcome, ...] = ("published", "standing-by", "full", "late", *get_args(Because))
BEATS = ("sent", "held", "failed")
"""`held`: not sent, since the pager makes no progress."""

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0)


class InletMetrics:
    """Series of what answers come from, and of the watchdog."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them, each label set there from the start."""
        self.heard = Counter(
            "cordwatch_pager_inlet_answers_total",
            "What came in by an inlet, and what became of it",
            ["inlet", "outcome"],
            registry=registry,
        )
        self.answer_s = Histogram(
            "cordwatch_pager_inlet_seconds",
            "Seconds until a webhook was answered: PagerDuty waits for five",
            buckets=_SECONDS,
            registry=registry,
        )
        self.waiting = Gauge(
            "cordwatch_pager_inlet_waiting",
            "Answers that the broker has not acknowledged yet",
            registry=registry,
        )
        self.silences_read_at = Gauge(
            "cordwatch_pager_silences_last_read_timestamp_seconds",
            "When the silences of an Alertmanager were last read; 0: never",
            registry=registry,
        )
        self.beats = Counter(
            "cordwatch_pager_heartbeats_total",
            "Heartbeats to the outside, by way and what became of them (held: the pager makes no progress)",
            ["way", "outcome"],
            registry=registry,
        )
        for inlet in INLETS:
            for outcome in OUTCOMES:
                self.heard.labels(inlet, outcome)
        for way in get_args(Way):
            for beat in BEATS:
                self.beats.labels(way, beat)
