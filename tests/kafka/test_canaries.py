"""A name, a number and a birth date in every input: on no screen, in no log, in no metric, whatever fails."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from cordwatch.feeds.hl7.mllp import frame
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch_schemas.topics import ADMISSIONS, FACTS
from tests.builders import T, a_suspicion
from tests.kafka.test_watch import a_group, eventually

FAILING = str(Path(__file__).with_name("failing.py"))
CANARIES = ("ZEBRAFINCH", "4711778899", "19120623", "1912-06-23")
NAME, NUMBER, BORN, _ = CANARIES

ADMITTED = (
    f"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|{{number}}|P|2.5\r"
    f"EVN|A01|20260302095500\r"
    f"PID|1||{NUMBER}^^^H^MR||{NAME}^{NAME}||{BORN}|U|{NAME}||{NAME} street||{NUMBER}|||||{NUMBER}\r"
    f"NK1|1|{NAME}^{NAME}\rPV1|1|I|HAEM1|||||||||||||||{NUMBER}\r"
    f"DG1|1||C83.3^{NAME}^I10|{NAME}|20260301|F\r"
)
ASSESSED = (
    f"MSH|^~\\&|HIS|W|CW|H|20260302110000||ORU^R01|{{number}}|P|2.5\r"
    f"PID|1||{NUMBER}^^^H^MR||{NAME}^{NAME}||{BORN}|U\r"
    f"OBR|1||AS1|ASSESS^{NAME}^L|||20260302100000\r"
    f"OBX|1|CE|suspected-mescc^{NAME}^99CORDWATCH||Y||||||F|||20260302100000\r"
    f"OBX|2|TX|NOTE^{NAME}^L||{NAME} born {BORN}, number {NUMBER}||||||F\r"
)
BAD_TIMES = ADMITTED.replace("20260301", NUMBER).replace("20260302095500", NAME)
NO_NUMBER = ADMITTED.replace(f"|{NUMBER}^^^H^MR", "|")
NO_HEADER = f"PID|1||{NUMBER}||{NAME}\r"
JSON_LINES = "\n".join(
    [
        a_suspicion(at=T(0), patient="p_abc").model_dump_json(),
        f'{{"kind":"assessed","patient":"{NAME}","{NAME}":"{NUMBER}","occurred_at":"{BORN}"}}',
        f'{{"kind":"{NAME}"}}',
        f'{{"{NAME}": {NUMBER}',
        f'{{"kind":"acknowledged","by":"{NAME}","patient":"{NUMBER} {NAME}"}}',
    ]
)
MESSAGES = (ADMITTED, ASSESSED, BAD_TIMES, NO_NUMBER, NO_HEADER)

FILE_PLACES = (
    ("simulate", "nowhere"),
    ("simulate", "cordwatch.feeds.gateway:map_message"),
    ("simulate", "cordwatch.feeds.gateway:read_event"),
    ("simulate", "cordwatch.app.commands.source_options:translate"),
    ("simulate", "cordwatch.pathway.simulation:decide"),
    ("explain", "nowhere"),
    ("explain", "cordwatch.feeds.gateway:map_message"),
    ("explain", "cordwatch.app.commands.simulate:explain_patient"),
)
REPLAY_PLACES = (
    "nowhere",
    "cordwatch.feeds.gateway:map_message",
    "cordwatch.app.commands.replay:raw_record",
    "cordwatch.app.commands.replay:derived_records",
    "cordwatch.runtime.kafka:Publisher.send",
)
FEEDS_PLACES = (
    "nowhere",
    "cordwatch.feeds.gateway:map_message",
    "cordwatch.feeds.intake:translate",
    "cordwatch.feeds.group_reading:records_of",
    "cordwatch.runtime.group_publisher:GroupPublisher.send",
    "cordwatch.feeds.trouble.listening:Listening.step",
    "cordwatch.feeds.trouble.listening:Listening.hear",
)
WATCH_PLACES = (
    "nowhere",
    "cordwatch.watch.reading:fact_of",
    "cordwatch.watch.machine:Machine._look",
    "cordwatch.watch.machine:Machine.restore",
    "cordwatch.watch.service:FaustBroker.send",
)


def hidden(told: str) -> bool:
    """Return whether no canary is in what was told, and no traceback."""
    return not [one for one in (*CANARIES, "Traceback") if one.lower() in told.lower()]


def command(place: str, *arguments: str) -> list[str]:
    """Return the command line with an error at *place*."""
    return [sys.executable, FAILING, place, *arguments]


def run(place: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(place, *arguments),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        input=stdin,
    )


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Write the inputs; return their paths."""
    (tmp_path / "told.hl7").write_text(
        "\n".join(one.format(number=f"C{n}") for n, one in enumerate(MESSAGES))
    )
    (tmp_path / "told.jsonl").write_text(JSON_LINES)
    return [str(tmp_path / "told.hl7"), str(tmp_path / "told.jsonl")]


@pytest.mark.parametrize(("what", "place"), FILE_PLACES)
def test_files_are_read_without_repeating_them(what: str, place: str, files: list[str]) -> None:
    """An error ends the command with a line that names type and place; the content stays inside."""
    more = ["--number-stdin"] if what == "explain" else ["--json"]
    done = run(place, what, *more, *files, stdin=NUMBER)
    assert hidden(done.stdout + done.stderr)
    failed = place != "nowhere"
    assert done.returncode == (70 if failed else 0), done.stderr
    assert ("unexpected error: ValueError at fail" in done.stderr) is failed


@pytest.mark.parametrize("place", REPLAY_PLACES)
def test_replay_repeats_nothing(place: str, spoilt_kafka: str, files: list[str]) -> None:
    """Nor do the clients of Kafka, which log keys and values where they fail."""
    topics_admin.apply(KafkaSettings(spoilt_kafka), 1)
    done = run(place, "--kafka", spoilt_kafka, "--log-level", "debug", "replay", *files)
    assert hidden(done.stdout + done.stderr)
    assert done.returncode == (1 if place == "nowhere" else 70), done.stderr


def address(log: Path, event: str) -> tuple[str, int]:
    """Return the address that a service logged with *event*, waiting for it."""

    def found() -> re.Match[str] | None:
        return re.search(rf'"address": "([\d.]+):(\d+)".*"event": "{event}"', log.read_text())

    assert eventually(lambda: found() is not None), log.read_text()
    told = found()
    assert told is not None
    return told[1], int(told[2])


@pytest.mark.parametrize("place", FEEDS_PLACES)
def test_the_gateway_repeats_nothing(place: str, spoilt_kafka: str, tmp_path: Path) -> None:
    """Log, metrics and health page, while messages are understood, refused, or break it."""
    topics_admin.apply(KafkaSettings(spoilt_kafka), 1)
    log = tmp_path / "feeds.log"
    arguments = ["--kafka", spoilt_kafka, "--log-level", "debug", "--log-format", "json", "feeds"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command(place, *arguments, "--port", "0", "--metrics-port", "0"),
            stdout=sink,
            stderr=sink,
        )
        try:
            page = address(log, "metrics")
            pages = exchange(address(log, "listening"), page)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            process.kill()
            process.wait(10)
    assert hidden(log.read_text() + pages)
    assert ("ValueError at fail" in log.read_text()) is (place != "nowhere")


def exchange(listening: tuple[str, int], page: tuple[str, int]) -> str:
    """Send every message on a connection of its own; return what metrics and health then say."""
    for number, message in enumerate(MESSAGES):
        # One that has ended, or ends now, answers nothing.
        with suppress(OSError), socket.create_connection(listening, timeout=5) as connection:
            connection.sendall(frame(message.format(number=f"F{number}").encode()))
            connection.recv(65_536)
    told = ""
    for path in ("metrics", "healthz"):
        try:
            with urlopen(f"http://{page[0]}:{page[1]}/{path}", timeout=5) as answer:
                told += answer.read().decode()
        except OSError:
            told += "gone"
    return told


def publish(kafka: str, topic: str, *records: tuple[str, str]) -> None:
    """Put records on a topic, as bad as they are."""
    publisher = Publisher(KafkaSettings(kafka))
    for key, value in records:
        publisher.send(topic, key.encode(), value.encode())
    publisher.confirm()
    publisher.close()


@pytest.mark.parametrize("place", WATCH_PLACES)
def test_watch_repeats_nothing(place: str, spoilt_kafka: str, tmp_path: Path) -> None:
    """Records that are none, keys with a name in them, and errors that quote them."""
    topics_admin.apply(KafkaSettings(spoilt_kafka), 1)
    patient = a_group()
    good = a_suspicion(at=T(0), patient=patient).model_dump_json()
    lines = [(patient, good), *((NAME, line) for line in JSON_LINES.splitlines())]
    publish(spoilt_kafka, ADMISSIONS.name, *lines)
    publish(spoilt_kafka, FACTS.name, (f"{NUMBER} {NAME}", f"{NAME} {BORN}"))
    log = tmp_path / "watch.log"
    arguments = ["--kafka", spoilt_kafka, "--log-level", "debug", "--log-format", "json", "watch"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command(place, *arguments, "--metrics-port", "0", "--group", a_group()),
            stdout=sink,
            stderr=sink,
        )
        pages = ""
        try:
            page = address(log, "metrics")
            if place == "nowhere":
                assert eventually(lambda: quarantined(page) > 3)
                pages = exchange(page, page)
                process.send_signal(signal.SIGTERM)
            code = process.wait(60)
        finally:
            process.kill()
            process.wait(10)
    assert hidden(log.read_text() + pages)
    assert code == (0 if place == "nowhere" else 70)
    assert ("ValueError at fail" in log.read_text()) is (place != "nowhere")


def quarantined(page: tuple[str, int]) -> float:
    """Return how many admissions could not be understood."""
    with urlopen(f"http://{page[0]}:{page[1]}/metrics", timeout=5) as answer:
        told = answer.read().decode()
    found = re.search(r'cordwatch_quarantined_total\{topic="admissions"\} ([\d.]+)', told)
    return float(found[1]) if found else 0.0
