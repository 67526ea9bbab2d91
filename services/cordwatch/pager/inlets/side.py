"""Everything of a pager process that people outside answer to, or listen for: inlets, silences, heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from cordwatch.pager.heartbeat import Heartbeat, IsWell
from cordwatch.pager.inlets.desk import Desk, Sink
from cordwatch.pager.inlets.heard import INLETS, REMEMBERED, Find, Secrets, read_secrets
from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.inlets.server import Inlets
from cordwatch.pager.inlets.silence_reading import SilenceReading
from cordwatch.pager.inlets.standard import keys_of
from cordwatch.pager.settings import PagerSettings
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.peers import tls_context
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.events import BadEvent, read_answer
from cordwatch_schemas.topics import ACKS

STOP_S = 2.0

log = get_logger("cordwatch.pager")


class BadFiles(ValueError):
    """A file that a setting names does not hold what it should; names the setting."""


class People:
    """
    The side of the pager that faces outwards.

    `start` takes what the machine knows: how a page is found by its key, and
    whether the pager makes progress.
    """

    def __init__(
        self,
        settings: PagerSettings,
        clock: WallClock,
        registry: CollectorRegistry,
        connect: Callable[[], Sink],
    ) -> None:
        """
        Read the files that the settings name; nothing runs yet.

        Raises:
            BadFiles, BadTls: one does not hold what it should, or cannot be read.
        """
        self.settings, self._clock = settings, clock
        self.metrics = InletMetrics(registry)
        tls_context(settings)
        self._pagerduty = _secrets("pagerduty_secret_file", settings.pagerduty_secret_file)
        self._webhook = _secrets("webhook_secret_file", settings.webhook_secret_file, whsec=True)
        self.desk = Desk(connect, settings.waiting_max)
        self.metrics.waiting.set_function(lambda: float(self.desk.waiting))
        self.inlets: Inlets | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def of(
        cls,
        settings: PagerSettings,
        kafka: KafkaSettings,
        clock: WallClock,
        registry: CollectorRegistry,
    ) -> People:
        """
        Return the side for a broker, with the answers of the last days in mind.

        Raises:
            BadFiles, BadTls: a file does not hold what it should, or cannot be read.
            BrokerUnreachable, MissingTopics: what was answered cannot be read.
        """
        people = cls(settings, clock, registry, lambda: Publisher(kafka))
        if settings.port is not None or settings.silences:
            since = clock.now() - REMEMBERED
            people.recall(
                one[1] for one in read_topic(kafka, ACKS.name, follow=False, since=since) if one
            )
        return people

    def recall(self, values: Iterator[bytes | None]) -> None:
        """Learn what was answered by an inlet before this process: it is not taken a second time."""
        for value in values:
            with contextlib.suppress(BadEvent):
                answer = read_answer(value or b"")
                if answer.event_id.startswith(tuple(f"{one}-" for one in INLETS)):
                    self.desk.remember(answer.event_id, answer.received_at)

    async def start(
        self, find: Find, is_well: IsWell, broken: Callable[[], None] = lambda: None
    ) -> None:
        """
        Begin; *broken* is called if a part fails by an error of ours.

        Raises:
            CannotListen: the address of the inlets cannot be had.
        """
        settings = self.settings
        self.desk.start()
        if settings.port is not None:
            self.inlets = Inlets(
                settings, find, self.desk, self.metrics, self._clock, self._pagerduty, self._webhook
            )
            await self.inlets.start()
        if settings.silences:
            reading = SilenceReading(
                settings.silences, settings.silences_s, find, self.desk, self.metrics, self._clock
            )
            self._begin(reading.run(), broken)
        if settings.heartbeat_url or settings.heartbeat_alertmanagers:
            heartbeat = Heartbeat(
                settings.group,
                is_well,
                self.metrics,
                self._clock,
                settings.heartbeat_s,
                settings.heartbeat_url,
                settings.heartbeat_alertmanagers,
            )
            self._begin(heartbeat.run(), broken)

    def _begin(self, work: Coroutine[None, None, None], broken: Callable[[], None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.error("a part of the pager cannot go on", exc_info=error)
                broken()

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Take no more answers, and see those that were taken safe."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self.inlets is not None:
            await self.inlets.stop()
        await asyncio.to_thread(self.desk.stop, STOP_S)


def _secrets(name: str, path: Path | None, *, whsec: bool = False) -> Secrets:
    if path is None:
        return ()
    try:
        secrets = read_secrets(path)
        return keys_of(secrets) if whsec else tuple(one.encode() for one in secrets)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise BadFiles(f"{name}: {said}") from None
