"""The gateway listens to itself: the shell around `Listening`, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Published, Translated
from cordwatch.feeds.group_commit import Job, Settled
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.hl7.message import Unreadable, parse
from cordwatch.feeds.mapping.mapper import kind_of
from cordwatch.feeds.source import Sources
from cordwatch.feeds.trouble.listening import NO_PROFILE, Listening
from cordwatch.feeds.trouble.metrics import OperationsMetrics
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.base import Contract
from cordwatch_schemas.operations import FeedHistory, FeedRecord, GatewayState, OperationalAlert
from cordwatch_schemas.topics import HISTORIES, OPERATIONS

TICK_S = 1.0
SAVE_EVERY = timedelta(minutes=1)
REMIND_EVERY = timedelta(days=1)
"""An alert that stays open is told again before its topic forgets it."""

_RECORD: TypeAdapter[FeedHistory | GatewayState] = TypeAdapter(FeedRecord)

log = get_logger("cordwatch.feeds")


class Commit(Protocol):
    """Who makes records safe; `GroupCommit` is one."""

    @property
    def broker_away(self) -> bool:
        """Return whether the broker does not acknowledge."""

    def submit(self, job: Job) -> None:
        """Take over *job*."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What processes before this one kept: the latest of each key."""

    records: Sequence[FeedHistory | GatewayState] = ()
    alerts: Sequence[OperationalAlert] = ()


def remembered(kafka: KafkaSettings) -> Remembered:
    """
    Return what was kept, of all gateways; what cannot be read is begun anew.

    Raises:
        BrokerUnreachable, MissingTopics: it cannot be read.
    """
    return Remembered(feed_records(kafka), operational_alerts(kafka))


def feed_records(kafka: KafkaSettings) -> list[FeedHistory | GatewayState]:
    """Return the last word of each gateway on itself and on each of its feeds."""
    records: dict[bytes, FeedHistory | GatewayState] = {}
    for found in read_topic(kafka, HISTORIES.name, follow=False):
        if found is not None and found[0] is not None and found[1] is not None:
            with contextlib.suppress(ValidationError):
                records[found[0]] = _RECORD.validate_json(found[1])
    return list(records.values())


def operational_alerts(kafka: KafkaSettings) -> list[OperationalAlert]:
    """Return the last word on every operational alert, in the order in which they began."""
    alerts: dict[str, OperationalAlert] = {}
    for found in read_topic(kafka, OPERATIONS.name, follow=False):
        if found is not None and found[1] is not None:
            with contextlib.suppress(ValidationError):
                alert = OperationalAlert.model_validate_json(found[1])
                alerts[alert.alert_id] = alert
    return sorted(alerts.values(), key=lambda one: (one.since, one.alert_id))


class Operations:
    """Lets time pass for `Listening`, and tells what comes of it: topic, log, metrics."""

    def __init__(
        self,
        listening: Listening,
        commit: Commit,
        metrics: OperationsMetrics,
        clock: WallClock,
        sources: Callable[[], Sources],
    ) -> None:
        """Begin with what *listening* remembers; nothing runs yet."""
        self.listening = listening
        self._commit, self._metrics, self._clock, self._sources = commit, metrics, clock, sources
        self._saved_at: datetime | None = None
        self._reminded_at: datetime | None = None

    def heard(self, found: Translated, received_at: datetime) -> None:
        """Take note of a message that is safe."""
        failed = bool(found.faults)
        if failed:
            self._metrics.quarantined.labels(found.profile or NO_PROFILE).inc()
        profile, message_type = found.profile, found.message_type
        if not failed and not profile and found.item.format == "hl7v2":
            profile, message_type = self._recognised(found.item)
        if failed or profile:
            types = (message_type, *found.resource_types)
            self.listening.hear(profile, types, received_at, failed=failed)

    def _recognised(self, item: Item) -> tuple[str, str]:
        """Return profile and type of what was accepted before, and not read again: a sign of life all the same."""
        source = self._sources().of(item.data, item.peer)
        if source is None:
            return "", ""
        try:
            message = parse(item.data, source.charset_fallback, source.charset_names)
        except Unreadable:
            return "", ""
        source.overrides.apply(message)
        return source.name, kind_of(message)

    async def run(self) -> None:
        """Go on for ever."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    def tick(self) -> None:
        """Look at every feed once."""
        now, listening = self._clock.now(), self.listening
        away = self._commit.broker_away
        told = listening.step(now, self._sources().each(), able=not away)
        for one in told:
            _log(one)
        self._metrics.tell(told, listening)
        self._metrics.show(
            listening,
            (
                (
                    feed.source,
                    feed.kind,
                    max(one.quiet_s, 0.0),
                    limit_s,
                    one.silent_since is not None,
                )
                for feed, one, limit_s, _ in listening.limits(now)
            ),
        )
        if self._reminded_at is None or now - self._reminded_at >= REMIND_EVERY:
            self._reminded_at = now
            told += [one for one in listening.open.values() if one not in told]
        # What happened while the broker was away is told when it is back: the commit keeps it.
        self._publish([_record(one) for one in told], now)
        if self._saved_at is None or now - self._saved_at >= SAVE_EVERY:
            self.save(now)

    def save(self, now: datetime | None = None, *, ended: bool = False) -> None:
        """Keep what is known, at the end (*ended*) that it is one; not while the broker is away, since it would pile up."""
        now = now or self._clock.now()
        if self._commit.broker_away:
            return
        self._saved_at = now
        kept: list[FeedHistory | GatewayState] = [*self.listening.learnt(now)]
        state = self.listening.state(now).model_copy(update={"ended": ended})
        self._publish([_record(one) for one in (*kept, state)], now)

    def _publish(self, records: Iterable[Published], now: datetime) -> None:
        item = Item("message", "event-json", b"")
        for one in records:
            found = Translated(item, "irrelevant", "-", "-", None, besides=(one,))
            self._commit.submit(Job(Piece("message", b""), now, _nobody_waits, found))


def _nobody_waits(_: Settled) -> None:
    """Do nothing: it is safe, sooner or later."""


def _record(one: Contract) -> Published:
    value = one.model_dump_json().encode()
    match one:
        case OperationalAlert():
            key = f"{one.gateway}|{one.source or one.kind}|{one.message_type or ''}"
            return Published(OPERATIONS.name, key.encode(), value)
        case FeedHistory():
            key = f"{one.gateway}|{one.source}|{one.message_type or ''}"
            return Published(HISTORIES.name, key.encode(), value)
        case GatewayState():
            return Published(HISTORIES.name, one.gateway.encode(), value)
    raise TypeError(type(one).__name__)


def _log(one: OperationalAlert) -> None:
    where = {"source": one.source, "type": one.message_type, "since": one.since.isoformat()}
    shown = {name: value for name, value in where.items() if value}
    if one.status == "open":
        log.warning("operational alert", kind=one.kind, reason=one.reason, **shown)
    else:
        log.info("operational alert is over", kind=one.kind, reason=one.reason, **shown)
