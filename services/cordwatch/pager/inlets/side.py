"""Everything of a pager process that people outside answer to, or listen for: inlets, silences, heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
from cordwatch.runtime.peers import CannotListen, tls_context
from cordwatch.runtime.strength import SECRET_BYTES_MIN
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.events import BadEvent, read_answer
from cordwatch_schemas.topics import ACKS

STOP_S = 2.0

log = get_logger("cordwatch.pager")


class BadFiles(ValueError):
    """A file that a setting names does not hold what it should; names the setting."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What the machine knows, and who is outside asks for."""

    find: Find
    is_well: IsWell
    """Whether the pager makes progress."""
    leads: Callable[[], bool] = lambda: True
    """Whether it knows the pages: one that stands by does not, and takes no answer."""


class People:
    """The side of the pager that faces outwards."""

    def __init__(
        self, settings: PagerSettings, clock: WallClock, connect: Callable[[], Sink]
    ) -> None:
        """
        Read the files that the settings name; nothing runs yet.

        Raises:
            BadFiles, BadTls: one does not hold what it should, or cannot be read.
        """
        self.settings, self._clock = settings, clock
        tls_context(settings)
        self._pagerduty = _secrets("pagerduty_secret_file", settings.pagerduty_secret_file)
        self._webhook = _secrets("webhook_secret_file", settings.webhook_secret_file, whsec=True)
        self.desk = Desk(connect, settings.waiting_max)
        self.inlets: Inlets | None = None

    @classmethod
    def of(cls, settings: PagerSettings, kafka: KafkaSettings, clock: WallClock) -> People:
        """
        Return the side for a broker, with the answers of the last days in mind.

        Raises:
            BadFiles, BadTls: a file does not hold what it should, or cannot be read.
            BrokerUnreachable, MissingTopics: what was answered cannot be read.
        """
        people = cls(settings, clock, lambda: Publisher(kafka))
        if settings.port is not None or settings.silences:
            since = clock.now() - REMEMBERED
            records = read_topic(kafka, ACKS.name, follow=False, since=since)
            people.recall(record[1] for record in records if record)
        return people

    def recall(self, values: Iterable[bytes | None]) -> None:
        """Learn what was answered by an inlet before this process: it is not taken a second time."""
        for value in values:
            with contextlib.suppress(BadEvent):
                answer = read_answer(value or b"")
                if answer.event_id.startswith(tuple(f"{one}-" for one in INLETS)):
                    self.desk.remember(answer.event_id, answer.received_at)

    async def run(self, inside: Inside, metrics: InletMetrics) -> None:
        """
        Listen, read and send until cancelled; at the end see those answers safe that were taken.

        Raises:
            CannotListen: the address of the inlets cannot be had.
        """
        self.desk.start()
        metrics.waiting.set_function(lambda: float(self.desk.waiting))
        try:
            await self._listen(inside, metrics)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.Event().wait())
                for work in self._work(inside, metrics):
                    group.create_task(work)
        finally:
            if self.inlets is not None:
                await self.inlets.stop()
            await asyncio.to_thread(self.desk.stop, STOP_S)

    async def _listen(self, inside: Inside, metrics: InletMetrics) -> None:
        if self.settings.port is None:
            return
        self.inlets = Inlets(
            self.settings,
            inside.find,
            inside.leads,
            self.desk,
            metrics,
            self._clock,
            self._pagerduty,
            self._webhook,
        )
        try:
            await self.inlets.start()
        except CannotListen as error:
            log.error("no answers can be taken", reason=str(error))  # noqa: TRY400 - it says all
            raise

    def _work(self, inside: Inside, metrics: InletMetrics) -> Iterator[Coroutine[None, None, None]]:
        settings = self.settings
        if settings.silences:
            yield SilenceReading(
                settings.silences,
                settings.silences_s,
                inside.find,
                inside.leads,
                self.desk,
                metrics,
                self._clock,
            ).run()
        if settings.heartbeat_url or settings.heartbeat_alertmanagers:
            yield Heartbeat(
                settings.group,
                inside.is_well,
                metrics,
                self._clock,
                settings.heartbeat_s,
                settings.heartbeat_url,
                settings.heartbeat_alertmanagers,
            ).run()


def _secrets(name: str, path: Path | None, *, whsec: bool = False) -> Secrets:
    if path is None:
        return ()
    try:
        secrets = read_secrets(path)
        keys = keys_of(secrets) if whsec else tuple(one.encode() for one in secrets)
        if min(map(len, keys)) < SECRET_BYTES_MIN:
            raise ValueError(f"a secret is shorter than {SECRET_BYTES_MIN} bytes")
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise BadFiles(f"{name}: {said}") from None
    return keys
