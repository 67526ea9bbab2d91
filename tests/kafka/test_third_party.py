"""Senders that others wrote, against a gateway on a real broker: HAPI HL7v2, and python-hl7's `mllp_send`."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from tests.hapi import hapi
from tests.kafka.gateway import Gateway, an_admission
from tests.kafka.test_feeds import event_ids, raw_ids

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def asking(control_id: str, *asks: str) -> str:
    """Return an admission whose sender asks to hear *asks* (MSH-15, MSH-16)."""
    text = an_admission(control_id).decode()
    return text.replace("|P|2.5\r", "|P|2.5|||" + "|".join(asks) + "\r", 1) if asks else text


def test_hapi_gets_its_acknowledgements(real_kafka: str, tmp_path: Path) -> None:
    """Original and enhanced mode over one connection; an error names segment and field; all is on the broker."""
    topics_admin.apply(KafkaSettings(real_kafka), 1)
    run = uuid.uuid4().hex[:8]
    plain, accept, application, bad, last = (f"{run}-{number}" for number in range(5))
    messages = [
        asking(plain),
        asking(accept, "AL", "NE"),
        asking(application, "NE", "AL"),
        an_admission(bad).decode().replace(f"{bad}^^^H^MR", ""),
        asking(last, "AL", "NE"),
    ]
    with Gateway(real_kafka, tmp_path / "gateway.log") as gateway:
        heard = hapi.send(messages, gateway.port)
        assert gateway.stop() == 0
    assert heard == [
        ("AA", plain, ""),
        ("CA", accept, ""),
        ("AA", application, ""),
        ("AE", bad, "PID-3"),
        ("CA", last, ""),
    ]
    assert {plain, accept, application, bad, last} <= raw_ids(real_kafka).keys()
    assert {plain, accept, application, last} <= event_ids(real_kafka).keys()


def test_python_hl7_sends_a_file(real_kafka: str, tmp_path: Path) -> None:
    """Its command sends a file of messages, one after the other, and prints what it hears."""
    topics_admin.apply(KafkaSettings(real_kafka), 1)
    run = uuid.uuid4().hex[:8]
    ids = [f"{run}-{number}" for number in range(20)]
    (tmp_path / "messages.hl7").write_bytes(b"".join(map(an_admission, ids)))
    with Gateway(real_kafka, tmp_path / "gateway.log") as gateway:
        command = [str(Path(sys.executable).parent / "mllp_send"), "--loose"]
        command += ["--file", str(tmp_path / "messages.hl7"), "--port", str(gateway.port)]
        sent = subprocess.run(
            [*command, "127.0.0.1"], capture_output=True, text=True, timeout=100, check=False
        )
        assert (sent.returncode, sent.stderr) == (0, "")
        assert gateway.stop() == 0
    heard = [line for line in sent.stdout.replace("\r", "\n").splitlines() if "MSA|" in line]
    assert [line.split("|")[1:3] for line in heard] == [["AA", one] for one in ids]
    assert set(ids) <= raw_ids(real_kafka).keys()
    assert set(ids) <= event_ids(real_kafka).keys()
