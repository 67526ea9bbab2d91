"""What the board tells Prometheus: every series, its meaning, touched at start."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cordwatch.board.answering import KINDS
from cordwatch.board.audit_event import Deed
from cordwatch.board.wording import STATE_WORDS

OUTCOMES = ("kept", "again", "outdated", "refused", "not-recorded", "unknown")
REFUSALS = ("not-signed-in", "role", "ward", "forged", "rate")
HOOKS = ("patient-view", "order-select")
HOOK_OUTCOMES = ("cards", "none", "feedback", "refused")
KEYS_OF = ("staff", "ehr")
_SHOWN_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class BoardMetrics:
    """The typed catalogue. Labels are closed sets: no reference, ward or name ever is one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series."""
        self.open_rows = Gauge(
            "cordwatch_board_open_rows", "Clocks on the board", ["state"], registry=registry
        )
        self.ready = Gauge(
            "cordwatch_board_ready", "1 when all that was there is read", registry=registry
        )
        self.live = Gauge(
            "cordwatch_board_live", "0 while no word comes from Kafka", registry=registry
        )
        self.rebuild_s = Gauge(
            "cordwatch_board_rebuild_seconds",
            "How long it took to read everything at the start",
            registry=registry,
        )
        self.records = Counter("cordwatch_board_records", "Records read", registry=registry)
        self.unread = Gauge(
            "cordwatch_board_unreadable_records",
            "Records that could not be read, and patients whose rows are old for that",
            registry=registry,
        )
        self.streams = Gauge("cordwatch_board_streams", "Pages that are live", registry=registry)
        self.applied_s = Histogram(
            "cordwatch_board_apply_seconds",
            "From a batch of records in hand until the pages are told",
            buckets=_SHOWN_S,
            registry=registry,
        )
        for state in STATE_WORDS:
            self.open_rows.labels(state).set(0)
        self._people(registry)

    def _people(self, registry: CollectorRegistry) -> None:
        self.answers = Counter(
            "cordwatch_board_answers",
            "Answers given at the board, by kind and what became of them",
            ["kind", "outcome"],
            registry=registry,
        )
        self.refused = Counter(
            "cordwatch_board_refused", "Requests refused, by reason", ["reason"], registry=registry
        )
        self.audited = Counter(
            "cordwatch_board_audit_records",
            "Audit records that are safe, by deed",
            ["deed"],
            registry=registry,
        )
        self.not_audited = Counter(
            "cordwatch_board_audit_failures",
            "Audit records that could not be written",
            registry=registry,
        )
        self.hooks = Counter(
            "cordwatch_board_hooks",
            "Calls of CDS Hooks that were signed in, by hook and what came of them",
            ["hook", "outcome"],
            registry=registry,
        )
        self.keys_age_s = Gauge(
            "cordwatch_board_keys_age_seconds",
            "How old the keys are that were fetched from an address: of staff's provider, of the record system; +Inf: none yet; 0: not fetched from one",
            ["of"],
            registry=registry,
        )
        self.copied_at = Gauge(
            "cordwatch_board_downtime_copy_timestamp_seconds",
            "When the downtime copy was last written, in seconds since 1970; 0: never, or none is wanted",
            registry=registry,
        )
        for hook in HOOKS:
            for outcome in HOOK_OUTCOMES:
                self.hooks.labels(hook, outcome)
        for of in KEYS_OF:
            self.keys_age_s.labels(of).set(0)
        for kind in KINDS:
            for outcome in OUTCOMES:
                self.answers.labels(kind, outcome)
        for reason in REFUSALS:
            self.refused.labels(reason)
        for deed in get_args(Deed):
            self.audited.labels(deed)
