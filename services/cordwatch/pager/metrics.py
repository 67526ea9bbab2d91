"""What the pager tells Prometheus: every series, its meaning, touched at start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cordwatch.pager.decide import Reason
from cordwatch.pager.intake import READ
from cordwatch.pager.transports.transport import REASONS, Action, Outcome, Transport, Verdict
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.topics import PAGES

ACTIONS = get_args(Action)
KINDS = ("clock", "notice", "advisory", "operational")
_FIRST_POST_S = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)


class PagerMetrics:
    """The typed catalogue. Labels are closed sets, or names that the hospital's own plan has."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series."""
        self._counters(registry)
        self._gauges(registry)
        for kind in KINDS:
            self.heard.labels(kind)
            self.open.labels(kind)
        for topic in (*READ, PAGES):
            self.unreadable.labels(topic.noun)
        for reason in get_args(Reason):
            self.decided.labels(reason)
        for hindrance in REASONS:
            if hindrance != "accepted":
                self.failures.labels(hindrance)

    def _counters(self, registry: CollectorRegistry) -> None:
        self.heard = Counter(
            "cordwatch_pager_heard", "Alerts heard, by kind", ["kind"], registry=registry
        )
        self.unreadable = Counter(
            "cordwatch_pager_unreadable",
            "Records that could not be read, by topic: a page may be missing",
            ["topic"],
            registry=registry,
        )
        self.decided = Counter(
            "cordwatch_pager_decisions",
            "What was decided, by the stage that decided (told: a page)",
            ["reason"],
            registry=registry,
        )
        self.attempts = Counter(
            "cordwatch_pager_attempts",
            "Attempts by kind of destination, what was to be said, and what became of it",
            ["kind", "action", "outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "cordwatch_pager_attempt_failures",
            "Attempts that were not accepted, by what stood in the way",
            ["reason"],
            registry=registry,
        )
        self.fallbacks = Counter(
            "cordwatch_pager_fallbacks",
            "Times another destination was told, since one refused or did not take it",
            registry=registry,
        )
        self.first_post_s = Histogram(
            "cordwatch_pager_first_attempt_seconds",
            "From the instant at which an alert was raised to the first attempt to tell it",
            buckets=_FIRST_POST_S,
            registry=registry,
        )

    def _gauges(self, registry: CollectorRegistry) -> None:
        self.leads = Gauge(
            "cordwatch_pager_leads",
            "1 while this process tells; 0 while it stands by",
            registry=registry,
        )
        self.open = Gauge(
            "cordwatch_pager_open_matters",
            "Matters that hold, by kind",
            ["kind"],
            registry=registry,
        )
        self.deferred = Gauge(
            "cordwatch_pager_deferred_matters",
            "Matters that hold and wait, by the stage that holds them back",
            ["reason"],
            registry=registry,
        )
        self.oldest_unaccepted_s = Gauge(
            "cordwatch_pager_oldest_unaccepted_seconds",
            "For how long the oldest page waits that no destination has accepted (0: none)",
            registry=registry,
        )
        self.oldest_unanswered_s = Gauge(
            "cordwatch_pager_oldest_unacknowledged_seconds",
            "For how long the oldest page waits that nobody has answered (0: none)",
            registry=registry,
        )
        self.pages = Gauge(
            "cordwatch_pager_pages_per_recipient",
            "Pages to a recipient in the plan's window of calm (2 h unless it says otherwise)",
            ["role", "destination"],
            registry=registry,
        )
        self.behind_s = Gauge(
            "cordwatch_pager_behind_seconds",
            "For how long there has been more to read than was taken in (0: all is read)",
            registry=registry,
        )
        self.ledger_away = Gauge(
            "cordwatch_pager_ledger_away",
            "1 while the broker does not take the ledger's rows",
            registry=registry,
        )

    def touch(self, transports: Iterable[Transport]) -> None:
        """Touch the series of each kind of destination in the plan."""
        for kind in {one.kind for one in transports}:
            for action in ACTIONS:
                for verdict in get_args(Verdict):
                    self.attempts.labels(kind, action, verdict)

    def attempted(self, kind: str, action: Action, outcome: Outcome) -> None:
        """Count an attempt: what became of it, and if it failed, why."""
        self.attempts.labels(kind, action, outcome.verdict).inc()
        if outcome.verdict != "accepted":
            self.failures.labels(outcome.reason).inc()

    def look(
        self,
        entries: Iterable[LedgerEntry],
        pages: Mapping[tuple[str, str], int],
        now: datetime,
    ) -> None:
        """Set what is a state, from the open matters; synthetic patients are nobody's."""
        unaccepted, unanswered = 0.0, 0.0
        held = dict.fromkeys(get_args(Reason), 0)
        count = dict.fromkeys(KINDS, 0)
        for entry in entries:
            if entry.matter.status != "open" or entry.matter.is_synthetic:
                continue
            count[entry.matter.kind] += 1
            if entry.reason in held:
                held[entry.reason] += 1
            waits = [one for one in entry.deliveries if one.wanted == "told"]
            if entry.reason != "told" or not waits:
                continue
            age_s = (now - min(one.decided_at for one in waits)).total_seconds()
            if all(one.accepted == "nothing" for one in waits):
                unaccepted = max(unaccepted, age_s)
            unanswered = max(unanswered, age_s)
        self.oldest_unaccepted_s.set(unaccepted)
        self.oldest_unanswered_s.set(unanswered)
        for kind, times in count.items():
            self.open.labels(kind).set(times)
        for reason, times in held.items():
            if reason not in {"told", "over"}:
                self.deferred.labels(reason).set(times)
        self.pages.clear()
        for recipient, times in pages.items():
            self.pages.labels(*recipient).set(times)
