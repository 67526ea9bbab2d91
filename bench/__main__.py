"""Measures and writes docs/BENCH.md: `python -m bench [--quick]`."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from bench.load import assessed, histories, publish
from cordwatch.app.demo_day import DAY_FILE
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import simulate
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ADMISSIONS, ALERTS, IMAGING_ORDERS
from tests.kafka_harness.real_kafka import RealKafka

PACK = load_pack("mescc-lymphoma")
PAGE = Path(__file__).parents[1] / "docs" / "BENCH.md"
PATIENCE_S = 240.0


@dataclass
class Findings:
    """Rows of the page."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, figure: str, note: str = "") -> None:
        """Note a figure and say it."""
        self.rows.append((what, figure, note))
        print(f"{what}: {figure} {note}", flush=True)


def simulation(found: Findings, messages: int) -> None:
    """Map and simulate a hospital's day: the bundled stories once, and noise up to *messages*."""
    items = [item for item in read_file(DAY_FILE) if item.kind == "message"]
    noise = [item for item in items if b"DEMO1" in item.data]
    many = [*items]
    while len(many) < messages:
        fresh = b"N%d-" % (len(many) // len(noise))
        many += [
            type(one)(one.kind, one.format, one.data.replace(b"DEMO1", fresh)) for one in noise
        ]
    began = time.perf_counter()
    told = [
        one
        for item in many
        for one in translate(item, Source(), None).told
        if isinstance(one, Event)
    ]
    mapped = time.perf_counter() - began
    simulate(told, PACK)
    took = time.perf_counter() - began
    found.add(
        "simulate",
        f"{len(many) / took:,.0f} messages/s",
        f"{len(many):,} messages, 14 patients with clocks among them, in {took:.1f} s; "
        f"{mapped:.1f} s of it reading and mapping",
    )


def restoring(found: Findings, patients: int) -> None:
    """Restore patients with an open clock and three facts each from rows, without a broker."""
    from cordwatch.pathway.facts import fact_of  # noqa: PLC0415
    from cordwatch.watch.patients import Patient, fact_row, row_key, wake_key  # noqa: PLC0415
    from cordwatch_schemas.events import read_event  # noqa: PLC0415

    start = datetime.now(UTC) - timedelta(hours=3)
    rows: list[tuple[bytes, bytes]] = []
    patient: Patient | None = None
    for _, reference, event in histories(patients, start, scanned=False):
        if patient is None or patient.reference != reference:
            patient = Patient(reference, 0)
        row = fact_row(fact_of(read_event(event)))
        patient.put(row)
        rows.append((row_key(reference, row), row[25:]))
        if len(patient.rows) == 3:
            patient.wake_us = int((start + timedelta(hours=7)).timestamp() * 1e6)
            patient.open = ("mri.mescc-suspected",)
            rows.append((wake_key(reference), patient.wake_row(PACK.label)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    machine = Machine(PACK, Metrics(PACK, CollectorRegistry()))
    began = time.perf_counter()
    machine.own([0])
    machine.restore(0, iter(rows))
    machine.restored([0], {})
    took = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert machine.wake_at() is not None
    assert not machine.waiting(start + timedelta(hours=6))
    found.add(
        f"restore {patients:,} patients (machine alone, rows in memory)",
        f"{took:.1f} s",
        f"{len(rows):,} rows; peak memory grew by {max(grown, 0) * 1024 / patients:,.0f} bytes a patient",
    )


class Process:
    """A worker or peer in a process of its own."""

    def __init__(self, *command: str, **env: str) -> None:
        """Start it."""
        import os  # noqa: PLC0415

        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **env},
        )

    def __enter__(self) -> Self:
        """Give the running process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    @property
    def peak_mib(self) -> float:
        """Return its peak memory so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


def watcher(kafka: str, group: str) -> Process:
    """Start watch."""
    return Process(
        "cordwatch.app.cli", "--kafka", kafka, "watch", "--group", group, "--metrics-port", "0"
    )


CONTENDERS: dict[str, Callable[[str, str], Process]] = {
    "watch": watcher,
    "raw aiokafka": lambda kafka, group: Process("bench.peers", "raw", kafka, group),
    "naive Faust": lambda kafka, group: Process("bench.peers", "naive", kafka, group),
}


def wait_committed(kafka: str, group: str, wanted: int) -> float:
    """Wait until the group has committed *wanted* source records; return when (perf_counter)."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    began = time.perf_counter()
    done = 0
    while time.perf_counter() - began < PATIENCE_S:
        try:
            offsets = next(iter(admin.list_group_offsets([group]).values()))
        except Exception:  # noqa: BLE001 - the group is not there yet
            offsets = {}
        names = {ADMISSIONS.name, IMAGING_ORDERS.name}
        done = sum(
            one.offset for tp, one in offsets.items() if tp.topic in names and one.offset > 0
        )
        if done >= wanted:
            break
        time.sleep(0.1)
    admin.close()
    if done < wanted:
        raise RuntimeError(f"{group}: {done} of {wanted} after {PATIENCE_S} s")
    return time.perf_counter()


def catching_up(found: Findings, folder: Path, patients: int, kinds: list[str]) -> None:
    """Publish a 72 h backlog, then let each contender read it, each on a broker of its own."""
    start = datetime.now(UTC) - timedelta(hours=72)
    rates: dict[str, float] = {}
    for kind in kinds:
        with RealKafka(folder / f"catch-{kind}") as broker:
            kafka, group = broker.bootstrap, f"bench-{uuid.uuid4().hex[:8]}"
            topics_admin.apply(KafkaSettings(kafka), 1)
            count = publish(kafka, histories(patients, start, scanned=True))
            begin = time.perf_counter()
            with CONTENDERS[kind](kafka, group) as process:
                first = wait_committed(kafka, group, 1)
                took = wait_committed(kafka, group, count) - begin
                rates[kind] = count / took
                note = f"{count:,} events in {took:.1f} s from process start ({first - begin:.1f} s to the first commit), {process.peak_mib:.0f} MiB"
                if kind == "watch":
                    time.sleep(5)
                    told = sum(
                        one is not None
                        for one in read_topic(KafkaSettings(kafka), ALERTS.name, follow=False)
                    )
                    found.add(
                        "false alerts on a 72 h backlog, read at takeover",
                        str(told),
                        "every scan in it was in time",
                    )
            found.add(f"catch-up, {kind}", f"{rates[kind]:,.0f} events/s", note)
            if kind == "watch":
                recovery(found, kafka, group, patients)
    for peer in kinds[1:]:
        found.add(f"watch against {peer}", f"{rates['watch'] / rates[peer]:.2f} times")


def recovery(found: Findings, kafka: str, group: str, patients: int) -> None:
    """Start a worker on a broker that holds the state of *patients*."""
    began = time.perf_counter()
    probe = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", kafka, "watch", "--group", group]
    with subprocess.Popen(
        [*probe, "--metrics-port", "0"], stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stderr is not None
        for line in worker.stderr:
            if "watching" in line:
                seconds = line.split("recovery_s=")[1].split()[0].strip("\x1b[0m")
                found.add(
                    f"recovery of {patients:,} patients from the broker",
                    f"{float(seconds):.1f} s",
                    f"{time.perf_counter() - began:.1f} s from process start, joining the group included",
                )
                break
        worker.kill()


def _lateness(kafka: str) -> list[float]:
    """Return, for every reminder of a bench clock, seconds from its instant to its record."""
    lateness = []
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    numbers = consumer.partitions_for_topic(ALERTS.name)
    parts = [TopicPartition(ALERTS.name, one) for one in numbers]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    while any(consumer.position(one) < ends[one] for one in parts):
        for polled in consumer.poll(500).values():
            for record in polled:
                alert = Alert.model_validate_json(record.value)
                if alert.level == "reminder" and alert.start_at and record.key.startswith(b"f"):
                    level_at = alert.start_at + timedelta(hours=6)
                    lateness.append(record.timestamp / 1000 - level_at.timestamp())
    consumer.close()
    return lateness


def firing(found: Findings, folder: Path, clocks: int, span_s: int) -> None:
    """Let clocks fall due over a minute under load, and measure from the instant to the topic."""
    with RealKafka(folder / "firing") as broker:
        kafka, group = broker.bootstrap, f"bench-{uuid.uuid4().hex[:8]}"
        topics_admin.apply(KafkaSettings(kafka), 1)
        now = datetime.now(UTC)
        due_from = now + timedelta(seconds=45)

        def events() -> Iterator[tuple[str, str, bytes]]:
            for number in range(clocks):
                level_at = due_from + timedelta(seconds=span_s * number / clocks)
                yield (
                    ADMISSIONS.name,
                    f"f{number}",
                    assessed(f"f{number}", level_at - timedelta(hours=6), now),
                )

        publish(kafka, events())
        with watcher(kafka, group):
            load_until = due_from + timedelta(seconds=span_s)
            number = 0
            while (at := datetime.now(UTC)) < load_until:
                batch = histories(9, at, scanned=False)
                publish(kafka, batch)
                number += 27
                time.sleep(0.05)
            time.sleep(3)
        lateness = _lateness(kafka)
        lateness.sort()
        early = sum(one < -0.001 for one in lateness)
        half, most = lateness[len(lateness) // 2], lateness[int(len(lateness) * 0.99)]
        found.add(
            f"firing lateness, {clocks:,} levels in {span_s} s",
            f"p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms",
            f"{len(lateness):,} came, {early} early; from the instant to the time stamp of the record; "
            f"load {number / (span_s + 45):.0f} events/s",
        )


def write(found: Findings) -> None:
    """Write the page."""
    lines = [
        "# Benchmarks",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench` on {platform.machine()} Linux, 2 cores, "
        f"24 GiB, Python {platform.python_version()}, Kafka 4 on the same machine, one process each.",
        "The machine is shared: read ratios before absolute figures.",
        "",
        "| what | figure | how |",
        "|---|---|---|",
        *(f"| {what} | {figure} | {note} |" for what, figure, note in found.rows),
        "",
    ]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Run everything; with `--quick` a small size of each, written nowhere."""
    quick = "--quick" in sys.argv
    found = Findings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulation(found, 5_000 if quick else 220_000)
        restoring(found, 20_000 if quick else 300_000)
        catching_up(
            found, folder, 2_000 if quick else 40_000, ["watch", "raw aiokafka", "naive Faust"]
        )
        firing(found, folder, 500 if quick else 20_000, 10 if quick else 60)
    if not quick:
        write(found)


if __name__ == "__main__":
    main()
