"""
How fresh the feeds are: live, late, never heard, or a gateway that says nothing.

Pure: time is an argument. A calm board that is stale is the worst failure there
is, so that what nobody vouches for is never called live.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter

from cordwatch_schemas.operations import FeedRecord, GatewayState, OperationalAlert

FeedState = Literal["live", "late", "never heard", "not known"]

GATEWAY_SILENT = timedelta(seconds=180)
"""A gateway tells where it stands every minute; one that did not is not there."""

GATEWAY_AHEAD = timedelta(seconds=60)
"""A clock that is ahead by more would hide for as long that its gateway has gone."""

_RECORD: TypeAdapter[FeedRecord] = TypeAdapter(FeedRecord)


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed of one gateway, as it stands."""

    gateway: str
    name: str
    state: FeedState
    last_at: datetime | None
    limit_s: float
    why: str


class FeedsHeard:
    """What gateways tell of their feeds."""

    def __init__(self) -> None:
        """Begin with no gateway known."""
        self._states: dict[str, GatewayState] = {}
        self._alerts: dict[str, OperationalAlert] = {}

    def take_state(self, value: bytes) -> None:
        """
        Take in where a gateway stands; what it has learnt is not for the board.

        Raises:
            ValidationError: it is neither.
        """
        found = _RECORD.validate_json(value)
        if isinstance(found, GatewayState):
            self._states[found.gateway] = found

    def take_alert(self, value: bytes) -> None:
        """
        Take in an operational alert: the last word on each counts.

        Raises:
            ValidationError: it is none.
        """
        found = OperationalAlert.model_validate_json(value)
        if found.status == "open":
            self._alerts[found.alert_id] = found
        else:
            self._alerts.pop(found.alert_id, None)

    @property
    def open_alerts(self) -> list[OperationalAlert]:
        """Return what is wrong with the feeds, the longest first."""
        return sorted(self._alerts.values(), key=lambda one: (one.since, one.alert_id))

    def feeds(self, now: datetime) -> list[Feed]:
        """Return every feed that a gateway listens for, by name."""
        found = [
            self._feed(state, name, limit_s, now)
            for state in self._states.values()
            for name, limit_s in state.limit_s.items()
        ]
        return sorted(found, key=lambda one: (one.gateway, one.name))

    def _feed(self, state: GatewayState, name: str, limit_s: float, now: datetime) -> Feed:
        last_at = state.last_message_at.get(name)
        gone_for = now - state.saved_at
        quiet_s = state.quiet_s.get(name, 0.0) + max(gone_for.total_seconds(), 0.0)
        silent = self._silent(state.gateway, name)
        word: FeedState = "live"
        why = ""
        if gone_for > GATEWAY_SILENT:
            word, why = "not known", "the gateway says nothing"
        elif gone_for < -GATEWAY_AHEAD:
            word, why = "not known", "the gateway's clock is ahead"
        elif last_at is None:
            word, why = "never heard", "no message ever came"
        elif silent is not None:
            word, why = "late", silent.reason
        elif quiet_s >= limit_s:
            word, why = "late", "silent for longer than is usual"
        return Feed(state.gateway, name.replace("|", " "), word, last_at, limit_s, why)

    def _silent(self, gateway: str, name: str) -> OperationalAlert | None:
        for one in self._alerts.values():
            told = f"{one.source}|{one.message_type or ''}"
            if one.kind == "feed-silent" and one.gateway == gateway and told == name:
                return one
        return None

    def troubles(self, now: datetime) -> list[str]:
        """Return in sentences what must be known before the board is believed; empty: nothing."""
        feeds = self.feeds(now)
        if not feeds:
            return ["No gateway tells of its feeds: nobody knows whether messages are missing."]
        gone = sorted({one.gateway for one in feeds if one.state == "not known"})
        found = [_gone(one, now - self._states[one].saved_at) for one in gone]
        for one in feeds:
            if one.state == "late":
                found.append(f"Feed {one.name} is late: {one.why}.")
            elif one.state == "never heard":
                found.append(f"Feed {one.name} was never heard.")
        found += [
            f"{one.gateway}: {one.reason}."
            for one in self.open_alerts
            if one.kind in {"gateway-away", "broker-away"}
        ]
        return found


def _gone(gateway: str, gone_for: timedelta) -> str:
    if gone_for > timedelta():
        why = f"says nothing since {_minutes(gone_for)}"
    else:
        why = f"has a clock that is {_minutes(-gone_for)} ahead"
    return f"Gateway {gateway} {why}: whether its feeds are silent is not known."


def _minutes(span: timedelta) -> str:
    return f"{max(int(span.total_seconds() // 60), 1)} min"
