"""Topics compared with the registry: what is missing, what drifted, what is refused."""

from __future__ import annotations

import pytest

from cordwatch.runtime.topics_admin import plan_topic, wanted_config
from cordwatch_schemas.topics import ADMISSIONS, FACTS, PARTITIONS, TOPICS


def test_a_missing_topic_is_created() -> None:
    """Nothing there: create it."""
    assert plan_topic(FACTS, None, {}, 1).action == "create"


def test_what_is_as_it_should_be_is_left_alone() -> None:
    """Applying twice does nothing the second time."""
    step = plan_topic(ADMISSIONS, PARTITIONS, wanted_config(ADMISSIONS, 1), 1)
    assert step.action == "none"


def test_drift_is_named() -> None:
    """Which setting, what it is, what it should be."""
    config = {**wanted_config(FACTS, 1), "cleanup.policy": "delete"}
    step = plan_topic(FACTS, PARTITIONS, config, 1)
    assert (step.action, step.detail) == ("alter", "cleanup.policy=delete (wanted compact)")


def test_a_changed_partition_count_is_refused() -> None:
    """It would re-hash patients and strand their state."""
    assert plan_topic(FACTS, 12, wanted_config(FACTS, 1), 1).action == "refuse"


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (3, "2")])
def test_three_copies_need_two_in_sync(replication: int, in_sync: str) -> None:
    """What is acknowledged is on two brokers."""
    assert wanted_config(FACTS, replication)["min.insync.replicas"] == in_sync


def test_state_alone_is_compacted_for_ever() -> None:
    """Source topics expire; facts never do, nor does how far a feed was read, nor what was learnt of it."""
    compacted = {topic.noun for topic in TOPICS if topic.cleanup == "compact"}
    assert compacted == {"facts", "feed-histories", "identities", "pages", "positions"}
    assert wanted_config(FACTS, 1)["retention.ms"] == "-1"
