"""The synthetic patient's service as a process: what the rounds want is done, what is heard is given to them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import aiohttp
from prometheus_client import CollectorRegistry

from cordwatch.runtime.certificates_in_use import of_kafka
from cordwatch.runtime.kafka import KafkaError, KafkaSettings, Publisher
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.kafka_refusals import exit_code_of
from cordwatch.runtime.leading import LeadershipLost
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.runtime.wall_clock import WallClock
from cordwatch.runtime.web_asking import asking
from cordwatch.synthetic.asking import ANSWER_S, ASK_EVERY_S, ask, to_ask
from cordwatch.synthetic.hearing import Hearing
from cordwatch.synthetic.metrics import ROUND, SyntheticMetrics
from cordwatch.synthetic.outside import Outside
from cordwatch.synthetic.owners import Owners
from cordwatch.synthetic.patients import beginning_of, ending_of, partitions_of, patients_of
from cordwatch.synthetic.rounds import Chosen, Over, Reached, Seen, State, Tell, step
from cordwatch.synthetic.settings import SyntheticSettings
from cordwatch_schemas.access import SYNTHETIC, SYNTHETIC_GROUP, WATCH_GROUP
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import topic_of
from cordwatch_schemas.topics import SOURCES

EXIT_OK: Final = 0
EXIT_BROKEN: Final = 70
LOOK_S: Final = 5.0
STUCK_S: Final = 20.0
STOP_S: Final = 5.0

_NAMES = {topic.noun: topic.name for topic in SOURCES}

log = get_logger("cordwatch.synthetic")


class Synthetic:
    """One process of the service: it stands by until it leads, and then tells."""

    def __init__(self, settings: SyntheticSettings, kafka: KafkaSettings, clock: WallClock) -> None:
        """
        Put the parts together; nothing runs yet.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self.settings, self.figures = settings, settings.figures
        self._clock = clock
        self._asks_by = kafka.environment.metrics.asking()
        self.registry = CollectorRegistry()
        self.metrics = SyntheticMetrics(self.registry, clock.now())
        self.state: State | None = None
        """None while it stands by."""
        self._heard: list[Chosen | Seen] = []
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        self._turned_at = clock.monotonic()
        self._missing: tuple[str, ...] = ()
        self._owners = Owners(kafka, settings.watch_group)
        self._publisher = Publisher(kafka)
        self._publishing = asyncio.Lock()
        self._outside = Outside(
            settings.name,
            self.figures.noticed_after,
            clock,
            self.metrics,
            settings.heartbeat_url,
            settings.heartbeat_alertmanagers,
        )
        self._hearing = Hearing(
            kafka,
            settings.group,
            settings.session_timeout_s,
            lead=self._lead,
            hear=self._hear_from_thread,
            failed=self._failed,
        )
        self._page = MetricsServer(
            self.registry,
            self.health,
            settings.metrics_host,
            settings.metrics_port,
            kafka.environment,
            certificates=[of_kafka(kafka.security)],
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._exit = EXIT_OK

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether it makes progress, for `/healthz`; that others do not is in what it measures."""
        idle_s = self._clock.monotonic() - self._turned_at
        state = self.state
        return idle_s <= STUCK_S and self._exit == EXIT_OK, {
            "leads": state is not None,
            "misses": state.misses if state else 0,
            "missing": self._missing,
            "idle_s": round(idle_s, 1),
        }

    async def run(self) -> int:
        """Run until SIGTERM or Ctrl-C; return the exit code."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        self._page.start()
        log.info("metrics", address=self._page.address)
        self._hearing.start()
        try:
            async with asking(ANSWER_S, self._asks_by) as session:
                works = [asyncio.create_task(self._turns())]
                pages = (*self.settings.boards, *self.settings.others)
                works += [asyncio.create_task(self._asks(session, one)) for one in pages]
                stop = asyncio.ensure_future(self._stopping.wait())
                done, _ = await asyncio.wait({stop, *works}, return_when=asyncio.FIRST_COMPLETED)
                for ended in done - {stop}:
                    log.error("the service cannot go on", exc_info=ended.exception())
                    self._exit = EXIT_BROKEN
                for task in (*works, *self._tasks):
                    task.cancel()
                await asyncio.gather(*works, *self._tasks, return_exceptions=True)
                await asyncio.to_thread(self._hearing.stop, STOP_S)
        finally:
            self._publisher.close()
            self._page.stop()
        return self._exit

    # --- in the loop

    async def _turns(self) -> None:
        """Do one turn whenever something was heard, or something is due."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._wait_s())
            self._wake.clear()
            self._turned_at = self._clock.monotonic()
            self.metrics.leads.set(self.state is not None)
            if self.state is not None:
                self._turn(self.state)

    def _wait_s(self) -> float:
        if self.state is None:
            return LOOK_S
        until = self._clock.seconds_until(self.state.wake_at(self.figures))
        return max(0.001, min(until, LOOK_S))

    def _turn(self, state: State) -> None:
        heard, self._heard = self._heard, []
        self.state, actions = step(state, heard, self._clock.now(), self.figures)
        for action in actions:
            match action:
                case Tell():
                    self._begin(self._tell(action))
                case Reached():
                    self.metrics.leg_s.labels(action.leg).observe(action.took.total_seconds())
                    self.metrics.last_success_at.labels(action.leg).set(action.number)
                case Over():
                    self._over(action)

    def _over(self, over: Over) -> None:
        self.metrics.misses.set(over.misses)
        self.metrics.rounds.labels("missed" if over.missing else "whole").inc()
        self._missing = over.missing
        for leg in over.missing:
            self.metrics.missed.labels(leg).inc()
        if over.missing:
            log.warning("a round was missed", missing=over.missing, misses=over.misses)
            return
        self.metrics.last_success_at.labels(ROUND).set(over.number)
        self._begin(self._outside.feed())

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, told: Tell) -> None:
        owners = await asyncio.to_thread(self._owners.ask)
        patients = patients_of(told.number, partitions_of(owners, told.number))
        self._hear([Chosen(told.number, tuple(patients))])
        now = self._clock.now()
        # One round after the other: the client knows only whether all that it has is safe.
        async with self._publishing:
            with contextlib.suppress(KafkaError):
                await self._publish(ending_of(one, now, told.ends_at) for one in patients)
                await self._publish(event for one in patients for event in beginning_of(one, now))
                self._hear([Seen("told", "")])

    async def _publish(self, events: Iterable[Event]) -> None:
        for one in events:
            topic, key = _NAMES[topic_of(one)], one.patient.encode()
            self._publisher.send(topic, key, one.model_dump_json().encode())
        await asyncio.to_thread(self._publisher.confirm)

    async def _asks(self, session: aiohttp.ClientSession, url: str) -> None:
        """Ask one page as long as the round waits for it; each by itself, since one may hang."""
        while True:
            if self.state is not None and url in to_ask(self.state.round):
                self._hear(await ask(session, url))
            await asyncio.sleep(ASK_EVERY_S)

    def _hear(self, heard: Sequence[Chosen | Seen]) -> None:
        self._heard += heard
        self._wake.set()

    # --- from the thread that reads

    def _lead(self) -> None:
        def leads() -> None:
            log.info("this one tells of synthetic patients")
            self.state = State(self._clock.now())
            self._wake.set()

        self._call(leads)

    def _hear_from_thread(self, seen: Sequence[Seen]) -> None:
        self._call(lambda: self._hear(seen))

    def _call(self, work: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(work)

    def _failed(self, error: BaseException) -> None:
        if self._stopping.is_set():
            return
        if isinstance(error, LeadershipLost):
            log.warning("another one tells now")
        else:
            log.error("reading cannot go on", exc_info=error)
        self._exit = exit_code_of(error, EXIT_BROKEN)
        self._call(self._stopping.set)


def run(settings: SyntheticSettings, kafka: KafkaSettings) -> int:
    """
    Run one until SIGTERM or Ctrl-C; return its exit code.

    Raises:
        BrokerUnreachable, MissingTopics, WrongTopics: it cannot begin.
    """
    groups = {SYNTHETIC_GROUP: settings.group, WATCH_GROUP: settings.watch_group}
    require_access(kafka, SYNTHETIC, groups)

    async def main() -> int:
        return await Synthetic(settings, kafka, WallClock()).run()

    return asyncio.run(main())
