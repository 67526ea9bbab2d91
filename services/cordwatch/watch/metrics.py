"""What watch tells Prometheus: every series, its meaning, touched at start."""

from __future__ import annotations

from functools import cache
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.synthetic import is_synthetic
from cordwatch_schemas.topics import WATCHED

_OUTCOMES = ("fact", "known", "irrelevant")
_LEVELS = ("prompt", "reminder", "warning", "urgent", "due", "overdue", "none")
_LATENESS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 3600, 86400)


class Metrics:
    """The typed catalogue. Labels are closed sets: no reference, ward or name ever is one."""

    def __init__(self, packs: Packs, registry: CollectorRegistry) -> None:
        """Register every series, and touch those that *packs* allow."""
        self._input(registry)
        self._output(registry)
        self._worker(registry)
        self._touch(packs)

    def _input(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "cordwatch_events",
            "Events read, by topic and what became of them",
            ["topic", "outcome"],
            registry=registry,
        )
        self.facts = Counter(
            "cordwatch_facts", "Facts written to the state", ["kind"], registry=registry
        )
        self.quarantine = Counter(
            "cordwatch_quarantined", "Records put in quarantine", ["topic"], registry=registry
        )
        self.last_event_at = Gauge(
            "cordwatch_last_event_timestamp_seconds",
            "When the last record of a topic was read (Unix time; 0: never)",
            ["topic"],
            registry=registry,
        )
        self.lag = Gauge(
            "cordwatch_lag_records", "Records not read yet, by topic", ["topic"], registry=registry
        )
        self.oldest_unread_s = Gauge(
            "cordwatch_oldest_unread_seconds",
            "For how long, at least, the oldest record of a topic waits that is not read (0: none)",
            ["topic"],
            registry=registry,
        )
        self.retention_s = Gauge(
            "cordwatch_retention_seconds",
            "For how long the broker keeps records of a topic: what waits longer is lost",
            ["topic"],
            registry=registry,
        )
        self.clock_offset_s = Gauge(
            "cordwatch_clock_offset_seconds",
            "By how much this clock is ahead of the one that stamps records of a topic, and how long they take (not a number: none came in five minutes)",
            ["topic"],
            registry=registry,
        )

    def _output(self, registry: CollectorRegistry) -> None:
        self.open_clocks = Gauge(
            "cordwatch_open_clocks", "Clocks that run, by rule", ["rule"], registry=registry
        )
        self.patients = Gauge(
            "cordwatch_patients", "Patients with facts on owned partitions", registry=registry
        )
        self.unreadable_patients = Gauge(
            "cordwatch_unreadable_patients",
            "Patients of whom a stored row cannot be read, so that a clock may be missing: always 0",
            registry=registry,
        )
        self.alerts = Counter(
            "cordwatch_alerts",
            "Alerts published, by rule and level (none: notice or advisory)",
            ["rule", "level"],
            registry=registry,
        )
        self.ended = Counter(
            "cordwatch_alert_updates", "Alerts told again, by status", ["status"], registry=registry
        )
        self.lateness = Histogram(
            "cordwatch_firing_lateness_seconds",
            "From the instant of a level until the broker has its alert",
            buckets=_LATENESS_S,
            registry=registry,
        )

    def _worker(self, registry: CollectorRegistry) -> None:
        self.oldest_overdue_s = Gauge(
            "cordwatch_oldest_overdue_seconds",
            "How long the patient who waits longest has been due to be looked at",
            registry=registry,
        )
        self.recovery_s = Gauge(
            "cordwatch_recovery_seconds", "How long the last recovery took", registry=registry
        )
        self.heap_mismatches = Gauge(
            "cordwatch_heap_mismatches",
            "Patients with a wake-up that the heap does not hold: always 0",
            registry=registry,
        )
        self.data_stale = Gauge(
            "cordwatch_held_partitions",
            "Partitions that cannot be read up to now, so that alerts are held",
            registry=registry,
        )
        self.partitions = Gauge(
            "cordwatch_owned_partitions", "Partitions that this worker owns", registry=registry
        )
        self.session_timeout_s = Gauge(
            "cordwatch_session_timeout_seconds",
            "After a crash another worker takes over in about this time",
            registry=registry,
        )

    def _touch(self, packs: Packs) -> None:
        for topic in WATCHED:
            self.last_event_at.labels(topic.noun).set(0)
            self.lag.labels(topic.noun).set(0)
            self.oldest_unread_s.labels(topic.noun).set(0)
            self.retention_s.labels(topic.noun).set(topic.retention_s)
            self.clock_offset_s.labels(topic.noun).set(nan)
            self.quarantine.labels(topic.noun)
            for outcome in _OUTCOMES:
                self.events.labels(topic.noun, outcome)
        for pack in packs.each:
            for rule in pack.rules:
                self.open_clocks.labels(rule.id).set(0)
                for level in _LEVELS[:-1]:
                    self.alerts.labels(rule.id, level)
            for item in (*pack.notices, *pack.advisories):
                self.alerts.labels(item.id, "none")
        for status in ("open", "resolved", "withdrawn", "superseded"):
            self.ended.labels(status)

    def event(self, topic: str, kind: str, outcome: str) -> None:
        """Count an event that was read."""
        _child(self.events, topic, outcome).inc()
        if outcome == "fact":
            _child(self.facts, kind).inc()

    def quarantined(self, topic: str) -> None:
        """Count a record that could not be understood."""
        self.quarantine.labels(topic).inc()

    def alert(self, alert: Alert) -> None:
        """Count an alert: a new one by rule and level, a change by its status; a synthetic patient's counts nowhere."""
        if is_synthetic(alert.patient):
            return
        if alert.revision == 0:
            self.alerts.labels(alert.rule, alert.level or "none").inc()
        else:
            self.ended.labels(alert.status).inc()


@cache
def _child(counter: Counter, *labels: str) -> Counter:
    # Finding a series by its labels costs more than counting, and is done for every record.
    return counter.labels(*labels)
