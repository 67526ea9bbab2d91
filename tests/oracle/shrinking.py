"""The smallest history found on which core and oracle still differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from tests.sim.happenings import Told
from tests.sim.sources import AboutTwo
from tests.sim.wards import History

_OF_ONE_COPY = {"patient", "event_id", "source_message_id"}


def shrunk(history: History, fails: Callable[[History], bool]) -> History:
    """Return the smallest history found that still *fails*: fewer things told, nobody away, a sooner end."""
    smaller: History | None = history
    while smaller is not None:
        history = smaller
        smaller = next((one for one in _smaller(history) if fails(one)), None)
    return history


def _is_one(one: Told, other: Told) -> bool:
    if isinstance(one, AboutTwo) and isinstance(other, AboutTwo):
        return one.model_dump(exclude=_OF_ONE_COPY) == other.model_dump(exclude=_OF_ONE_COPY)
    return one is other


def _smaller(history: History) -> Iterator[History]:
    if history.stopped:
        yield replace(history, stopped=())
    told = history.told
    size = len(told) // 2
    while size:
        for begin in range(0, len(told), size):
            gone = told[begin : begin + size]
            # What was published under two references goes from both.
            left = tuple(one for one in told if not any(_is_one(one, other) for other in gone))
            if left:
                yield replace(history, told=left)
        size //= 2
    last = max(one.received_at for one in told)
    for after in (timedelta(0), (history.until - last) / 2):
        sooner = (last + after).replace(microsecond=0)
        if sooner < history.until:
            yield replace(history, until=sooner)
