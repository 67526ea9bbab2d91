"""The gateway against a real broker: killed, and with the broker going away; what it acknowledged is there."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path

import pytest

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch_schemas.events import read_event
from cordwatch_schemas.records import RawMessage
from cordwatch_schemas.topics import ADMISSIONS, RAW
from tests.kafka.gateway import Gateway, Sender, an_admission
from tests.kafka.nursery import Nursery
from tests.kafka_harness.choice import Broker
from tests.kafka_harness.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

CONNECTIONS, PER_CONNECTION, WINDOW = 4, 500, 15
KILLS, BETWEEN_KILLS = 20, 35
"""What is on its way when it is killed counts too: each time no more than the windows hold."""


def records(kafka: str, topic: str) -> list[bytes]:
    """Return the values of a topic from its start."""
    found = read_topic(KafkaSettings(kafka), topic, follow=False)
    return [record[1] for record in found if record is not None and record[1] is not None]


def raw_ids(kafka: str) -> Counter[str]:
    """Return the control ids of all raw messages, and how often each was kept."""
    values = records(kafka, RAW.name)
    return Counter(RawMessage.model_validate_json(value).source_message_id for value in values)


def event_ids(kafka: str) -> dict[str, Counter[str]]:
    """Return the ids of admission events by the control id of their message."""
    found: dict[str, Counter[str]] = {}
    for value in records(kafka, ADMISSIONS.name):
        event = read_event(value)
        found.setdefault(event.source_message_id, Counter())[event.event_id] += 1
    return found


def out_of_order(kafka: str, run: str) -> int:
    """Return how many admissions of a patient were told first after one that was sent later."""
    seen: set[str] = set()
    last: dict[str, int] = {}
    wrong = 0
    for value in records(kafka, ADMISSIONS.name):
        event = read_event(value)
        name = event.source_message_id
        if name.startswith(run) and name not in seen:
            number = int(name.rpartition("-")[2])
            wrong += number < last.get(event.patient, 0)
            last[event.patient] = number
            seen.add(name)
    return wrong


async def send_and_kill(gateway: Gateway, senders: list[Sender], kill_at: int | None) -> None:
    """Let *senders* send; kill the gateway once *kill_at* messages are acknowledged, if at all."""

    def answered() -> None:
        if kill_at is not None and sum(len(one.acknowledged) for one in senders) >= kill_at:
            gateway.process.kill()

    sending = (one.send_until_done_or_cut(gateway.port, answered) for one in senders)
    await asyncio.gather(*sending)


async def test_a_killed_gateway_loses_nothing_that_it_acknowledged(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    """Killed twenty times under load; then everything is sent once more, and nothing of it is new."""
    if not kafka_broker.real:
        pytest.skip("needs a real Kafka")
    kafka, run = kafka_broker.address, uuid.uuid4().hex[:8]
    topics_admin.apply(KafkaSettings(kafka), 1)
    ids = [[f"{run}-{c}-{n}" for n in range(PER_CONNECTION)] for c in range(CONNECTIONS)]
    every = {one for part in ids for one in part}
    senders = [Sender(list(one), WINDOW) for one in ids]
    with Nursery(kafka, tmp_path) as nursery:
        done = 0
        for _ in range(KILLS):
            with nursery.gateway() as gateway:
                await send_and_kill(gateway, senders, done + BETWEEN_KILLS)
                assert gateway.process.wait(10) == -9
            done = sum(len(sender.acknowledged) for sender in senders)
            assert done < len(every)
        with nursery.gateway() as gateway:
            await send_and_kill(gateway, senders, None)
        assert [sender.acknowledged for sender in senders] == ids
        # Each was sent until it was acknowledged, and not after that.
        raw, events = raw_ids(kafka), event_ids(kafka)
        assert every - raw.keys() == set()
        # However often it was sent: one admission, under one id.
        assert {one: len(events.get(one, ())) for one in every} == dict.fromkeys(every, 1)
        assert out_of_order(kafka, run) == 0
        # Killed, it had at most these in hand.
        repeated = sum(raw[one] - 1 for one in every)
        assert repeated <= KILLS * CONNECTIONS * WINDOW
        with nursery.gateway() as gateway:
            again = [Sender(list(one), WINDOW) for one in ids]
            await send_and_kill(gateway, again, None)
    assert [sender.acknowledged for sender in again] == ids
    assert (raw_ids(kafka), event_ids(kafka)) == (raw, events)


async def test_without_a_broker_nothing_is_acknowledged(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Away: no answer and no false one. Back: every answer, every record; then an orderly end."""
    kafka = private_kafka.bootstrap
    topics_admin.apply(KafkaSettings(kafka), 1)
    before, during = Sender(["before"], 1), Sender([f"during-{n}" for n in range(50)], 50)
    heard = asyncio.Event()
    with Gateway(kafka, tmp_path / "gateway.log") as gateway:
        await before.send_until_done_or_cut(gateway.port, heard.set)
        assert before.acknowledged == ["before"]
        heard.clear()
        private_kafka.kill()
        sending = asyncio.create_task(during.send_until_done_or_cut(gateway.port, heard.set))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(8):
                await heard.wait()
        assert "nothing is answered" in gateway.log()
        await asyncio.to_thread(private_kafka.start)
        await sending
        assert during.waiting == []
        assert gateway.stop() == 0
        assert "the broker answers again" in gateway.log()
    assert set(during.acknowledged) - raw_ids(kafka).keys() == set()
    assert set(during.acknowledged) - event_ids(kafka).keys() == set()


def test_the_helpers_messages_are_admissions() -> None:
    """So that the tests above are about events, not about quarantine."""
    assert b"ADT^A01|x-1|" in an_admission("x-1")
