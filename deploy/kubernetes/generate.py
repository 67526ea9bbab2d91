"""Writes what Kubernetes takes from elsewhere in this project: `python -m deploy.kubernetes.generate`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from ruamel.yaml import YAML

from cordwatch.app.generated_files import write_or_check
from cordwatch.runtime.acl_words import strimzi_user
from cordwatch.runtime.topics_admin import wanted_config
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.access import ACCESS
from cordwatch_schemas.topics import PARTITIONS, TOPICS, WATCHED, Topic

FOLDER: Final = Path(__file__).parent
RULES: Final = FOLDER.parent / "prometheus" / "rules.yml"
CLUSTER: Final = "cordwatch"
RUNNING: Final = ("topics", "feeds", "watch", "pager", "board", "synthetic")
"""Each is a workload, and a user of Kafka; the secret of a user is called as the workload that mounts it."""
USERS: Final = (*RUNNING, "keda")
"""Who is on Kafka without being asked: what runs, and who counts for it, whose secret lies where KEDA looks for it."""
COPIES: Final = 3
WORKERS_MIN: Final = 2
"""One crash is not an hour without clocks; and never none."""
SETTLED_S: Final = 900
"""Every change of the number is a rebalance: not for what is over in a quarter of an hour."""
LAG: Final = 50_000
"""Records for each worker: what one reads of the full pathway in seven and a half seconds (docs/BENCH.md)."""
MADE: Final = "# Written by `make docs`, not by hand.\n"

Resource = Mapping[str, Any]


def prometheus_rule() -> str:
    """Return deploy/prometheus/rules.yml, which is tested, as the operator takes it: word for word."""
    head = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "cordwatch", "namespace": "cordwatch"},
    }
    return f"{MADE}{_yaml([head])}spec:\n{indent(RULES.read_text(encoding='utf-8'), '  ')}"


def topics() -> str:
    """Return every topic as Strimzi's operator makes it: as `cordwatch topics verify` wants it."""
    return MADE + _yaml([_topic(one) for one in TOPICS])


def _topic(topic: Topic) -> Resource:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {
            "partitions": topic.partitions,
            "replicas": COPIES,
            "config": wanted_config(topic, COPIES),
        },
    }


def users() -> str:
    """Return whoever runs here as Strimzi's operator makes and grants them; people's own are not among them."""
    return MADE + _yaml([strimzi_user(one, CLUSTER) for one in ACCESS if one.service in USERS])


def scaled_object() -> str:
    """Return how KEDA chooses the number of workers: two at least, and no more than have a partition."""
    behaviour = {
        "stabilizationWindowSeconds": SETTLED_S,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": SETTLED_S}],
    }
    scaled = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "cordwatch-watch"},
        "spec": {
            "scaleTargetRef": {"name": "cordwatch-watch"},
            "minReplicaCount": WORKERS_MIN,
            "maxReplicaCount": PARTITIONS,
            "pollingInterval": 30,
            "cooldownPeriod": SETTLED_S,
            # KEDA that cannot ask leaves as many as there are.
            "fallback": {
                "failureThreshold": 3,
                "replicas": WORKERS_MIN,
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {"scaleUp": behaviour, "scaleDown": dict(behaviour)}
                }
            },
            "triggers": [_trigger(one) for one in WATCHED],
        },
    }
    return MADE + _yaml([scaled])


def _trigger(topic: Topic) -> Resource:
    return {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": "cordwatch-kafka-bootstrap.kafka:9093",
            "consumerGroup": WatchSettings().group,
            "topic": topic.name,
            "lagThreshold": str(LAG),
            "offsetResetPolicy": "earliest",
            "allowIdleConsumers": "false",
            # A partition that nobody gets on with is read no sooner by more of them.
            "excludePersistentLag": "true",
            # A group without an offset is one that has everything before it.
            "scaleToZeroOnInvalidOffset": "false",
            "tls": "enable",
        },
        "authenticationRef": {"name": "cordwatch-kafka"},
    }


def _yaml(resources: Sequence[Resource]) -> str:
    yaml, stream = YAML(), StringIO()
    yaml.default_flow_style = False
    yaml.representer.ignore_aliases = lambda _: True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump_all(resources, stream)
    return stream.getvalue()


FILES: Final = {
    "components/monitoring/prometheus-rule.yaml": prometheus_rule,
    "overlays/strimzi/topics.yaml": topics,
    "overlays/strimzi/users.yaml": users,
    "overlays/keda/scaled-object.yaml": scaled_object,
}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` say which are not up to date (exit code 1)."""
    return write_or_check(FOLDER, FILES, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
