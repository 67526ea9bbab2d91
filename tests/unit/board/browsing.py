"""A board's site in this process: real routes, real guards, and a broker in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network

from aiohttp.test_utils import TestClient, TestServer
from kafka.errors import KafkaTimeoutError
from prometheus_client import CollectorRegistry

from cordwatch.board.audit import AuditLog
from cordwatch.board.board_state import BoardState
from cordwatch.board.cds.once import Once
from cordwatch.board.cds.setup import CdsHooks
from cordwatch.board.live import Hub
from cordwatch.board.metrics import BoardMetrics
from cordwatch.board.routes import ROUTES
from cordwatch.board.security import Allowance
from cordwatch.board.signing import ByHeader, SignIn
from cordwatch.board.site import Site, make_app
from cordwatch.runtime.kafka import KafkaError
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.audit import AuditRecord
from cordwatch_schemas.events import read_answer
from cordwatch_schemas.tokens import TokenUsed
from cordwatch_schemas.topics import ACKS, AUDIT, USED_TOKENS
from tests.unit.board.hospital import Record, projected

SECRET = "a secret of the proxy alone"  # noqa: S105 - of this test
BOARD_URL = "https://board.example"
NUMBERS = "urn:oid:1.2.3"
"""The system of the hospital's patient numbers in FHIR."""


class StoppedClock(WallClock):
    """Shows the instant that it is set to."""

    def __init__(self, shown: datetime) -> None:
        """Begin at *shown*."""
        super().__init__()
        self.shown = shown

    def now(self) -> datetime:
        """Return what it shows."""
        return self.shown


class MemoryTopics:
    """Takes audit records and answers in the order in which they come; refuses a topic that is away."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records: list[tuple[str, bytes, bytes]] = []
        self.away: set[str] = set()
        self.readers: list[Callable[[str, bytes, bytes], None]] = []
        """Every board that reads them."""
        self._order = threading.Lock()

    def publish(
        self, records: Sequence[tuple[str, bytes, bytes]], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Keep *records*."""
        if records[0][0] in self.away:
            still_waiting()
            return [KafkaTimeoutError("away")] * len(records)
        with self._order:
            self.records += records
            for one in records:
                for read in self.readers:
                    read(*one)
        return [None] * len(records)

    def audit(self) -> list[AuditRecord]:
        """Return the audit records."""
        return [AuditRecord.model_validate_json(v) for t, _, v in self.records if t == AUDIT.name]

    def answers(self) -> list[Answer]:
        """Return the answers."""
        return [read_answer(value) for topic, _, value in self.records if topic == ACKS.name]


@dataclass(slots=True)
class Browser:
    """Somebody in front of the board."""

    client: TestClient  # type: ignore[type-arg]
    site: Site
    topics: MemoryTopics
    clock: StoppedClock

    @staticmethod
    def headers(*roles: str, user: str = "n.jansen", **more: str) -> dict[str, str]:
        """Return what the proxy sends for somebody with *roles*."""
        groups = ",".join(f"cordwatch-{role}" for role in roles)
        told = {"X-Remote-User": user, "X-Remote-Groups": groups, "X-Proxy-Secret": SECRET}
        return {**told, **more}


@asynccontextmanager
async def browser(
    records: Sequence[Record],
    now: datetime,
    ehr: SignIn | None = None,
    topics: MemoryTopics | None = None,
    wards_header: str | None = None,
) -> AsyncIterator[Browser]:
    """Give a browser in front of a board that has read *records*; *ehr*: how the record system is known."""
    clock, topics = StoppedClock(now), topics or MemoryTopics()
    state = BoardState(projected(records), clock, synthetic=True, ready=True)
    audit = AuditLog("board", topics, lambda: None)
    audit.start()
    once, loop = Once("board", topics, clock), asyncio.get_running_loop()
    proxies = [ip_network("127.0.0.0/8")]
    by_header = ByHeader(proxies, SECRET.encode(), wards_header=wards_header)
    site = Site(
        state,
        Hub(state),
        by_header,
        audit,
        topics,
        BoardMetrics(CollectorRegistry()),
        once,
        cds=CdsHooks(BOARD_URL, NUMBERS, ehr or by_header),
        pages_allowed=Allowance(10_000, 1),
        changes_allowed=Allowance(10_000, 1),
    )

    def read(topic: str, key: bytes, value: bytes) -> None:
        if topic == ACKS.name:
            state.projection.take(topic, key, value)
            state.projection.refresh()
        elif topic == USED_TOKENS.name:
            loop.call_soon_threadsafe(once.take, TokenUsed.model_validate_json(value))

    topics.readers.append(read)
    async with TestClient(TestServer(make_app(site, ROUTES))) as client:
        yield Browser(client, site, topics, clock)
    audit.stop(5)
