"""Topics compared with the registry: what is missing, what drifted, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cordwatch.runtime.topics_admin import Found, Step, plan_topic, wanted_config
from cordwatch_schemas.topics import ADMISSIONS, FACTS, PARTITIONS, RAW, TOPICS, Topic

HOUR_MS = 3_600_000


def as_provisioned(topic: Topic, copies: int = 1, **drifted: str) -> Found:
    """Return *topic* as the broker has it after `apply`, but for what *drifted* since."""
    config = wanted_config(topic, copies)
    config |= {name.replace("_", "."): value for name, value in drifted.items()}
    return Found(topic.partitions, copies, config)


def test_a_missing_topic_is_created() -> None:
    """Nothing there: create it."""
    step = Step(FACTS.name, "create", "48 partitions, 3 copies, compact")
    assert plan_topic(FACTS, None, 3) == [step]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    """Applying twice does nothing the second time."""
    steps = plan_topic(ADMISSIONS, as_provisioned(ADMISSIONS), 1)
    assert steps == [Step(ADMISSIONS.name, "none", "as it should be")]


def test_drift_is_named() -> None:
    """Which setting, what it is, what it should be: of the state of watch too, which is Faust's changelog."""
    steps = plan_topic(FACTS, as_provisioned(FACTS, cleanup_policy="delete"), 1)
    assert steps == [Step(FACTS.name, "alter", "cleanup.policy=delete (wanted compact)")]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cleanup.policy", "compact"),
        ("retention.ms", "1"),
        ("min.insync.replicas", "1"),
        ("max.message.bytes", "1000"),
    ],
)
def test_every_setting_that_loses_something_is_compared(setting: str, value: str) -> None:
    """One that differs is drift, one that the broker does not tell too."""
    found = as_provisioned(RAW, 3)
    without = {name: value for name, value in found.config.items() if name != setting}
    for config in ({**found.config, setting: value}, without):
        (step,) = plan_topic(RAW, replace(found, config=config), 3)
        assert (step.action, step.detail.partition("=")[0]) == ("alter", setting)


@pytest.mark.parametrize(
    ("kept_h", "told"),
    [
        (48, "; keeps 48 h, and an outage of 168 h is promised to lose nothing)"),
        (0.5, "; keeps 0.5 h, and an outage of 168 h is promised to lose nothing)"),
        (168, "(wanted 1209600000)"),
        (10_000, "(wanted 1209600000)"),
    ],
)
def test_a_retention_that_an_outage_outlasts_is_said_in_hours(kept_h: float, told: str) -> None:
    """Milliseconds tell nobody that a long weekend would be lost."""
    found = as_provisioned(ADMISSIONS, retention_ms=str(round(kept_h * HOUR_MS)))
    (step,) = plan_topic(ADMISSIONS, found, 1)
    assert step.detail.endswith(told)


def test_a_changed_partition_count_is_refused() -> None:
    """It would re-hash patients and strand their state."""
    found = replace(as_provisioned(FACTS), partitions=12)
    (step,) = plan_topic(FACTS, found, 1)
    assert step.action == "refuse"
    assert step.detail.startswith(f"has 12 partitions, needs {PARTITIONS}: nothing is changed")


@pytest.mark.parametrize(("copies", "wanted"), [(1, 3), (2, 3), (3, 1)])
def test_another_number_of_copies_is_told_and_left_to_the_broker(copies: int, wanted: int) -> None:
    """With one copy a disk that dies takes the state of every patient with it."""
    found = replace(as_provisioned(FACTS, wanted), copies=copies)
    (step,) = plan_topic(FACTS, found, wanted)
    assert step.action == "refuse"
    assert step.detail.startswith(f"has {copies} copies, needs {wanted}")


def test_what_is_refused_keeps_nothing_else_from_being_mended() -> None:
    """Each thing that is off has its own step."""
    found = Found(12, 1, {**wanted_config(FACTS, 3), "cleanup.policy": "delete"})
    assert [step.action for step in plan_topic(FACTS, found, 3)] == ["refuse", "refuse", "alter"]


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (3, "2")])
def test_three_copies_need_two_in_sync(replication: int, in_sync: str) -> None:
    """What is acknowledged is on two brokers."""
    assert wanted_config(FACTS, replication)["min.insync.replicas"] == in_sync


def test_state_alone_is_compacted_for_ever() -> None:
    """Source topics expire; facts never do, nor does how far a feed was read, what was learnt of it, nor who stands for whom."""
    compacted = {topic.noun for topic in TOPICS if topic.cleanup == "compact"}
    assert compacted == {
        "facts",
        "feed-histories",
        "identities",
        "pages",
        "positions",
        "references",
    }
    assert wanted_config(FACTS, 1)["retention.ms"] == "-1"
