"""What came in by an inlet: an answer for the acks topic, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from cordwatch_schemas.acknowledgements import Acknowledged, Channel, Unacknowledged
from cordwatch_schemas.pages import Matter

Find = Callable[[str], Matter | None]
"""Gives the matter that a destination knows under a dedup key."""

Inlet = Literal["pagerduty", "webhook", "silence"]
INLETS: tuple[Inlet, ...] = ("pagerduty", "webhook", "silence")

Because = Literal["signature", "stale", "malformed", "repeated", "unknown-page", "not-an-answer"]
"""
Why nothing comes of it. `signature`: not signed with a key of ours; `stale`: too
old to be told from a replay; `repeated`: heard before; `unknown-page`: about
nothing that was paged from here, or that is long over; `not-an-answer`: another
event, or nobody's.
"""

REMEMBERED = timedelta(hours=48)
"""For so long an answer that comes again is known; what is older is not taken."""

NO_PATIENT = "operational"
"""Stands where an answer is about a matter without a patient: the contract wants a reference."""

_BY_MAX, _REASON_MAX = 120, 200


class NotHeard(ValueError):
    """Nothing comes of it; says why, and nothing of what it held."""

    def __init__(self, because: Because) -> None:
        """Keep the reason: it is a metric label too."""
        super().__init__(because)
        self.because: Because = because


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody did with a page, in the words of no system in particular."""

    inlet: Inlet
    number: str
    """Of the message, by its sender: the same for every attempt to deliver it."""
    dedup_key: str
    by: str
    at: datetime
    taken_back: bool = False
    reason: str | None = None
    until: datetime | None = None


def event_id_of(inlet: Inlet, number: str) -> str:
    """Return the id of an answer, the same however often it is delivered."""
    return f"{inlet}-{sha256(number.encode('utf-8', 'replace')).hexdigest()[:32]}"


def answer_of(said: Said, find: Find, now: datetime) -> Acknowledged | Unacknowledged:
    """
    Return what was said as an answer.

    Raises:
        NotHeard: it is too old, or about no page of ours.
    """
    if said.at < now - REMEMBERED:
        raise NotHeard("stale")
    matter = find(said.dedup_key)
    if matter is None:
        raise NotHeard("unknown-page")
    channel: Channel = "webhook" if said.inlet == "webhook" else "pager"
    envelope: dict[str, Any] = {
        "event_id": event_id_of(said.inlet, said.number),
        "patient": matter.patient or NO_PATIENT,
        "by": said.by.strip()[:_BY_MAX],
        # A clock that is ahead there says nothing about the future.
        "occurred_at": min(said.at, now),
        "received_at": now,
        "channel": channel,
        "alert_id": matter.alert_id,
    }
    if said.taken_back:
        return Unacknowledged(**envelope)
    reason = said.reason.strip()[:_REASON_MAX] if said.reason else None
    return Acknowledged(**envelope, reason=reason or None, until=said.until)


def instant_of(text: object) -> datetime:
    """
    Return an instant as JSON has it.

    Raises:
        NotHeard: it is none, or without an offset.
    """
    try:
        found = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise NotHeard("malformed") from None
    if found.tzinfo is None:
        raise NotHeard("malformed")
    return found


def read_secrets(path: Path) -> tuple[str, ...]:
    """
    Return the secrets of a file, one a line: two while one takes the other's place.

    Raises:
        ValueError: there is none in it.
        OSError: it cannot be read.
    """
    secrets = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    if not secrets:
        raise ValueError("no secret in it")
    return secrets


Secrets = Sequence[bytes]
