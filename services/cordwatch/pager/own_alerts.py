"""What the pager tells of itself, on its way to the topic of operational alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from pydantic import ValidationError

from cordwatch.pager.ledger import Publish
from cordwatch.pager.transports.transport import Outcome
from cordwatch.pager.troubles import Troubles
from cordwatch.runtime.kafka import KafkaError, KafkaSettings, read_topic
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.topics import OPERATIONS

LOOK_S = 1.0

log = get_logger("cordwatch.pager")


def read_operations(
    kafka: KafkaSettings, unreadable: Callable[[], None]
) -> Iterator[OperationalAlert]:
    """
    Yield the last word on every operational alert; call *unreadable* for a record that is none.

    Raises:
        BrokerUnreachable, MissingTopics: they cannot be read.
    """
    told: dict[str, OperationalAlert] = {}
    for record in read_topic(kafka, OPERATIONS.name, follow=False):
        if record is None or not record[1]:
            continue
        try:
            one = OperationalAlert.model_validate_json(record[1])
        except ValidationError:
            # Whoever wrote it: no record of another's may keep the pager from its work.
            unreadable()
        else:
            told[one.alert_id] = one
    yield from told.values()


class OwnAlerts:
    """Tells that a destination takes no pages, beside everything else: a broker may keep it waiting for long."""

    def __init__(self, name: str, publish: Publish) -> None:
        """Speak for the pager of this *name*; *publish* blocks, and runs in a thread of its own."""
        self._name, self._publish = name, publish
        self._troubles = Troubles(name)
        self._waiting: list[OperationalAlert] = []

    def begin(self, told: Iterable[OperationalAlert]) -> None:
        """Go on from what was *told* before."""
        self._troubles = Troubles(self._name, told)

    def note(self, destination: str, outcome: Outcome, now: datetime) -> None:
        """Note what came of an attempt."""
        self._waiting += self._troubles.note(destination, outcome, now)

    @property
    def open(self) -> dict[str, OperationalAlert]:
        """Return what holds, by destination."""
        return self._troubles.open

    async def run(self) -> None:
        """Publish what is to be told, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            alerts, self._waiting = self._waiting, []
            if alerts:
                await self._tell(alerts)

    async def _tell(self, alerts: list[OperationalAlert]) -> None:
        key = self._name.encode()
        records = [(OPERATIONS.name, key, one.model_dump_json().encode()) for one in alerts]
        try:
            # Never given up half-way: threads that wait would take the place of those that look up names.
            await asyncio.to_thread(self._publish, list(records))
        except KafkaError as error:
            log.warning("an operational alert is sent again", error=type(error).__name__)
            self._waiting = alerts + self._waiting
