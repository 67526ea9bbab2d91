"""`cordwatch replay` on other people's messages: what goes in equals what comes out, by count."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from cordwatch.app.commands.source_options import translated
from cordwatch.feeds.source import Source
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.topics import (
    ACKS,
    ADMISSIONS,
    IMAGING_ORDERS,
    MEDICATIONS,
    QUARANTINE,
    RAW,
    TREATMENTS,
)

EVENTS = (ADMISSIONS, IMAGING_ORDERS, MEDICATIONS, TREATMENTS, ACKS)


@pytest.fixture
def corpus() -> list[Path]:
    """Return every sample file, where there are any."""
    folder = os.environ.get("CORDWATCH_CORPUS")
    if not folder:
        pytest.skip("CORDWATCH_CORPUS names no folder")
    return sorted(path for path in (Path(folder) / "hl7v2").iterdir() if path.is_file())


def messages_in(path: Path) -> int:
    """Count messages without our reader: headers at the start of a line, a JSON document, or lines of JSON."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = [line.removeprefix(b"\xef\xbb\xbf") for line in re.split(rb"[\r\n]+", data)]
    if path.suffix == ".json":
        with suppress(ValueError):
            json.loads(data)
            return 1
        return sum(bool(line.strip()) for line in lines)
    return sum(line.startswith(b"MSH|") for line in lines)


def records(kafka: str, *topics: str) -> int:
    """Return how many records the topics have taken in so far."""
    consumer = KafkaConsumer(bootstrap_servers=kafka)
    places = [
        TopicPartition(topic, one)
        for topic in topics
        for one in consumer.partitions_for_topic(topic)
    ]
    total: int = sum(consumer.end_offsets(places).values())
    consumer.close()
    return total


def test_every_message_of_every_file_has_an_outcome_and_a_reason(corpus: list[Path]) -> None:
    """Mapped, irrelevant, or in quarantine with the reason; none collapses into another."""
    assert len(corpus) > 20
    for path in corpus:
        found = list(translated((path,), Source(), None))
        batches = [one for one in found if one.item.kind == "batch-count"]
        assert len(found) - len(batches) == messages_in(path), path.name
        for one in found:
            assert (one.outcome == "quarantined") <= bool(one.faults), path.name
            assert all(fault.field and fault.reason for fault in one.faults), path.name


def test_what_goes_in_equals_what_comes_out(real_kafka: str, corpus: list[Path]) -> None:
    """Raw records, events and quarantine on the broker are those that the command counted."""
    topics_admin.apply(KafkaSettings(real_kafka), 1)
    names = {
        "messages": [RAW.name],
        "events": [topic.name for topic in EVENTS],
        "faults": [QUARANTINE.name],
    }
    before = {what: records(real_kafka, *topics) for what, topics in names.items()}
    command = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", real_kafka]
    done = subprocess.run(
        [*command, "replay", "--json", *map(str, corpus)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stderr
    told = Counter(json.loads(done.stdout))
    came = {what: records(real_kafka, *names[what]) - before[what] for what in names}
    assert told["messages"] == sum(map(messages_in, corpus))
    assert told["messages"] == told["mapped"] + told["irrelevant"] + told["quarantined"]
    assert came == {what: told[what] for what in names}
    assert (done.returncode, told["faults"] > 0) == (1, True)
