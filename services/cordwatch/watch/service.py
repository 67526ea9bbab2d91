"""Watch on its Faust application: one agent, one table, one keeper; any unexpected error ends the process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka.structs import TopicPartition
from faust.types import TP
from prometheus_client import CollectorRegistry

from cordwatch.runtime.certificates_in_use import of_kafka
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.kafka_refusals import exit_code_of
from cordwatch.runtime.kafka_security import for_aiokafka
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.watch.fast_consumer import polled_by, require_faust
from cordwatch.watch.faust_app import EXIT_BROKEN, WatchApp, make_app
from cordwatch.watch.keeper import Keeper
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch.watch.row_batches import send_rows
from cordwatch.watch.settings import WatchSettings
from cordwatch.watch.watchdog import Watchdog
from cordwatch_schemas.access import WATCH, WATCH_GROUP
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.pack_choice import load_packs
from cordwatch_schemas.synthetic_pack import WithSynthetic
from cordwatch_schemas.topics import FACTS, PARTITIONS, WATCHED

EXIT_OK = 0
STUCK_S = 60.0
PAUSED_PART_OF_SESSION = 3
DRAIN_S = 20.0
BEGIN_S = 5.0
"""So long a worker that was told to stop while it begins may still begin, to leave its group in order."""

_RAW = {
    "key_type": bytes,
    "value_type": bytes,
    "key_serializer": "raw",
    "value_serializer": "raw",
}
"""Bytes in, bytes out: what they mean is for the machine, which can put them in quarantine."""

log = get_logger("cordwatch.watch")


class FaustBroker:
    """What the keeper needs of Kafka, through Faust's own consumer and producer."""

    def __init__(self, app: WatchApp, kafka: KafkaSettings) -> None:
        """Use the connections of *app*, and one of its own for asking about offsets."""
        self._app = app
        # On the consumer's connection a question waits behind a fetch that waits for records.
        self._asking = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=kafka.address,
            enable_auto_commit=False,
            group_id=None,
            **for_aiokafka(kafka.security),
        )

    async def start(self) -> None:
        """Connect."""
        await self._asking.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._asking.stop()

    async def send(self, topic: str, key: bytes, value: bytes) -> Awaitable[Any]:
        """Hand over a record; what is returned resolves with the broker's acknowledgement."""
        pending: Awaitable[Any] = await self._app.producer.send(topic, key, value, None, None, None)
        return pending

    async def write(
        self, topic: str, partition: int, rows: Iterable[tuple[bytes, bytes | None]]
    ) -> list[Awaitable[Any]]:
        """Hand over rows; what is returned resolves with the broker's acknowledgements."""
        # Faust's producer takes records one by one; inside it is aiokafka's, which takes batches.
        producer = self._app.producer._ensure_producer()  # noqa: SLF001
        return await send_rows(producer, topic, partition, rows)

    async def ends(self, topics: Iterable[TP]) -> Mapping[TP, int]:
        """Return end offsets."""
        asked = [TopicPartition(tp.topic, tp.partition) for tp in topics]
        found = await self._asking.end_offsets(asked)
        return {TP(one.topic, one.partition): offset for one, offset in found.items()}

    def committed(self, topic: TP) -> int:
        """Return the offset from which *topic* is read."""
        return self._app.consumer._committed_offset.get(topic) or 0  # noqa: SLF001 - Faust keeps it there


class Watch:
    """One worker: joins app, machine, metrics and watchdog, and runs them."""

    def __init__(
        self,
        settings: WatchSettings,
        packs: Packs,
        make_machine: Callable[[Packs, Metrics], Machine] = Machine,
    ) -> None:
        """Put the parts together; nothing runs yet."""
        self.settings = settings
        self.registry = CollectorRegistry()
        self.metrics = Metrics(packs, self.registry)
        self.metrics.session_timeout_s.set(settings.session_timeout_s)
        self.machine = make_machine(packs, self.metrics)
        self.app = make_app(settings, settings.group)
        self.broker = FaustBroker(self.app, settings.kafka)
        self.keeper = Keeper(
            self.machine, self.broker, settings.clock, self.metrics, settings.hold_s
        )
        self.app.keeper = self.keeper
        self._recovery_began: float | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._failed: BaseException | None = None
        self._declare()

    def _declare(self) -> None:
        app = self.app
        topic = app.topic(*(one.name for one in WATCHED), **_RAW)
        changelog = app.topic(FACTS.name, partitions=PARTITIONS, **_RAW)
        self.table = app.Table(
            "facts",
            partitions=PARTITIONS,
            changelog_topic=changelog,
        )

        async def watch(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._guarded(self.keeper.take(polled_by(event.message)))
                event.ack()

        app.agent(topic, concurrency=1, name="watch")(watch)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_rebalance_complete.connect(self._on_recovered)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Do *work*; on any error the process ends, and a supervisor starts it anew."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.error("watch cannot go on", exc_info=error)  # noqa: TRY400 - an error of a task
            self.end("unexpected error", exit_code_of(error, EXIT_BROKEN))

    async def _on_assigned(self, _: Any, *__: Any, **___: Any) -> None:
        self._recovery_began = self.settings.clock.monotonic()
        gc.disable()

    async def _on_recovered(self, _: Any, **__: Any) -> None:
        owned = {tp.partition for tp in self.app.assignor.assigned_actives()}
        # A rebalance revokes everything for a moment; Faust reads again only what was really lost.
        lost = self.machine.partitions - owned
        await self._guarded(self.keeper.revoke(lost))
        await self._guarded(self.keeper.recovered(owned))
        if self._recovery_began is not None:
            took = self.settings.clock.monotonic() - self._recovery_began
            self.metrics.recovery_s.set(took)
            self._recovery_began = None
            _forget_to_look_at_the_state()
            log.info("watching", partitions=len(owned), recovery_s=round(took, 3))
        if self._ticker is None:
            self._ticker = asyncio.ensure_future(
                self._guarded(self.keeper.tick_forever(self._is_ready))
            )
            self._looking = asyncio.ensure_future(self._guarded(self.keeper.look_ahead_forever()))

    def _is_ready(self) -> bool:
        # First, since the thread of `/healthz` asks too: whoever touches Faust's tables before they run
        # binds them to an event loop of their own thread, and the worker waits for them for ever.
        if not self.machine.partitions:
            return False
        recovery = self.app.tables.recovery
        return not recovery.in_recovery and not self.app.rebalancing and recovery.completed.is_set()

    def end(self, reason: str, code: int = EXIT_BROKEN) -> None:
        """Leave at once, without another commit: what is durable is on the broker."""
        log.error("ending", reason=reason)
        os._exit(code)

    def stuck(self, now: float) -> str | None:
        """Return what the watchdog finds wrong at *now* (monotonic seconds)."""
        busy = self.keeper.busy_since
        if busy is not None and now - max(busy, self.keeper.progress_at) > STUCK_S:
            return "the broker does not acknowledge"
        if self._recovery_began is not None:
            if now - self._recovery_began > self.settings.recovery_budget_s:
                return "recovery takes longer than its budget"
        elif self._ticker is not None and now - self.keeper.progress_at > STUCK_S:
            return "nothing moves"
        return None

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether this worker makes progress, for `/healthz`."""
        now = self.settings.clock.monotonic()
        ready = self._is_ready()
        wrong = self.stuck(now)
        return ready and wrong is None, {
            "ready": ready,
            "wrong": wrong,
            "stale": self.keeper.stale(now),
            "partitions": len(self.machine.partitions),
            "progress_age_s": round(now - self.keeper.progress_at, 3),
        }

    def is_live(self) -> bool:
        """Return whether it gets on by itself, for `/livez`: a recovery within its budget does, and a backlog."""
        return self.stuck(self.settings.clock.monotonic()) is None

    def may_be_relied_on(self) -> bool:
        """Return whether all rows are back, their wake-ups are in the heap, and nothing is stale, for `/readyz`."""
        now = self.settings.clock.monotonic()
        # The ticker begins, and a recovery is over, only after the heap has been made anew.
        has_its_heap = self._ticker is not None and self._recovery_began is None
        is_getting_on = self._is_ready() and self.stuck(now) is None
        return has_its_heap and is_getting_on and self.keeper.stale(now) is None

    async def run(self, ready: Callable[[str], None] | None = None) -> int:
        """Run until told to stop; return the exit code."""
        at = (self.settings.metrics_host, self.settings.metrics_port)
        server = MetricsServer(
            self.registry,
            self.health,
            *at,
            self.settings.kafka.environment,
            live=self.is_live,
            ready=self.may_be_relied_on,
            certificates=[of_kafka(self.settings.kafka.security)],
        )
        server.start()
        log.info("metrics", address=server.address)
        if ready is not None:
            ready(server.address)
        watchdog = Watchdog(
            self.stuck,
            paused_s=self.settings.session_timeout_s / PAUSED_PART_OF_SESSION,
            monotonic=self.settings.clock.monotonic,
            end=self.end,
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, stop.set)
        self.app.finalize()
        try:
            if not await self._has_begun(stop):
                log.info("told to stop before it had begun")
                # What waits for a broker would be waited for.
                os._exit(EXIT_OK)
            watchdog.start()
            await stop.wait()
            log.info("stopping")
            await asyncio.wait_for(self._drain(), DRAIN_S)
        finally:
            watchdog.stop()
            server.stop()
        return EXIT_OK

    async def _has_begun(self, stop: asyncio.Event) -> bool:
        """Begin; return False where it was told to stop meanwhile, and a broker that is away keeps it from beginning."""
        beginning, told = (asyncio.ensure_future(one) for one in (self._begin(), stop.wait()))
        await asyncio.wait({beginning, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        done, _ = await asyncio.wait({beginning}, timeout=BEGIN_S)
        for one in done:
            # For its error.
            one.result()
        return bool(done)

    async def _begin(self) -> None:
        await self.broker.start()
        await self.app.start()

    async def _drain(self) -> None:
        """Finish the poll in hand, commit, and leave the group."""
        for task in (self._ticker, self._looking):
            if task is not None:
                task.cancel()
        await self.app.stop()
        await self.broker.stop()


def _forget_to_look_at_the_state() -> None:
    """
    Spare the garbage collector what has been restored: it stays, and holds no cycles.

    Without this it walks through a million patients again and again: while
    they are read, and later while somebody is due.
    """
    gc.freeze()
    gc.enable()


def verify_topics(settings: WatchSettings) -> None:
    """
    Refuse to run on topics that are missing or are not as they must be, or that others may use alone.

    Raises:
        BrokerUnreachable: no broker answers.
        KafkaRefused: the broker does not let us in, or does not allow what watch does.
        MissingTopics, WrongTopics: see `cordwatch topics plan`.
    """
    require_access(settings.kafka, WATCH, {WATCH_GROUP: settings.group})


def run(settings: WatchSettings, ready: Callable[[str], None] | None = None) -> int:
    """
    Run one watch worker until SIGTERM or Ctrl-C; return its exit code.

    Raises:
        BrokerUnreachable, MissingTopics, WrongTopics, BadYaml: it cannot begin.
    """
    require_faust()
    packs = WithSynthetic(load_packs(settings.pack))
    verify_topics(settings)

    async def main() -> int:
        return await Watch(settings, packs).run(ready)

    code = asyncio.run(main())
    # Faust leaves threads behind that would keep the process from ending.
    os._exit(code)
