"""Topic `cordwatch.pages.v1`: the pager's ledger: who was told what, whether it got there, and who answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.alerts import Alert, AlertStatus, Level, Severity
from cordwatch_schemas.base import Contract, Instant, PatientRef, RecordId, ShortText
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.synthetic import is_synthetic

MatterKind = Literal["clock", "notice", "advisory", "operational"]
Stage = Literal["nothing", "told", "acknowledged", "closed"]
"""How far a delivery is, in this order: it only ever moves on."""

Name = Annotated[str, Field(min_length=1, max_length=60)]
"""Of a destination or a role, as the hospital's pager plan has it."""


class Matter(Contract):
    """What somebody may have to be told: an alert, or that a feed has fallen silent. References only."""

    alert_id: RecordId
    kind: MatterKind
    rule: ShortText
    group: RecordId
    """What belongs together: the levels of one clock; notices of one rule about one patient."""
    clock: RecordId | None = None
    """The clock that it belongs to: where the board shows it."""
    level: Level | None = None
    repeat: int = 0
    severity: Severity
    paged: bool
    replayed: bool = False
    data_stale: bool = False
    status: AlertStatus
    revision: int
    patient: PatientRef | None = None
    """Absent where it is about no patient."""
    facility: ShortText | None = None
    ward: ShortText | None = None
    start_at: Instant | None = None
    due_at: Instant | None = None
    raised_at: Instant
    ended_at: Instant | None = None
    reason: str
    missing: tuple[ShortText, ...] = ()
    flags: tuple[ShortText, ...] = ()
    clause: ShortText = ""
    pack: ShortText = ""

    @property
    def is_synthetic(self) -> bool:
        """Return whether it is about nobody: a synthetic patient, which no person is ever told of."""
        return is_synthetic(self.patient)

    @classmethod
    def of_alert(cls, alert: Alert) -> Matter:
        """Return what the pager needs to know of an alert."""
        same = alert.model_dump(include=set(cls.model_fields))
        group = alert.clock if alert.kind == "clock" else None
        return cls(**same, group=group or f"{alert.patient}|{alert.rule}")

    @classmethod
    def of_operation(cls, alert: OperationalAlert) -> Matter:
        """Return an operational alert as something to be told; it is about no patient."""
        about = " ".join(one for one in (alert.gateway, alert.source, alert.message_type) if one)
        return cls(
            alert_id=alert.alert_id,
            kind="operational",
            rule=alert.kind,
            # What fails, mends and fails again is one thing, like a notice that comes and goes.
            group=f"{alert.kind}|{about}"[:200],
            severity="warning",
            paged=True,
            status="open" if alert.status == "open" else "resolved",
            revision=0 if alert.status == "open" else 1,
            start_at=alert.since,
            raised_at=alert.raised_at,
            ended_at=alert.over_at,
            reason=alert.reason,
            missing=(about[:200],),
        )


class Delivery(Contract):
    """One destination told of one matter, in one round: what is wanted of it, and what it has accepted."""

    dedup_key: RecordId
    """Made of alert, round, role and destination alone, so that any number of attempts is one page."""
    destination: Name
    role: Name
    round: int
    """1, and one more each time the matter is told anew because nobody acted."""
    rung: int
    """Place in the round: 0 at once, the others one after another while nobody answers."""
    ward: ShortText | None = None
    """For which ward it was routed: a transfer is told on the new one."""
    wanted: Stage = "told"
    accepted: Stage = "nothing"
    uncertain: bool = False
    """An attempt may have arrived although nobody said so."""
    refused: bool = False
    """The destination will not take it: the next one is told at once."""
    passed_over: bool = False
    """Another one was told in its place, since this one refused or did not take it in time."""
    note: ShortText = ""
    """Why it is to be acknowledged or closed, in words without patient data."""
    decided_at: Instant
    attempts: int = 0
    first_attempt_at: Instant | None = None
    last_attempt_at: Instant | None = None
    told_at: Instant | None = None
    """When the destination accepted it. Accepted is not delivered."""
    settled_at: Instant | None = None
    """When it last accepted anything."""
    not_before: Instant | None = None
    """The next attempt waits until then."""
    failures: int = 0
    """Attempts in a row that were not accepted."""
    outcome: ShortText = ""
    """What became of the last attempt."""


class Answered(Contract):
    """Somebody answered: kept to show it, and so that a second delivery of it changes nothing."""

    event_id: RecordId
    kind: Literal["acknowledged", "stood-down", "unacknowledged"]
    by: Annotated[str, Field(min_length=1, max_length=120)]
    at: Instant
    channel: ShortText


class LedgerEntry(Contract):
    """Everything that the pager knows of one matter; the last record of an alert id counts."""

    schema_version: Literal[1] = 1
    matter: Matter
    first_seen_at: Instant
    reason: ShortText
    """Why it was told, or why not (yet): the name of the stage that decided."""
    round: int = 0
    round_at: Instant | None = None
    """When the present round began."""
    quiet_until: Instant | None = None
    """Until then an acknowledgement holds."""
    deliveries: tuple[Delivery, ...] = ()
    answers: tuple[Answered, ...] = ()
