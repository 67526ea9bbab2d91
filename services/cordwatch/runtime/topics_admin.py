"""Topics as code: what is provisioned compared with the registry, and brought into line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kafka.admin import ConfigResource, ConfigResourceType

from cordwatch.runtime.kafka import KafkaSettings, admin_client
from cordwatch_schemas.topics import FOREVER, TOPICS, Topic

Action = Literal["create", "alter", "none", "refuse"]
SECOND_MS = 1000
MIN_ISR_OF_THREE = 2


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
        "max.message.bytes": str(24 * 1024 * 1024 if topic.sensitive else 1_048_588),
    }


def plan_topic(
    topic: Topic, partitions: int | None, config: Mapping[str, str], replication: int
) -> Step:
    """
    Return what *topic* needs, given what there is (*partitions* None: nothing).

    A changed partition count is refused: it re-hashes patients and strands
    their state.
    """
    if partitions is None:
        return Step(topic.name, "create", f"{topic.partitions} partitions, {topic.cleanup}")
    if partitions != topic.partitions:
        detail = (
            f"has {partitions} partitions, needs {topic.partitions}; export and import the state"
        )
        return Step(topic.name, "refuse", detail)
    wanted = wanted_config(topic, replication)
    drift = [
        f"{name}={config.get(name, '?')} (wanted {value})"
        for name, value in wanted.items()
        if config.get(name) != value
    ]
    return Step(topic.name, "alter" if drift else "none", ", ".join(drift) or "as it should be")


def plan(settings: KafkaSettings, replication: int, topics: Sequence[Topic] = TOPICS) -> list[Step]:
    """
    Return what each topic needs.

    Raises:
        BrokerUnreachable: no broker answers at the address.
    """
    with admin_client(settings) as admin:
        known = set(admin.list_topics())
        there = [topic for topic in topics if topic.name in known]
        counts = _partition_counts(admin, [topic.name for topic in there])
        configs = _configs(admin, [topic.name for topic in there])
        return [
            plan_topic(topic, counts.get(topic.name), configs.get(topic.name, {}), replication)
            for topic in topics
        ]


def apply(
    settings: KafkaSettings, replication: int, topics: Sequence[Topic] = TOPICS
) -> list[Step]:
    """
    Create what is missing and set what drifted; return what was done.

    Raises:
        BrokerUnreachable: no broker answers at the address.
    """
    steps = plan(settings, replication, topics)
    by_name = {topic.name: topic for topic in topics}
    with admin_client(settings) as admin:
        for step in steps:
            topic = by_name[step.topic]
            config = wanted_config(topic, replication)
            if step.action == "create":
                admin.create_topics(
                    {
                        topic.name: {
                            "num_partitions": topic.partitions,
                            "replication_factor": replication,
                            "configs": config,
                        }
                    },
                    wait_for_metadata=True,
                )
            elif step.action == "alter":
                resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=config)
                admin.alter_configs([resource])
    return steps


def _partition_counts(admin: Any, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    return {one["name"]: len(one["partitions"]) for one in admin.describe_topics(list(names))}


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
