"""Topic `cordwatch.alerts.v1`: who must know what, why, and whether it still holds."""

from __future__ import annotations

from typing import Literal

from cordwatch_schemas.base import Contract, EncounterRef, Instant, PatientRef, RecordId, ShortText

AlertKind = Literal["clock", "notice", "advisory"]
Level = Literal["prompt", "reminder", "warning", "urgent", "due", "overdue"]
"""How far a clock has run. Not to be confused with `severity`, which has words in common."""
Severity = Literal["info", "warning", "urgent", "critical"]
"""How loudly to say it."""
AlertStatus = Literal["open", "resolved", "withdrawn", "superseded"]


class Alert(Contract):
    """
    A clock reaching a level, a notice, or an advisory.

    `alert_id` depends on the clock and level (or the cause) alone, so that any
    number of deliveries is one alert. A later message with the same id and a
    higher `revision` tells how it ended.
    """

    schema_version: Literal[1] = 1
    alert_id: RecordId
    kind: AlertKind
    rule: ShortText
    """The rule, notice or advisory of the pack."""
    level: Level | None = None
    """None unless `kind` is `clock`."""
    repeat: int = 0
    """Place on the grid of repeats: 0 for a fixed level, n for the n-th repeat."""
    severity: Severity
    paged: bool
    """False: for the board only."""
    replayed: bool = False
    """From a file told again as recorded: no pager ever sends it."""
    data_stale: bool = False
    """Raised although a source could not be read up to the due instant."""
    status: AlertStatus = "open"
    revision: int = 0
    patient: PatientRef
    encounter: EncounterRef | None = None
    facility: ShortText | None = None
    ward: ShortText | None = None
    episode: RecordId | None = None
    clock: RecordId | None = None
    """The clock that it belongs to, for a notice or advisory too where it has one."""
    cause: RecordId
    """The fact that started the clock or caused the notice."""
    start_at: Instant | None = None
    due_at: Instant | None = None
    raised_at: Instant
    ended_at: Instant | None = None
    late_by_s: int = 0
    """Seconds between the instant it belonged to and its being raised; 0 when in time."""
    reason: str
    """Why it was raised or how it ended, in words without patient data."""
    missing: tuple[ShortText, ...] = ()
    """What would end it: regions, roles, a drug."""
    flags: tuple[ShortText, ...] = ()
    """Doubts about the facts behind it: `day-precision`, `future-clamped`, `site-unstated` ..."""
    clause: ShortText
    """The clause of the pathway that it rests on."""
    pack: ShortText
    """Pack and version, `name@version`."""
