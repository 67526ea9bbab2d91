"""
What PagerDuty's Events API v2 does with what it is sent, without network or clock.

The rules are those of its documentation that a pager can trip over:

1. While an incident is acknowledged, a trigger under its key notifies nobody.
2. After it is resolved, a trigger under its key opens a *new* incident.
3. An acknowledgement or resolve without an open incident is dropped, and still answered 202.
4. A follow-up under another routing key meets no incident: as 3.
5. 202 says accepted, not that anybody was told.

And a limit: so many calls a routing key in any 60 s; a call over it is answered
429 and not taken in. Whether a refused call counts towards the limit is not
documented; here it does not.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

State = Literal["triggered", "acknowledged", "resolved"]
Answer = tuple[int, dict[str, str], dict[str, Any]]
"""Status, headers and body."""

SUMMARY_MAX, KEY_MAX, BODY_BYTES_MAX = 1024, 255, 512_000
ROUTING_KEY_LENGTH = 32
SEVERITIES = frozenset({"critical", "error", "warning", "info"})
ACTIONS = frozenset({"trigger", "acknowledge", "resolve"})
WINDOW = timedelta(seconds=60)


@dataclass(slots=True)
class Incident:
    """What PagerDuty has under one routing and dedup key, over all times it was opened."""

    routing_key: str
    dedup_key: str
    state: State
    opened: int = 1
    """How often an incident was opened under this key; more than once is a false page."""
    notified: int = 0
    """How often somebody's telephone rang."""
    triggers: int = 1
    """Triggers taken in, those that changed nothing too."""
    first_at: datetime | None = None
    changed_at: datetime | None = None
    payload: Mapping[str, Any] | None = None
    """Of the last trigger that opened it."""

    @property
    def is_open(self) -> bool:
        """Return whether it is not resolved."""
        return self.state != "resolved"


class PagerDutyRules:
    """One PagerDuty account: events in, incidents and answers out."""

    def __init__(self, *, per_minute: int | None = 120, tells: bool = True) -> None:
        """Begin with no incidents; one that *tells* nobody takes everything in and rings nowhere."""
        self.per_minute, self.tells = per_minute, tells
        self.incidents: dict[tuple[str, str], Incident] = {}
        self.answered: dict[int, int] = defaultdict(int)
        """Calls by status."""
        self.dropped = 0
        """Acknowledgements and resolves that met no open incident."""
        self.triggers_after_resolve = 0
        self.folded = 0
        """Triggers on an incident that was open already."""
        self.accepted_at: list[datetime] = []
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)

    @property
    def limited(self) -> int:
        """Return how many calls were over the limit."""
        return self.answered[429]

    @property
    def extra_incidents(self) -> int:
        """Return how many incidents were opened under a key that had one before."""
        return sum(incident.opened - 1 for incident in self.incidents.values())

    def open(self) -> Iterator[Incident]:
        """Yield the incidents that are not resolved."""
        return (one for one in self.incidents.values() if one.is_open)

    def under(self, dedup_key: str) -> Incident | None:
        """Return the incident under *dedup_key*, whatever its routing key."""
        found = (one for key, one in self.incidents.items() if key[1] == dedup_key)
        return next(found, None)

    def receive(self, raw: bytes, now: datetime) -> Answer:
        """Take in a request's body as it came over the wire."""
        if len(raw) > BODY_BYTES_MAX:
            return self._answer(413, {"status": "payload too large"})
        try:
            body = json.loads(raw)
        except ValueError:
            return self._invalid("Event object could not be parsed")
        return self.event(body, now) if isinstance(body, dict) else self._invalid("no object")

    def event(self, body: Mapping[str, Any], now: datetime) -> Answer:
        """Take in one event and return status, headers and body of the answer."""
        if faults := list(_faults(body)):
            return self._invalid(*faults)
        routing_key = body["routing_key"]
        if not self._has_room(routing_key, now):
            return self._answer(429, {"status": "throttle exceeded"})
        key = body.get("dedup_key") or f"given-{len(self.incidents) + 1}"
        if body["event_action"] == "trigger":
            self._trigger(routing_key, key, body["payload"], now)
        else:
            self._follow_up(routing_key, key, body["event_action"], now)
        self.accepted_at.append(now)
        return self._answer(
            202, {"status": "success", "message": "Event processed", "dedup_key": key}
        )

    def acknowledge(self, dedup_key: str, now: datetime) -> None:
        """Acknowledge as a person does, on the telephone: no call of ours."""
        incident = self.under(dedup_key)
        if incident is not None and incident.state == "triggered":
            incident.state, incident.changed_at = "acknowledged", now

    def _trigger(
        self, routing_key: str, key: str, payload: Mapping[str, Any], now: datetime
    ) -> None:
        incident = self.incidents.get((routing_key, key))
        if incident is None:
            incident = Incident(routing_key, key, "triggered", first_at=now)
            self.incidents[routing_key, key] = incident
        elif incident.is_open:
            # Rule 1, and the same while nobody has acknowledged: it is one incident.
            incident.triggers += 1
            self.folded += 1
            return
        else:
            # Rule 2.
            incident.triggers += 1
            incident.opened += 1
            incident.state = "triggered"
            self.triggers_after_resolve += 1
        incident.changed_at, incident.payload = now, payload
        incident.notified += self.tells

    def _follow_up(self, routing_key: str, key: str, action: str, now: datetime) -> None:
        # Rules 3 and 4.
        incident = self.incidents.get((routing_key, key))
        if incident is None or not incident.is_open:
            self.dropped += 1
            return
        incident.state = "acknowledged" if action == "acknowledge" else "resolved"
        incident.changed_at = now

    def _has_room(self, routing_key: str, now: datetime) -> bool:
        if self.per_minute is None:
            return True
        calls = self._calls[routing_key]
        while calls and now - calls[0] >= WINDOW:
            calls.popleft()
        if len(calls) >= self.per_minute:
            return False
        calls.append(now)
        return True

    def _invalid(self, *errors: str) -> Answer:
        body = {"status": "invalid event", "message": "Event object is invalid"}
        return self._answer(400, body | {"errors": list(errors)})

    def _answer(self, status: int, body: dict[str, Any]) -> Answer:
        self.answered[status] += 1
        return status, {"Content-Type": "application/json"}, body


def _faults(body: Mapping[str, Any]) -> Iterator[str]:
    routing_key, action = body.get("routing_key"), body.get("event_action")
    key, payload = body.get("dedup_key"), body.get("payload")
    if not isinstance(routing_key, str) or len(routing_key) != ROUTING_KEY_LENGTH:
        yield "Invalid routing key"
    if action not in ACTIONS:
        yield "'event_action' is missing or unknown"
    if key is None:
        if action in {"acknowledge", "resolve"}:
            yield "'dedup_key' is missing"
    elif not isinstance(key, str) or not 0 < len(key) <= KEY_MAX:
        yield f"'dedup_key' is too long (maximum is {KEY_MAX} characters)"
    if action != "trigger":
        return
    if not isinstance(payload, Mapping):
        yield "'payload' is missing"
        return
    yield from _payload_faults(payload)


def _payload_faults(payload: Mapping[str, Any]) -> Iterator[str]:
    for name in ("summary", "source"):
        if not isinstance(payload.get(name), str) or not payload[name]:
            yield f"'payload.{name}' is missing or blank"
    if isinstance(payload.get("summary"), str) and len(payload["summary"]) > SUMMARY_MAX:
        yield f"Description is too long (maximum is {SUMMARY_MAX} characters)"
    if payload.get("severity") not in SEVERITIES:
        yield "'payload.severity' is invalid (must be one of: critical, warning, error, info)"
