"""The FHIR side on loopback, with a writer of the test's own, and notifications in every shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.fhir_exchange.side import FhirSide
from cordwatch.feeds.gateway import Published
from cordwatch.feeds.group_commit import Job, Settled
from cordwatch.feeds.intake import records_of
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.feeds.source import Source
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.records import FeedPosition, Quarantined, RawMessage
from cordwatch_schemas.topics import ADMISSIONS, POSITIONS, QUARANTINE, RAW, SOURCES

PATIENCE_S = 10.0
AT = "2026-03-02T08:00:00Z"
SUBSCRIPTION = "Subscription/s1"


class FakeCommit:
    """Keeps at once; or, while the broker is away, when it is back."""

    def __init__(self) -> None:
        """Begin with a broker that is there."""
        self.broker_away = False
        self.silent = False
        """The broker is away, and nobody has noticed yet."""
        self.records: list[Published] = []
        self.waiting: list[Job] = []
        self.refuses: Callable[[Job], bool] = lambda _: False

    def submit(self, job: Job) -> None:
        """Take over *job*."""
        self.waiting.append(job)
        if not (self.broker_away or self.silent):
            asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> None:
        """Keep what waits."""
        jobs, self.waiting = self.waiting, []
        for job in jobs:
            assert job.found is not None
            found, records = records_of(job.found, job.received_at)
            stored = not self.refuses(job)
            self.records += records if stored else []
            job.done(Settled(found, stored))

    def on(self, topic: str) -> list[bytes]:
        """Return the values on a topic."""
        return [one.value for one in self.records if one.topic == topic]

    @property
    def raw(self) -> list[RawMessage]:
        """Return what was kept as it came."""
        return [RawMessage.model_validate_json(value) for value in self.on(RAW.name)]

    @property
    def quarantined(self) -> list[Quarantined]:
        """Return what was not understood."""
        return [Quarantined.model_validate_json(value) for value in self.on(QUARANTINE.name)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events."""
        names = {topic.name for topic in SOURCES}
        return [json.loads(one.value) for one in self.records if one.topic in names]

    @property
    def admitted(self) -> list[str]:
        """Return the ids of the events of admission."""
        return [json.loads(value)["source_message_id"] for value in self.on(ADMISSIONS.name)]

    @property
    def positions(self) -> dict[str, FeedPosition]:
        """Return the last position of each feed."""
        told = (FeedPosition.model_validate_json(value) for value in self.on(POSITIONS.name))
        return {one.feed: one for one in told}


class Desk:
    """A running side and what is behind it."""

    def __init__(self, settings: FhirSettings, positions: dict[str, FeedPosition]) -> None:
        """Put it together."""
        self.registry = CollectorRegistry()
        self.metrics = FeedsMetrics(self.registry)
        self.commit = FakeCommit()
        self.broken = asyncio.Event()
        self.side = FhirSide(settings, WallClock(), positions)
        self.session = aiohttp.ClientSession()

    def value(self, name: str, **labels: str) -> float:
        """Return a series; one that is not there is an error."""
        found = self.registry.get_sample_value(f"cordwatch_feeds_fhir_{name}", labels)
        assert found is not None, name
        return found

    async def post(
        self, body: Any, token: str = "", kind: str = "application/fhir+json", scheme: str = "http"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Send a notification; return status, outcome and headers of the answer."""
        assert self.side.endpoint is not None
        host, port = self.side.endpoint.address
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = f"{scheme}://{host}:{port}/notification"
        async with self.session.post(url, data=data, headers=headers) as answer:
            text = await answer.read()
            return answer.status, json.loads(text) if text else {}, dict(answer.headers)

    async def until(self, what: Callable[[], object]) -> None:
        """Wait until *what* holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not what():  # noqa: ASYNC110 - it is the outside that is looked at
                await asyncio.sleep(0.005)


@asynccontextmanager
async def a_desk(
    positions: dict[str, FeedPosition] | None = None, **settings: Any
) -> AsyncIterator[Desk]:
    """Give a side that listens on a free port and, unless told otherwise, searches for nothing."""
    chosen = FhirSettings(**{"port": 0, "types": (), **settings})
    desk = Desk(chosen, positions if positions is not None else {})
    await desk.side.start(Source, desk.commit, desk.metrics, desk.broken.set)
    try:
        yield desk
    finally:
        await desk.session.close()
        await desk.side.stop()


def an_encounter(number: object, at: str = AT, **more: Any) -> dict[str, Any]:
    """Return an admission of a patient of its own, who is known by a number alone."""
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "meta": {"versionId": "1", "lastUpdated": at},
        "status": "cancelled",
        "subject": {"identifier": {"value": f"{number}"}},
        **more,
    }


def status_of(
    kind: str, numbers: list[int], since_start: int | None, release: str
) -> dict[str, Any]:
    """Return the status of a notification in the shape of a release."""
    happenings = [{"eventNumber": str(number), "timestamp": AT} for number in numbers]
    if release != "R4":
        return {
            "resourceType": "SubscriptionStatus",
            "type": kind,
            "status": "active",
            "subscription": {"reference": SUBSCRIPTION},
            "topic": "https://topic.example",
            "eventsSinceSubscriptionStart": str(since_start),
            "notificationEvent": happenings,
        }
    parts = [
        {
            "name": "notification-event",
            "part": [
                {"name": "event-number", "valueString": one["eventNumber"]},
                {"name": "timestamp", "valueInstant": AT},
            ],
        }
        for one in happenings
    ]
    count = "events-since-subscription-start"
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": SUBSCRIPTION}},
            {"name": "topic", "valueCanonical": "https://topic.example"},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": kind},
            {"name": count, "valueUnsignedInt": since_start},
            *parts,
        ],
    }


def a_notification(
    numbers: list[int],
    *entries: dict[str, Any],
    kind: str = "event-notification",
    since_start: int | None = None,
    release: str = "R5",
) -> dict[str, Any]:
    """Return a notification of events, with *entries* as its content."""
    total = max(numbers, default=0) if since_start is None else since_start
    status = {"resource": status_of(kind, numbers, total, release)}
    form = "subscription-notification" if release == "R5" else "history"
    return {"resourceType": "Bundle", "type": form, "timestamp": AT, "entry": [status, *entries]}
