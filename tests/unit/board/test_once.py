"""A token that is good for one call, at several boards that meet on a topic."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from cordwatch.board.cds.once import Once
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.tokens import TokenUsed
from cordwatch_schemas.topics import USED_TOKENS
from tests.builders import T
from tests.unit.board.browsing import MemoryTopics, browser
from tests.unit.board.test_cds import RECORDS, ask, by_ehr, token


async def test_a_token_is_good_at_one_of_several_boards() -> None:
    """Used here, it is refused there; used at both at once, one of them answers; a board that begins later knows too."""
    topics = MemoryTopics()
    async with (
        browser(RECORDS, T(7), by_ehr(), topics) as one,
        browser(RECORDS, T(7), by_ehr(), topics) as other,
    ):
        header = token()
        assert (await ask(one, Authorization=header))[0] == 200
        assert (await ask(other, Authorization=header))[0] == 401
        for _ in range(20):
            at_once = token()
            asked = [ask(board, Authorization=at_once) for board in (one, other, one, other)]
            statuses = [status for status, _ in await asyncio.gather(*asked)]
            assert sorted(statuses) == [200, 401, 401, 401]
        async with browser(RECORDS, T(7), by_ehr(), topics) as later:
            for record in topics.records:
                topics.readers[-1](*record)
            assert (await ask(later, Authorization=header))[0] == 401
            assert (await ask(later, Authorization=token()))[0] == 200


async def test_a_token_that_nobody_can_be_asked_about_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broker does not say in time whether another board took it: nothing is told, and it may be asked again."""
    monkeypatch.setattr("cordwatch.board.cds.once.READ_BACK_S", 0.05)
    async with browser(RECORDS, T(7), by_ehr()) as one:
        one.topics.away.add(USED_TOKENS.name)
        status, told = await ask(one, Authorization=token())
        assert (status, list(told)) == (503, ["error"])
        one.topics.away.clear()
        assert (await ask(one, Authorization=token()))[0] == 200


async def test_a_board_that_is_not_live_goes_by_what_it_knows() -> None:
    """Open clocks are shown with their doubt; a token is good once at each board then, since none can tell the other."""
    async with browser(RECORDS, T(7), by_ehr()) as one:
        one.topics.away.add(USED_TOKENS.name)
        one.site.state.away_since = T(6.9)
        header = token()
        status, told = await ask(one, Authorization=header)
        assert (status, len(told["cards"])) == (200, 2)
        assert (await ask(one, Authorization=header))[0] == 401


def test_used_tokens_are_remembered_as_long_as_they_last_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory has a bound, and beyond it a token is refused rather than believed twice."""
    monkeypatch.setattr("cordwatch.board.cds.once.USED_MAX", 2)
    clock = Stopwatch()
    known = Once("board", MemoryTopics(), clock)
    for number, until_s in enumerate((10, 20, 30)):
        known.take(used(number, until_s))
    assert known.knows(used(0, 10).token)
    assert not known.knows(used(2, 30).token)
    clock.seconds = 11.0
    known.take(used(3, 40))
    known.take(used(4, 5))
    found = [number for number in range(5) if known.knows(used(number, 0).token)]
    assert found == [1, 3]


class Stopwatch(WallClock):
    """Shows the seconds that it is set to."""

    seconds = 0.0

    def machine_s(self) -> float:
        """Return what it shows."""
        return self.seconds


def used(number: int, until_s: float) -> TokenUsed:
    """Return the record of a token that ends at an instant."""
    until = datetime.fromtimestamp(until_s, UTC)
    return TokenUsed(token=f"{number:032x}", call=f"{number:032x}", board="other", until=until)
