"""Topics as code: what is provisioned compared with the registry, and brought into line."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    InvalidReplicationFactorError,
    NoError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    for_code,
)

from cordwatch.runtime.kafka import KafkaSettings, admin_client, copies_of
from cordwatch_schemas.topics import FOREVER, HOUR_S, LONGEST_OUTAGE_S, TOPICS, Topic

Action = Literal["create", "alter", "none", "refuse"]
SECOND_MS = 1000
HOUR_MS = HOUR_S * SECOND_MS
MIN_ISR_OF_THREE = 2
MADE_S_MAX = 60
"""Every partition of every topic has a leader long before."""
LOOKS_MAX, LOOK_AGAIN_S = 50, 0.1
"""A broker hears of a changed setting from its controller, some milliseconds after that has it."""
SENSITIVE_BYTES_MAX = 24 * 1024 * 1024
"""Whole messages, images of documents in them."""
BYTES_MAX = 1_048_588
"""The broker's own default, said so that a changed default is drift."""


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker has it; `copies` is those of the partition with the fewest."""

    partitions: int
    copies: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """What would be done to one topic, and why."""

    topic: str
    action: Action
    detail: str


def wanted_config(topic: Topic, replication: int) -> dict[str, str]:
    """Return the settings that *topic* must have."""
    retention = FOREVER if topic.retention_s == FOREVER else topic.retention_s * SECOND_MS
    return {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(retention),
        "min.insync.replicas": str(MIN_ISR_OF_THREE if replication > MIN_ISR_OF_THREE else 1),
        "max.message.bytes": str(SENSITIVE_BYTES_MAX if topic.sensitive else BYTES_MAX),
    }


def plan_topic(topic: Topic, found: Found | None, replication: int) -> list[Step]:
    """
    Return what *topic* needs, given what there is (None: nothing); at least one step.

    A changed partition count is refused: it re-hashes patients and strands
    their state. So is a changed number of copies, which only a reassignment
    by the broker's own tool brings about. What else drifted is set all the same.
    """
    if found is None:
        detail = f"{topic.partitions} partitions, {replication} copies, {topic.cleanup}"
        return [Step(topic.name, "create", detail)]
    steps = []
    if found.partitions != topic.partitions:
        detail = (
            f"has {found.partitions} partitions, needs {topic.partitions}: nothing is changed, since"
            " patients would be spread anew and their state stranded; make the topic anew"
        )
        steps.append(Step(topic.name, "refuse", detail))
    if found.copies != replication:
        detail = f"has {found.copies} copies, needs {replication}: kafka-reassign-partitions.sh moves them"
        steps.append(Step(topic.name, "refuse", detail))
    wanted = wanted_config(topic, replication)
    drift = [
        f"{name}={found.config.get(name, '?')} (wanted {value}{_loss(name, found.config)})"
        for name, value in wanted.items()
        if found.config.get(name) != value
    ]
    if drift:
        steps.append(Step(topic.name, "alter", ", ".join(drift)))
    return steps or [Step(topic.name, "none", "as it should be")]


def _loss(name: str, config: Mapping[str, str]) -> str:
    """Return what a retention means that is shorter than the outages that are promised to be survived."""
    kept_ms = config.get(name, "")
    if name != "retention.ms" or not kept_ms.isdecimal():
        return ""
    if int(kept_ms) >= LONGEST_OUTAGE_S * SECOND_MS:
        return ""
    return (
        f"; keeps {int(kept_ms) / HOUR_MS:g} h, and an outage of {LONGEST_OUTAGE_S // HOUR_S} h"
        " is promised to lose nothing"
    )


def plan(settings: KafkaSettings, replication: int, topics: Sequence[Topic] = TOPICS) -> list[Step]:
    """
    Return what each topic needs.

    Raises:
        BrokerUnreachable: no broker answers at the address.
    """
    with admin_client(settings) as admin:
        return _plan(admin, replication, topics)


def apply(
    settings: KafkaSettings, replication: int, topics: Sequence[Topic] = TOPICS
) -> list[Step]:
    """
    Create what is missing and set what drifted; return what was done, and what was refused.

    Raises:
        BrokerUnreachable: no broker answers at the address.
    """
    by_name = {topic.name: topic for topic in topics}
    with admin_client(settings) as admin:
        steps = _plan(admin, replication, topics)
        missing = [by_name[step.topic] for step in steps if step.action == "create"]
        refused = _create(admin, missing, replication)
        drifted = [by_name[step.topic] for step in steps if step.action == "alter"]
        _alter(admin, drifted, replication)
    return [refused.get(step.topic, step) for step in steps]


def _plan(admin: Any, replication: int, topics: Sequence[Topic]) -> list[Step]:
    known = set(admin.list_topics())
    found = _found(admin, [topic.name for topic in topics if topic.name in known])
    return [
        step for topic in topics for step in plan_topic(topic, found.get(topic.name), replication)
    ]


def _create(admin: Any, topics: Sequence[Topic], replication: int) -> dict[str, Step]:
    """
    Create *topics*, all at once; return those that the broker refuses, and why.

    Raises:
        KafkaError: it is for another reason.
    """
    if not topics:
        return {}
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": wanted_config(topic, replication),
        }
        for topic in topics
    }
    answer = admin.create_topics(wanted, raise_errors=False)
    errors = {one["name"]: for_code(one["error_code"]) for one in answer["topics"]}
    refused = {}
    for name, error in errors.items():
        if error is InvalidReplicationFactorError:
            detail = f"{replication} copies need as many brokers, and there are fewer"
            refused[name] = Step(name, "refuse", detail)
        elif error is PolicyViolationError:
            refused[name] = Step(name, "refuse", "the broker has a policy against it")
        elif error not in {NoError, TopicAlreadyExistsError}:
            # Somebody who makes them at the same time is no error.
            raise error(name)
    made = [name for name in errors if name not in refused]
    admin.wait_for_topics(made, timeout_ms=MADE_S_MAX * SECOND_MS)
    return refused


def _alter(admin: Any, topics: Sequence[Topic], replication: int) -> None:
    """Set what *topics* must have, and wait until the broker says so: a `verify` that follows at once finds it."""
    wanted = {topic.name: wanted_config(topic, replication) for topic in topics}
    for name, config in wanted.items():
        resource = ConfigResource(ConfigResourceType.TOPIC, name, configs=config)
        admin.alter_configs([resource])
    for _ in range(LOOKS_MAX):
        found = _configs(admin, list(wanted))
        if all(config.items() <= found[name].items() for name, config in wanted.items()):
            return
        time.sleep(LOOK_AGAIN_S)


def _found(admin: Any, names: Sequence[str]) -> dict[str, Found]:
    if not names:
        return {}
    configs = _configs(admin, names)
    return {
        one["name"]: Found(
            len(one["partitions"]),
            copies_of(one),
            configs.get(one["name"], {}),
        )
        for one in admin.describe_topics(list(names))
    }


def _configs(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(resources, config_filter="all")
    topics: dict[str, dict[str, Any]] = next(iter(found.values()), {})
    return {
        name: {setting: str(one["value"]) for setting, one in settings.items()}
        for name, settings in topics.items()
    }
