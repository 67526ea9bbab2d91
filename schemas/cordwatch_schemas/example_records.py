"""One example of each contract that is kept beside the events: of messages, feeds, keys and the audit trail."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cordwatch_schemas.audit import AuditRecord
from cordwatch_schemas.base import Contract
from cordwatch_schemas.operations import FeedHistory, GatewayState, OperationalAlert
from cordwatch_schemas.records import (
    FeedPosition,
    Identity,
    Quarantined,
    RawMessage,
    Receipt,
    Receipts,
)
from cordwatch_schemas.reference_keys import CarriedReference, KeyInUse

PATIENT = "p_7qk2xm4dnv3t"

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""The assessment that suspects a compressed cord: T0 of the worked examples."""

_MESSAGE = b"MSH|^~\\&|EXAMPLE|WARD|CORDWATCH|HOSPITAL|20260302080000+0000||ADT^A01|M0001|P|2.5\r"


def hour(hours: float) -> datetime:
    """Return the instant so many hours after T0."""
    return T0 + timedelta(hours=hours)


def histories() -> Iterator[Contract]:
    """Yield what a gateway keeps of its feeds and of itself."""
    yield FeedHistory(
        gateway="feeds",
        source="north-ris",
        message_type="ORU",
        saved_at=hour(1),
        since=hour(-700),
        longest_silence_s=21_600,
        silences={8: (1_740, 900, 1_800, 1_200)},
    )
    yield GatewayState(
        gateway="feeds",
        saved_at=hour(1.5),
        last_message_at={"north-ris|ORU": hour(1)},
        quiet_s={"north-ris|ORU": 1_800.0},
        limit_s={"north-ris|ORU": 3_600.0},
    )


def references() -> Iterator[Contract]:
    """Yield what is kept of the key for references."""
    now, before = (name * 15 for name in ("a2", "b3"))
    yield KeyInUse(fingerprint=now, former=before, since=T0)
    yield CarriedReference(fingerprint=now, reference=f"p_{'a2' * 12}", stands_for=PATIENT)


def records() -> Iterator[Contract]:
    """Yield what is kept of messages, and of feeds."""
    content = {
        "source": "EXAMPLE|WARD",
        "source_message_id": "M0001",
        "content_sha256": sha256(_MESSAGE).hexdigest(),
        "content_base64": b64encode(_MESSAGE).decode(),
        "received_at": T0,
    }
    yield RawMessage(**content, format="hl7v2")
    yield Quarantined(
        **content,
        quarantine_id="q_2c6e0f9a41",
        stage="mapping",
        field="PID-3",
        reason="no patient number",
    )
    yield Identity(
        patient=PATIENT,
        number="0000000",
        name="EXAMPLE^PATIENT",
        birth_date="1900-01-01",
        received_at=T0,
    )
    yield FeedPosition(
        feed="https://fhir.example/r4|ImagingStudy", read_until=T0, received_at=hour(0.1)
    )
    content_digest = sha256(_MESSAGE).hexdigest()[:16]
    identity = sha256(b"EXAMPLE|WARD|M0001").hexdigest()[:16]
    yield Receipts(received_at=T0, receipts=(Receipt(identity=identity, content=content_digest),))
    yield OperationalAlert(
        alert_id="op_4d1b0c6f2a973e58",
        kind="feed-silent",
        status="open",
        gateway="feeds",
        source="north-ris",
        message_type="ORU",
        since=hour(1),
        raised_at=hour(2),
        reason="silent for 60 min; at this hour of the week at most 30 min are usual",
    )


def audit() -> AuditRecord:
    """Return a record of the audit trail."""
    return AuditRecord(
        chain="board",
        sequence=0,
        previous="0" * 64,
        event={
            "resourceType": "AuditEvent",
            "type": {
                "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
                "code": "rest",
            },
            "subtype": [{"system": "urn:cordwatch:audit-deed", "code": "row-opened"}],
            "action": "R",
            "recorded": hour(9).isoformat(),
            "outcome": "0",
            "agent": [{"who": {"identifier": {"value": "n.example"}}, "requestor": True}],
            "source": {"observer": {"identifier": {"value": "board"}}},
            "entity": [{"what": {"identifier": {"value": PATIENT}}}],
        },
        seal="06566691274dffd2a9510bf75131b471cc28d80c814a5dedda83c2041b2ffc53",
    )
