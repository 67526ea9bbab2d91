"""The board with more on it than a hospital has: first paint, live streams, memory, start and end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer

from bench.findings import Findings, at_most
from bench.load import HOUR, Told, admitted, assessed, imaging, publish, reference
from bench.running import Worker, cpu_s, fresh_broker, memory_bytes, settled, until
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ADMISSIONS, ALERTS, FACTS, IMAGING_ORDERS
from tests.e2e.board_site import BoardSite
from tests.e2e.chromium import NAMES, chromium
from tests.unit.board.hospital import Record, a_gateway, a_page, an_acknowledgement, an_identity

SECTION = "Board"
FACTS_EACH = 3
WINDOW = 12 * HOUR
WARDS = 20
ANSWERED = 250
"""The most pressing clocks, which are answered again and again: every page shows them."""
OVERDUE = 150
UPDATES_PER_S = 50
PAINTS = 20
MIB = 2**20
STOP_S = 5.0
SETTLED_S = 3.0
"""The last answers have come by then, or never do."""
SECRET = "a secret of this measurement"  # noqa: S105 - made for it


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    clocks: int
    facts: int
    readers: int
    seconds: int


FULL, SMALL = Size(5_000, 100_000, 200, 30), Size(600, 6_000, 20, 5)


def boarding(found: Findings, folder: Path, size: Size) -> None:
    """Fill the topics, start a board on them, and look at it from a browser and from many live pages."""
    with fresh_broker(folder / "board") as kafka:
        now = datetime.now(UTC)
        alerts = _watched(kafka, folder / "worker.log", size, now)
        site = BoardSite(kafka, folder, *_signed_in(folder))
        records = [*_beside(alerts, size, now)]
        site.publish(records)
        began = time.perf_counter()
        site.start()
        try:
            _start(found, site, size, time.perf_counter() - began)
            _paint(found, site, size, "before any page is live")
            with _readers(site, folder, size) as heard:
                used_s = -cpu_s(site.process.pid)
                acknowledged = _answer(site, alerts, size)
                used_s += cpu_s(site.process.pid)
                _memory(found, site, size)
                _stop(found, site, size)
            _live(found, heard, acknowledged, size, used_s)
        finally:
            if site.process.poll() is None:
                site.kill()


# --- what there is


def _ward(number: int) -> str:
    return f"WARD{number % WARDS:02}"


def _histories(size: Size, now: datetime) -> Iterator[Told]:
    """Tell of patients whose clock runs, and of as many others as make up the facts, who were scanned in time."""
    for number in range(size.facts // FACTS_EACH):
        who = reference(number)
        if number < size.clocks:
            at = now - _running_for(number, size.clocks)
            kind, scanned_at = "imaging-ordered", min(at + HOUR, now)
        else:
            at = now - timedelta(days=1 + number % 30, seconds=number)
            kind, scanned_at = "imaging-done", at + 2 * HOUR
        yield ADMISSIONS.name, who, admitted(who, at - HOUR, ward=_ward(number))
        yield ADMISSIONS.name, who, assessed(who, at)
        yield IMAGING_ORDERS.name, who, imaging(who, kind, scanned_at)


def _running_for(number: int, clocks: int) -> timedelta:
    """Return since when a clock runs: some are overdue, some nearly so, the rest have hours."""
    if number < OVERDUE:
        return WINDOW + timedelta(minutes=10, seconds=number)
    if number < ANSWERED:
        return WINDOW - timedelta(minutes=20, seconds=number)
    return (WINDOW - 2 * HOUR) * (clocks - number) / clocks


def _watched(kafka: str, log: Path, size: Size, now: datetime) -> Sequence[Alert]:
    """Let watch itself write facts and alerts; return the alerts."""
    publish(kafka, _histories(size, now))
    with Worker("watch", "pathway", kafka, log) as worker:
        worker.recovered()
        settled(kafka, FACTS.name, size.facts)
        settled(kafka, ALERTS.name)
        # A topic that stands still for a while may only wait for a busy machine.
        until(lambda: worker.metric("cordwatch_open_clocks") == size.clocks or None, "every clock")
    return [
        Alert.model_validate_json(record[1])
        for record in read_topic(KafkaSettings(kafka), ALERTS.name, follow=False)
        if record is not None and record[1] is not None
    ]


def _beside(alerts: Sequence[Alert], size: Size, now: datetime) -> Iterator[Record]:
    """Return names of all patients, a page for every alert, and a gateway that is well."""
    for number in range(size.facts // FACTS_EACH):
        yield an_identity(reference(number), f"NAME{number}^INVENTED", now, number=f"{number:07}")
    yield from (a_page(one, now) for one in alerts)
    yield a_gateway(now, {"his|ADT": now, "ris|ORU": now})


def _signed_in(folder: Path) -> Sequence[str]:
    (folder / "secret").write_text(SECRET)
    file = str(folder / "secret")
    return "--access", "header", "--proxies", "127.0.0.1", "--proxy-secret-file", file


def signed_in_as(user: str) -> Mapping[str, str]:
    """Return what the hospital's proxy adds to a request of *user*."""
    roles = {"X-Remote-Groups": "cordwatch-coordinator"}
    return {"X-Remote-User": user, "X-Proxy-Secret": SECRET, **roles}


# --- what is measured


def _start(found: Findings, site: BoardSite, size: Size, took_s: float) -> None:
    found.add(
        SECTION,
        f"ready with {size.facts:,} facts",
        f"{took_s:.1f} s, {_memory_mib(site, 'VmRSS'):.0f} MiB resident",
        f"from the start of the process, {cpu_s(site.process.pid):.1f} s of its processor time; load {os.getloadavg()[0]:.1f}; {size.facts // FACTS_EACH:,} patients with their names, "
        f"{size.clocks:,} of them with an open clock, the others' ended within the month",
        (at_most(10, "10 s"), took_s),
    )


def _paint(found: Findings, site: BoardSite, size: Size, when: str) -> None:
    if not any(map(shutil.which, NAMES)):
        found.add(SECTION, "first paint", "not measured", "no Chromium on the path")
        return
    painted = []
    with chromium() as browser:
        for number in range(PAINTS):
            context = browser.new_context(extra_http_headers=dict(signed_in_as(f"eye-{number}")))
            page = context.new_page()
            page.goto(site.address)
            painted.append(page.evaluate(PAINTED) / 1000)
            context.close()
    painted.sort()
    found.add(
        SECTION,
        f"first paint, {size.clocks:,} open clocks",
        f"p50 {painted[len(painted) // 2] * 1000:.0f} ms, worst {painted[-1] * 1000:.0f} ms",
        f"Chromium, from navigation to the first contentful paint; {PAINTS} times, nothing cached, {when}",
        (at_most(1, "1 s (worst)"), painted[-1]),
    )


PAINTED = """() => new Promise(done => new PerformanceObserver(seen => {
    for (const one of seen.getEntries())
        if (one.name === "first-contentful-paint") done(one.startTime);
}).observe({type: "paint", buffered: true}))"""


@contextmanager
def _readers(site: BoardSite, folder: Path, size: Size) -> Iterator[dict[str, list[float]]]:
    """Keep so many live pages in a process of their own until the board ends; then give what each answer came at."""
    heard: dict[str, list[float]] = {}
    path = folder / "heard.json"
    command = [sys.executable, "-m", "bench.board_readers", site.address, str(size.readers)]
    with subprocess.Popen([*command, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"all are live\n"
        yield heard
        process.wait(60)
    heard |= json.loads(path.read_text())


def _answer(site: BoardSite, alerts: Sequence[Alert], size: Size) -> dict[str, float]:
    """Acknowledge evenly; return by who, which is told on every page, when the broker had it (monotonic)."""
    pressing = {reference(number) for number in range(ANSWERED)}
    last = sorted((one for one in alerts if one.patient in pressing), key=lambda one: one.raised_at)
    ids = {one.patient: one.alert_id for one in last}
    assert len(ids) == ANSWERED, f"{len(ids)} of {ANSWERED} clocks were told of"
    producer = Producer({"bootstrap.servers": site.kafka, "linger.ms": 0, "log_level": 0})
    acknowledged: dict[str, float] = {}
    begin = time.monotonic()
    for number in range(UPDATES_PER_S * size.seconds):
        patient, who = reference(number % ANSWERED), f"reader{number:06}"
        answer = an_acknowledgement(ids[patient], datetime.now(UTC), who, patient)

        def has_it(error: object, _: object, who: str = who) -> None:
            assert error is None, error
            acknowledged[who] = time.monotonic()

        producer.produce(
            "cordwatch.acks.v1", answer.model_dump_json().encode(), patient, on_delivery=has_it
        )
        while (left_s := begin + (number + 1) / UPDATES_PER_S - time.monotonic()) > 0:
            producer.poll(left_s)
    assert producer.flush(30) == 0
    time.sleep(SETTLED_S)
    return acknowledged


def _memory(found: Findings, site: BoardSite, size: Size) -> None:
    resident, peak = (_memory_mib(site, name) for name in ("VmRSS", "VmHWM"))
    found.add(
        SECTION,
        f"memory with {size.readers} live pages",
        f"{resident:.0f} MiB resident, {peak:.0f} MiB at its peak",
        f"{size.facts:,} facts, {size.clocks:,} open clocks, after {size.seconds} s of answers",
        (at_most(300, "300 MiB (peak)"), peak),
    )


def _stop(found: Findings, site: BoardSite, size: Size) -> None:
    began = time.perf_counter()
    code = site.stop()
    took_s = time.perf_counter() - began
    assert code == 0, f"the board ended with {code}"
    found.add(
        SECTION,
        f"SIGTERM with {size.readers} live pages",
        f"{took_s:.2f} s",
        "until the process is gone, by itself and with exit code 0",
        (at_most(STOP_S, f"{STOP_S:.0f} s"), took_s),
    )


def _live(
    found: Findings,
    heard: Mapping[str, list[float]],
    acknowledged: Mapping[str, float],
    size: Size,
    used_s: float,
) -> None:
    # Half of the pages show the whole board, the other half a ward each.
    everywhere = size.readers // 2
    on_ward = [
        sum(n % WARDS == ward for n in range(everywhere, size.readers)) for ward in range(WARDS)
    ]
    wanted = {
        who: everywhere + on_ward[number % ANSWERED % WARDS]
        for number, who in enumerate(acknowledged)
    }
    missed = sum(max(0, count - len(heard.get(who, ()))) for who, count in wanted.items())
    late = sorted(at - acknowledged[who] for who, times in heard.items() for at in times)
    half, most = late[len(late) // 2], late[int(len(late) * 0.99)]
    load = os.getloadavg()[0]
    found.add(
        SECTION,
        f"{UPDATES_PER_S} answers/s to {size.readers} live pages",
        f"p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms, worst {late[-1] * 1000:.0f} ms",
        f"from the broker's acknowledgement of the answer to its arrival at the page; {len(late):,} arrivals "
        f"in {size.seconds} s, half of the pages show the whole board and half one of {WARDS} wards; {used_s:.1f} s of the board's processor time; load {load:.1f}",
        (at_most(1, "1 s (p99)"), most),
    )
    found.add(
        SECTION, "answers that a page never showed", f"{missed:,}", "", (at_most(0, "0"), missed)
    )


def _memory_mib(site: BoardSite, name: str) -> float:
    return memory_bytes(site.process.pid, name) / MIB
