"""Workers in processes of their own, and what can be seen of them from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.topics import ADMISSIONS, IMAGING_ORDERS
from tests.kafka_harness.real_kafka import AS_SHIPPED, RealKafka

PATIENCE_S = 240.0
LOOK_EVERY_S = 0.1
GROUP = "bench"

FoundT = TypeVar("FoundT")


@contextmanager
def fresh_broker(folder: Path) -> Iterator[str]:
    """Run a broker with our topics, in a folder of its own; give its address."""
    with RealKafka(folder, jvm=AS_SHIPPED) as broker:
        topics_admin.apply(KafkaSettings(broker.bootstrap), 1)
        yield broker.bootstrap


def until(look: Callable[[], FoundT | None], what: str, patience_s: float = PATIENCE_S) -> FoundT:
    """Return what *look* finds, once it finds something."""
    give_up_at = time.perf_counter() + patience_s
    while time.perf_counter() < give_up_at:
        found = look()
        if found is not None:
            return found
        time.sleep(LOOK_EVERY_S)
    raise RuntimeError(f"{what}: not within {patience_s} s")


def memory_bytes(pid: int, name: str) -> int:
    """Return the memory of a process: `VmRSS`, resident now, or `VmHWM`, at its peak."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(one for one in status.splitlines() if one.startswith(name))
    return int(line.split()[1]) * 1024


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")")[-1]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Worker:
    """A contender in a process of its own: `bench.peers KIND JOB`."""

    def __init__(self, kind: str, job: str, kafka: str, log: Path) -> None:
        """Start it."""
        self._log = log
        self.began_at = time.perf_counter()
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.peers", kind, job, kafka, GROUP],
                stdout=out,
                stderr=out,
            )

    def __enter__(self) -> Self:
        """Give the running worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    @property
    def peak_bytes(self) -> int:
        """Return its peak memory so far."""
        return memory_bytes(self._process.pid, "VmHWM")

    @property
    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        return cpu_s(self._process.pid)

    def logged(self, pattern: str) -> re.Match[str] | None:
        """Return the first match in its log."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the worker ended:\n{self._log.read_text()[-4000:]}")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self._log.read_text(errors="replace"))
        return re.search(pattern, plain)

    def recovered(self) -> float:
        """Wait until watch is ready; return its own measure of the recovery in seconds."""
        return float(until(lambda: self.logged(r"recovery_s=(\S+)"), "recovery")[1])

    def metric(self, name: str) -> float:
        """Return the sum over the series of a metric."""
        found = self.logged(r"address=(\S+)")
        assert found is not None
        with urllib.request.urlopen(f"http://{found[1]}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        values = [
            float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[ {{]", line)
        ]
        assert values, name
        return sum(values)


class Group:
    """How far a consumer group has committed, over time."""

    def __init__(self, kafka: str, wanted: int) -> None:
        """Look at the group for *wanted* source records."""
        self._admin = KafkaAdminClient(bootstrap_servers=kafka)
        self._wanted = wanted

    def committed(self) -> int:
        """Return how many source records are committed."""
        try:
            offsets = next(iter(self._admin.list_group_offsets([GROUP]).values()))
        except Exception:  # noqa: BLE001 - the group is not there yet
            return 0
        names = {ADMISSIONS.name, IMAGING_ORDERS.name}
        return sum(
            one.offset for tp, one in offsets.items() if tp.topic in names and one.offset > 0
        )

    def follow(self, at_most_s: float) -> list[tuple[float, int]]:
        """Return when each progress was seen (perf_counter), from the first commit to the last."""
        seen: list[tuple[float, int]] = []
        give_up_at = time.perf_counter() + PATIENCE_S
        while (now := time.perf_counter()) < give_up_at:
            done = self.committed()
            if done and (not seen or done > seen[-1][1]):
                seen.append((now, done))
                give_up_at = min(give_up_at, seen[0][0] + at_most_s)
            if done >= self._wanted:
                break
            time.sleep(LOOK_EVERY_S)
        self._admin.close()
        if not seen:
            raise RuntimeError("nothing was committed")
        return seen


def count_records(kafka: str, topic: str) -> int:
    """Return how many records *topic* has ever had."""
    consumer = KafkaConsumer(bootstrap_servers=kafka)
    parts = [TopicPartition(topic, one) for one in consumer.partitions_for_topic(topic) or ()]
    ends = consumer.end_offsets(parts)
    consumer.close()
    return sum(ends.values())


def settled(kafka: str, topic: str, at_least: int = 0) -> int:
    """Wait until *topic* has *at_least* so many records and has had no more for 3 s; return how many."""
    seen, since = -1, time.perf_counter()

    def look() -> int | None:
        nonlocal seen, since
        found = count_records(kafka, topic)
        if found != seen:
            seen, since = found, time.perf_counter()
        return seen if seen >= at_least and time.perf_counter() - since > 3 else None

    return until(look, f"{topic} settles")
