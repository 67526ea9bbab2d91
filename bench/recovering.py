"""How long a worker takes to have the state of many patients back from the broker, and in how much memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.findings import Aim, Findings, at_most
from bench.load import HOUR, Publisher, histories, reference
from bench.running import Worker, fresh_broker, settled
from cordwatch.pathway.facts import fact_of
from cordwatch.watch.patients import ROW_ID_BYTES, Patient, fact_row, micros, row_key, wake_key
from cordwatch_schemas.events import read_event
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import FACTS, PARTITIONS

PACK = load_pack("mescc-lymphoma")
RULE = "mri.mescc-suspected"
SECONDS = {300_000: at_most(5, "5 s"), 1_000_000: at_most(15, "15 s")}
SMALL = at_most(1024, "1,024 bytes")


def rows_of(count: int, now: datetime) -> Iterator[tuple[int, bytes, bytes]]:
    """Return partition, key and value of the rows that watch writes of *count* patients, each with a clock that runs."""
    pattern = reference(0)
    rows = [
        fact_row(fact_of(read_event(event)))
        for _, _, event in histories(1, now - 3 * HOUR, scanned=False)
    ]
    cut = [row[ROW_ID_BYTES:].split(pattern[3:].encode()) for row in rows]
    for number in range(count):
        name = reference(number)
        patient = Patient(name, number % PARTITIONS)
        for place, parts in enumerate(cut):
            fact_id = b"%024x" % (number * len(cut) + place)
            row = b"f" + fact_id + name[3:].encode().join(parts)
            patient.put(row)
            yield patient.partition, row_key(name, row), row[ROW_ID_BYTES:]
        patient.wake_us, patient.open = micros(now + 4 * HOUR), (RULE,)
        yield patient.partition, wake_key(name), patient.wake_row(PACK.stamp)


def recovering(found: Findings, folder: Path, *counts: int) -> None:
    """Start a worker on the state of each of *counts* patients."""
    with fresh_broker(folder / "recovery-0") as kafka:
        _, empty_bytes, empty_cpu_s = _recover(kafka, folder / "recovery-0" / "worker.log", 0)
    for count in counts:
        with fresh_broker(folder / f"recovery-{count}") as kafka:
            with Publisher(kafka) as publisher:
                for partition, key, value in rows_of(count, datetime.now(UTC)):
                    publisher.send(FACTS.name, key, value, partition)
            took_s, peak_bytes, cpu_s = _recover(
                kafka, folder / f"recovery-{count}" / "worker.log", count
            )
        each = (peak_bytes - empty_bytes) / count
        found.add(
            "Recovery from the broker",
            f"{count:,} patients with an open clock, three facts each",
            f"{took_s:.1f} s",
            f"{count * 4:,} rows, {cpu_s - empty_cpu_s:.1f} s of processor time; from the assignment of the partitions until the worker watches; "
            "every stored wake-up was believed, nobody was decided on anew",
            _judged(SECONDS.get(count), took_s),
            why_missed="where the time goes was not taken apart",
        )
        found.add(
            "Recovery from the broker",
            f"memory for each of {count:,}",
            f"{each:,.0f} bytes",
            f"peak {peak_bytes / 2**20:,.0f} MiB, of which {empty_bytes / 2**20:.0f} MiB without patients",
            (SMALL, each),
        )


def _judged(aim: Aim | None, value: float) -> tuple[Aim, float] | None:
    return None if aim is None else (aim, value)


def _recover(kafka: str, log: Path, count: int) -> tuple[float, int, float]:
    """Return seconds, peak memory and processor time of a recovery, and make sure that it was one."""
    with Worker("watch", "pathway", kafka, log) as worker:
        took_s = worker.recovered()
        cpu_s = worker.cpu_s
        # Had a wake-up not been believed, its patient would now be decided on and written again.
        assert settled(kafka, FACTS.name) == count * 4
        assert worker.metric("cordwatch_open_clocks") == count
        assert worker.metric("cordwatch_patients") == count
        assert worker.metric("cordwatch_heap_mismatches") == 0
        return took_s, worker.peak_bytes, cpu_s
