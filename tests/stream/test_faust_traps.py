"""Each trap of Faust that could lose an alert: held by a test or a start-up check, and the page says which."""

from __future__ import annotations

import asyncio
import gc
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.watch.fast_consumer import (
    FAUST_VERSION,
    FETCH_BYTES,
    FETCH_WAIT_MS,
    PARTITION_FETCH_BYTES,
    ConsumerThread,
    Producer,
    WrongFaust,
    require_faust,
)
from cordwatch.watch.faust_app import make_app
from cordwatch.watch.service import STUCK_S, Watch
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.topics import ADMISSIONS, FACTS, PARTITIONS, WATCHED
from tests.builders import T, a_suspicion
from tests.stream.stage import PACK, Ended, a_worker, records, rest, turns

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/faust-traps.md").read_text()
TRAPS = 26
DAY_S = 86_400


def a_watch() -> Watch:
    """Return a worker that does not run."""
    return Watch(WatchSettings(kafka=KafkaSettings("127.0.0.1:1"), metrics_port=0), PACK)


@pytest.mark.parametrize(
    ("setting", "safe"),
    [
        ("processing_guarantee", faust.types.enums.ProcessingGuarantee.AT_LEAST_ONCE),
        ("stream_publish_on_commit", False),
        ("producer_threaded", False),
        ("table_standby_replicas", 0),
        ("topic_allow_declare", False),
        ("topic_disable_leader", True),
        ("topic_partitions", PARTITIONS),
        ("web_enabled", False),
        ("broker_max_poll_interval", DAY_S),
        ("consumer_auto_offset_reset", "earliest"),
        ("stream_wait_empty", True),
        ("autodiscover", False),
    ],
)
async def test_the_settings_are_those_that_lose_nothing(setting: str, safe: object) -> None:
    """Traps 8, 9, 13, 17 and 25, and topics that are provisioned, never made by a slip."""
    assert getattr(make_app(WatchSettings(), "g").conf, setting) == safe


async def test_the_store_is_in_memory() -> None:
    """Trap 21: after a crash the state is the changelog, and nothing else."""
    assert str(make_app(WatchSettings(), "g").conf.store) == "memory:"


def test_no_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours to find: an image that nothing can write to has no place for one."""
    monkeypatch.chdir(tmp_path)
    make_app(WatchSettings(), "g")._create_directories()
    assert list(tmp_path.iterdir()) == []


async def test_the_session_is_the_one_that_was_promised() -> None:
    """Several heartbeats fit into it."""
    conf = make_app(WatchSettings(session_timeout_s=9), "g").conf
    assert (conf.broker_session_timeout, conf.broker_heartbeat_interval) == (9, 1.8)


async def test_there_is_one_agent_and_one_plain_table() -> None:
    """Traps 4, 7, 10 and 23: one stream in order; no window, nothing global, no second changelog."""
    app = a_watch().app
    [agent] = app.agents.values()
    [table] = app.tables.values()
    assert agent.concurrency == 1
    assert type(table) is faust.Table
    assert table.changelog_topic.get_topic_name() == FACTS.name
    assert sorted(agent.channel.topics) == sorted(topic.name for topic in WATCHED)


async def test_nothing_is_decoded_by_faust() -> None:
    """Traps 11 and 12: an undecodable message would be acked first and thrown then."""
    watch = a_watch()
    [agent] = watch.app.agents.values()
    for topic in (agent.channel, watch.table.changelog_topic):
        read = (topic.key_type, topic.value_type, topic.key_serializer, topic.value_serializer)
        assert read == (bytes, bytes, "raw", "raw")


async def test_nothing_waits_for_on_recover() -> None:
    """Trap 6: what is raised there is swallowed, so nothing of ours is."""
    assert a_watch().table._recover_callbacks == set()


async def test_an_error_while_taking_over_ends_the_process() -> None:
    """Trap 6 again: a worker without its clocks must not call itself ready."""

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    async with a_worker() as stage:
        stage.watch.machine.restored = broken  # type: ignore[assignment,method-assign]
        with pytest.raises(Ended):
            await stage.watch._on_recovered(stage.watch.app)
        assert stage.ended == ["unexpected error"]


async def test_partitions_that_were_lost_are_forgotten() -> None:
    """Trap 5: neither their patients nor their offsets stay behind."""
    async with a_worker() as stage:
        await stage.poll(records(a_suspicion(at=T(1)), partition=1))
        await stage.until("acked")
        await stage.watch.keeper.revoke([1])
        assert 1 not in stage.watch.machine.partitions
        assert stage.watch.keeper.durable == {}
        assert stage.watch.machine.wake_at() is None
        assert list(stage.consumer._filter_tps_with_pending_acks()) == []


async def test_rows_go_to_the_partition_of_their_patient_and_are_never_falsy() -> None:
    """Traps 14 and 15: written by partition, with a value that a replay keeps."""
    async with a_worker() as stage:
        await stage.poll(records(a_suspicion(at=T(1)), partition=2))
        await stage.until("acked")
        await stage.watch.keeper.tick()
        rows = [sent for sent in stage.broker.sent if sent[0] == FACTS.name]
        assert len(rows) > 1
        assert {partition for _, _, _, partition in rows} == {2}
        assert all(value is None or value for _, _, value, _ in rows)


async def test_only_durable_offsets_are_committed_gaps_or_not() -> None:
    """Trap 4: Faust's arithmetic of gaps and acks is off by one; ours asks the machine."""
    tp = TP(ADMISSIONS.name, 0)
    async with a_worker() as stage:
        await stage.poll(records(a_suspicion(at=T(1)), offset=36))
        await stage.until("acked")
        stage.broker.hold()
        await stage.poll(records(a_suspicion(at=T(2)), offset=50))
        await rest()
        assert stage.consumer._read_offset[tp] == 50
        assert list(stage.consumer._filter_tps_with_pending_acks()) == [tp]
        assert stage.consumer._new_offset(tp) == 37
        stage.broker.release()
        await stage.until("acked")
        assert stage.consumer._new_offset(tp) == 51


async def test_no_tick_before_everything_is_assigned_and_recovered() -> None:
    """Trap 16: timers go on through rebalances; ours asks first."""
    async with a_worker() as stage:
        app, recovery = stage.watch.app, stage.watch.app.tables.recovery
        ready = []
        for in_recovery, completed, rebalancing in (
            (True, True, False),
            (False, False, False),
            (False, True, True),
            (False, True, False),
        ):
            recovery.in_recovery, app.rebalancing = in_recovery, rebalancing
            (recovery.completed.set if completed else recovery.completed.clear)()
            ready.append(stage.watch._is_ready())
        assert ready == [False, False, False, True]


@pytest.mark.parametrize("late_s", [STUCK_S - 1, STUCK_S + 1])
async def test_a_broker_that_does_not_acknowledge_ends_the_wait(late_s: float) -> None:
    """Trap 19: Faust would wait for ever for the handler; the watchdog does not."""
    async with a_worker() as stage:
        stage.broker.hold()
        await stage.poll(records(a_suspicion(at=T(1))))
        await rest()
        begun = stage.watch.keeper.busy_since
        assert begun is not None
        told = stage.watch.stuck(begun + late_s)
        assert told == ("the broker does not acknowledge" if late_s > STUCK_S else None)
        stage.broker.release()
        await stage.until("acked")


async def test_who_asks_for_health_before_the_start_binds_no_tables_to_a_loop_that_stands_still() -> (
    None
):
    """A probe or a scrape in the first second must not stop the worker for good."""
    watch = a_watch()
    is_well, told = await asyncio.to_thread(watch.health)
    assert (is_well, told["ready"]) == (False, False)
    assert watch.app.tables.loop is asyncio.get_running_loop()


async def test_a_recovery_has_a_budget() -> None:
    """Trap 22: one that hangs ends the process."""
    watch = a_watch()
    await watch._on_assigned(watch.app)
    begun = watch._recovery_began
    assert begun is not None
    assert watch.stuck(begun + watch.settings.recovery_budget_s - 1) is None
    late = watch.stuck(begun + watch.settings.recovery_budget_s + 1)
    assert late == "recovery takes longer than its budget"


@pytest.mark.parametrize(("position", "recovered"), [(9, False), (10, True)])
async def test_a_changelog_whose_tail_was_compacted_away_ends_its_recovery(
    position: int, recovered: bool
) -> None:
    """Trap 22: the last offset that the broker names may hold no record any more."""
    tp = TP(FACTS.name, 3)
    async with a_worker() as stage:
        recovery = stage.watch.app.tables.recovery
        recovery.active_tps.add(tp)
        recovery.active_highwaters[tp] = 9
        recovery.active_offsets[tp] = 4
        recovery._in_recovery = recovery.in_recovery = True

        async def where(_: TP) -> int:
            return position

        stage.consumer.position = where
        await stage.consumer._skip_compacted_tails()
        stage.consumer._finish_recovery()
        assert recovery.signal_recovery_end.is_set() is recovered


async def test_the_producer_is_idempotent_and_waits_for_all() -> None:
    """Trap 20: a retry within the client neither doubles nor reorders."""
    transport = a_watch().app.producer_transport
    producer = transport.create_producer()
    assert isinstance(producer, Producer)
    extra = producer._settings_extra()
    assert (extra["enable_idempotence"], extra["acks"]) == (True, "all")


async def test_a_fetch_is_not_waited_for_long() -> None:
    """Ours to find: whatever is asked on that connection waits behind it."""
    async with a_worker() as stage:
        thread = stage.consumer._new_consumer_thread()
        assert isinstance(thread, ConsumerThread)
        made = thread._create_worker_consumer(stage.watch.app.transport)
        assert made._fetch_max_wait_ms == FETCH_WAIT_MS == 100


async def test_a_poll_is_of_the_partitions_that_it_was_asked_for() -> None:
    """Ours to find: Faust empties its set while the poll waits, and an empty one means all."""
    async with a_worker() as stage:
        facts, active = TP(FACTS.name, 0), {TP(FACTS.name, 0)}
        polled: list[frozenset[TP]] = []

        class Thread:
            async def getmany(self, partitions: frozenset[TP], _: float) -> dict[TP, Any]:
                active.clear()
                polled.append(partitions)
                return {}

        stage.consumer._thread = Thread()
        await stage.consumer._getmany(active, 1.0)
        assert polled == [frozenset({facts})]


async def test_what_is_fetched_ahead_is_bounded() -> None:
    """Ours to find: it would lie in memory on top of the state that is restored from it."""
    async with a_worker() as stage:
        thread = stage.consumer._new_consumer_thread()
        made = thread._create_worker_consumer(stage.watch.app.transport)
        assert made._fetch_max_bytes == FETCH_BYTES
        assert stage.watch.app.conf.consumer_max_fetch_size == PARTITION_FETCH_BYTES


async def test_the_collector_rests_during_a_recovery_and_passes_over_what_it_restored() -> None:
    """Ours to find: it walks through every patient, and whoever is due waits for it."""
    async with a_worker() as stage:
        frozen_before = gc.get_freeze_count()
        await stage.watch._on_assigned(stage.watch.app)
        assert not gc.isenabled()
        await stage.watch._on_recovered(stage.watch.app)
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen_before
    gc.unfreeze()


def test_any_other_faust_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 26: what is overridden here may mean something else there."""
    require_faust()
    monkeypatch.setattr(faust, "__version__", "0.15.4")
    with pytest.raises(WrongFaust, match=r"needs faust-streaming 0\.15\.3, found 0\.15\.4"):
        require_faust()


def test_the_lock_file_holds_the_same_faust() -> None:
    """Trap 26: with hashes, in the tests' environment and in the image."""
    for name in ("requirements.lock", "deploy/requirements.lock"):
        pin = f"faust-streaming=={FAUST_VERSION} \\\n    --hash=sha256:"
        assert pin in (ROOT / name).read_text()


async def test_faust_still_has_the_trap_that_noack_avoids() -> None:
    """Trap 1 as it is: without `noack` an event is acked although its handler raised."""
    app = make_app(WatchSettings(), "g")
    app.loop = asyncio.get_running_loop()
    seen = []

    async def naive(stream: Any) -> None:
        async for event in stream.events():
            seen.append(event)
            raise ZeroDivisionError

    agent = app.agent(app.topic("t", value_type=bytes))(naive)
    app.finalize()
    running = agent.test_context()
    await running.start()
    await running.put(b"x", wait=False)
    await turns(lambda: running.crash_reason)
    with suppress(ZeroDivisionError):
        await running.stop()
    assert seen[0].message.acked


def rows() -> list[list[str]]:
    """Return the table of the page, a row a trap."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| (\d|new)", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_answers_every_trap() -> None:
    """All of the design notes, each once."""
    numbers = [int(one) for row in rows() for one in re.findall(r"\d+", row[0])]
    assert sorted(numbers) == list(range(1, TRAPS + 1))


def test_every_answer_names_a_test_or_check_that_exists() -> None:
    """A promise on a page is kept by something that can fail."""
    held = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for row in rows():
        named = re.findall(r"`(\w+)`", row[3])
        assert named, row[0]
        assert [one for one in named if f"def {one}(" not in held] == []
