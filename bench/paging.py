"""How soon somebody is told: from a diagnosis on Kafka through watch and pager to the first call at a pager's door."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.findings import Findings, at_most
from bench.load import Publisher, reference
from bench.running import Worker, fresh_broker, until
from cordwatch.pager.lane import dedup_key
from cordwatch.pager.plan import STEPS
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ADMISSIONS, ALERTS
from tests.builders import a_confirmed_diagnosis
from tests.kafka.pager_process import PagerProcess

STORM_S = 10.0
CRITICAL_EACH = 20
"""One alert of so many cannot wait."""

ROLE, DOOR = "ward-physician", "door"


class Door:
    """Takes pages as PagerDuty's Events API does, and notes when each key was first triggered."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self.first: dict[str, datetime] = {}
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                now = datetime.now(UTC)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.first.setdefault(body["dedup_key"], now)
                answer = json.dumps({"status": "success", "dedup_key": body["dedup_key"]}).encode()
                self.send_response(202)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        outer = self
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v2/enqueue"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def _pager(kafka: str, folder: Path, per_minute: int) -> Iterator[Door]:
    door = Door()
    (folder / "key").write_text("k" * 32)
    plan = {
        "destinations": {
            DOOR: {
                "kind": "pagerduty",
                "url": door.url,
                "routing_key_file": str(folder / "key"),
                "per_minute": per_minute,
            }
        },
        "roster": [{"role": ROLE, "by": [DOOR]}],
        "ladder": {step: {"tell": [ROLE]} for step in STEPS},
        "calm": {"pages": 1_000},
    }
    (folder / "plan.yaml").write_text(json.dumps(plan))
    with PagerProcess(kafka, folder / "plan.yaml", folder / "pager.log") as pager:
        pager.wait_for("the pager tells")
        try:
            yield door
        finally:
            door.close()


def paging(found: Findings, folder: Path, diagnoses: int, per_s: float) -> None:
    """Diagnose so many patients, evenly, and measure until somebody is told to give the steroid; then a storm."""
    with fresh_broker(folder / "paging") as kafka:
        log = folder / "worker.log"
        with (
            Worker("watch", "pathway", kafka, log) as worker,
            _pager(kafka, folder, 10_000) as door,
        ):
            worker.recovered()
            sent = _diagnose(kafka, diagnoses, per_s)
            prompts = _prompts(kafka, set(sent))
            keys = {dedup_key(alert, 1, ROLE, DOOR): who for alert, who in prompts.items()}
            until(lambda: all(key in door.first for key in keys) or None, "every prompt told")
            waits = sorted(
                (door.first[key] - sent[who]).total_seconds() for key, who in keys.items()
            )
    half, most = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    found.add(
        "Paging",
        f"from a diagnosis to the first call, {diagnoses:,} of them, {per_s:g}/s",
        f"p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms, worst {waits[-1] * 1000:.0f} ms",
        "event published, watch, alert, pager's ledger, request read at the door; loopback, one broker",
        (at_most(2.0, "2 s (p99)"), most),
    )
    assert len(waits) == diagnoses, f"{len(waits)} of {diagnoses} prompts were told"
    _storm(found, folder)


def _diagnose(kafka: str, count: int, per_s: float) -> dict[str, datetime]:
    sent: dict[str, datetime] = {}
    began = time.perf_counter()
    with Publisher(kafka, linger_ms=1) as publisher:
        for number in range(count):
            now, who = datetime.now(UTC), reference(number)
            event = a_confirmed_diagnosis(now, patient=who, event_id=f"d-{number}")
            publisher.send(ADMISSIONS.name, who, event.model_dump_json().encode())
            sent[who] = now
            time.sleep(max(0.0, began + (number + 1) / per_s - time.perf_counter()))
    return sent


def _prompts(kafka: str, wanted: set[str]) -> Mapping[str, str]:
    """Return the alerts that say to give the steroid, and whose they are, once all are there."""

    def look() -> Mapping[str, str] | None:
        found = {}
        for record in read_topic(KafkaSettings(kafka), ALERTS.name, follow=False):
            if record is not None and record[1] is not None:
                alert = Alert.model_validate_json(record[1])
                if (alert.rule, alert.level) == ("steroid.start", "prompt"):
                    found[alert.alert_id] = alert.patient
        return found if set(found.values()) >= wanted else None

    return until(look, "a prompt for everybody")


def _storm(found: Findings, folder: Path, count: int = 1_000) -> None:
    """Let so many alerts come in ten seconds, at a pager's own limit of 120 a minute."""
    (folder / "storm").mkdir()
    with (
        fresh_broker(folder / "storm" / "kafka") as kafka,
        _pager(kafka, folder / "storm", 120) as door,
        Publisher(kafka, linger_ms=1) as publisher,
    ):
        came: dict[str, datetime] = {}
        began = time.perf_counter()
        for number in range(count):
            alert = _an_alert(number, is_critical=number % CRITICAL_EACH == 0)
            publisher.send(ALERTS.name, alert.patient, alert.model_dump_json().encode())
            if alert.severity == "critical":
                came[dedup_key(alert.alert_id, 1, ROLE, DOOR)] = alert.raised_at
            time.sleep(max(0.0, began + (number + 1) * STORM_S / count - time.perf_counter()))
        until(lambda: all(key in door.first for key in came) or None, "what cannot wait")
        waits = sorted((door.first[key] - at).total_seconds() for key, at in came.items())
    most = waits[int(len(waits) * 0.99)]
    found.add(
        "Paging",
        f"{count:,} alerts in {STORM_S:.0f} s, one in {CRITICAL_EACH} of them overdue",
        f"overdue ones: p50 {waits[len(waits) // 2] * 1000:.0f} ms, p99 {most * 1000:.0f} ms",
        "from the publishing of the alert to the request read at the door",
        (at_most(10.0, "10 s (p99)"), most),
    )


def _an_alert(number: int, *, is_critical: bool) -> Alert:
    now = datetime.now(UTC)
    return Alert(
        alert_id=f"storm-{number}",
        kind="clock",
        rule="mri.mescc-suspected",
        level="overdue" if is_critical else "warning",
        severity="critical" if is_critical else "warning",
        paged=True,
        patient=reference(number),
        clock=f"clock-{number}",
        cause=f"f-{number}",
        start_at=now - timedelta(hours=12),
        due_at=now,
        raised_at=now,
        reason="MRI of the whole spine not done",
        clause="Urgent diagnostic approach",
        pack="mescc-lymphoma@1.0.0",
    )
