"""The ledger on its topic: read whole at the start, written before anything rests on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from pydantic import ValidationError

from cordwatch.runtime.kafka import (
    NOT_SAFE,
    BrokerUnreachable,
    KafkaError,
    KafkaSettings,
    Publisher,
    read_topic,
)
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.topics import PAGES

log = get_logger("cordwatch.pager")

Records = list[tuple[str, bytes, bytes | None]]
Publish = Callable[[Records], None]
"""Returns once the broker has acknowledged them; raises KafkaError where it did not."""

AGAIN_S = 1.0


def read_ledger(kafka: KafkaSettings, unreadable: Callable[[], None]) -> Iterator[LedgerEntry]:
    """
    Yield what is known of every matter, the last word on each; call *unreadable* for a row that is none of ours.

    Raises:
        BrokerUnreachable, MissingTopics: it cannot be read.
    """
    rows: dict[bytes, bytes] = {}
    for record in read_topic(kafka, PAGES.name, follow=False):
        if record is None:
            continue
        key, value = record
        if value is None:
            rows.pop(key or b"", None)
        else:
            rows[key or b""] = value
    for value in rows.values():
        try:
            entry = LedgerEntry.model_validate_json(value)
        except ValidationError:
            unreadable()
        else:
            yield entry


def publisher_of(kafka: KafkaSettings) -> Publish:
    """Return how records get to the broker; the connection is made when it is first needed."""
    made: list[Publisher] = []

    def publish(records: Records) -> None:
        if not made:
            try:
                made.append(Publisher(kafka))
            except BrokerUnreachable as away:
                raise NOT_SAFE from away
        for record in records:
            made[0].send(*record)
        made[0].confirm()

    return publish


class LedgerWriter:
    """Writes rows one group after the other; of a matter that changes meanwhile only the last word."""

    def __init__(self, publish: Publish) -> None:
        """Write by *publish*, which blocks: it runs in a thread of its own."""
        self._publish = publish
        self._waiting: dict[str, LedgerEntry | None] = {}
        self._writing: asyncio.Task[None] | None = None
        self.is_away = False
        """Whether rows wait for a broker that does not acknowledge."""

    async def write(self, rows: Mapping[str, LedgerEntry | None], patience_s: float) -> bool:
        """
        Return whether the broker has acknowledged everything up to *rows*; False when it takes longer.

        What is not acknowledged is tried again until it is, also after this returns.
        """
        self._waiting |= rows
        if self._writing is None and self._waiting:
            self._writing = asyncio.create_task(self._write_all())
        writing = self._writing
        if writing is None:
            return True
        done, _ = await asyncio.wait({writing}, timeout=patience_s)
        if not done:
            if not self.is_away:
                log.warning("the broker does not take the ledger's rows; pages go on")
            self.is_away = True
            return False
        writing.result()
        if self._writing is writing:
            # Else another one who waited for it, at the stop, has seen to it.
            self._writing = None
        # What came in between is in a group of its own.
        return await self.write({}, patience_s) if self._waiting else True

    async def _write_all(self) -> None:
        while self._waiting:
            rows, self._waiting = self._waiting, {}
            records: Records = [
                (PAGES.name, name.encode(), row.model_dump_json().encode() if row else None)
                for name, row in rows.items()
            ]
            try:
                await asyncio.to_thread(self._publish, records)
            except KafkaError as error:
                log.warning("rows of the ledger are sent again", error=type(error).__name__)
                self.is_away = True
                self._waiting = rows | self._waiting
                await asyncio.sleep(AGAIN_S)
            else:
                self.is_away = False
