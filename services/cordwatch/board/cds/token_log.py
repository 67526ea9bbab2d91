"""The tokens that were used, on their topic: read at the start, and from then on what every board writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from cordwatch.board.cds.caller import LIFE_S_MAX
from cordwatch.runtime.following import follow
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.tokens import TokenUsed
from cordwatch_schemas.topics import USED_TOKENS

SINCE: Final = timedelta(seconds=LIFE_S_MAX, minutes=10)
"""As long as a token lasts, and by how much clocks may differ: what is older is over."""

log = get_logger("cordwatch.board")


class TokenLog:
    """Hands over what is told of used tokens, from a thread of its own."""

    def __init__(self, kafka: KafkaSettings, take: Callable[[TokenUsed], None]) -> None:
        """Give records to *take*, in the thread that reads."""
        self._kafka, self._take = kafka, take
        self._stopping = False
        self.failed: BaseException | None = None

    def start(self, clock: WallClock) -> None:
        """Begin to read."""
        since = datetime.fromtimestamp(clock.machine_s(), UTC) - SINCE
        threading.Thread(target=self._run, args=(since,), name="tokens", daemon=True).start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping = True

    def _run(self, since: datetime) -> None:
        try:
            for record in follow(self._kafka, USED_TOKENS.name, since):
                if self._stopping:
                    return
                if record is not None and record[1] is not None:
                    self._read(record[1])
        except BaseException as error:  # noqa: BLE001 - whoever runs the board ends it
            self.failed = error

    def _read(self, value: bytes) -> None:
        try:
            told = TokenUsed.model_validate_json(value)
        except ValidationError:
            log.warning("a record of a used token cannot be read")
            return
        self._take(told)
