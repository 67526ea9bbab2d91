"""The pager as a process: joins what is read, the machine, the ledger and the destinations."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry

from cordwatch.pager.intake import READ, Batch, Intake
from cordwatch.pager.ledger import LedgerWriter, publisher_of, read_ledger
from cordwatch.pager.machine import Machine, Work
from cordwatch.pager.metrics import PagerMetrics
from cordwatch.pager.outbox import Attempt
from cordwatch.pager.own_alerts import OwnAlerts, read_operations
from cordwatch.pager.plan import NOWHERE, Plan
from cordwatch.pager.transports.nowhere import NowhereTransport
from cordwatch.pager.transports.transport import ATTEMPT_S_MAX, Outcome, Page, Transport
from cordwatch.runtime.certificates_in_use import Certificates
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.kafka_refusals import exit_code_of
from cordwatch.runtime.leading import LeadershipLost
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.access import PAGER, PAGER_GROUP
from cordwatch_schemas.pages import Matter
from cordwatch_schemas.topics import OPERATIONS, PAGES

EXIT_OK = 0
EXIT_BROKEN = 70

PATIENCE_S = 5.0
"""Pages do not wait longer for a broker that does not take the ledger's rows."""

NO_PATIENCE_S = 0.1
"""Nor do they wait at each turn anew while it is known to be away."""

HOLD_S = 5.0
"""Nothing new is told for at most so long while more is there to be read: it may be over already."""

LOOK_S = 5.0
"""How often gauges are set, and the process proves to itself that it makes progress."""

STUCK_S = 20.0
FORGET_S = 3_600.0
STOP_S = 10.0

Beside = Callable[["Pager"], Any]
log = get_logger("cordwatch.pager")


class Pager:
    """One pager process: it stands by until it leads, and then tells."""

    def __init__(
        self,
        plan: Plan,
        transports: Mapping[str, Transport],
        kafka: KafkaSettings,
        clock: WallClock,
        *,
        name: str = "pager",
        group: str = PAGER_GROUP,
        session_timeout_s: float = 10.0,
        metrics_at: tuple[str, int] = ("127.0.0.1", 0),
        certificates: Sequence[Certificates] = (),
    ) -> None:
        """Put the parts together; nothing runs yet."""
        self.plan = plan
        self.transports = {**transports, NOWHERE: NowhereTransport(NOWHERE)}
        self._kafka, self._clock = kafka, clock
        self._pause_s_max = session_timeout_s / 3
        self.registry = CollectorRegistry()
        self.metrics = PagerMetrics(self.registry)
        self.metrics.touch(self.transports.values())
        self.machine: Machine | None = None
        self._page = self._page_at(metrics_at, certificates)
        self._intake = Intake(
            kafka,
            group,
            session_timeout_s,
            lead=self._lead,
            take=self._take,
            unreadable=self._unreadable,
            failed=self._failed,
        )
        # One publisher each: who confirms must wait for what is their own, and for all of it.
        self._ledger = LedgerWriter(publisher_of(kafka))
        self._own = OwnAlerts(name, publisher_of(kafka))
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batches: list[tuple[Batch, asyncio.Future[None]]] = []
        self._behind_since: float | None = None
        self._is_current = self._has_begun = False
        self._turned_at = self._looked_at = clock.monotonic()
        self._attempts: set[asyncio.Task[None]] = set()
        self._exit = EXIT_OK

    def _page_at(
        self, address: tuple[str, int], certificates: Sequence[Certificates]
    ) -> MetricsServer:
        return MetricsServer(
            self.registry,
            self.health,
            *address,
            self._kafka.environment,
            ready=self.is_ready,
            certificates=certificates,
        )

    # What others ask of it.

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether it makes progress, for `/healthz` and the heartbeat."""
        idle_s = self._clock.monotonic() - self._turned_at
        is_stuck = idle_s > STUCK_S
        return not is_stuck and self._exit == EXIT_OK, {
            "leads": self.machine is not None,
            "current": self._is_current,
            "ledger_away": self._ledger.is_away,
            "idle_s": round(idle_s, 1),
        }

    def is_ready(self) -> bool:
        """
        Return whether it may be relied on, for `/readyz`: it tells or stands by, and the ledger knows of it.

        Without the ledger it goes on telling; but whoever took over would tell it all again.
        """
        tells = self.machine is None or self._has_begun
        return self.health()[0] and tells and not self._ledger.is_away

    def find(self, dedup_key: str) -> Matter | None:
        """Return the matter that a destination knows under this key."""
        return self.machine.find(dedup_key) if self.machine else None

    # Its life.

    async def run(self, *beside: Callable[[], Any]) -> int:
        """
        Run until SIGTERM or Ctrl-C, with what runs *beside* it (inlets, heartbeats); return the exit code.

        What runs beside is a callable that gives a coroutine; it is cancelled at the end.
        """
        self._loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(one, self._stopping.set)
        self._page.start()
        log.info("metrics", address=self._page.address)
        self._intake.start()
        self._looked_at = self._clock.monotonic()
        works = (self._turns(), self._looks(), self._own.run(), *(one() for one in beside))
        tasks = [asyncio.create_task(one) for one in works]
        try:
            stop = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                if (error := task.exception()) is not None:
                    log.error("the pager cannot go on", exc_info=error)
                    self._exit = EXIT_BROKEN
            await self._end(tasks)
        finally:
            self._page.stop()
        return self._exit

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let attempts come to their end and be written; what is not is told again under its own key."""
        for task in tasks[1:]:
            task.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=STOP_S)
        await asyncio.sleep(0)
        if self.machine is not None and self._exit == EXIT_OK:
            await self._ledger.write(
                self.machine.work(self._clock.now(), decides=False, attempts=False).rows, PATIENCE_S
            )
        tasks[0].cancel()
        for _, taken in self._batches:
            taken.cancel()
        await asyncio.to_thread(self._intake.stop, STOP_S)
        for transport in self.transports.values():
            with contextlib.suppress(Exception):
                await transport.close()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _turns(self) -> None:
        """Do one turn whenever something came, or something is due."""
        while not self._stopping.is_set():
            wait_s = self._wait_s()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)
            self._wake.clear()
            self._turned_at = self._clock.monotonic()
            if self.machine is not None and not self._stopping.is_set():
                await self._turn(self.machine)

    def _wait_s(self) -> float:
        next_at = self.machine.next_at(self._clock.now()) if self.machine else None
        until = self._clock.seconds_until(next_at) if next_at else LOOK_S
        if self._behind_since is not None:
            until = min(until, HOLD_S)
        return max(0.001, min(until, LOOK_S))

    async def _turn(self, machine: Machine) -> None:
        batches, self._batches = self._batches, []
        now = self._clock.now()
        for batch, _ in batches:
            self._hear(machine, batch, now)
        decides = self._decides(machine, now)
        # Nor is anything said before: what waits since the last process may be over as well.
        work = machine.work(now, decides=decides, attempts=self._has_begun)
        self._count(work)
        patience_s = NO_PATIENCE_S if self._ledger.is_away else PATIENCE_S
        is_written = await self._ledger.write(work.rows, patience_s)
        self._end_if_paused()
        for attempt, page in work.attempts:
            task = asyncio.create_task(self._attempt(attempt, page))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)
        if is_written:
            for _, taken in batches:
                if not taken.done():
                    taken.set_result(None)
        else:
            # The rows go out as soon as the broker is back; the offsets wait for that.
            # Before what was read meanwhile, which nobody has heard yet.
            self._batches[:0] = [(Batch((), one.is_current), taken) for one, taken in batches]

    def _hear(self, machine: Machine, batch: Batch, now: datetime) -> None:
        for one in batch.heard:
            if isinstance(one, Matter):
                if not one.is_synthetic:
                    self.metrics.heard.labels(one.kind).inc()
                machine.hear(one, now)
            else:
                machine.answer(one, now)
        self._is_current = batch.is_current
        if batch.is_current:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._clock.monotonic()

    def _decides(self, machine: Machine, now: datetime) -> bool:
        if not self._has_begun:
            # At the start there is no hold: what came while nobody led is read to its end first.
            if not self._is_current:
                return False
            machine.begin(now)
            self._has_begun = True
            log.info("the pager tells", open=len(machine.entries))
        behind_s = self._clock.monotonic() - (self._behind_since or self._clock.monotonic())
        return self._is_current or behind_s >= HOLD_S

    def _count(self, work: Work) -> None:
        for alert_id, reason in work.decisions:
            self.metrics.decided.labels(reason).inc()
            log.info("decided", alert=alert_id, reason=reason)
        self.metrics.fallbacks.inc(work.fallbacks)
        for attempt, page in work.attempts:
            if attempt.action == "tell" and page.attempt == 1 and not page.matter.is_synthetic:
                wait_s = (page.at - page.matter.raised_at).total_seconds()
                self.metrics.first_post_s.observe(max(0.0, wait_s))

    async def _attempt(self, attempt: Attempt, page: Page) -> None:
        transport = self.transports[attempt.destination]
        try:
            outcome = await asyncio.wait_for(transport.send(page), ATTEMPT_S_MAX)
        except Exception as error:  # a transport never raises; if one does, the page is not lost
            log.exception("a transport failed", destination=attempt.destination, exc_info=error)
            outcome = Outcome("unknown", "internal")
        now = self._clock.now()
        self.metrics.attempted(transport.kind, attempt.action, outcome)
        log.info(
            "attempt",
            alert=attempt.alert_id,
            key=attempt.dedup_key,
            destination=attempt.destination,
            action=attempt.action,
            outcome=outcome.reason,
        )
        if self.machine is not None:
            self.machine.done(attempt, outcome, now)
        self._own.note(attempt.destination, outcome, now)
        self._wake.set()

    async def _looks(self) -> None:
        """Set gauges and forget; every second."""
        forgotten_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(1)
            self._end_if_paused()
            now = self._looked_at = self._clock.monotonic()
            machine = self.machine
            self.metrics.leads.set(machine is not None)
            self.metrics.ledger_away.set(self._ledger.is_away)
            self.metrics.behind_s.set(now - (self._behind_since or now))
            if machine is None:
                continue
            at = self._clock.now()
            self.metrics.look(machine.entries.values(), machine.burden.pages(at), at)
            if now - forgotten_at > FORGET_S:
                machine.forget(at)
                forgotten_at = now
                self._wake.set()

    def _end_if_paused(self) -> None:
        """End at once a process that stood still: another one may lead by now."""
        paused_s = self._clock.monotonic() - self._looked_at
        if paused_s > 1 + self._pause_s_max:
            log.error("the process was paused", paused_s=round(paused_s, 1))
            os._exit(EXIT_BROKEN)

    # From the thread that reads.

    def _lead(self) -> bool:
        """Take up the ledger and what was told of itself; return whether all of the ledger could be read."""
        self._own.begin(read_operations(self._kafka, lambda: self._unreadable(OPERATIONS.name)))
        lost = list[str]()

        def unreadable() -> None:
            lost.append(PAGES.name)
            self._unreadable(PAGES.name)

        machine = Machine(self.plan, self.transports, read_ledger(self._kafka, unreadable))
        log.info("this pager leads", matters=len(machine.entries))
        self.machine = machine
        return not lost

    def _take(self, batch: Batch) -> None:
        async def taken() -> None:
            if self._stopping.is_set():
                raise asyncio.CancelledError
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._batches.append((batch, future))
            self._wake.set()
            await future

        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(taken(), self._loop).result()

    def _unreadable(self, topic: str) -> None:
        noun = next(one.noun for one in (*READ, PAGES) if one.name == topic)
        self.metrics.unreadable.labels(noun).inc()
        log.error("a record cannot be read; a page may be missing", topic=topic)

    def _failed(self, error: BaseException) -> None:
        if self._stopping.is_set():
            # What was not taken is read again by the next one.
            return
        if isinstance(error, LeadershipLost):
            log.warning("another pager leads now")
        else:
            log.error("reading cannot go on", exc_info=error)
        self._exit = exit_code_of(error, EXIT_BROKEN)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)


def run(
    pager: Callable[[], Pager], kafka: KafkaSettings, *beside: Beside, group: str = PAGER_GROUP
) -> int:
    """
    Run a pager until SIGTERM or Ctrl-C; return its exit code.

    Raises:
        BrokerUnreachable, KafkaRefused, MissingTopics: it cannot begin.
    """
    require_access(kafka, PAGER, {PAGER_GROUP: group})

    async def main() -> int:
        made = pager()
        return await made.run(*((lambda one=one: one(made)) for one in beside))

    return asyncio.run(main())
