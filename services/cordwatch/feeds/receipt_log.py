"""The receipts on their topic: read at the start, and from then on what other gateways answer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime

from cordwatch.feeds.receipts import Memory
from cordwatch.runtime.following import follow
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.records import Receipts
from cordwatch_schemas.topics import RECEIPTS

END_S = 3.0

log = get_logger("cordwatch.feeds")


class ReceiptLog:
    """
    Keeps a memory in step with the topic, on a thread of its own.

    Several gateways that share senders know each other's answers by it, a moment
    later. A message that comes to another one within that moment is published
    twice, under the same ids.
    """

    def __init__(
        self, kafka: KafkaSettings, memory: Memory, own: bytes, broken: Callable[[], None]
    ) -> None:
        """Fill *memory*, except with what *own* process wrote; *broken* tells that it cannot go on."""
        self._kafka, self._memory, self._own, self._broken = kafka, memory, own, broken
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, since: datetime, at_end: Callable[[], None]) -> None:
        """Begin to read; *at_end* is called once, on the thread, when all that is there was read."""
        self._thread = threading.Thread(
            target=self._run, args=(since, at_end), name="receipts", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join(END_S)

    def _run(self, since: datetime, at_end: Callable[[], None]) -> None:
        try:
            is_known = False
            for record in follow(self._kafka, RECEIPTS.name, since):
                if self._stopping:
                    return
                if record is not None:
                    self._take(*record)
                elif not is_known:
                    is_known = True
                    at_end()
        except BaseException as error:
            log.error("receipts cannot be read", exc_info=error)  # noqa: TRY400 - the thread ends
            self._broken()

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if key == self._own or value is None:
            return
        # What cannot be read is not known: its messages are published again, under the same ids.
        with contextlib.suppress(ValueError):
            told = Receipts.model_validate_json(value)
            self._memory.learn(told.receipts, told.received_at)
