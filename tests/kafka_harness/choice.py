"""
Which Kafka the suite talks to, and why.

In this order: the address in `CORDWATCH_KAFKA`; a container, where a Docker
engine answers; a local broker, where Java is; else the embedded mock, which is
no real Kafka and is refused where `CORDWATCH_REQUIRE_KAFKA=1` (in CI). With
`CORDWATCH_REQUIRE_ENGINE=1` nothing comes after the container. The header of
the run says what is planned, its summary what was used.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cordwatch.runtime.embedded_broker import embedded_broker
from cordwatch_schemas.topics import TOPICS
from tests.kafka_harness.container import (
    REQUIRED,
    container_kafka,
    engine_answers,
    engine_demanded,
    image,
)
from tests.kafka_harness.libraries import KAFKA_VERSION, NoKafka, why_unavailable
from tests.kafka_harness.real_kafka import RealKafka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers; `real` is false for the embedded mock alone."""

    address: str
    what: str
    real: bool
    own: RealKafka | None = None
    """The local broker, for its log."""


def real_demanded() -> bool:
    """Return whether anything but a real Kafka is an error."""
    return os.environ.get("CORDWATCH_REQUIRE_KAFKA") == "1"


def plan() -> str:
    """Say in a few words which broker will be tried first."""
    if address := os.environ.get("CORDWATCH_KAFKA"):
        return f"{address} (CORDWATCH_KAFKA)"
    if engine_answers():
        return f"container {image()}" + ("" if engine_demanded() else ", else local")
    if (reason := why_unavailable()) is None:
        return f"local Kafka {KAFKA_VERSION}"
    return f"embedded mock ({reason})"


@contextmanager
def chosen_broker(folder: Path) -> Iterator[Broker]:
    """Run the first broker of the order that can be had; end it with the block."""
    with ExitStack() as stack:
        if address := os.environ.get("CORDWATCH_KAFKA"):
            yield Broker(address, "CORDWATCH_KAFKA", real=True)
            return
        reasons: list[str] = []
        for attempt in (_container,) if engine_demanded() else (_container, _local):
            try:
                broker = attempt(stack, folder)
            except NoKafka as failure:
                reasons.append(str(failure))
            else:
                yield broker
                return
        if real_demanded() or engine_demanded():
            demanded = REQUIRED if engine_demanded() else "CORDWATCH_REQUIRE_KAFKA"
            pytest.fail(f"{demanded}=1, and: " + "; ".join(reasons), pytrace=False)
        address = stack.enter_context(
            embedded_broker({topic.name: topic.partitions for topic in TOPICS})
        )
        yield Broker(address, "embedded mock: " + "; ".join(reasons), real=False)


def _container(stack: ExitStack, folder: Path) -> Broker:
    del folder
    address = stack.enter_context(container_kafka())
    return Broker(address, f"container {image()}", real=True)


def _local(stack: ExitStack, folder: Path) -> Broker:
    broker = stack.enter_context(RealKafka(folder))
    return Broker(broker.bootstrap, f"local Kafka {KAFKA_VERSION}", real=True, own=broker)
