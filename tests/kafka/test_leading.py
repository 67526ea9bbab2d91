"""One of a group leads, and soon: whoever starts is given the partition."""

from __future__ import annotations

import threading
import time

import pytest

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.leading import member_of, wait_for_lead
from cordwatch.runtime.topics_admin import apply
from cordwatch_schemas.topics import PAGES
from tests.kafka_harness.real_kafka import RealKafka

SESSION_S = 6.0
STARTS = 6
LEADS_S_MAX = 12.0


@pytest.mark.timeout(240)
def test_whoever_starts_alone_leads(private_kafka: RealKafka) -> None:
    """Each time: now and then kafka-python lost its assignment between two looks, and nobody led any more."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    apply(kafka, replication=1)
    for number in range(STARTS):
        member = member_of(kafka, f"group-{number}", PAGES, SESSION_S)
        until = time.monotonic() + LEADS_S_MAX
        assert wait_for_lead(member, lambda until=until: time.monotonic() > until)  # type: ignore[misc]
        assert len(member.assignment()) == 1
        threading.Thread(target=member.close, daemon=True).start()


@pytest.mark.timeout(120)
def test_of_two_one_leads_and_the_other_follows_it(private_kafka: RealKafka) -> None:
    """And one that is stopped while it waits does not lead."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    apply(kafka, replication=1)
    first, second = (member_of(kafka, "group", PAGES, SESSION_S) for _ in range(2))
    assert wait_for_lead(first, lambda: False)
    looks = iter((False, False, True, True))
    with_both = threading.Thread(target=lambda: [first.poll(timeout_ms=200) for _ in range(40)])
    with_both.start()
    led = wait_for_lead(second, lambda: next(looks))
    with_both.join()
    assert led is False
    first.close()
    assert wait_for_lead(second, lambda: False)
    second.close()
