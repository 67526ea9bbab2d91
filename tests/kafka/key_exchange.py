"""A hospital whose key is exchanged: its keys, its gateway, its messages, and the commands that an operator types."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cordwatch.feeds.references import References
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.runtime.topic_span import TopicSpan
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import read_event
from cordwatch_schemas.topics import ALERTS, REFERENCES, SOURCES
from tests.kafka.gateway import Gateway, Sender
from tests.kafka.test_watch import eventually

KEYS = {name: f"{name} key of this test, and long enough" for name in ("first", "second", "third")}
SCAN = "30855-1"


def references(key: str) -> References:
    """Return the references that one of the keys makes."""
    return References(KEYS[key].encode())


class Ran:
    """How a command ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        """Keep what it said."""
        assert "Traceback" not in done.stderr, done.stderr
        for key in KEYS.values():
            assert key not in done.stdout + done.stderr
        self.code, self.said, self.complained = done.returncode, done.stdout, done.stderr

    @property
    def told(self) -> dict[str, Any]:
        """Return the JSON object that it printed."""
        found: dict[str, Any] = json.loads(self.said)
        return found


class Hospital:
    """Sends as of now; patients and visits have numbers, and what is told of them is looked up by reference."""

    def __init__(self, kafka: str, folder: Path) -> None:
        """Write every key into a file."""
        self.kafka, self.folder, self.now = kafka, folder, WallClock().now()
        self._sent = 0
        for name, key in KEYS.items():
            (folder / name).write_text(key + "\n", encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        """Run a command."""
        command = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", self.kafka, *arguments]
        return Ran(
            subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        )

    def carry(self, former: str, present: str, *options: str) -> Ran:
        """Exchange the *former* key for the *present* one."""
        old, new = str(self.folder / former), str(self.folder / present)
        keys = ("--former-key-file", old, "--key-file", new)
        return self.run("references", "carry", "--json", *keys, *options)

    def gateway(self, key: str) -> Gateway:
        """Start a gateway with a key."""
        log = self.folder / f"gateway-{self._sent}-{key}.log"
        return Gateway(self.kafka, log, "--key-file", str(self.folder / key))

    def send(self, gateway: Gateway, *messages: str) -> None:
        """Send *messages*, and see that each is accepted."""
        named = {f"M{self._sent + number}": text for number, text in enumerate(messages)}
        self._sent += len(messages)
        sender = Sender(list(named), 1, lambda one: named[one].replace("ID?", one).encode())
        asyncio.run(sender.send_until_done_or_cut(gateway.port, lambda: None))
        assert sender.waiting == []

    def replay(self, key: str | None, *messages: str) -> Ran:
        """Publish *messages* from a file; without a *key* by that which counts then."""
        file = self.folder / f"sent-{self._sent}"
        self._sent += len(messages)
        text = "\r".join(one.replace("ID?", f"F{self._sent}") for one in messages)
        file.write_text(text, encoding="utf-8")
        return self.run(
            "replay", str(file), *(("--key-file", str(self.folder / key)) if key else ())
        )

    def header(self, kind: str, number: str, visit: str) -> str:
        """Return how a message of *kind* about a patient's visit begins."""
        at = f"{self.now:%Y%m%d%H%M%S}"
        return (
            f"MSH|^~\\&|HIS|H|CW|H|{at}||{kind}|ID?|P|2.5\rEVN||{at}\r"
            f"PID|1||{number}^^^H^MR\rPV1|1|I|HAEM1{'|' * 16}{visit}\r"
        )

    def admission(self, number: str, visit: str) -> str:
        """Return an admission."""
        return self.header("ADT^A01", number, visit)

    def discharge(self, number: str, visit: str) -> str:
        """Return a discharge."""
        return self.header("ADT^A03", number, visit)

    def suspicion(self, number: str, visit: str, hours: int = 13) -> str:
        """Return a suspicion of so many hours ago: a scan is late."""
        at = self.now - timedelta(hours=hours)
        return (
            f"{self.header('ORU^R01', number, visit)}OBR|1||A{number}|ASSESS|||{at:%Y%m%d%H%M%S}\r"
            "OBX|1|CE|suspected-mescc^^99CORDWATCH||Y||||||F\r"
        )

    def scan(self, number: str, visit: str) -> str:
        """Return a scan that was done an hour ago."""
        at, order = f"{self.now - timedelta(hours=1):%Y%m%d%H%M%S}", f"R{number}"
        return (
            f"{self.header('ORM^O01', number, visit)}ORC|SC|{order}|F{order}||CM||||{at}\r"
            f"OBR|1|{order}|F{order}|{SCAN}^^LN|||{at}\r"
        )

    def events(self, *patients: str) -> list[Event]:
        """Return what the topics tell of *patients*, of each topic in its order."""
        found = (one for topic in SOURCES for one in self._values(topic.name, patients))
        return [read_event(one) for one in found]

    def alerts(self, *patients: str) -> dict[str, Alert]:
        """Return the last word of every alert of *patients*, by its id."""
        told = (Alert.model_validate_json(one) for one in self._values(ALERTS.name, patients))
        return {one.alert_id: one for one in told}

    def open_alerts(self, patient: str) -> set[str]:
        """Return the ids of a patient's alerts that hold."""
        return {id_ for id_, one in self.alerts(patient).items() if one.status == "open"}

    def expect_open(self, patient: str) -> set[str]:
        """Wait for an alert that says that a patient is late; return the ids of all that hold."""

        def is_late() -> bool:
            return any(
                one.level == "due" and one.status == "open" for one in self.alerts(patient).values()
            )

        assert eventually(is_late)
        return self.open_alerts(patient)

    def _values(self, topic: str, patients: Sequence[str]) -> list[bytes]:
        records = read_topic(KafkaSettings(self.kafka), topic, follow=False)
        return [
            one[1] for one in records if one and one[1] and (one[0] or b"").decode() in patients
        ]

    def records(self) -> int:
        """Return how many records the topic of references has."""
        with TopicSpan(KafkaSettings(self.kafka), REFERENCES.name) as span:
            return len(span)


def last_at(events: Sequence[Event], kind: str) -> tuple[str, str | None, datetime]:
    """Return of whom and of which visit the last event of *kind* is, and when it was received."""
    found = [one for one in events if getattr(one, "kind", "") == kind][-1]
    return found.patient, found.encounter, found.received_at
