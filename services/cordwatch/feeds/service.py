"""The gateway as a process: joins listener, group commit, metrics and signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.side import FhirSide, read_positions
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.group_commit import GroupCommit, Job, Settled
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import understand
from cordwatch.feeds.key_in_use import in_use
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.feeds.mllp.server import MllpServer
from cordwatch.feeds.mllp.session import Shared
from cordwatch.feeds.receipt_log import ReceiptLog
from cordwatch.feeds.receipts import Memory
from cordwatch.feeds.references import References
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.feeds.source import Sources
from cordwatch.feeds.trouble.listening import Listening
from cordwatch.feeds.trouble.operations import Operations, Remembered, remembered
from cordwatch.runtime.certificates_in_use import Certificates, of_kafka, of_listener
from cordwatch.runtime.group_publisher import GroupPublisher
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.runtime.pulse import Pulse
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.access import FEEDS
from cordwatch_schemas.positions import BadYaml

EXIT_OK = 0
EXIT_UNANSWERED = 1
EXIT_BROKEN = 70
COMMIT_END_S = 2.0
GARBAGE_MIN = 5_000
"""Objects between two looks for rings of them: few are left over, and each look is a pause."""

log = get_logger("cordwatch.feeds")


class Feeds:
    """One gateway process."""

    def __init__(
        self,
        settings: FeedsSettings,
        kafka: KafkaSettings,
        sources: Sources,
        clock: WallClock,
        *,
        load_sources: Callable[[References], Sources] | None = None,
        fhir: FhirSide | None = None,
        receipt_log: Callable[[Memory, bytes, Callable[[], None]], ReceiptLog] | None = None,
        before: Remembered = Remembered(),  # noqa: B008 - frozen
    ) -> None:
        """
        Put the parts together; nothing runs yet. *load_sources* reads the profiles anew.

        *receipt_log* makes the reader of what was answered before this process,
        *before* is what was learnt of the feeds until now.

        Raises:
            BadTls: certificate, key or CA cannot be used.
        """
        self.settings = settings
        self._kafka, self._sources, self._load_sources = kafka, sources, load_sources
        self.fhir = fhir
        self.registry = CollectorRegistry()
        self.metrics = FeedsMetrics(self.registry)
        self.memory = Memory(settings.remember_days)
        connect = partial(GroupPublisher, kafka)
        told = (self._understand, self._deliver, self._broken)
        self.commit = GroupCommit(connect, *told, self.memory)
        self._receipts = None
        if receipt_log is not None and self.memory.remembers:
            self._receipts = receipt_log(self.memory, self.commit.name, self._broken)
        self.metrics.remembered.set_function(lambda: float(self.memory.size))
        self.metrics.broker_away.set_function(lambda: float(self.commit.broker_away))
        self.server = MllpServer(Shared.of(settings, self.metrics, self.commit, clock))
        self._clock = clock
        listening = Listening(settings.name)
        listening.restore(before.records, before.alerts)
        self.operations = Operations(
            listening, self.commit, self.metrics.operations, clock, self._in_use
        )
        self.pulse = Pulse(clock.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._is_broken = False
        self.has_ended = True
        """Whether the worker came to its end; it does not while the broker is away."""

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether messages are taken in and become durable, for `/healthz`."""
        listening, away = self.server.is_listening, self.commit.broker_away
        broken = self._is_broken or (self.fhir is not None and self.fhir.is_broken)
        return listening and not away and not broken, {
            "listening": listening,
            "broker_away": away,
            "broken": broken,
            "connections": self.server.connections,
        }

    async def run(self) -> int:
        """Run until SIGTERM or Ctrl-C; return the exit code."""
        self._loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(one, self._stop.set)
        self._loop.add_signal_handler(signal.SIGHUP, self.reload)
        at = (self.settings.metrics_host, self.settings.metrics_port)
        # A broker that is away lets nothing in, and is not mended by another gateway.
        page = MetricsServer(
            self.registry,
            self.health,
            *at,
            self._kafka.environment,
            live=self.pulse.is_live,
            certificates=self._certificates(),
        )
        page.start()
        self.pulse.start()
        log.info("metrics", address=page.address)
        try:
            self.commit.start()
            await self._recall()
            await self.server.start()
            host, port = self.server.address
            log.info("listening", address=f"{host}:{port}", tls=self.settings.tls_cert is not None)
            if self.fhir is not None:
                await self.fhir.start(self._in_use, self.commit, self.metrics, self._broken)
            await self._listen_until_told_to_stop()
            log.info("stopping", connections=self.server.connections)
            if self.fhir is not None:
                await self.fhir.stop()
            unanswered = await self.server.drain(0 if self._is_broken else self.settings.drain_s)
            # What was read is answered: from here on nothing comes from this gateway.
            self.operations.save(ended=True)
            log.info("stopped", unanswered=unanswered)
        finally:
            self.has_ended = await self.commit.stop(COMMIT_END_S)
            if self._receipts is not None:
                await asyncio.to_thread(self._receipts.stop)
            page.stop()
        if self._is_broken:
            return EXIT_BROKEN
        return EXIT_UNANSWERED if unanswered else EXIT_OK

    def _certificates(self) -> list[Certificates]:
        found = [of_kafka(self._kafka.security), of_listener(self.settings)]
        return [*found, of_listener(self.fhir.settings, "fhir-tls")] if self.fhir else found

    async def _recall(self) -> None:
        """Read what was answered in the last days, before anything is taken in."""
        if self._receipts is None:
            return
        began_at = self._clock.monotonic()
        is_known = asyncio.Event()
        since = self.memory.forget(self._clock.now())
        self._receipts.start(since, partial(self._on_loop, is_known.set))
        waiting = [asyncio.create_task(one.wait()) for one in (is_known, self._stop)]
        _, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in others:
            one.cancel()
        took_s = round(self._clock.monotonic() - began_at, 1)
        log.info("receipts read", messages=self.memory.size, seconds=took_s)

    async def _listen_until_told_to_stop(self) -> None:
        """Watch the feeds meanwhile; an error in that is an error of ours like any other."""
        listening = asyncio.create_task(self.operations.run())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((listening, stopping), return_when=asyncio.FIRST_COMPLETED)
        for one in (listening, stopping):
            one.cancel()
        await asyncio.wait((listening, stopping))
        if not listening.cancelled() and (error := listening.exception()) is not None:
            log.error("listening to the feeds cannot go on", exc_info=error)
            self._broken()
        self.operations.save()

    def reload(self) -> None:
        """Read the profiles anew; what is read after this is read by them, unless they are bad."""
        if self._load_sources is None:
            log.warning("no profile to read anew")
            return
        try:
            # By the same key: with another one every patient would be somebody else.
            self._sources = self._load_sources(self._sources.references)
        except (BadYaml, OSError) as error:
            self._refuse_profiles(error)
            return
        self.metrics.profile_reloads.labels("loaded").inc()
        self.metrics.profile_refused.set(0)
        log.info("profiles read anew")

    def _refuse_profiles(self, error: BadYaml | OSError) -> None:
        self.metrics.profile_reloads.labels("refused").inc()
        self.metrics.profile_refused.set(1)
        named = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        for fault in named.splitlines():
            log.error("profile refused, the one before stays", fault=fault)

    def _in_use(self) -> Sources:
        return self._sources

    def _understand(self, piece: Piece, received_at: datetime) -> Translated:
        return understand(piece, self._sources, received_at, self.settings.applications)

    def _broken(self) -> None:
        """End the process: a supervisor starts it anew, and senders send again."""
        self._is_broken = True
        self._on_loop(self._stop.set)

    def _on_loop(self, what: Any) -> None:
        # Closed already: the process ends, and who was not told sends again.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)

    def _deliver(self, group: list[tuple[Job, Settled]]) -> None:
        """Tell the connections."""
        for job, settled in group:
            job.done(settled)
        # After every answer: an error of ours must not keep one back.
        try:
            for job, settled in group:
                if settled.stored:
                    self.operations.heard(settled.found, job.received_at)
        except Exception as error:
            log.exception("listening to the feeds cannot go on", exc_info=error)
            self._broken()


def run(
    settings: FeedsSettings,
    kafka: KafkaSettings,
    sources: Sources,
    clock: WallClock,
    *,
    load_sources: Callable[[References], Sources] | None = None,
    fhir: FhirSettings | None = None,
) -> int:
    """
    Run the gateway until SIGTERM or Ctrl-C; return its exit code.

    Raises:
        BrokerUnreachable, MissingTopics, BadTls, BadFiles, CannotListen, WrongKey: it cannot begin.
    """
    require_access(kafka, FEEDS)
    sources = sources.by(in_use(kafka, sources.references, clock.now()))
    side = FhirSide(fhir, clock, read_positions(kafka)) if fhir and fhir.is_on else None
    before = remembered(kafka)
    # What is here now stays for good: to look through it for garbage would hold up answers for 0.1 s each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_MIN)

    async def main() -> tuple[int, bool]:
        feeds = Feeds(
            settings,
            kafka,
            sources,
            clock,
            load_sources=load_sources,
            fhir=side,
            receipt_log=partial(ReceiptLog, kafka),
            before=before,
        )
        return await feeds.run(), feeds.has_ended

    code, has_ended = asyncio.run(main())
    if not has_ended:
        # The client would try to deliver once more, and tell of its failure in a traceback.
        os._exit(code)
    return code
