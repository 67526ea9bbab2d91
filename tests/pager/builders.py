"""Pages to be sent: a late MRI at three in the morning, and what a test changes about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cordwatch.pager.transports.transport import Action, Page
from cordwatch_schemas.pages import Matter

NOW = datetime(2026, 11, 25, 2, 40, tzinfo=UTC)
PATIENT = "p7f3a9c2d1e4b6f8a0c5d7e9f1b3a5c7"


def a_matter(**changes: Any) -> Matter:
    """Return an overdue MRI of the whole spine, on ward B4."""
    given: dict[str, Any] = {
        "alert_id": "a81f2c3d4e5f60718293a4b5c6d7e8f9",
        "kind": "clock",
        "clock": "c_18d3a60be4f7",
        "rule": "mri.mescc-suspected",
        "group": "c1",
        "level": "overdue",
        "severity": "critical",
        "paged": True,
        "status": "open",
        "revision": 0,
        "patient": PATIENT,
        "facility": "NORTH",
        "ward": "B4",
        "start_at": NOW - timedelta(hours=12, minutes=35),
        "due_at": NOW - timedelta(minutes=35),
        "raised_at": NOW - timedelta(minutes=5),
        "reason": "MRI of the whole spine not done, nor ordered",
        "missing": ("cervical", "thoracic"),
        "clause": "Suspected compression: MRI within 12 hours",
        "pack": "mescc-lymphoma@1.0.0",
    }
    return Matter(**(given | changes))


def a_page(action: Action = "tell", *, matter: Matter | None = None, **changes: Any) -> Page:
    """Return a page about it to the ward physician."""
    given: dict[str, Any] = {
        "action": action,
        "dedup_key": "cw1:" + "d" * 64,
        "matter": matter or a_matter(),
        "role": "ward-physician",
        "round": 1,
        "attempt": 1,
        "at": NOW,
    }
    return Page(**(given | changes))
