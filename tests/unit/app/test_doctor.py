"""The doctor: what hangs is passed over, what is bad has a cure, and what is printed may be pasted."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.effective import known_variables
from cordwatch.app.doctor import broker, here
from cordwatch.app.doctor.probing import Finding, all_good, good, probed, unknown
from cordwatch.app.doctor.services import judged
from cordwatch.runtime.kafka import BrokerUnreachable, KafkaSettings

CANARY = "zebrafinch-4711"
WELL = """# TYPE cordwatch_build_info gauge
cordwatch_build_info{version="1.2.3"} 1.0
# TYPE cordwatch_clock_offset_seconds gauge
cordwatch_clock_offset_seconds{topic="acks"} NaN
cordwatch_clock_offset_seconds{topic="admissions"} -0.25
# TYPE cordwatch_unreadable_patients gauge
cordwatch_unreadable_patients 0.0
"""


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Import every command before the doctor does: on a busy machine that takes longer than it waits."""
    assert "CORDWATCH_HOLD" in known_variables()


def asked(*arguments: str, kafka: str = "127.0.0.1:1", **environment: str) -> Result:
    """Call the doctor to a broker that is not there."""
    command = ["--kafka", kafka, "doctor", "--json", *arguments]
    return CliRunner().invoke(cordwatch, command, env=environment)


def told(result: Result) -> dict[str, dict[str, str]]:
    """Return of each probe what it found."""
    return {one["probe"]: one for one in map(json.loads, result.stdout.splitlines())}


def test_a_probe_that_hangs_is_passed_over_and_one_that_breaks_hides_no_other() -> None:
    """Each on a thread of its own; what an error quotes is not shown, unless it is ours."""
    hanging = threading.Event()

    def hangs() -> Finding:
        hanging.wait(30)
        return good("too late")

    def breaks() -> Finding:
        raise ValueError(CANARY)

    def knows() -> Finding:
        raise BrokerUnreachable("kafka:9092", 4)

    began = time.monotonic()
    found = probed(
        {"hangs": hangs, "breaks": breaks, "knows": knows, "well": lambda: good("yes")}, 0.3
    )
    assert time.monotonic() - began < 5
    hanging.set()
    assert list(found) == ["hangs", "breaks", "knows", "well"]
    assert [one.state for one in found.values()] == ["unknown", "bad", "bad", "good"]
    assert found["breaks"].found == "failed: ValueError"
    assert found["knows"].found == "no Kafka broker answers at kafka:9092 (tried for 4 s)"


def test_what_nobody_could_look_at_is_neither_good_nor_bad() -> None:
    """The exit code is about what was found."""
    assert all_good([good("a"), unknown("b")])
    assert not all_good([good("a"), Finding("bad", "c", "d")])


def test_a_dead_broker_is_said_once_with_its_cure() -> None:
    """And what it would have told is unknown, not bad; all else is looked at."""
    result = asked()
    found = told(result)
    assert result.exit_code == 1
    assert found["kafka door"]["state"] == "bad"
    assert "127.0.0.1:1" in found["kafka door"]["found"]
    assert {found[name]["state"] for name in ("topics", "watch", "retention", "feeds")} == {
        "unknown"
    }
    assert found["pathway pack"]["found"].startswith("mescc-lymphoma@")
    assert len(found) >= 12
    assert [one for one in found.values() if one["state"] == "bad" and not one["cure"]] == []


def test_nothing_that_is_printed_is_secret(tmp_path: Path) -> None:
    """Neither a key, nor what a file holds that is none, nor a password in an address."""
    key, plan = tmp_path / "key", tmp_path / "plan.yaml"
    key.write_text(f"password-{CANARY}")
    plan.write_text(f"pager: {CANARY}\n")
    result = asked("--key-file", str(key), "--plan", str(plan), CORDWATCH_HODL=CANARY)
    found = told(result)
    assert CANARY not in result.output
    assert found["reference key"]["found"] == "is a placeholder: it says password"
    assert found["pager plan"]["state"] == "bad"
    assert "is CORDWATCH_HOLD meant?" in found["variables"]["found"]


def test_of_several_brokers_one_that_is_away_is_named() -> None:
    """The others may be enough today; they are not what was planned."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = f"127.0.0.1:{server.getsockname()[1]}"
        found = broker.door(KafkaSettings(f"{there},127.0.0.1:1"))
        assert found == (Finding("bad", "no answer at 127.0.0.1:1", "start this broker"), True)
        assert broker.door(KafkaSettings(there)) == (good("1 answer"), True)
    closed, is_open = broker.door(KafkaSettings("127.0.0.1:1"))
    assert (closed.state, is_open) == ("bad", False)
    assert broker.names(KafkaSettings("no.such.host.invalid:9092")).state == "bad"


def test_a_service_that_is_well_says_its_version_and_its_clock() -> None:
    """What did not come in five minutes has no offset."""
    assert judged(200, WELL, "1.2.3") == good("gets on, version 1.2.3, clocks 0.2 s apart at most")


@pytest.mark.parametrize(
    ("status", "before", "after", "fault"),
    [
        (503, "", "", "does not get on (its /healthz says why)"),
        (200, "1.2.3", "1.2.2", "is version 1.2.2, this is 1.2.3"),
        (200, "build_info", "built_info", "is version unknown, this is 1.2.3"),
        (200, "-0.25", "-2.5", "its clock and one that stamps records are 2.5 s apart"),
        (200, "patients 0.0", "patients 2.0", "2 patients of whom a stored row cannot be read"),
    ],
)
def test_what_is_wrong_with_a_service_is_said(
    status: int, before: str, after: str, fault: str
) -> None:
    """Each by itself, with where to look."""
    text = WELL.replace(before, after) if before else WELL
    found = judged(status, text, "1.2.3")
    assert (found.state, found.found) == ("bad", fault)
    assert "runbook" in found.cure


def test_what_there_is_to_know_here_is_good_on_a_good_host(tmp_path: Path) -> None:
    """A key that was made, a zone, the shipped pack."""
    key = tmp_path / "key"
    key.write_text("d41f8c0b2a9e7356d41f8c0b2a9e7356d41f8c0b2a9e7356d41f8c0b2a9e7356")
    probes = here.probes({"HOME": "x"}, "Europe/Amsterdam", "mescc-lymphoma", None, key)
    found = probed(probes, 30)
    assert {name for name, one in found.items() if one.state != "good"} == {"pager plan"}
    assert (
        probed(here.probes({}, "Amsterdam", "nothing.yaml", None, None), 30)["time zone"].state
        == "bad"
    )
