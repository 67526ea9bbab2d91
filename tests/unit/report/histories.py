"""Small histories for the report's tests: clocks, alerts and answers made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cordwatch.pathway.simulation import Told, alerts_of, simulate_ward
from cordwatch.report.outcome import OutcomeReport, Period, outcome_report
from cordwatch.report.reading import ClockOutcome, Known, known
from cordwatch_schemas.acknowledgements import Acknowledged, StoodDown
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from tests.builders import T

PACK = load_pack("mescc-lymphoma")
UTC_ZONE = ZoneInfo("UTC")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def a_clock(name: str = "c1", **details: Any) -> ClockOutcome:
    """A 12 h MRI clock from T0, met in time at T11 unless told otherwise."""
    start_at: datetime = details.get("start_at", T(0))
    fields: dict[str, Any] = {
        "clock": name,
        "rule": "mri.mescc-suspected",
        "need": "MRI",
        "ward": "HAEM-4",
        "start_at": start_at,
        "due_at": start_at + timedelta(hours=12),
        "outcome": "in-time",
        "ended_at": start_at + timedelta(hours=11),
    }
    return ClockOutcome(**{**fields, **details})


def an_alert(name: str = "a1", **details: Any) -> Alert:
    """The `due` of clock c1, raised at T12, paged and open unless told otherwise."""
    fields: dict[str, Any] = {
        "alert_id": name,
        "kind": "clock",
        "rule": "mri.mescc-suspected",
        "level": "due",
        "severity": "critical",
        "paged": True,
        "patient": "A",
        "clock": "c1",
        "cause": "f1",
        "start_at": T(0),
        "due_at": T(12),
        "raised_at": T(12),
        "reason": "MRI of the whole spine not done",
        "clause": "of the pathway",
        "pack": PACK.label,
    }
    return Alert(**{**fields, **details})


def seen(alert_id: str, at: datetime, **details: Any) -> Acknowledged:
    """Somebody has seen an alert."""
    fields: dict[str, Any] = {
        "event_id": f"k-{alert_id}-{at.isoformat()}",
        "patient": "A",
        "by": "Dr Example",
        "occurred_at": at,
        "received_at": at,
        "channel": "pager",
        "alert_id": alert_id,
    }
    return Acknowledged(**{**fields, **details})


def a_report(
    clocks: Sequence[ClockOutcome] = (),
    alerts: Sequence[Alert] = (),
    answers: Sequence[Acknowledged | StoodDown] = (),
    **details: Any,
) -> OutcomeReport:
    """The figures of what is given, as known at T48 in UTC unless told otherwise."""
    persons: Mapping[str, str] = details.get("person_of", {})
    found = Known(details.get("at", T(48)), clocks, alerts, answers, persons)
    period = Period(details.get("since"), details.get("until"))
    return outcome_report(found, period, details.get("zone", UTC_ZONE), PACK.label, "files")


def known_of(told: Sequence[Told], at: datetime) -> Known:
    """What the core and the alerts say at *at* of what was *told*."""
    ward = simulate_ward(told, PACK, at)
    facts = {reference: list(mine.values()) for reference, mine in ward.facts.items()}
    return known(facts, alerts_of(ward), (), PACK, at)
