"""The registry of topics: names, partitions, how long each is kept."""

from __future__ import annotations

from cordwatch_schemas import topics
from cordwatch_schemas.events import TOPIC_KINDS


def test_a_name_tells_noun_and_version() -> None:
    """The name on the broker is `cordwatch.<noun>.v<N>`."""
    assert topics.IMAGING_ORDERS.name == "cordwatch.imaging-orders.v1"
    assert topics.Topic("x", "X", "x", "delete", 1, version=3).name == "cordwatch.x.v3"


def test_every_topic_stands_there_once() -> None:
    """Two topics of a name would be one topic with two policies."""
    names = [topic.name for topic in topics.TOPICS]
    assert sorted(set(names)) == sorted(names)


def test_what_watch_consumes_is_co_partitioned() -> None:
    """All facts of a patient come to one worker."""
    assert {topic.partitions for topic in topics.WATCHED} == {topics.PARTITIONS}
    assert topics.FACTS.partitions == topics.PARTITIONS


def test_the_source_topics_are_those_that_events_stand_on() -> None:
    """The registry and the contracts tell the same topics."""
    assert [topic.noun for topic in topics.SOURCES] == list(TOPIC_KINDS)


def test_sources_outlive_the_longest_outage() -> None:
    """Seven days of outage are promised to be survived."""
    assert topics.LONGEST_OUTAGE_S == 7 * topics.DAY_S
    assert all(topic.retention_s > topics.LONGEST_OUTAGE_S for topic in topics.WATCHED)
    expiring = [topic for topic in topics.TOPICS if topic.retention_s != topics.FOREVER]
    assert all(topic.retention_s >= topics.LONGEST_OUTAGE_S for topic in expiring)


def test_state_is_compacted_and_never_expires() -> None:
    """A clock of a year ago is still there after a restart; a compacted topic has no end."""
    for topic in topics.TOPICS:
        assert (topic.cleanup == "compact") == (topic.retention_s == topics.FOREVER)


def test_topics_with_more_than_references_are_marked() -> None:
    """Names and original messages are readable by few."""
    marked = {topic.contract for topic in topics.TOPICS if topic.sensitive}
    assert marked == {"Identity", "RawMessage", "Quarantined"}
