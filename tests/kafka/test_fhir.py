"""The FHIR endpoint against a real broker: killed under load; what it acknowledged is there, once."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import aiohttp
import pytest

from cordwatch.feeds.fhir_exchange.side import read_positions
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from tests.kafka.gateway import Gateway
from tests.kafka.test_feeds import event_ids
from tests.kafka_harness.choice import Broker
from tests.unit.feeds.fhir.desk import SUBSCRIPTION, a_notification, an_encounter

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

COUNT, AT_ONCE = 600, 12
KILLS_AT = (100, 300)


class Notifier:
    """A FHIR server's hook: sends again what was not answered with 200."""

    def __init__(self, run: str) -> None:
        """Have *COUNT* notifications to send."""
        self.run = run
        self.waiting = list(range(1, COUNT + 1))
        self.acknowledged: set[int] = set()

    def name(self, number: int) -> str:
        """Return the version that the event of a notification is made from."""
        return f"Encounter/e{self.run}-{number}/_history/1"

    async def send(self, gateway: Gateway, kill_at: int) -> None:
        """Send until all is acknowledged, or the gateway was killed at *kill_at*."""
        url = f"http://127.0.0.1:{gateway.fhir_port}/notification"
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(session: aiohttp.ClientSession, number: int) -> None:
            told = a_notification([number], {"resource": an_encounter(f"{self.run}-{number}")})
            async with gate:
                try:
                    headers = {"Content-Type": "application/fhir+json"}
                    async with session.post(url, json=told, headers=headers) as answer:
                        if answer.status == 200:
                            self.acknowledged.add(number)
                except aiohttp.ClientError:
                    return
            if len(self.acknowledged) == kill_at:
                gateway.process.kill()

        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(one(session, number) for number in self.waiting))
        self.waiting = [number for number in self.waiting if number not in self.acknowledged]


async def test_a_killed_endpoint_loses_nothing_that_it_acknowledged(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    """Killed twice; nothing is lost, nothing has two ids, and the position is never ahead."""
    if not kafka_broker.real:
        pytest.skip("needs a real Kafka")
    kafka, notifier = kafka_broker.address, Notifier(uuid.uuid4().hex[:8])
    topics_admin.apply(KafkaSettings(kafka), 1)
    for number, kill_at in enumerate((*KILLS_AT, COUNT + 1)):
        with Gateway(kafka, tmp_path / f"{number}.log", "--fhir-port", "0") as gateway:
            await notifier.send(gateway, kill_at)
            position = read_positions(KafkaSettings(kafka)).get(f"fhir|{SUBSCRIPTION}")
            if position is not None and position.event_number is not None:
                safe = event_ids(kafka).keys()
                counted = map(notifier.name, range(1, position.event_number + 1))
                assert [name for name in counted if name not in safe] == []
            if kill_at > COUNT:
                assert gateway.stop() == 0
    assert notifier.waiting == []
    events = event_ids(kafka)
    assert [n for n in notifier.acknowledged if notifier.name(n) not in events] == []
    assert {len(events[notifier.name(n)]) for n in notifier.acknowledged} == {1}
    held = read_positions(KafkaSettings(kafka))[f"fhir|{SUBSCRIPTION}"]
    assert held.event_number == COUNT
