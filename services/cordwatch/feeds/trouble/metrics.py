"""What a gateway tells Prometheus of its senders: who is silent, who fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from cordwatch.feeds.trouble.listening import Listening
from cordwatch_schemas.operations import FeedKind, OperationalAlert

KINDS: tuple[FeedKind, ...] = get_args(FeedKind)


class OperationsMetrics:
    """Labels are names of profiles and types that are read: what the hospital wrote, never what a sender did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series; those of a feed appear with it."""
        self.alerts = Counter(
            "cordwatch_feeds_operational_alerts",
            "Operational alerts raised, by kind",
            ["kind"],
            registry=registry,
        )
        self.open = Gauge(
            "cordwatch_feeds_open_operational_alerts",
            "Operational alerts that hold, by kind",
            ["kind"],
            registry=registry,
        )
        self.silent = Gauge(
            "cordwatch_feeds_silent",
            "1 while a feed is silent for longer than is usual",
            ["source", "type"],
            registry=registry,
        )
        self.silence_s = Gauge(
            "cordwatch_feeds_silence_seconds",
            "For how long nothing came of a feed, while it could have been heard",
            ["source", "type"],
            registry=registry,
        )
        self.limit_s = Gauge(
            "cordwatch_feeds_silence_limit_seconds",
            "After how long that is told, at this hour of the week",
            ["source", "type"],
            registry=registry,
        )
        self.quarantined = Counter(
            "cordwatch_feeds_quarantined",
            "Messages that could not be understood, or not wholly, by source (-: no profile fits)",
            ["source"],
            registry=registry,
        )
        self.quarantine_limit = Gauge(
            "cordwatch_feeds_quarantine_limit",
            "How many of them in 15 minutes are told",
            ["source"],
            registry=registry,
        )
        for kind in KINDS:
            self.alerts.labels(kind)
            self.open.labels(kind)
        self._begun: set[str] = set()
        self._shown: set[tuple[str, str]] = set()

    def tell(self, told: Iterable[OperationalAlert], listening: Listening) -> None:
        """Count what was *told*, once each, and say what holds."""
        for one in told:
            if one.alert_id not in self._begun:
                self.alerts.labels(one.kind).inc()
            self._begun.add(one.alert_id)
            if one.status == "over":
                self._begun.discard(one.alert_id)
        holding = [one.kind for one in listening.open.values()]
        for kind in KINDS:
            self.open.labels(kind).set(holding.count(kind))

    def show(
        self, listening: Listening, feeds: Iterable[tuple[str, str, float, float, bool]]
    ) -> None:
        """Say of each feed (source, type) how long it is silent, the limit, and whether that is told."""
        shown = set()
        for source, kind, quiet_s, limit_s, is_silent in feeds:
            shown.add((source, kind))
            self.silence_s.labels(source, kind).set(quiet_s)
            self.limit_s.labels(source, kind).set(limit_s)
            self.silent.labels(source, kind).set(float(is_silent))
        for gone in self._shown - shown:
            for series in (self.silent, self.silence_s, self.limit_s):
                series.remove(*gone)
        self._shown = shown
        for name, rate in listening.rates.items():
            self.quarantine_limit.labels(name).set(rate.limit(listening.at_least(name)))
