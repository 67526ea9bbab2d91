"""What the synthetic patient's service tells Prometheus: every series, its meaning, touched at start."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cordwatch.runtime.heartbeat import Way
from cordwatch.synthetic.rounds import LEGS

ROUND = "round"
"""Stands beside the legs for all of them together."""

_LEG_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20)


class SyntheticMetrics:
    """The typed catalogue. Labels are closed sets."""

    def __init__(self, registry: CollectorRegistry, begun_at: datetime) -> None:
        """Register every series; the last success counts from *begun_at* until there is one."""
        self.leads = Gauge(
            "cordwatch_synthetic_leads",
            "1 while this process tells of synthetic patients; 0 while it stands by",
            registry=registry,
        )
        self.rounds = Counter(
            "cordwatch_synthetic_rounds",
            "Rounds, by whether every leg answered in time",
            ["outcome"],
            registry=registry,
        )
        self.misses = Gauge(
            "cordwatch_synthetic_misses_in_a_row",
            "Rounds missed since the last whole one",
            registry=registry,
        )
        self.missed = Counter(
            "cordwatch_synthetic_leg_misses",
            "Legs that did not answer in time, rounds by leg",
            ["leg"],
            registry=registry,
        )
        self.last_success_at = Gauge(
            "cordwatch_synthetic_last_success_timestamp_seconds",
            "Begin of the last round in which a leg answered for every patient (round: all legs); the start of the process where there is none",
            ["leg"],
            registry=registry,
        )
        self.leg_s = Histogram(
            "cordwatch_synthetic_leg_seconds",
            "How long a leg took: from what it waited for until it had answered for every patient",
            ["leg"],
            buckets=_LEG_S,
            registry=registry,
        )
        self.beats = Counter(
            "cordwatch_synthetic_heartbeats",
            "Heartbeats to the outside after whole rounds, by way and what became of them",
            ["way", "outcome"],
            registry=registry,
        )
        self._touch(begun_at)

    def _touch(self, begun_at: datetime) -> None:
        outcomes: tuple[Literal["whole", "missed"], ...] = ("whole", "missed")
        for outcome in outcomes:
            self.rounds.labels(outcome)
        for leg in (*LEGS, ROUND):
            self.last_success_at.labels(leg).set(begun_at.timestamp())
        for leg in LEGS:
            self.leg_s.labels(leg)
            self.missed.labels(leg)
        for way in get_args(Way):
            for sent in ("sent", "failed"):
                self.beats.labels(way, sent)
