"""A broker without our topics: every command says so at once, and prints what mends it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kafka.admin import KafkaAdminClient, NewTopic

from cordwatch_schemas.topics import ADMISSIONS
from tests.builders import T, a_suspicion
from tests.kafka_harness.real_kafka import RealKafka

COMMANDS = (
    "alerts",
    "ack X --by me",
    "stand-down X --by me --reason why",
    "classify X positive --by me --patient p",
    "feeds --port 0",
    "pager pages",
    "quarantine list",
    "replay {file}",
    "report --live",
    "pack diff mescc-lymphoma nice-ng234 --live",
    "watch",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cordwatch.app.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_missing_topics_are_told_with_the_command_that_creates_them(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """Exit code 3; the command works as it is printed; a topic that somebody else made is told too."""
    kafka = private_kafka.bootstrap
    file = tmp_path / "events.jsonl"
    file.write_text(a_suspicion(at=T(0)).model_dump_json(), encoding="utf-8")
    for command in COMMANDS:
        done = run("--kafka", kafka, *(one.format(file=file) for one in command.split()))
        assert done.returncode == 3, (command, done.stderr)
        *_, what, how = done.stderr.splitlines()
        assert what.startswith("cordwatch: topics are missing: cordwatch."), command
        assert how == f"create them: cordwatch --kafka {kafka} topics apply"
        assert "Traceback" not in done.stderr

    assert run(*how.split()[3:]).returncode == 0
    replayed = run("--kafka", kafka, "replay", str(file))
    assert (replayed.returncode, replayed.stdout.split(",")[0]) == (0, "1 messages")

    with_other_count(kafka, 3)
    for command in ("replay {file}", "watch"):
        done = run("--kafka", kafka, *(one.format(file=file) for one in command.split()))
        assert done.returncode == 3
        assert f"{ADMISSIONS.name} has 3 partitions and must have 48" in done.stderr


def with_other_count(kafka: str, partitions: int) -> None:
    """Make the topic of admissions anew, as a broker does that creates topics on first use."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_topics([ADMISSIONS.name])
    admin.create_topics([NewTopic(ADMISSIONS.name, partitions, 1)])
    admin.close()
