"""The topics: one typed registry of names, keys, partitions and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PARTITIONS = 48
"""Fixed at the start: a changed count re-hashes patients and strands their state."""

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
FOREVER = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be provisioned; `retention_s` is `FOREVER` where nothing expires."""

    noun: str
    contract: str
    """Name of the model (or union) that its values hold."""
    key: str
    cleanup: Literal["delete", "compact"]
    retention_s: int
    partitions: int = PARTITIONS
    version: int = 1
    sensitive: bool = False
    """Holds more than references: readable by few (access control of a deployment)."""

    @property
    def name(self) -> str:
        """Return the name on the broker."""
        return f"cordwatch.{self.noun}.v{self.version}"


LONGEST_OUTAGE_S = 7 * DAY_S
"""An outage of so long is promised to lose nothing: every topic keeps at least that."""

SOURCE_RETENTION_S = 2 * LONGEST_OUTAGE_S
"""Whoever reads these catches up while the oldest of them expire."""

ADMISSIONS = Topic("admissions", "AdmissionEvent", "patient as sent", "delete", SOURCE_RETENTION_S)
IMAGING_ORDERS = Topic(
    "imaging-orders", "ImagingEvent", "patient as sent", "delete", SOURCE_RETENTION_S
)
MEDICATIONS = Topic(
    "medications", "MedicationEvent", "patient as sent", "delete", SOURCE_RETENTION_S
)
TREATMENTS = Topic("treatments", "TreatmentEvent", "patient as sent", "delete", SOURCE_RETENTION_S)
FORWARDED = Topic("forwarded", "StateRow", "survivor", "delete", SOURCE_RETENTION_S)
ACKS = Topic("acks", "Answer", "patient", "delete", 60 * DAY_S)
ALERTS = Topic("alerts", "Alert", "patient", "delete", 60 * DAY_S)
FACTS = Topic("facts", "StateRow", "patient, row id", "compact", FOREVER)
IDENTITIES = Topic("identities", "Identity", "patient", "compact", FOREVER, sensitive=True)
RAW = Topic("raw", "RawMessage", "source", "delete", 30 * DAY_S, sensitive=True)
QUARANTINE = Topic(
    "quarantine", "Quarantined", "source, control id", "delete", 90 * DAY_S, sensitive=True
)
POSITIONS = Topic("positions", "FeedPosition", "feed", "compact", FOREVER, partitions=1)
RECEIPTS = Topic("receipts", "Receipts", "gateway process", "delete", 7 * DAY_S, partitions=1)
HISTORIES = Topic("feed-histories", "FeedRecord", "gateway, feed", "compact", FOREVER, partitions=1)
OPERATIONS = Topic(
    "operations", "OperationalAlert", "gateway, subject", "delete", 60 * DAY_S, partitions=1
)
REFERENCES = Topic(
    "references", "ReferenceRecord", "key and reference", "compact", FOREVER, partitions=1
)
PAGES = Topic("pages", "LedgerEntry", "alert", "compact", FOREVER, partitions=1)
AUDIT = Topic("audit", "AuditRecord", "sequence", "delete", 365 * DAY_S, partitions=1)
USED_TOKENS = Topic("used-tokens", "TokenUsed", "token", "delete", LONGEST_OUTAGE_S, partitions=1)

SOURCES = (ADMISSIONS, IMAGING_ORDERS, MEDICATIONS, TREATMENTS)
"""What feeds publish and watch consumes."""

WATCHED = (*SOURCES, FORWARDED, ACKS)
"""Everything that watch consumes; all co-partitioned by patient."""

TOPICS = (
    *WATCHED,
    ALERTS,
    FACTS,
    IDENTITIES,
    REFERENCES,
    RAW,
    QUARANTINE,
    POSITIONS,
    RECEIPTS,
    HISTORIES,
    OPERATIONS,
    PAGES,
    AUDIT,
    USED_TOKENS,
)
"""Every topic there is, in the order in which it is provisioned."""

STATE = (
    FACTS,
    IDENTITIES,
    REFERENCES,
    POSITIONS,
    RECEIPTS,
    HISTORIES,
    PAGES,
    ALERTS,
    ACKS,
    OPERATIONS,
    AUDIT,
)
"""What another cluster must have to go on from here: all but the originals, and what is on its way or over within the hour."""
