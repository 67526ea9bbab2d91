"""How times and spans are written for people: the same on the page, on paper and, in its script, in the browser."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

STATE_WORDS = {
    "running": "Running",
    "prompt": "Now",
    "reminder": "Reminder",
    "warning": "Warning",
    "urgent": "Urgent",
    "due": "Due",
    "overdue": "Overdue",
}
"""Each state of a clock in a word of its own; its shape and colour only repeat it."""

_TURNS = dict.fromkeys(
    map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)
"""Signs of Unicode that turn the direction of writing."""

HOUR_S, MINUTE_S, DAY_S = 3_600, 60, 86_400
DAYS_FROM_S = 3 * DAY_S
"""From here on nobody counts hours."""


def in_order(text: str) -> str:
    """Return *text* without signs that turn it round: with one of them bed 12 would be read as bed 21."""
    return text if text.isascii() else text.translate(_TURNS)


def span(seconds: int) -> str:
    """Return a span as a ward reads it: exact to the second only in the last hour."""
    if seconds >= DAYS_FROM_S:
        return f"{seconds // DAY_S} d {seconds % DAY_S // HOUR_S} h"
    if seconds >= HOUR_S:
        return f"{seconds // HOUR_S} h {seconds % HOUR_S // MINUTE_S:02} min"
    return f"{seconds // MINUTE_S} min {seconds % MINUTE_S:02} s"


def left(due_at: datetime, now: datetime) -> str:
    """Return the time left to *due_at*, or how late it is."""
    seconds = int((due_at - now) // timedelta(seconds=1))
    # Floor division: a second is left until it has passed, and none is late before it has.
    return f"{span(seconds)} left" if seconds >= 0 else f"{span(-seconds)} late"


def ago(then: datetime, now: datetime) -> str:
    """Return how long ago *then* was."""
    seconds = max(int((now - then).total_seconds()), 0)
    return f"{seconds} s ago" if seconds < 2 * MINUTE_S else f"{span(seconds)} ago"


def at_time(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return an instant by the hospital's clock, with the day unless it is today."""
    local, today = instant.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def full_time(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant by the hospital's clock, to the second, with its day and offset."""
    local = instant.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S} {local:%Z}"
