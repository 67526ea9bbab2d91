"""What the topics hold after a few hours on the wards: written by the code of watch, read by the board."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from cordwatch.board.projection import Projection
from cordwatch.pathway.simulation import Told, simulate_ward
from cordwatch.watch.patients import fact_row, row_key, wake_key
from cordwatch_schemas.acknowledgements import Acknowledged
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.operations import GatewayState, OperationalAlert
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.pages import Delivery, LedgerEntry, Matter
from cordwatch_schemas.records import Identity
from cordwatch_schemas.topics import ACKS, ALERTS, FACTS, HISTORIES, IDENTITIES, OPERATIONS, PAGES
from tests.builders import PATIENT

PACK = load_pack("mescc-lymphoma")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

Record = tuple[str, bytes, bytes | None]
"""Topic, key and value."""


def kept(told: Iterable[Told], until: datetime) -> Iterator[Record]:
    """Yield what watch has written of *told* at *until*: rows of facts, a wake-up, and alerts."""
    ward = simulate_ward(list(told), PACK, until)
    for reference, facts in ward.facts.items():
        for fact in facts.values():
            row = fact_row(fact)
            yield FACTS.name, row_key(reference, row), row[25:]
        yield FACTS.name, wake_key(reference), b'{"w":-1}'
    for reference, alerts in ward.alerts.items():
        for alert in alerts.values():
            yield ALERTS.name, reference.encode(), alert.model_dump_json().encode()


def an_acknowledgement(
    alert: str, at: datetime, by: str = "n.jansen", patient: str = PATIENT, mark: str = ""
) -> Acknowledged:
    """Somebody has seen an alert."""
    return Acknowledged(
        event_id=f"ack-{alert}-{by}-{at.isoformat()}{mark}",
        patient=patient,
        by=by,
        occurred_at=at,
        received_at=at,
        channel="board",
        alert_id=alert,
        reason="I go and see",
    )


def answered(*answers: Acknowledged) -> Iterator[Record]:
    """Yield answers as they stand on their topic."""
    for one in answers:
        yield ACKS.name, one.patient.encode(), one.model_dump_json().encode()


def an_identity(patient: str, name: str, at: datetime, number: str = "0000001") -> Record:
    """A name behind a reference."""
    found = Identity(
        patient=patient, number=number, name=name, birth_date="1900-01-01", received_at=at
    )
    return IDENTITIES.name, patient.encode(), found.model_dump_json().encode()


def a_gateway(
    saved_at: datetime, last: dict[str, datetime], limit_s: float | dict[str, float] = 3600
) -> Record:
    """A gateway tells where it stands; each of *last* is a feed that it hears, *limit_s* its patience."""
    state = GatewayState.model_validate(
        {
            "gateway": "feeds",
            "saved_at": saved_at,
            "last_message_at": last,
            "quiet_s": {name: (saved_at - at).total_seconds() for name, at in last.items()},
            "limit_s": limit_s if isinstance(limit_s, dict) else dict.fromkeys(last, limit_s),
        }
    )
    return HISTORIES.name, b"feeds", state.model_dump_json().encode()


def a_silence(since: datetime, at: datetime, status: str = "open") -> Record:
    """A feed fell silent, or is heard again."""
    told = OperationalAlert.model_validate(
        {
            "alert_id": f"op-{since.isoformat()}",
            "kind": "feed-silent",
            "status": status,
            "gateway": "feeds",
            "source": "north-ris",
            "message_type": "ORU",
            "since": since,
            "raised_at": at,
            "reason": "silent for 60 min",
        }
    )
    return OPERATIONS.name, b"feeds|north-ris|ORU", told.model_dump_json().encode()


def a_page(alert: Alert, told_at: datetime | None, role: str = "ward-physician") -> Record:
    """The pager told somebody of an alert, or has decided to."""
    decided_at = told_at or alert.raised_at
    delivery = Delivery(
        dedup_key=f"cw1:{alert.alert_id}",
        destination="on-call",
        role=role,
        round=1,
        rung=0,
        decided_at=decided_at,
        told_at=told_at,
    )
    entry = LedgerEntry(
        matter=Matter.of_alert(alert),
        first_seen_at=alert.raised_at,
        reason="told",
        deliveries=(delivery,),
    )
    return PAGES.name, alert.alert_id.encode(), entry.model_dump_json().encode()


def projected(records: Iterable[Record]) -> Projection:
    """Return the board that read *records*."""
    found = Projection(PACK, AMSTERDAM)
    for record in records:
        found.take(*record)
    found.refresh()
    return found


def alert_of(records: Iterable[Record], level: str) -> Alert:
    """Return the first alert of *level* among *records*."""
    for topic, _, value in records:
        if topic == ALERTS.name:
            alert = Alert.model_validate_json(value or b"")
            if alert.level == level:
                return alert
    raise AssertionError(f"no alert of level {level}")
