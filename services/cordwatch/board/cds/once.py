"""
A token that is good for one call is good for one at all boards together.

Each call writes down on a topic of one partition that it uses the token, and
goes on when it reads that back: whose record stands there first may go on, at
every board alike, however close to each other the calls came.
"""

from __future__ import annotations

import asyncio
import heapq
import uuid
from datetime import UTC, datetime
from typing import Final

from cordwatch.board.access import TokenUse
from cordwatch.board.audit import Publishes
from cordwatch.runtime.kafka import KafkaError
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.tokens import TokenUsed
from cordwatch_schemas.topics import USED_TOKENS

READ_BACK_S: Final = 2.0
"""Who has a record open does not wait for longer."""
USED_MAX: Final = 200_000
"""More tokens than a hospital uses within the hour for which one lasts; the next is refused."""


class NotKnown(Exception):
    """Whether the token was used at another board is not known: the broker did not say so in time."""


class Once:
    """Which tokens were used, and by which call first."""

    def __init__(self, board: str, publisher: Publishes, clock: WallClock) -> None:
        """Know of no token yet."""
        self._board, self._publisher, self._clock = board, publisher, clock
        self._first: dict[str, str] = {}
        """By token, the call."""
        self._ends: list[tuple[float, str]] = []
        self._waiting: dict[str, asyncio.Event] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def take(self, told: TokenUsed) -> None:
        """Take in a record of the topic, in its order; in the loop, since calls wait for theirs."""
        self._remember(told.token, told.call, told.until.timestamp())
        waiting = self._waiting.get(told.call)
        if waiting is not None:
            waiting.set()

    def _remember(self, token: str, call: str, until_s: float) -> None:
        now_s = self._clock.machine_s()
        while self._ends and self._ends[0][0] < now_s:
            self._first.pop(heapq.heappop(self._ends)[1], None)
        if until_s >= now_s and token not in self._first and len(self._first) < USED_MAX:
            self._first[token] = call
            heapq.heappush(self._ends, (until_s, token))

    def knows(self, token: str) -> bool:
        """Return whether a token was used, as far as was read."""
        return token in self._first

    async def is_first(self, use: TokenUse, *, is_live: bool) -> bool:
        """
        Return whether this call is the first with its token.

        While the board is not live nobody can be told or asked, and what was read
        until then counts: somebody who needs the cards is not sent away for it.

        Raises:
            NotKnown: the board is live, and the broker does not say so in time.
        """
        if self.knows(use.token):
            return False
        call = uuid.uuid4().hex
        if not is_live:
            self._remember(use.token, call, use.until_s)
        else:
            await self._tell(use, call)
        return self._first.get(use.token) == call

    async def _tell(self, use: TokenUse, call: str) -> None:
        until = datetime.fromtimestamp(use.until_s, UTC)
        told = TokenUsed(token=use.token, call=call, board=self._board, until=until)
        read_back = self._waiting[call] = asyncio.Event()
        writing = asyncio.create_task(self._write(told))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        try:
            await asyncio.wait_for(read_back.wait(), READ_BACK_S)
        except TimeoutError:
            raise NotKnown from None
        finally:
            del self._waiting[call]

    async def _write(self, told: TokenUsed) -> None:
        record = (USED_TOKENS.name, told.token.encode(), told.model_dump_json().encode())
        try:
            await asyncio.to_thread(self._publisher.publish, [record], _give_up)
        except (NotKnown, KafkaError):
            # Who waits for it to come back hears nothing, and says so.
            return


def _give_up() -> None:
    raise NotKnown
