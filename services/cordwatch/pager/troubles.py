"""What is wrong with the pager's own destinations, as operational alerts: it tells of itself, by other ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from cordwatch.pager.transports.transport import Outcome
from cordwatch_schemas.operations import OperationalAlert, PagerKind

AWAY_AFTER = timedelta(minutes=5)
"""A destination that takes nothing for so long, while it is asked to, is away."""


@dataclass(slots=True)
class _Destination:
    failing_since: datetime | None = None
    alert: OperationalAlert | None = None


class Troubles:
    """One alert at a time for a destination: refused, or away; over with the first page that is taken."""

    def __init__(self, pager: str, told: Iterable[OperationalAlert] = ()) -> None:
        """Speak for this pager, which has *told* these before it was last stopped."""
        self._pager = pager
        self._destinations: dict[str, _Destination] = {}
        for alert in told:
            if alert.gateway == pager and alert.source is not None:
                is_open = alert.status == "open"
                held = _Destination(alert.since, alert) if is_open else _Destination()
                self._destinations[alert.source] = held

    def note(self, destination: str, outcome: Outcome, now: datetime) -> Iterator[OperationalAlert]:
        """Yield what is to be told after an attempt."""
        known = self._destinations.setdefault(destination, _Destination())
        if outcome.verdict == "accepted":
            known.failing_since = None
            if known.alert is not None:
                yield known.alert.model_copy(update={"status": "over", "over_at": now})
                known.alert = None
            return
        known.failing_since = known.failing_since or now
        if known.alert is not None:
            return
        if outcome.verdict == "refused":
            why = f"refuses pages: {outcome.reason}; its next destinations are told instead"
            known.alert = self._alert("page-refused", destination, known.failing_since, now, why)
            yield known.alert
        elif now - known.failing_since >= AWAY_AFTER:
            minutes = round(AWAY_AFTER.total_seconds() / 60)
            why = f"has taken no page for {minutes} min: {outcome.reason}"
            known.alert = self._alert("pager-away", destination, known.failing_since, now, why)
            yield known.alert

    @property
    def open(self) -> dict[str, OperationalAlert]:
        """Return what holds, by destination."""
        return {name: one.alert for name, one in self._destinations.items() if one.alert}

    def _alert(
        self, kind: PagerKind, destination: str, since: datetime, now: datetime, why: str
    ) -> OperationalAlert:
        content = f"{self._pager}|{kind}|{destination}|{since.isoformat()}"
        return OperationalAlert(
            alert_id=f"op_{sha256(content.encode()).hexdigest()[:16]}",
            kind=kind,
            status="open",
            gateway=self._pager,
            source=destination,
            since=since,
            raised_at=now,
            reason=why,
        )
