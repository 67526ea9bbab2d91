"""
What a gateway knows of its own feeds: who is silent, who fails, and when it could not tell.

Pure: joins silences, rates and the gateway's presence. Messages, time and
what was kept go in; operational alerts and what is to be kept come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cordwatch.feeds.fhir.mapper import READERS
from cordwatch.feeds.gateway import FHIR_TYPE
from cordwatch.feeds.mapping.mapper import MESSAGE_TYPES
from cordwatch.feeds.source import Source
from cordwatch.feeds.trouble.presence import Away, Presence
from cordwatch.feeds.trouble.quarantine_rate import WINDOW_MIN, Rate
from cordwatch.feeds.trouble.silence import Hearing, hour_of_week
from cordwatch_schemas.operations import (
    FeedHistory,
    GatewayState,
    OperationalAlert,
    OperationalKind,
)

NO_PROFILE = "-"
"""Stands for all senders that fit no profile."""
CODES = frozenset({one.partition("^")[0] for one in MESSAGE_TYPES} | {FHIR_TYPE, *READERS})
"""Types that are listened for: those that are read. Any other text that a sender wrote is none."""

_NO_SOURCE = Source(name=NO_PROFILE)


@dataclass(frozen=True, slots=True)
class Feed:
    """Messages of one type from one source."""

    source: str
    kind: str

    @property
    def name(self) -> str:
        """Return how it is written as a key."""
        return f"{self.source}|{self.kind}"


class Listening:
    """All feeds of one gateway."""

    def __init__(self, gateway: str) -> None:
        """Begin with nothing known."""
        self.gateway = gateway
        self.feeds: dict[Feed, Hearing] = {}
        self.rates: dict[str, Rate] = {}
        self.presence = Presence()
        self.open: dict[str, OperationalAlert] = {}
        """What is open, by its subject."""
        self._sources: dict[str, Source] = {}
        self._learnt: set[Feed | str] = set()
        self._ears: dict[tuple[str, str], tuple[Hearing, ...]] = {}
        """Which feeds a message belongs to, worked out once for each step."""

    def restore(
        self, records: Iterable[FeedHistory | GatewayState], alerts: Iterable[OperationalAlert]
    ) -> None:
        """Take in what was kept of this gateway, the latest of each key; call it before all else."""
        for one in records:
            if one.gateway != self.gateway:
                continue
            if isinstance(one, GatewayState):
                self._restore_state(one)
            elif one.message_type is None:
                self._rate(one.source).hours = list(one.quarantined)
            else:
                hearing = self._hearing(Feed(one.source, one.message_type))
                hearing.hours = {hour: list(seen) for hour, seen in one.silences.items()}
                hearing.longest_s, hearing.since = float(one.longest_silence_s), one.since
        for alert in alerts:
            if alert.gateway == self.gateway and alert.status == "open":
                self._reopen(alert)

    def _restore_state(self, state: GatewayState) -> None:
        self.presence = Presence(state.saved_at)
        for name, quiet_s in state.quiet_s.items():
            hearing = self._hearing(Feed(*name.split("|", 1)))
            hearing.quiet_s = quiet_s
            hearing.last_at = state.last_message_at.get(name)

    def _reopen(self, alert: OperationalAlert) -> None:
        if alert.kind == "feed-silent" and alert.source and alert.message_type:
            feed = Feed(alert.source, alert.message_type)
            self._hearing(feed).silent_since = alert.since
            self.open[feed.name] = alert
        elif alert.kind == "quarantine-rate" and alert.source:
            self._rate(alert.source).jumped_since = alert.since
            self.open[alert.source] = alert
        else:
            # The process that could not reach the broker is gone; what it missed is told by its absence.
            self.open[alert.kind] = alert

    def hear(self, profile: str, types: Iterable[str], at: datetime, *, failed: bool) -> None:
        """Take note of a message of a source, all that it is, and whether any of it went to quarantine."""
        if failed:
            self._rate(profile or NO_PROFILE).add(at)
        since_step_s = self.presence.since_step_s(at)
        for message_type in types:
            ears = self._ears.get((profile, message_type))
            if ears is None:
                feeds = self._feeds_of(profile, message_type)
                ears = self._ears[profile, message_type] = tuple(map(self._hearing, feeds))
            for ear in ears:
                ear.hear(at, since_step_s)

    def _feeds_of(self, profile: str, message_type: str) -> Iterator[Feed]:
        """Return the feeds that a message belongs to; what a sender wrote that is no type names none."""
        code = message_type.partition("^")[0]
        if not profile or code not in CODES:
            return
        yield Feed(profile, code)
        source = self._sources.get(profile)
        if source is not None and message_type != code and message_type in source.silence.types:
            yield Feed(profile, message_type)

    def _hearing(self, feed: Feed) -> Hearing:
        return self.feeds.setdefault(feed, Hearing())

    def _rate(self, source: str) -> Rate:
        return self.rates.setdefault(source, Rate())

    def step(
        self, now: datetime, sources: Iterable[Source], *, able: bool
    ) -> list[OperationalAlert]:
        """Go on to *now* with these *sources*; return the alerts that begin or are over."""
        self._sources = {one.name: one for one in sources}
        self._ears.clear()
        for source in self._sources.values():
            for kind in source.silence.types:
                self._hearing(Feed(source.name, kind))
        able_s, absences = self.presence.step(now, able=able)
        told = [self._absence(one, now) for one in absences]
        left_over = self.open.get("broker-away")
        if left_over is not None and able and not absences:
            told.append(self._over("broker-away", now))
        for feed, hearing in list(self.feeds.items()):
            told += self._silence(feed, hearing, now, able_s)
        for name, rate in list(self.rates.items()):
            told += self._quarantine(name, rate, now, able_s)
        return told

    def _silence(
        self, feed: Feed, hearing: Hearing, now: datetime, able_s: float
    ) -> list[OperationalAlert]:
        source = self._sources.get(feed.source)
        if source is None:
            # Its profile is gone: nobody waits for it any more.
            del self.feeds[feed]
            return [self._over(feed.name, now)] if feed.name in self.open else []
        hour = hour_of_week(now, source.zone)
        hearing.since = hearing.since or now
        if hearing.pass_time(able_s, hour):
            self._learnt.add(feed)
        plan = source.silence.of(feed.kind)
        came_again = hearing.last_at is not None and hearing.last_at > (
            hearing.silent_since or hearing.last_at
        )
        if hearing.silent_since is not None and (came_again or plan.never):
            hearing.silent_since = None
            return [self._over(feed.name, now)] if feed.name in self.open else []
        able_for_s = self.presence.able_for_s
        if hearing.silent_since is not None or not hearing.is_silent(hour, plan, able_for_s):
            return []
        hearing.silent_since = hearing.last_at or hearing.since
        reason = _why_silent(hearing, hour, hearing.limit_s(hour, plan))
        return [self._begins("feed-silent", feed.name, hearing.silent_since, now, reason, feed)]

    def at_least(self, source: str) -> int:
        """Return how many messages of a source in quarantine are worth a word."""
        return self._sources.get(source, _NO_SOURCE).quarantine_at_least

    def _quarantine(
        self, name: str, rate: Rate, now: datetime, able_s: float
    ) -> list[OperationalAlert]:
        at_least = self.at_least(name)
        if rate.pass_time(able_s, now):
            self._learnt.add(name)
        if rate.jumped_since is not None:
            if not rate.is_over(at_least):
                return []
            rate.jumped_since = None
            return [self._over(name, now)] if name in self.open else []
        if not rate.has_jumped(at_least):
            return []
        rate.jumped_since = now
        usual = f"at most {rate.usual} are usual" if rate.usual else "none are usual"
        reason = f"{rate.count} messages in {WINDOW_MIN} min went to quarantine; {usual}"
        return [self._begins("quarantine-rate", name, now, now, reason, Feed(name, ""))]

    def _absence(self, away: Away, now: datetime) -> OperationalAlert:
        what = "the gateway was not there" if away.kind == "gateway-away" else "the broker was away"
        reason = f"{what}: silence in that time says nothing of the senders"
        if away.until is None:
            reason = "the broker is away: nothing is taken in, and silence says nothing"
        begun = self.open.pop(away.kind, None)
        if begun is None or begun.since != away.since:
            begun = self._begins(away.kind, away.kind, away.since, now, reason)
        if away.until is None:
            return begun
        self.open.pop(away.kind, None)
        return begun.model_copy(update={"status": "over", "over_at": away.until, "reason": reason})

    def _begins(
        self,
        kind: OperationalKind,
        subject: str,
        since: datetime,
        now: datetime,
        reason: str,
        feed: Feed | None = None,
    ) -> OperationalAlert:
        digest = sha256(f"{self.gateway}|{kind}|{subject}|{since.isoformat()}".encode())
        self.open[subject] = OperationalAlert(
            alert_id=f"op_{digest.hexdigest()[:24]}",
            kind=kind,
            status="open",
            gateway=self.gateway,
            source=feed.source if feed else None,
            message_type=(feed.kind or None) if feed else None,
            since=since,
            raised_at=now,
            reason=reason,
        )
        return self.open[subject]

    def _over(self, subject: str, now: datetime) -> OperationalAlert:
        return self.open.pop(subject).model_copy(update={"status": "over", "over_at": now})

    def limits(self, now: datetime) -> Iterator[tuple[Feed, Hearing, float, bool]]:
        """Return each feed that is listened for, the limit of its silence now, and whether it is learnt."""
        for feed, hearing in self.feeds.items():
            source = self._sources.get(feed.source)
            if source is None:
                continue
            plan, hour = source.silence.of(feed.kind), hour_of_week(now, source.zone)
            if not plan.never:
                yield feed, hearing, hearing.limit_s(hour, plan), hearing.is_learnt(hour)

    def state(self, now: datetime) -> GatewayState:
        """Return where everything stands, to be kept every minute."""
        known = list(self.limits(now))
        return GatewayState(
            gateway=self.gateway,
            saved_at=now,
            last_message_at={
                feed.name: one.last_at for feed, one in self.feeds.items() if one.last_at
            },
            quiet_s={
                feed.name: round(max(one.quiet_s, 0.0), 1) for feed, one in self.feeds.items()
            },
            limit_s={feed.name: round(limit_s, 1) for feed, _, limit_s, _ in known},
            learning=tuple(feed.name for feed, _, _, is_learnt in known if not is_learnt),
        )

    def learnt(self, now: datetime) -> Iterator[FeedHistory]:
        """Return what was learnt since this was asked for the last time, once an hour for each feed."""
        for one in sorted(self._learnt, key=str):
            if isinstance(one, str):
                hours = tuple(self.rates[one].hours)
                yield FeedHistory(
                    gateway=self.gateway, source=one, saved_at=now, silences={}, quarantined=hours
                )
            elif one in self.feeds:
                hearing = self.feeds[one]
                yield FeedHistory(
                    gateway=self.gateway,
                    source=one.source,
                    message_type=one.kind,
                    saved_at=now,
                    since=hearing.since,
                    longest_silence_s=round(hearing.longest_s),
                    silences={hour: tuple(seen) for hour, seen in hearing.hours.items()},
                )
        self._learnt.clear()


def _why_silent(hearing: Hearing, hour: int, limit_s: float) -> str:
    told = f"silent for {_span(hearing.quiet_s)}"
    if hearing.last_at is None:
        return f"{told}: nothing ever came"
    if hearing.is_learnt(hour):
        return f"{told}; more than {_span(limit_s)} are not usual at this hour of the week"
    return f"{told}, longer than {_span(limit_s)}; what is usual at this hour is not learnt yet"


def _span(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004
