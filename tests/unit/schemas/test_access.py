"""Who may do what on the broker: what a service touches follows from what it reads and writes."""

from __future__ import annotations

import pytest

from cordwatch_schemas.access import ACCESS, FEEDS, PROVISION, SCALING, Access
from cordwatch_schemas.topics import FACTS, RAW, TOPICS


@pytest.mark.parametrize("access", ACCESS, ids=lambda one: one.service)
def test_a_service_touches_what_it_reads_and_writes_each_once(access: Access) -> None:
    """In the order in which topics are provisioned; provisioning itself reads and writes none."""
    wanted = {one.name for one in (*access.reads, *access.writes, *access.counts)}
    assert [one.name for one in access.topics] == [one.name for one in TOPICS if one.name in wanted]
    assert bool(access.topics) == (access is not PROVISION)


def test_the_gateway_writes_the_originals_and_never_the_state() -> None:
    """The state is watch's alone."""
    assert RAW in FEEDS.topics
    assert FACTS not in FEEDS.topics


def test_who_counts_for_the_number_of_workers_reads_nothing() -> None:
    """It asks how far topics go, and how far watch is."""
    assert {(one.kind, one.operation) for one in SCALING.rules()} == {
        ("topic", "Describe"),
        ("group", "Describe"),
    }
