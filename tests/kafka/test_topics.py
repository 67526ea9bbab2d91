"""`cordwatch topics` on a real broker: made once, drift is found and mended, and what only a person can do is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from click.testing import CliRunner
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions

from cordwatch.app.cli import EXIT_BROKER, cordwatch, report
from cordwatch_schemas.topics import FACTS, PAGES, RAW, TOPICS
from tests.kafka_harness.real_kafka import RealKafka

HOUR_MS = 3_600_000
KNOWN_S_MAX = 20.0


def topics(kafka: str, *arguments: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Run the command; return its exit code, and topic, action and detail of each step that is not `none`."""
    command = ["--kafka", kafka, "--broker-timeout", "3", "topics", *arguments, "--json"]
    done = CliRunner().invoke(cordwatch, command)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    told = [(one["topic"], one["action"], one["detail"]) for one in steps]
    wrong = report(done.exception) if isinstance(done.exception, Exception) else None
    return wrong[1] if wrong else done.exit_code, [one for one in told if one[1] != "none"]


def set_by_hand(kafka: str, topic: str, **config: str) -> None:
    """Change settings of a topic, as an administrator might."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    settings = {name.replace("_", "."): value for name, value in config.items()}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)])
    admin.close()
    for name, value in settings.items():
        until(lambda name=name, value=value: setting_of(kafka, topic, name) == value)  # type: ignore[misc]


def until(is_so: Callable[[], bool]) -> None:
    """Wait until the broker knows what its controller was told."""
    give_up_at = time.monotonic() + KNOWN_S_MAX
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def test_topics_are_made_once_and_drift_is_found_and_mended(private_kafka: RealKafka) -> None:
    """From an empty broker to one that is as it should be; what is not ours to say stays as it is."""
    kafka = private_kafka.bootstrap
    missing = [(topic.name, "create") for topic in TOPICS]
    assert [one[:2] for one in topics(kafka, "plan")[1]] == missing
    code, steps = topics(kafka, "verify")
    assert (code, [one[:2] for one in steps]) == (1, missing)
    assert topics(kafka, "apply")[0] == 0
    for command in ("apply", "plan", "verify"):
        assert topics(kafka, command) == (0, [])

    set_by_hand(kafka, FACTS.name, cleanup_policy="delete", segment_ms="86400000")
    set_by_hand(kafka, RAW.name, retention_ms=str(48 * HOUR_MS), max_message_bytes="1000")
    code, steps = topics(kafka, "verify")
    assert code == 1
    told = dict((topic, detail) for topic, _, detail in steps)  # noqa: C402 - a step has three parts
    assert told[FACTS.name] == "cleanup.policy=delete (wanted compact)"
    assert "keeps 48 h, and an outage of 168 h is promised to lose nothing" in told[RAW.name]
    assert "max.message.bytes=1000" in told[RAW.name]
    assert topics(kafka, "apply")[0] == 0
    assert topics(kafka, "verify") == (0, [])
    assert setting_of(kafka, FACTS.name, "segment.ms") == "86400000"


def setting_of(kafka: str, topic: str, name: str) -> str:
    """Return one setting of a topic."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    admin.close()
    [settings] = found.values()
    return str(settings[topic][name]["value"])


def test_what_only_a_person_can_do_is_refused(private_kafka: RealKafka) -> None:
    """Partitions, and copies: exit code 1, and nothing has changed; no broker is another code."""
    kafka = private_kafka.bootstrap
    code, steps = topics(kafka, "apply", "--replication", "3")
    refusal = "3 copies need as many brokers, and there are fewer"
    assert (code, {one[1:] for one in steps}) == (1, {("refuse", refusal)})

    assert topics(kafka, "apply")[0] == 0
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_partitions({PAGES.name: NewPartitions(3)})
    until(lambda: len(admin.describe_topics([PAGES.name])[0]["partitions"]) == 3)
    admin.close()
    for command in ("apply", "verify"):
        code, steps = topics(kafka, command)
        assert (code, [one[:2] for one in steps]) == (1, [(PAGES.name, "refuse")])
        assert steps[0][2].startswith("has 3 partitions, needs 1: nothing is changed")
    code, steps = topics(kafka, "verify", "--replication", "3")
    assert code == 1
    assert (FACTS.name, "refuse") in [one[:2] for one in steps]

    private_kafka.stop()
    assert topics(kafka, "verify") == (EXIT_BROKER, [])
