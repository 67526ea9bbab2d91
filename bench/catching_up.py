"""How fast a backlog is read at takeover: watch, a raw loop and a naive Faust app on the same events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from bench.findings import Aim, Findings, at_least, at_most
from bench.jobs import JOBS
from bench.load import Told, histories, publish, simple_histories
from bench.running import Group, Worker, count_records, fresh_broker, settled
from cordwatch.pathway.chart import Chart
from cordwatch.pathway.facts import Fact
from cordwatch.watch.effects import Record
from cordwatch.watch.keeper import NOUNS
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ALERTS, FACTS, PARTITIONS

CONTENDERS = {"watch": "watch", "raw": "raw aiokafka", "naive": "naive Faust"}
AT_MOST_S = 45.0
"""Longest that one contender is followed: its rate is known by then."""
BATCH = 5_000
OF_RAW = at_least(0.8, "0.8 times")
NONE_FALSE = at_most(0, "0")


@dataclass(frozen=True, slots=True)
class Run:
    """What one contender did."""

    rate: float
    """Events a second between the first commit that was seen and the last."""
    cpu_rate: float
    """Events for each second of processor time, start-up included."""
    told: str
    alerts: int


def catching_up(found: Findings, folder: Path, patients: int) -> None:
    """Read 72 hours of patients, every one of them scanned in time, under the rules of the pathway."""
    start = datetime.now(UTC) - timedelta(hours=72)
    section = "Catching up, the full pathway"
    runs = {
        kind: _run(
            folder / f"pathway-{kind}",
            kind,
            "pathway",
            histories(patients, start, scanned=True),
            patients,
        )
        for kind in CONTENDERS
    }
    _tell(found, section, runs, {"raw": OF_RAW})
    for kind, name in CONTENDERS.items():
        aim = (NONE_FALSE, float(runs[kind].alerts)) if kind == "watch" else None
        how = "every scan was in time; what was published by the end of its run"
        found.add(section, f"false alerts, {name}", f"{runs[kind].alerts:,}", how, aim)


def catching_up_simply(found: Findings, folder: Path, patients: int) -> None:
    """Read events of which a third change the state, with hardly any rules."""
    start = datetime.now(UTC) - timedelta(hours=3)
    runs = {
        kind: _run(
            folder / f"simple-{kind}", kind, "simple", simple_histories(patients, start), patients
        )
        for kind in CONTENDERS
    }
    section = "Catching up, a simple job"
    _tell(found, section, runs, {"raw": OF_RAW, "naive": at_least(10, "10 times")})
    whole_us = 1e6 / runs["watch"].rate
    for name, told in (
        ("simple", simple_histories(min(patients, 20_000), start)),
        ("pathway", histories(min(patients, 10_000), start, scanned=True)),
    ):
        _share(found, section, name, list(told), whole_us)


def _run(folder: Path, kind: str, job: str, events: Iterable[Told], patients: int) -> Run:
    with fresh_broker(folder) as kafka:
        count = publish(kafka, events)
        with Worker(kind, job, kafka, folder / "worker.log") as worker:
            seen = Group(kafka, count).follow(AT_MOST_S)
            (first_at, first), (last_at, last) = seen[0], seen[-1]
            cpu_rate = last / worker.cpu_s
            started_s = first_at - worker.began_at
            rate = (last - first) / (last_at - first_at) if last > first else last / started_s
            if kind == "watch":
                # Three facts or two, and the wake-up that says that somebody was decided on.
                settled(kafka, FACTS.name, patients * (4 if job == "pathway" else 3))
            told = (
                f"{last:,} of {count:,} events in {last_at - worker.began_at:.1f} s from process start, "
                f"the first {first:,} of them after {started_s:.1f} s; {cpu_rate:,.0f} a second of processor time; "
                f"peak memory {worker.peak_bytes / 2**20:.0f} MiB"
            )
            return Run(rate, cpu_rate, told, count_records(kafka, ALERTS.name))


def _tell(found: Findings, section: str, runs: dict[str, Run], aims: dict[str, Aim]) -> None:
    for kind, name in CONTENDERS.items():
        found.add(section, name, f"{runs[kind].rate:,.0f} events/s", runs[kind].told)
    for kind in ("raw", "naive"):
        times, cpu = (
            runs["watch"].rate / runs[kind].rate,
            runs["watch"].cpu_rate / runs[kind].cpu_rate,
        )
        found.add(
            section,
            f"watch against {CONTENDERS[kind]}",
            f"{times:.2f} times",
            f"between the first commit that was seen and the last; by processor time, start-up included, {cpu:.2f} times",
            (aims[kind], times) if kind in aims else None,
        )


def _share(found: Findings, section: str, name: str, told: list[Told], whole_us: float) -> None:
    """Say what the job itself costs an event, with neither machine nor broker, and the machine."""
    job, pack = JOBS[name], load_pack("mescc-lymphoma")
    records = [
        Record(NOUNS[topic], number % PARTITIONS, number, key.encode(), value)
        for number, (topic, key, value) in enumerate(told)
    ]
    began = time.perf_counter()
    facts: dict[bytes, list[Fact]] = {}
    for record in records:
        assert record.key is not None
        fact = job.read(record, record.key.decode())[1]
        if fact is not None and job.keep(fact):
            facts.setdefault(record.key, []).append(fact)
    read = time.perf_counter()
    now = datetime.now(UTC)
    for key, known in facts.items():
        job.decide(Chart(key.decode(), known, [], pack), now)
    decided = time.perf_counter()
    machine = job.machine(pack, Metrics(pack, CollectorRegistry()))
    machine.own(range(PARTITIONS))
    for begin in range(0, len(records), BATCH):
        for _ in machine.take(records[begin : begin + BATCH], now):
            pass
    kept = time.perf_counter()
    read_us, decide_us, take_us = (
        one / len(records) * 1e6 for one in (read - began, decided - read, kept - decided)
    )
    share = (
        f", {(read_us + decide_us) / whole_us:.0%} of what watch takes" if name == "simple" else ""
    )
    found.add(
        section,
        f"core's share, {name} job",
        f"{read_us + decide_us:.0f} µs an event{share}",
        f"reading {read_us:.0f} µs and deciding {decide_us:.0f} µs, alone in memory; "
        f"with the machine around the reading {take_us:.0f} µs",
    )
