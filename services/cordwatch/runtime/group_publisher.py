"""Groups of records on their way to the broker, several at once, and the word when one of them is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaException, Producer

from cordwatch.runtime.deliveries import as_error
from cordwatch.runtime.kafka import KafkaError, KafkaSettings, producer_settings
from cordwatch.runtime.kafka_security import renewal_of

LOOK_S_MIN, LOOK_S_MAX = 0.001, 0.1
"""Between two looks whether the broker has answered: at once after it was asked, ever less often while it does not."""
CLOSE_S = 2.0
LINGER_MS = 0
"""A group is handed over faster than the client takes it up: to wait for more would cost a millisecond each way."""

Record = tuple[str, bytes, bytes]
Answered = Callable[[list[KafkaError | None]], None]


class GroupPublisher:
    """
    Sends groups of records (topic, key, value), one behind the other and without waiting in between.

    The records of a partition arrive in the order in which they were sent, over
    groups, and over a broker that goes away and comes back: the client gives none
    of them up by itself, since one behind it could overtake it. Giving up is the
    caller's, by `close`, and then it is all of them together.

    Answers are looked for on the event loop: a thread that waits for them takes
    Python's lock for every record, from the loop that reads the next ones.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """Begin to connect, on the running loop; a broker that is away is waited for."""
        self._renewal = renewal_of(settings.security)
        self._producer = Producer(
            {
                **producer_settings(settings),
                "linger.ms": LINGER_MS,
                # No limits of the client's own: how much is under way is the caller's to say.
                "message.timeout.ms": 0,
                "queue.buffering.max.messages": 0,
            }
        )
        self._loop = asyncio.get_running_loop()
        self._next_look: asyncio.TimerHandle | None = None
        self._is_closed = False

    def send(self, records: Sequence[Record], answered: Answered) -> None:
        """
        Send *records*, at least one; *answered* hears once, for each why it is not safe, or None.

        Not while the broker is away; and on the loop, unless it is by `close`.
        """
        group = _Group(len(records), answered)
        for place, (topic, key, value) in enumerate(records):
            try:
                self._producer.produce(topic, value, key, on_delivery=partial(group.settle, place))
            except KafkaException as error:
                group.settle(place, error.args[0])
        if self._next_look is not None:
            self._next_look.cancel()
        self._look_in(LOOK_S_MIN)

    def is_outdated(self) -> bool:
        """Return whether certificates were replaced since it was made: it connects with the old ones for ever."""
        return self._renewal.is_due()

    def close(self) -> None:
        """Give up what is on its way: each record is answered for as not safe, and may have arrived."""
        self._is_closed = True
        self._producer.purge()
        self._producer.flush(CLOSE_S)

    def _look_in(self, wait_s: float) -> None:
        self._next_look = self._loop.call_later(wait_s, self._look, wait_s)

    def _look(self, waited_s: float) -> None:
        self._next_look = None
        if self._is_closed:
            return
        has_answers = self._producer.poll(0)
        if len(self._producer):
            self._look_in(LOOK_S_MIN if has_answers else min(waited_s * 1.1, LOOK_S_MAX))


class _Group:
    """What became of each record of a group."""

    __slots__ = ("_answered", "_errors", "_left")

    def __init__(self, count: int, answered: Answered) -> None:
        self._errors: list[KafkaError | None] = [None] * count
        self._left = count
        self._answered = answered

    def settle(self, place: int, error: Any, _: object = None) -> None:
        """Note the broker's answer for one; the last one settles the group."""
        if error is not None:
            self._errors[place] = as_error(error)
        self._left -= 1
        if not self._left:
            self._answered(self._errors)
