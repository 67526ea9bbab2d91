"""The FHIR side of a gateway process: endpoint, search and positions, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine

import aiohttp

from cordwatch.feeds.fhir_exchange.client import FhirClient
from cordwatch.feeds.fhir_exchange.endpoint import Endpoint, read_tokens
from cordwatch.feeds.fhir_exchange.exchange import Commit, Exchange
from cordwatch.feeds.fhir_exchange.gather import Gatherer
from cordwatch.feeds.fhir_exchange.poll import Poller
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.smart import SmartTokens, read_key
from cordwatch.feeds.fhir_exchange.subscriptions import Subscriptions
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.feeds.source import Sources
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.peers import CannotListen, tls_context
from cordwatch.runtime.tls_files import trusting
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import FeedPosition
from cordwatch_schemas.topics import POSITIONS

SAVE_S_MAX = 2.0


class BadFiles(ValueError):
    """A file that a setting names does not hold what it should; names the setting."""


log = get_logger("cordwatch.feeds")


def read_positions(kafka: KafkaSettings) -> dict[str, FeedPosition]:
    """Return how far each feed was read, as the topic has it; what cannot be read is begun anew."""
    found: dict[str, FeedPosition] = {}
    for record in read_topic(kafka, POSITIONS.name, follow=False):
        if record is None or record[0] is None:
            continue
        feed = record[0].decode(errors="replace")
        found.pop(feed, None)
        if record[1] is not None:
            with contextlib.suppress(ValueError):
                found[feed] = FeedPosition.model_validate_json(record[1])
    return found


def _readable(settings: FhirSettings) -> None:
    for name in ("token_file", "client_key", "server_ca"):
        path = getattr(settings, name)
        try:
            if path is not None:
                path.open("rb").close()
        except OSError as error:
            raise BadFiles(f"{name}: {error.strerror}") from None


class FhirSide:
    """Everything of a process that has to do with FHIR."""

    def __init__(
        self,
        settings: FhirSettings,
        clock: WallClock,
        positions: dict[str, FeedPosition],
    ) -> None:
        """
        Read the files that settings name; nothing runs yet.

        Raises:
            BadTls, BadFiles: a file does not hold what it should, or cannot be read.
        """
        self.settings, self._clock = settings, clock
        self._positions = positions
        _readable(settings)
        self._endpoint_tls = tls_context(settings)
        try:
            self._tokens = read_tokens(settings.token_file) if settings.token_file else ()
            self._key = read_key(settings.client_key) if settings.client_key else None
            self._tls = trusting(settings.server_ca)
        except ssl.SSLError:
            raise BadFiles("server_ca: no certificate in it") from None
        except ValueError as error:
            raise BadFiles(str(error)) from None
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.endpoint: Endpoint | None = None
        self.subscriptions: Subscriptions | None = None

    async def start(
        self,
        sources: Callable[[], Sources],
        commit: Commit,
        metrics: FeedsMetrics,
        broken: Callable[[], None],
    ) -> None:
        """
        Begin to listen and to search; *broken* is called if a part of it fails by an error of ours.

        *sources* returns the profiles in use, which may be other ones at each text.

        Raises:
            CannotListen: the address cannot be had.
        """
        client = self._client() if self.settings.server else None
        base = (self.settings.server or "").rstrip("/")
        gatherer = Gatherer(sources, client, base)
        exchange = Exchange(commit, gatherer, metrics, self._clock, self._positions)
        poller = None
        if client is not None and self.settings.types:
            poller = Poller(client, exchange, self.settings)
            self._begin(poller.run(), broken)
        self.subscriptions = Subscriptions(exchange, client, poller)
        self._begin(self.subscriptions.run(), broken)
        if self.settings.port is not None:
            self.endpoint = Endpoint(self.settings, exchange, self.subscriptions, self._tokens)
            try:
                await self.endpoint.start(self._endpoint_tls)
            except OSError as error:
                raise CannotListen(
                    f"cannot listen on {self.settings.host}:{self.settings.port} ({error.strerror})"
                ) from None
            host, port = self.endpoint.address
            log.info("listening for FHIR", address=f"{host}:{port}")

    def _begin(self, work: Coroutine[None, None, None], broken: Callable[[], None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.error("the FHIR side cannot go on", exc_info=error)
                broken()

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        self._tasks.append(task)

    def _client(self) -> FhirClient:
        settings = self.settings
        timeout = aiohttp.ClientTimeout(total=settings.request_s)
        connector = aiohttp.TCPConnector(ssl=self._tls)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        base = settings.server or ""
        tokens = None
        if self._key is not None and settings.client_id:
            tokens = SmartTokens(
                self._session,
                base,
                settings.client_id,
                self._key,
                settings.scopes,
                self._clock,
                key_id=settings.client_key_id,
                token_url=settings.token_url,
            )
        return FhirClient(
            self._session, base, self._clock, tokens=tokens, bytes_max=settings.max_body_bytes
        )

    @property
    def is_listening(self) -> bool:
        """Return whether notifications can be sent."""
        return self.endpoint is not None and self.endpoint.is_listening

    @property
    def is_broken(self) -> bool:
        """Return whether a part of it ended that never should."""
        return any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Answer what came, keep the positions, let go."""
        if self.endpoint is not None:
            await self.endpoint.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self.subscriptions is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_S_MAX):
                    await self.subscriptions.save()
        if self._session is not None:
            await self._session.close()
