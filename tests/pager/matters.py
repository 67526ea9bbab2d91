"""Small builders: plans and matters, as a test needs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cordwatch.pager.plan import STEPS, Plan
from cordwatch_schemas.acknowledgements import Acknowledged, StoodDown
from cordwatch_schemas.pages import Matter

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    """Return the instant so many minutes after `T0`."""
    return T0 + timedelta(minutes=minutes)


def a_plan(**changes: Any) -> Plan:
    """Return a plan in which everybody is always there: nurse and physician at once, others after them."""
    usual = {"tell": ["nurse-in-charge", "ward-physician"], "then": ["duty-manager"]}
    content: dict[str, Any] = {
        "destinations": {name: {"kind": "nowhere"} for name in ("nurse", "doctor", "mail", "duty")},
        "roster": [
            {"role": "nurse-in-charge", "by": ["nurse", "mail"]},
            {"role": "ward-physician", "by": ["doctor", "mail"]},
            {"role": "duty-manager", "by": ["duty"]},
        ],
        "ladder": dict.fromkeys(STEPS, usual),
    }
    return Plan.model_validate(content | changes)


def a_matter(level: str | None = "due", **changes: Any) -> Matter:
    """Return an open clock at a level, or a notice where there is none."""
    kind = "clock" if level else "notice"
    repeat = changes.get("repeat", 0)
    content: dict[str, Any] = {
        "alert_id": f"al-{level or 'notice'}-{repeat}",
        "kind": kind,
        "rule": "mri.mescc-suspected" if level else "order-cancelled",
        "group": "clock-1" if level else "A|order-cancelled",
        "level": level,
        "severity": "critical" if level in {"due", "overdue"} else "warning",
        "paged": True,
        "status": "open",
        "revision": 0,
        "patient": "A",
        "ward": "HAEM",
        "start_at": T0 - timedelta(hours=12),
        "due_at": T0,
        "raised_at": T0,
        "reason": "MRI of the whole spine not done",
    }
    return Matter.model_validate(content | changes)


def ended(matter: Matter, status: str = "resolved", at: datetime = T0) -> Matter:
    """Return how a matter is told to have ended."""
    told = {
        "status": status,
        "revision": matter.revision + 1,
        "ended_at": at,
        "reason": "scan done",
    }
    return Matter.model_validate(matter.model_dump() | told)


def seen(matter: Matter, minutes: float, by: str = "n.jansen") -> Acknowledged:
    """Return somebody's acknowledgement."""
    at = after(minutes)
    return Acknowledged(
        event_id=f"ack-{matter.alert_id}-{minutes}",
        patient=matter.patient or "-",
        by=by,
        occurred_at=at,
        received_at=at,
        channel="board",
        alert_id=matter.alert_id,
    )


def stood_down(matter: Matter, minutes: float) -> StoodDown:
    """Return somebody's stand-down."""
    at = after(minutes)
    return StoodDown(
        event_id=f"down-{matter.alert_id}-{minutes}",
        patient=matter.patient or "-",
        by="dr. smit",
        occurred_at=at,
        received_at=at,
        channel="board",
        alert_id=matter.alert_id,
        rule=matter.rule,
        reason="palliative care agreed",
    )
