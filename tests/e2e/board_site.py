"""A board in a process of its own, on an embedded broker in ours, with invented patients on its topics."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from confluent_kafka import Producer

from cordwatch.pathway.simulation import Told
from cordwatch.runtime.embedded_broker import embedded_broker
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import TOPICS
from tests.builders import (
    LUMBAR_MRI,
    a_deficit,
    a_dose,
    a_plan,
    a_radicular_pain,
    a_report,
    a_suspicion,
    a_treatment_booked,
    an_admission,
    an_mri_booked,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.unit.board.hospital import Record, a_gateway, an_identity, kept

START_S_MAX = 60.0
WARDS = ("HAEM-4", "HAEM-5", "ONC-2", "ACUTE")


class BoardSite:
    """Starts, kills and ends one `cordwatch board`, and publishes what it shows."""

    def __init__(self, kafka: str, folder: Path, *options: str, port: int = 0) -> None:
        """Begin with no process."""
        self.kafka, self._folder, self.options, self.port = kafka, folder, options, port
        self._publisher = Producer(
            {
                "bootstrap.servers": kafka,
                "acks": "all",
                "partitioner": "murmur2_random",
                "log_level": 0,
            }
        )
        self._metrics_address = ""
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.now = WallClock().now

    @property
    def address(self) -> str:
        """Return where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the process that runs."""
        assert self._process is not None
        return self._process

    def publish(self, records: Iterable[Record]) -> None:
        """Publish *records*; return when the broker has them."""
        for topic, key, value in records:
            while True:
                try:
                    self._publisher.produce(topic, value, key)
                    break
                except BufferError:
                    self._publisher.poll(0.1)
        assert self._publisher.flush(30) == 0

    def api(self, what: str) -> dict[str, Any]:
        """Return what the interface for programs says about *what*."""
        with urlopen(f"{self.address}/api/{what}", timeout=10) as answer:  # noqa: S310 - our own
            found: dict[str, Any] = json.load(answer)
        return found

    def probe(self, path: str) -> int:
        """Return the status of a health page."""
        try:
            with urlopen(f"http://{self._metrics_address}{path}", timeout=10) as answer:
                return int(answer.status)
        except HTTPError as refused:
            return refused.code

    def start(self) -> None:
        """Start the board, and wait until it listens; on the port that it had before."""
        self._starts += 1
        log = self._folder / f"board{self._starts}.log"
        command = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", self.kafka]
        command += ["--log-format", "json", "board", "--synthetic"]
        command += ["--port", str(self.port), "--metrics-port", "0", *self.options]
        environment = {key: value for key, value in os.environ.items() if "CORDWATCH" not in key}
        with log.open("wb") as stream:
            self._process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        self.port = self._listening(log)

    def _listening(self, log: Path) -> int:
        pause = threading.Event()
        listening = 0
        for _ in range(int(START_S_MAX / 0.05)):
            for line in log.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if said.get("event") == "metrics":
                        self._metrics_address = said["address"]
                    if said.get("event") == "listening":
                        listening = int(said["address"].rpartition(":")[2])
                    if said.get("event") == "ready" and listening:
                        return listening
            if self.process.poll() is not None:
                break
            pause.wait(0.05)
        raise AssertionError(f"the board is not ready:\n{log.read_text(errors='replace')}")

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """End it as a supervisor does (SIGTERM); return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def board_site(folder: Path, records: Sequence[Record], *options: str) -> Iterator[BoardSite]:
    """Run a board that has read *records*."""
    with embedded_broker({topic.name: topic.partitions for topic in TOPICS}) as address:
        site = BoardSite(address, folder, "--embedded", *options)
        site.publish(records)
        site.start()
        try:
            yield site
        finally:
            if site.process.poll() is None:
                site.kill()


class WardNow:
    """Invented patients in every state, as of now."""

    def __init__(self, now: datetime) -> None:
        """Begin with nobody."""
        self.now = now
        self.told: list[Told] = []

    def ago(self, hours: float) -> datetime:
        """Return the instant *hours* ago; negative ones are to come."""
        return self.now - timedelta(seconds=round(hours * 3600))

    def patient(self, name: str, ward: str, bed: str) -> str:
        """Admit somebody with lymphoma."""
        self.told.append(known_lymphoma(self.ago(300), patient=name))
        stay = {"encounter": f"V{name}", "ward": ward, "bed": bed}
        self.told.append(an_admission(self.ago(60), patient=name, **stay))
        return name

    def suspected(self) -> None:
        """Three who wait for their MRI: nothing ordered, booked too late, done in part."""
        one = self.patient("p_7qk2xm4dnv3t", "HAEM-4", "12")
        two = self.patient("p_c9w8rjh5sy6f", "HAEM-4", "3")
        three = self.patient("p_m3z6h1ke8upa", "ONC-2", "7")
        self.told += [
            a_suspicion(self.ago(13.1), patient=one),
            a_suspicion(self.ago(11.2), patient=two),
            an_mri_ordered(self.ago(10), patient=two),
            an_mri_booked(self.ago(9), self.ago(-2), patient=two),
            a_suspicion(self.ago(9.5), patient=three),
            an_mri_done(self.ago(6), LUMBAR_MRI, patient=three),
        ]

    def confirmed(self) -> None:
        """Three with a report: one positive just now, one positive long ago, one that nobody has classified."""
        one = self.patient("p_x2v5b8n1q4wd", "HAEM-5", "21")
        two = self.patient("p_q3w6e9r2t5zu", "HAEM-5", "4")
        three = self.patient("p_l5p8o1i4u7yt", "HAEM-4", "14")
        self.told += [
            a_suspicion(self.ago(8), patient=one),
            an_mri_done(self.ago(3), order="O4", patient=one),
            a_report(self.ago(0.7), order="O4", patient=one),
            a_plan(self.ago(0.5), patient=one),
            a_treatment_booked(self.ago(0.4), self.ago(-20), patient=one),
            a_suspicion(self.ago(20), patient=two),
            an_mri_done(self.ago(15), order="O8", patient=two),
            a_report(self.ago(14), order="O8", patient=two),
            a_dose(self.ago(13.5), patient=two),
            a_suspicion(self.ago(5), patient=three),
            an_mri_done(self.ago(1.5), order="O7", patient=three),
            a_report(self.ago(1), None, order="O7", patient=three),
        ]

    def milder(self, more: int) -> None:
        """Two with longer windows, and *more* with pain alone."""
        one = self.patient("p_t6r9e2y5u8io", "ACUTE", "2")
        two = self.patient("p_k1j4h7g0f3ds", "ONC-2", "9")
        self.told += [
            a_deficit(self.ago(13), patient=one),
            a_radicular_pain(self.ago(50), patient=two),
            an_mri_ordered(self.ago(20), patient=two),
        ]
        for number in range(more):
            name = f"p_more{number:05}"
            self.patient(name, WARDS[number % len(WARDS)], str(number % 30))
            self.told.append(a_radicular_pain(self.ago(40 + number / 100), patient=name))


def a_ward_now(now: datetime, more: int = 0) -> list[Told]:
    """Return what was told of some invented patients in every state, as of *now*, and of *more* of them."""
    ward = WardNow(now)
    ward.suspected()
    ward.confirmed()
    ward.milder(more)
    return ward.told


def on_topics(told: Sequence[Told], now: datetime) -> list[Record]:
    """Return what the topics hold of *told* at *now*, with names and a gateway that was heard just now."""
    patients = sorted({one.patient for one in told})
    names = ["ZEBRAFINCH^ZOE", "Zebrafinch^Zack", "OKAPI^OLGA", "TAPIR^TOM", "QUOKKA^QUINN"]
    identities = [
        an_identity(one, names[number % len(names)], now, number=f"{number:07}")
        for number, one in enumerate(patients)
    ]
    heard = {"his|ADT": now - timedelta(seconds=9), "north-ris|ORU": now - timedelta(seconds=41)}
    return [*kept(told, now), *identities, a_gateway(now, heard)]
