"""What the gateway tells Prometheus: every series, its meaning, touched at start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cordwatch.feeds.fhir.notification import KINDS
from cordwatch.feeds.group_reading import Settled
from cordwatch.feeds.hl7.acknowledge import CODES
from cordwatch.feeds.trouble.metrics import OperationsMetrics

Refusal = Literal["address", "limit", "tls"]
Closing = Literal["peer", "idle", "unread", "drained", "error"]
Reload = Literal["loaded", "refused"]
BadFrame = Literal["oversized", "unreadable"]

OUTCOMES = ("mapped", "irrelevant", "quarantined", "refused", "repeated")
COMMITS = ("ack", "nak")
REFUSALS: tuple[Refusal, ...] = ("address", "limit", "tls")
RELOADS: tuple[Reload, ...] = ("loaded", "refused")
CLOSINGS: tuple[Closing, ...] = ("peer", "idle", "unread", "drained", "error")
BAD_FRAMES: tuple[BadFrame, ...] = ("oversized", "unreadable")
FHIR_ANSWERS = ("200", "400", "401", "403", "413", "415", "422", "502", "503")
FHIR_WAYS = ("events", "search", "none")
FHIR_ERRORS = ("away", "refused")
_COMMIT_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class FeedsMetrics:
    """The typed catalogue. Labels are closed sets: no peer, sender, patient or message ever is one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series, and touch it."""
        self._messages(registry)
        self._connections(registry)
        self._broker(registry)
        self._fhir(registry)
        self.operations = OperationsMetrics(registry)
        touched: tuple[tuple[Counter, Iterable[str]], ...] = (
            (self.messages, OUTCOMES),
            (self.acks, (*CODES, *COMMITS)),
            (self.bad_frames, BAD_FRAMES),
            (self.refused_peers, REFUSALS),
            (self.closed, CLOSINGS),
            (self.profile_reloads, RELOADS),
            (self.fhir_notifications, KINDS),
            (self.fhir_answers, FHIR_ANSWERS),
            (self.fhir_gaps, FHIR_WAYS),
            (self.fhir_server_errors, FHIR_ERRORS),
        )
        for series, labels in touched:
            for label in labels:
                series.labels(label)

    def settled(self, settled: Settled) -> None:
        """Count a message by what came of it."""
        outcome = settled.found.outcome if settled.stored else "refused"
        self.messages.labels("repeated" if settled.repeated else outcome).inc()
        if settled.found.control_id_reused and not settled.repeated:
            self.reused_control_ids.inc()

    def _messages(self, registry: CollectorRegistry) -> None:
        self.messages = Counter(
            "cordwatch_feeds_messages",
            "Messages that came, by outcome (refused: the broker will not take it; repeated: answered before)",
            ["outcome"],
            registry=registry,
        )
        self.reused_control_ids = Counter(
            "cordwatch_feeds_reused_control_ids",
            "Messages that had the control id of an earlier one and other bytes, or (FHIR) the name of an earlier version and another content; kept, and read as any other",
            registry=registry,
        )
        self.remembered = Gauge(
            "cordwatch_feeds_remembered_messages",
            "Messages, and versions of FHIR resources, that are known if they come again",
            registry=registry,
        )
        self.acks = Counter(
            "cordwatch_feeds_acks",
            "Answers sent, by code (ack, nak: the commit bytes of MLLP v2)",
            ["code"],
            registry=registry,
        )
        self.bad_frames = Counter(
            "cordwatch_feeds_bad_frames",
            "Frames above the limit, and bytes that are no whole frame",
            ["kind"],
            registry=registry,
        )
        self.received_bytes = Counter(
            "cordwatch_feeds_received_bytes", "Bytes read from peers", registry=registry
        )
        self.last_message_at = Gauge(
            "cordwatch_feeds_last_message_timestamp_seconds",
            "When the last message came (Unix time; 0: never); time() minus this is the silence",
            registry=registry,
        )

    def _connections(self, registry: CollectorRegistry) -> None:
        self.open_connections = Gauge(
            "cordwatch_feeds_open_connections",
            "Connections that are open, handshakes included",
            registry=registry,
        )
        self.closed = Counter(
            "cordwatch_feeds_closed_connections",
            "Connections that ended, by cause (unread: a peer did not read its answers)",
            ["cause"],
            registry=registry,
        )
        self.refused_peers = Counter(
            "cordwatch_feeds_refused_peers",
            "Connections turned away: address not allowed, too many, or no valid TLS",
            ["reason"],
            registry=registry,
        )
        self.paused_connections = Gauge(
            "cordwatch_feeds_paused_connections",
            "Connections that are not read for now (back-pressure)",
            registry=registry,
        )

    def _broker(self, registry: CollectorRegistry) -> None:
        self.commit_s = Histogram(
            "cordwatch_feeds_commit_seconds",
            "From a message's last byte to the broker's acknowledgement of all that follows from it",
            buckets=_COMMIT_S,
            registry=registry,
        )
        self.waiting_messages = Gauge(
            "cordwatch_feeds_waiting_messages",
            "Messages that the broker has not acknowledged yet",
            registry=registry,
        )
        self.waiting_bytes = Gauge(
            "cordwatch_feeds_waiting_bytes", "Bytes of these messages", registry=registry
        )
        self.profile_reloads = Counter(
            "cordwatch_feeds_profile_reloads",
            "Profiles read anew on SIGHUP (refused: those from before stay)",
            ["result"],
            registry=registry,
        )
        self.profile_refused = Gauge(
            "cordwatch_feeds_profile_refused",
            "1 while the profiles on disk are not those in use, since they have faults",
            registry=registry,
        )
        self.broker_away = Gauge(
            "cordwatch_feeds_broker_away",
            "1 while the broker does not acknowledge: nothing is answered",
            registry=registry,
        )

    def _fhir(self, registry: CollectorRegistry) -> None:
        self.fhir_notifications = Counter(
            "cordwatch_feeds_fhir_notifications",
            "Notifications of FHIR subscriptions, by kind",
            ["kind"],
            registry=registry,
        )
        self.fhir_answers = Counter(
            "cordwatch_feeds_fhir_answers",
            "Answers of the rest-hook endpoint, by HTTP status",
            ["status"],
            registry=registry,
        )
        self.fhir_missing_events = Counter(
            "cordwatch_feeds_fhir_missing_events",
            "Notifications that did not come, by their numbers",
            registry=registry,
        )
        self.fhir_gaps = Counter(
            "cordwatch_feeds_fhir_gaps",
            "Gaps dealt with: asked for by number, by a search, or not at all (no server to ask)",
            ["way"],
            registry=registry,
        )
        self.fhir_polled = Counter(
            "cordwatch_feeds_fhir_polled_resources",
            "Resources that a search found and that were not seen before by this process",
            registry=registry,
        )
        self.fhir_server_errors = Counter(
            "cordwatch_feeds_fhir_server_errors",
            "Questions to the FHIR server without an answer: away, or refused",
            ["kind"],
            registry=registry,
        )
        self.fhir_last_notification_at = Gauge(
            "cordwatch_feeds_fhir_last_notification_timestamp_seconds",
            "When the last notification came, heartbeats included (Unix time; 0: never)",
            registry=registry,
        )
        self.fhir_last_poll_at = Gauge(
            "cordwatch_feeds_fhir_last_poll_timestamp_seconds",
            "When a search of all types was last complete (Unix time; 0: never)",
            registry=registry,
        )
