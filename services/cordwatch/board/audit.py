"""The board's audit trail: sealed, and on its topic before anybody is told that something was done."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import ValidationError

from cordwatch.board.audit_chain import sealed
from cordwatch.runtime.kafka import KafkaError, KafkaSettings, read_topic
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.audit import AuditRecord
from cordwatch_schemas.topics import AUDIT

AT_ONCE_MAX = 200
WAITING_MAX = 10_000
"""More that nobody can write down, and the next is refused at once."""
LOOK_BACK = (timedelta(days=1), timedelta(days=30), None)
"""Where the end of a chain is looked for: the last day, the last month, everything."""

log = get_logger("cordwatch.board")


class NotRecorded(RuntimeError):
    """It is not on the audit topic, so that it must not be done."""


class Publishes(Protocol):
    """What sends records and knows which are safe."""

    def publish(
        self, records: Sequence[tuple[str, bytes, bytes]], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Send *records*; return for each why it is not safe, or None."""


def last_record(kafka: KafkaSettings, chain: str, now: datetime) -> AuditRecord | None:
    """Return the end of *chain*, as the topic has it."""
    for span in LOOK_BACK:
        since = None if span is None else now - span
        mine = [one for one in read_audit(kafka, since) if one.chain == chain]
        if mine:
            return mine[-1]
    return None


def read_audit(kafka: KafkaSettings, since: datetime | None = None) -> Iterator[AuditRecord]:
    """
    Yield the audit records in the order of their topic.

    Raises:
        ValidationError: something on the topic is no audit record.
    """
    for record in read_topic(kafka, AUDIT.name, follow=False, since=since):
        if record is not None:
            yield AuditRecord.model_validate_json(record[1] or b"")


class AuditLog:
    """
    Writes one chain, record after record, in a thread of its own.

    When it is not known whether a record arrived, the end of the chain is
    looked up again before the next: a chain must not fork.
    """

    def __init__(
        self,
        chain: str,
        publisher: Publishes,
        find_end: Callable[[], AuditRecord | None],
    ) -> None:
        """Continue *chain* where *find_end* says that it ends."""
        self._chain, self._publisher, self._find_end = chain, publisher, find_end
        self._waiting: queue.Queue[tuple[dict[str, Any], Future[None]] | None] = queue.Queue(
            WAITING_MAX
        )
        self._last: AuditRecord | None = None
        self._knows_end = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def append(self, event: dict[str, Any]) -> Future[None]:
        """Hand over *event*; what is returned ends when it is safe, or with `NotRecorded`."""
        done: Future[None] = Future()
        try:
            self._waiting.put_nowait((event, done))
        except queue.Full:
            done.set_exception(NotRecorded("too much waits to be recorded"))
        return done

    def stop(self, within_s: float) -> None:
        """Write what waits, if that is possible in time."""
        self._waiting.put(None)
        self._thread.join(within_s)

    def _run(self) -> None:
        while True:
            batch, is_last = self._batch()
            if batch:
                self._write(batch)
            if is_last:
                return

    def _batch(self) -> tuple[list[tuple[dict[str, Any], Future[None]]], bool]:
        batch: list[tuple[dict[str, Any], Future[None]]] = []
        one = self._waiting.get()
        while one is not None:
            batch.append(one)
            if len(batch) >= AT_ONCE_MAX:
                return batch, False
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _write(self, batch: list[tuple[dict[str, Any], Future[None]]]) -> None:
        try:
            if not self._knows_end:
                self._last, self._knows_end = self._find_end(), True
            records = self._seal([event for event, _ in batch])
            values = [
                (AUDIT.name, f"{one.chain}|{one.sequence}".encode(), one.model_dump_json().encode())
                for one in records
            ]
            # Waited for until it is known: a record that is given up could arrive after the next one.
            errors = self._publisher.publish(values, _say_so)
            if any(error is not None for error in errors):
                raise NotRecorded("the broker took no audit record")
        except (KafkaError, ValidationError, RuntimeError, OSError) as error:
            self._knows_end = False
            log.exception("an audit record could not be written", exc_info=error)
            for _, done in batch:
                done.set_exception(NotRecorded("not recorded"))
            return
        self._last = records[-1]
        for _, done in batch:
            done.set_result(None)

    def _seal(self, events: Sequence[dict[str, Any]]) -> list[AuditRecord]:
        records: list[AuditRecord] = []
        last = self._last
        for event in events:
            last = sealed(self._chain, last, event)
            records.append(last)
        return records


def _say_so() -> None:
    log.warning("the audit trail waits for the broker")
