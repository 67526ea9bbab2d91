"""
Signs of life to the outside: somebody else rings when they stay away.

Two ways: a service that expects a call every so often, and an Alertmanager, by
an alert that always fires and ends by itself when it is not renewed (a dead
man's switch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp

PATIENCE_S = 10.0
_OK = range(200, 300)

Way = Literal["url", "alertmanager"]


@dataclass(frozen=True, slots=True)
class DeadMansAlert:
    """The alert that always fires: labels that never change, and an end that each heartbeat moves on."""

    labels: Mapping[str, str]
    summary: str
    ends_after: timedelta
    begun_at: datetime

    def at(self, now: datetime) -> list[dict[str, Any]]:
        """Return it as Alertmanager takes it."""
        return [
            {
                "labels": dict(self.labels),
                "annotations": {"summary": self.summary},
                "startsAt": self.begun_at.isoformat(),
                "endsAt": (now + self.ends_after).isoformat(),
            }
        ]


async def beat(
    session: aiohttp.ClientSession, way: Way, url: str, alert: DeadMansAlert, now: datetime
) -> Literal["sent", "failed"]:
    """Send one heartbeat; *session* says how long that may take."""
    try:
        if way == "url":
            asked = session.get(url, allow_redirects=False)
        else:
            asked = session.post(f"{url}/api/v2/alerts", json=alert.at(now), allow_redirects=False)
        async with asked as response:
            return "sent" if response.status in _OK else "failed"
    except (aiohttp.ClientError, TimeoutError, OSError):
        return "failed"
