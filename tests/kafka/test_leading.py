"""One of a group leads, and soon: whoever starts is given the partition."""

from __future__ import annotations

import threading
import time

import pytest
from kafka import KafkaConsumer, TopicPartition

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.leading import Member
from cordwatch.runtime.topics_admin import apply
from cordwatch_schemas.topics import PAGES
from tests.kafka_harness.real_kafka import RealKafka

SESSION_S = 6.0
STARTS = 6
LEADS_S_MAX = 12.0
OTHERS = 4
LOOK_S = 0.2
PART = TopicPartition(PAGES.name, 0)


@pytest.mark.timeout(240)
def test_whoever_starts_alone_leads(private_kafka: RealKafka) -> None:
    """Each time: now and then kafka-python lost its assignment between two looks, and nobody led any more."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    apply(kafka, replication=1)
    for number in range(STARTS):
        member = Member(kafka, f"group-{number}", PAGES, SESSION_S)
        until = time.monotonic() + LEADS_S_MAX
        assert member.wait_for_lead(lambda until=until: time.monotonic() > until)  # type: ignore[misc]
        threading.Thread(target=member.close, daemon=True).start()


@pytest.mark.timeout(120)
def test_of_two_one_leads_and_the_other_follows_it(private_kafka: RealKafka) -> None:
    """And one that is stopped while it waits does not lead."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    apply(kafka, replication=1)
    first = Member(kafka, "group", PAGES, SESSION_S)
    assert first.wait_for_lead(lambda: False)
    second = Member(kafka, "group", PAGES, SESSION_S)
    looks = iter((False, False, True, True))

    def stay() -> None:
        for _ in range(40):
            first.leads()
            time.sleep(LOOK_S)

    with_both = threading.Thread(target=stay)
    with_both.start()
    led = second.wait_for_lead(lambda: next(looks))
    with_both.join()
    assert led is False
    first.close()
    assert second.wait_for_lead(lambda: False)
    second.close()


@pytest.mark.timeout(120)
def test_who_leads_goes_on_leading_when_others_come(private_kafka: RealKafka) -> None:
    """A rolling restart of those who stand by stops nobody who tells."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    apply(kafka, replication=1)
    first = Member(kafka, "group", PAGES, SESSION_S)
    assert first.wait_for_lead(lambda: False)
    until = time.monotonic() + LEADS_S_MAX
    led: list[bool] = []

    def come() -> None:
        member = Member(kafka, "group", PAGES, SESSION_S)
        led.append(member.wait_for_lead(lambda: time.monotonic() > until))
        member.close()

    others = [threading.Thread(target=come) for _ in range(OTHERS)]
    for one in others:
        one.start()
    lead, read = set[bool](), 0
    while any(one.is_alive() for one in others):
        lead.add(first.leads())
        read += 1
        first.commit({PART: read})
        time.sleep(LOOK_S)
    assert (lead, led) == ({True}, [False] * OTHERS)
    # Those who came are in it by now, and what is read is noted again.
    first.close()
    reader = KafkaConsumer(**kafka.client(), group_id="group", enable_auto_commit=False)
    assert (reader.committed(PART) or 0) > read / 2
    reader.close()
