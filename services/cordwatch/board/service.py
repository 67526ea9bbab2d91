"""The board as a process: reads its topics, shows them, takes answers, and ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from cordwatch.board.access import Reader as Person
from cordwatch.board.audit import AuditLog, last_record
from cordwatch.board.board_state import BoardState
from cordwatch.board.cds.caller import ByEhr
from cordwatch.board.cds.once import Once
from cordwatch.board.cds.token_log import TokenLog
from cordwatch.board.downtime import keep_copy
from cordwatch.board.entrance import Entrance
from cordwatch.board.live import Hub
from cordwatch.board.metrics import BoardMetrics
from cordwatch.board.pages import copy_html
from cordwatch.board.projection import READ, Projection
from cordwatch.board.reading import Reader, Record
from cordwatch.board.routes import ROUTES
from cordwatch.board.settings import BoardSettings
from cordwatch.board.site import Site, make_app
from cordwatch.board.wording import STATE_WORDS
from cordwatch.runtime.certificates_in_use import of_kafka, of_listener
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.runtime.peers import CannotListen, tls_context
from cordwatch.runtime.pulse import Pulse
from cordwatch.runtime.web_listening import WebListener
from cordwatch_schemas.access import BOARD
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.pack_choice import load_packs
from cordwatch_schemas.synthetic_pack import WithSynthetic
from cordwatch_schemas.tokens import TokenUsed

EXIT_OK: Final = 0
EXIT_BROKEN: Final = 70
LOOK_EVERY_S: Final = 0.5
COPY_EVERY_S: Final = 60.0
FORGET_EVERY: Final = timedelta(hours=6)
END_S: Final = 2.0
APPLY_S_MAX: Final = 60.0

log = get_logger("cordwatch.board")


class Board:
    """One board process."""

    def __init__(self, settings: BoardSettings, kafka: KafkaSettings, packs: Packs) -> None:
        """
        Put the parts together; nothing runs yet.

        Raises:
            BadAccess: nobody could be told from anybody.
            BadTls: a certificate or its key cannot be used.
            BrokerUnreachable: no broker answers.
        """
        self.settings, self.kafka = settings, kafka
        self.entrance = Entrance.of(settings)
        self.tls = tls_context(settings)
        self.web = WebListener()
        self.registry = CollectorRegistry()
        self.metrics = BoardMetrics(self.registry)
        self.state = BoardState(
            Projection(packs, settings.zone),
            settings.clock,
            name=settings.name,
            synthetic=settings.synthetic,
            accepted_risks=kafka.environment.told(),
        )
        self.hub = Hub(self.state)
        self.reader = Reader(kafka, READ, settings.clock, self._take, self._caught_up)
        self.state.reading = self.reader
        find_end = partial(self._end_of_chain)
        self.audit = AuditLog(settings.name, Publisher(kafka), find_end)
        publisher = Publisher(kafka)
        self.once = Once(settings.name, publisher, settings.clock)
        self.tokens = TokenLog(kafka, self._take_token)
        self.site = Site(
            self.state,
            self.hub,
            self.entrance.sign_in,
            self.audit,
            publisher,
            self.metrics,
            self.once,
            is_secure=settings.is_secure,
            forwarders=settings.forwarded_by,
            cds=self.entrance.cds,
        )
        self.pulse = Pulse(settings.clock.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = settings.clock.monotonic()
        self._forgot_at = settings.clock.now()
        self._stopping = threading.Event()

    def _end_of_chain(self) -> Any:
        return last_record(self.kafka, self.settings.name, self.settings.clock.now())

    # --- in the reader's thread

    def _take(self, batch: Sequence[Record]) -> None:
        """Take in a batch: at the start here, since nobody looks yet; later where pages are made."""
        if not self.state.ready:
            for record in batch:
                self.state.projection.take(*record)
            return
        loop = self._loop
        if loop is None or self._stopping.is_set():
            return
        with contextlib.suppress(RuntimeError):
            # Waited for, so that no more is in hand than can be shown.
            asyncio.run_coroutine_threadsafe(self._apply(batch), loop).result(APPLY_S_MAX)

    def _caught_up(self) -> None:
        self.state.projection.refresh()
        # Most of it stays: looked through for garbage again and again, it would hold up pages each time.
        gc.freeze()
        gc.enable()
        self.state.ready = True
        took_s = self.settings.clock.monotonic() - self._began
        self.metrics.ready.set(1)
        self.metrics.rebuild_s.set(took_s)
        log.info("ready", records=self.reader.records, took_s=round(took_s, 3))

    def _take_token(self, told: TokenUsed) -> None:
        loop = self._loop
        if loop is not None and not self._stopping.is_set():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.once.take, told)

    # --- in the loop

    async def _apply(self, batch: Sequence[Record]) -> None:
        began = self.settings.clock.monotonic()
        for record in batch:
            self.state.projection.take(*record)
        self.state.projection.refresh()
        self.state.tell()
        self.metrics.records.inc(len(batch))
        self.metrics.applied_s.observe(self.settings.clock.monotonic() - began)

    async def _look_after(self) -> None:
        """Notice what time alone changes: a broker that is away, metrics, what is too old to keep."""
        while True:
            now = self.settings.clock.now()
            before = self.state.away_since
            self.state.notice_broker(now)
            if (before is None) != (self.state.away_since is None):
                log.warning("live again" if before else "not live: no word from Kafka")
                self.state.tell()
            failed = self.reader.failed or self.tokens.failed
            if failed is not None:
                raise RuntimeError("reading ended") from failed
            if self.state.ready:
                self._measure(now)
                self._forget(now)
            await asyncio.sleep(LOOK_EVERY_S)

    def _measure(self, now: datetime) -> None:
        counts = Counter[str](row.state(now) for row in self.state.open_rows(now))
        for state in STATE_WORDS:
            self.metrics.open_rows.labels(state).set(counts[state])
        self.metrics.live.set(self.state.away_since is None)
        projection = self.state.projection
        self.metrics.unread.set(projection.unread + len(projection.unreadable))
        for of, keys in self.entrance.fetched.items():
            self.metrics.keys_age_s.labels(of).set(keys.age_s)

    def _forget(self, now: datetime) -> None:
        if now - self._forgot_at >= FORGET_EVERY:
            self._forgot_at = now
            self.state.projection.forget(now)
            self.state.projection.refresh()

    async def _copy(self, path: Path) -> None:
        """Write the downtime copy every minute."""
        while True:
            if self.state.ready:
                text = copy_html(self.site, Person("", frozenset()), "downtime")
                await keep_copy(path, text, self.settings.clock.now(), self.metrics)
            await asyncio.sleep(COPY_EVERY_S if self.state.ready else LOOK_EVERY_S)

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether the board is ready and live, for `/healthz`."""
        ready, away = self.state.ready, self.reader.is_away()
        return ready and not away, {
            "ready": ready,
            "broker_away": away,
            "records": self.reader.records,
            "streams": self.hub.count,
            "synthetic_patients": self.state.projection.unseen.shown(self.settings.clock.now()),
        }

    def shows(self) -> bool:
        """
        Return whether it has rows to show, for `/readyz`.

        Without a broker too: the last rows under NOT LIVE help a ward, and a
        balancer that sent nobody here any more would show it nothing.
        """
        return self.state.ready

    async def run(self, ready: Callable[[str], None] | None = None) -> int:
        """
        Run until told to stop; return the exit code.

        Raises:
            CannotListen: the address is taken.
            BrokerUnreachable, MissingTopics: it cannot begin.
        """
        self._loop = asyncio.get_running_loop()
        # It waits for the broker: until it is there SIGTERM is not ours to hear.
        self.reader.connect()
        stop = asyncio.Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(one, stop.set)
        # What is read at the start is no garbage; `_caught_up` has it looked for again.
        gc.disable()
        self.reader.start()
        self.audit.start()
        if self.entrance.cds is not None and isinstance(self.entrance.cds.sign_in, ByEhr):
            self.tokens.start(self.settings.clock)
        at = (self.settings.metrics_host, self.settings.metrics_port)
        server = MetricsServer(
            self.registry,
            self.health,
            *at,
            self.kafka.environment,
            live=self.pulse.is_live,
            ready=self.shows,
            certificates=[of_kafka(self.kafka.security), of_listener(self.settings)],
        )
        server.start()
        self.pulse.start()
        log.info("metrics", address=server.address)
        address = await self._listen()
        log.info("listening", address=address, access=self.settings.access)
        if ready is not None:
            ready(address)
        try:
            return await self._until(stop)
        finally:
            self._stopping.set()
            self.reader.stop()
            self.tokens.stop()
            await self.web.stop()
            await asyncio.to_thread(self.audit.stop, END_S)
            server.stop()

    async def _until(self, stop: asyncio.Event) -> int:
        works = [asyncio.ensure_future(one) for one in (self._look_after(), self.hub.run())]
        works += [asyncio.ensure_future(keys.follow()) for keys in self.entrance.fetched.values()]
        if self.settings.downtime_file is not None:
            works.append(asyncio.ensure_future(self._copy(self.settings.downtime_file)))
        stopped = asyncio.ensure_future(stop.wait())
        done, _ = await asyncio.wait([stopped, *works], return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            work.cancel()
        failed = [one for one in done if one is not stopped]
        for one in failed:
            log.error("the board cannot go on", exc_info=one.exception())
        log.info("stopping")
        return EXIT_BROKEN if failed else EXIT_OK

    async def _listen(self) -> str:
        host, port = self.settings.host, self.settings.port
        try:
            await self.web.start(make_app(self.site, ROUTES), host, port, self.tls, END_S)
        except OSError as error:
            await self.web.stop()
            raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from None
        host, port = self.web.address
        return f"{host}:{port}"


def run(
    settings: BoardSettings, kafka: KafkaSettings, ready: Callable[[str], None] | None = None
) -> int:
    """
    Run one board until SIGTERM or Ctrl-C; return its exit code.

    Raises:
        BadAccess, BrokerUnreachable, MissingTopics, WrongTopics, BadYaml, CannotListen: it cannot begin.
    """
    packs = WithSynthetic(load_packs(settings.pack))
    require_access(kafka, BOARD)
    return asyncio.run(Board(settings, kafka, packs).run(ready))
