"""Watch's agent on Faust's own test context: whole polls, acknowledged last, nothing past an error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from faust.transport.consumer import Fetcher
from faust.types import TP
from mode import Service

from cordwatch.watch import fast_consumer
from cordwatch.watch.keeper import Keeper
from cordwatch_schemas.topics import ADMISSIONS, FACTS, IMAGING_ORDERS, QUARANTINE
from tests.builders import T, a_suspicion, an_mri_done
from tests.stream.stage import PATIENCE_S, a_record, a_worker, records, rest


class Witness(Keeper):
    """The shipped keeper, telling what it was given and when it was done."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.taken: list[list[tuple[str, int, list[int]]]] = []
        self.done = 0

    async def take(self, polled: Iterable[tuple[TP, Sequence[Any]]]) -> None:
        """Note the poll, and that it was dealt with."""
        found = list(polled)
        self.taken.append([(tp.topic, tp.partition, [r.offset for r in got]) for tp, got in found])
        await super().take(found)
        self.done += 1


class Broken(Keeper):
    """A keeper with an error of ours in it."""

    async def take(self, polled: Iterable[tuple[TP, Sequence[Any]]]) -> None:
        """Fail."""
        raise ZeroDivisionError


async def test_a_poll_is_one_event_and_is_taken_in_whole() -> None:
    """Records of several topics and partitions reach the keeper together, each in its order."""
    suspicions = [a_suspicion(at=T(n / 10), patient=f"p{n}") for n in range(3)]
    poll = records(*suspicions, an_mri_done(at=T(1), patient="p0"), partition=1, offset=7)
    poll |= records(a_suspicion(at=T(1), patient="q"), partition=2, offset=40)
    async with a_worker(Witness) as stage:
        await stage.poll(poll)
        await stage.until("acked")
        assert isinstance(stage.watch.keeper, Witness)
        assert stage.watch.keeper.taken == [
            [
                (ADMISSIONS.name, 1, [7, 8, 9]),
                (IMAGING_ORDERS.name, 1, [7]),
                (ADMISSIONS.name, 2, [40]),
            ]
        ]
        assert len(stage.delivered) == 1


async def test_a_poll_is_acknowledged_only_after_its_facts_are() -> None:
    """While the broker holds its acknowledgement back, nothing is acked and nothing may be committed."""
    async with a_worker(Witness) as stage:
        stage.broker.hold()
        message = await stage.poll(records(a_suspicion(at=T(1)), offset=3))
        assert message is not None
        await rest()
        assert isinstance(stage.watch.keeper, Witness)
        assert [sent[0] for sent in stage.broker.sent] == [FACTS.name]
        assert (stage.watch.keeper.done, message.acked) == (0, False)
        assert stage.consumer._new_offset(TP(ADMISSIONS.name, 0)) is None
        stage.broker.release()
        await stage.until("acked")
        assert stage.watch.keeper.done == 1
        assert stage.consumer._new_offset(TP(ADMISSIONS.name, 0)) == 4


async def test_an_error_ends_the_process_and_acknowledges_nothing() -> None:
    """Where Faust would ack the event and go on past it (trap 1)."""
    async with a_worker(Broken) as stage:
        message = await stage.poll(records(a_suspicion(at=T(1))))
        await stage.until("ended")
        assert message is not None
        assert stage.ended == ["unexpected error"]
        assert stage.consumer._new_offset(TP(ADMISSIONS.name, 0)) is None
    # Faust acks when it takes the stream of the dead agent down.
    assert not message.acked


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(ConnectionError("refused"), 70), (TopicAuthorizationFailedError({FACTS.name}), 15)],
)
async def test_a_write_that_the_broker_refuses_ends_the_process(
    refusal: Exception, code: int
) -> None:
    """Where Faust would log a warning and commit (traps 2, 3 and 18); an ACL that was taken by its own exit code."""
    async with a_worker() as stage:
        stage.broker.fails = refusal
        message = await stage.poll(records(a_suspicion(at=T(1))))
        await stage.until("ended")
        assert message is not None
        assert (stage.ended, stage.exit_code) == (["unexpected error"], code)
        assert not message.acked
        assert stage.consumer._new_offset(TP(ADMISSIONS.name, 0)) is None


async def test_polls_are_taken_one_after_the_other_in_their_order() -> None:
    """The second is not begun while the first waits for the broker (trap 4: never skip)."""
    async with a_worker(Witness) as stage:
        stage.broker.hold()
        for number in range(5):
            await stage.poll(
                records(a_suspicion(at=T(number / 5), patient=f"p{number}"), offset=number)
            )
        await rest()
        assert isinstance(stage.watch.keeper, Witness)
        assert len(stage.watch.keeper.taken) == 1
        stage.broker.release()
        await stage.until("acked")
        assert [taken[0][2] for taken in stage.watch.keeper.taken] == [[0], [1], [2], [3], [4]]
        assert all(message.acked for message in stage.delivered)
        assert stage.consumer._new_offset(TP(ADMISSIONS.name, 0)) == 5


@pytest.mark.parametrize("value", [b"\xff\xfe no JSON", b"{}", None], ids=["bytes", "json", "none"])
async def test_what_cannot_be_read_is_kept_before_it_is_acknowledged(value: bytes | None) -> None:
    """Raw bytes reach us whatever they are; the original is in quarantine first (trap 12)."""
    tp = TP(ADMISSIONS.name, 0)
    async with a_worker() as stage:
        stage.broker.hold()
        await stage.poll({tp: [a_record(tp, 0, b"p", value)]})
        await rest()
        assert [sent[0] for sent in stage.broker.sent] == [QUARANTINE.name]
        assert not stage.delivered[-1].acked
        stage.broker.release()
        await stage.until("acked")
        assert stage.consumer._new_offset(tp) == 1


async def test_a_poll_of_nothing_but_changelog_rows_reaches_no_agent() -> None:
    """Rows are applied as polled, by their own partition, and are never mistaken for input."""
    tp = TP(FACTS.name, 3)
    async with a_worker(Witness) as stage:
        stage.watch.app.tables.recovery.active_tps.add(tp)
        assert await stage.poll({tp: [a_record(tp, 11, b"no row", b"x")]}) is None
        assert isinstance(stage.watch.keeper, Witness)
        assert stage.watch.keeper.taken == []
        assert stage.watch.app.tables.recovery.active_offsets[tp] == 11


async def test_an_error_while_the_state_is_read_ends_the_process() -> None:
    """Where Faust would start its fetcher again, past the rows that were polled, and call itself ready."""
    tp = TP(FACTS.name, 3)
    failed: list[BaseException] = []

    async def polled(_: float) -> tuple[dict[TP, list[Any]], None]:
        return {tp: [a_record(tp, 0, b"key", b"row")]}, None

    def broken(*_: object) -> int:
        raise ZeroDivisionError

    async with a_worker() as stage:
        stage.watch.app.tables.recovery.active_tps.add(tp)
        stage.watch.machine.restore = broken  # type: ignore[assignment,method-assign]
        stage.watch.app.fail = failed.append  # type: ignore[assignment,method-assign]
        stage.consumer._wait_next_records = polled
        await stage.consumer._drain_messages(Service())
    assert [type(error) for error in failed] == [ZeroDivisionError]


async def test_a_crash_of_any_part_of_faust_ends_the_process() -> None:
    """A worker that lives on without its consumer would watch over nobody."""
    failed: list[BaseException] = []
    async with a_worker() as stage:
        stage.watch.app.fail = failed.append  # type: ignore[assignment,method-assign]
        stage.watch.app._crash(ZeroDivisionError())
    assert [type(error) for error in failed] == [ZeroDivisionError]


@pytest.mark.parametrize("told_to_stop", [True, False])
async def test_who_is_told_to_stop_while_partitions_change_hands_ends_in_order(
    told_to_stop: bool,
) -> None:
    """Faust would start its fetcher again, since it was ended during a rebalance, and call that a crash."""
    failed: list[BaseException] = []

    async def for_ever(_: Service) -> None:
        await asyncio.Event().wait()

    async with a_worker() as stage:
        app = stage.watch.app
        app.fail = failed.append  # type: ignore[assignment,method-assign]
        stage.consumer._drain_messages = for_ever  # type: ignore[method-assign, assignment]
        fetcher = Fetcher(app, beacon=app.beacon)
        await fetcher.start()
        await rest()
        app.rebalancing = True
        if told_to_stop:
            app._stopped.set()
        await fetcher.stop()
        app._stopped.clear()
    assert (failed == []) is told_to_stop


async def test_the_first_poll_after_a_rebalance_is_not_thrown_away() -> None:
    """It was asked for before, and answered after: no other worker has it, and nobody asks again."""
    tp, polls = TP(ADMISSIONS.name, 0), [records(a_suspicion(at=T(1)))]

    async def polled(**_: object) -> dict[TP, list[Any]]:
        if polls:
            return polls.pop()
        fetcher._stopped.set()
        return {}

    fetcher = Service()
    async with a_worker() as stage:
        stage.consumer._getmany = polled  # type: ignore[method-assign, assignment]
        stage.consumer._active_partitions = {tp}
        stage.consumer.stop_flow()
        draining = asyncio.ensure_future(stage.consumer._drain_messages(fetcher))
        await rest()
        stage.watch.app.consumer_generation_id += 1
        stage.consumer.resume_flow()
        async with asyncio.timeout(PATIENCE_S):
            await draining
        assert len(stage.delivered) == 1
        await stage.until("acked")
        assert stage.consumer._new_offset(tp) == 1


@pytest.mark.parametrize("meanwhile", ["a rebalance has ended", "one goes on", "it was paused"])
async def test_what_was_polled_and_is_not_delivered_is_polled_again(meanwhile: str) -> None:
    """It was asked for before a rebalance and outlasts it, say: the next record would be committed as if this one had been dealt with."""
    tp, polls = TP(ADMISSIONS.name, 0), [records(a_suspicion(at=T(1)))]
    rewound: list[TP] = []

    class Thread:
        async def rewind(self, polled: Iterable[TP]) -> None:
            rewound.extend(polled)
            stage.consumer.resume_flow()

    async def polled(**_: object) -> dict[TP, list[Any]]:
        if not polls:
            fetcher._stopped.set()
            return {}
        if meanwhile == "a rebalance has ended":
            stage.watch.app.consumer_generation_id += 1
        elif meanwhile == "one goes on":
            stage.consumer.stop_flow()
        else:
            stage.consumer._active_partitions.clear()
            stage.consumer._active_partitions.add(TP(ADMISSIONS.name, 1))
        return polls.pop()

    fetcher = Service()
    async with a_worker() as stage:
        stage.consumer._getmany = polled  # type: ignore[method-assign, assignment]
        stage.consumer._active_partitions = {tp}
        stage.consumer._thread = Thread()
        async with asyncio.timeout(PATIENCE_S):
            await stage.consumer._drain_messages(fetcher)
        assert (stage.delivered, rewound) == ([], [tp])


async def test_a_poll_that_nobody_takes_in_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Faust passes over what it takes for stale: the next poll would be waited for, for ever."""
    monkeypatch.setattr(fast_consumer, "TAKEN_WITHIN_S", 0.01)

    async def passed_over(_: object) -> None:
        """Take the message and do nothing with it."""

    async with a_worker() as stage:
        stage.consumer.callback = passed_over
        with pytest.raises(fast_consumer.NotTaken):
            await stage.consumer._deliver(records(a_suspicion(at=T(1))))
