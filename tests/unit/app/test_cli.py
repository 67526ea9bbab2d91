"""The command line as a user meets it: help, exit codes, and answers to wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cordwatch.app.cli import _COMMANDS
from cordwatch.app.demo_day import DAY_FILE
from cordwatch_schemas.base import Event
from tests.builders import T, a_suspicion, known_lymphoma

CANARY = "Zebrafinch"


def cordwatch(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cordwatch.app.cli", *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=60,
        check=False,
    )


def a_file(folder: Path, *events: Event) -> str:
    """Write *events* as JSON lines; return the path."""
    path = folder / "events.jsonl"
    path.write_text("\n".join(event.model_dump_json() for event in events), encoding="utf-8")
    return str(path)


def test_help_imports_no_command() -> None:
    """So that it answers at once."""
    script = (
        "import sys\nfrom cordwatch.app.cli import cordwatch\n"
        "try:\n    cordwatch(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('faust', 'pydantic', 'kafka', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_an_example_in_its_help(name: str) -> None:
    """A help that teaches."""
    done = cordwatch(name, "--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


def test_simulate_prints_one_json_object_a_line(tmp_path: Path) -> None:
    """What would have alerted, with every promised field."""
    file = a_file(tmp_path, known_lymphoma(), a_suspicion(at=T(1)))
    done = cordwatch("simulate", "--json", "--until", T(13).isoformat(), file)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["level"] for one in alerts] == ["reminder", "warning", "urgent", "due"]
    promised = "alert_id kind rule level severity paged cause patient encounter start_at due_at"
    promised += " raised_at status reason late_by_s pack"
    assert set(promised.split()) <= alerts[0].keys()


def test_explain_says_why_not(tmp_path: Path) -> None:
    """Every rule that never ran is named."""
    file = a_file(tmp_path, a_suspicion(at=T(1)))
    done = cordwatch("explain", file)
    assert done.returncode == 0
    assert "steroid.start: nothing recorded that means mescc-confirmed" in done.stdout


def test_the_bundled_day_reads_without_a_name_or_number() -> None:
    """References only, on the screen too."""
    done = cordwatch("simulate", str(DAY_FILE))
    assert "TESTCASE" not in done.stdout + done.stderr
    assert "DEMO0" not in done.stdout + done.stderr
    assert "1 quarantined" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["simulate", "{folder}/empty"], 2, "the file is empty"),
        (["simulate", "{folder}/missing"], 2, "does not exist"),
        (["simulate", "--zone", "Mars/Base", "{folder}/good"], 2, "not a time zone"),
        (["simulate", "--until", "tomorrow", "{folder}/good"], 2, "not an ISO 8601 time"),
        (["simulate", "--pack", "{folder}/pack.yaml", "{folder}/good"], 5, "pack.yaml:1:1"),
        (["pack", "check", "{folder}/nothing.yaml"], 2, "No such file"),
        (["report", "--pack", "{folder}/pack.yaml", "{folder}/good"], 5, "pack.yaml:1:1"),
        (
            ["--kafka", "127.0.0.1:1", "--broker-timeout", "0.5", "report", "--live"],
            4,
            "no Kafka broker answers at 127.0.0.1:1",
        ),
        (
            ["--kafka", "127.0.0.1:1", "--broker-timeout", "0.5", "alerts"],
            4,
            "no Kafka broker answers at 127.0.0.1:1",
        ),
    ],
)
def test_wrong_use_is_answered_in_a_line(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """An exit code, a reason, no traceback."""
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "good").write_text(a_suspicion(at=T(0)).model_dump_json(), encoding="utf-8")
    (tmp_path / "pack.yaml").write_text("nmae: x\n", encoding="utf-8")
    done = cordwatch(*(one.format(folder=tmp_path) for one in arguments))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(128, 256)) * 40,
        b"MSH|^~\\&|A|B|||2026||ADT^A01|" + CANARY.encode() + b"\rPID|1||" + CANARY.encode(),
        b'{"kind":"assessed","patient":"' + CANARY.encode() + b' x"}',
        b"x" * 2_000_000,
    ],
    ids=["binary", "hl7", "json", "long-line"],
)
def test_any_file_is_read_and_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    """Counted and named; never a traceback, never the content."""
    path = tmp_path / "file"
    path.write_bytes(content)
    done = cordwatch("simulate", str(path))
    assert done.returncode == 0
    assert "1 quarantined" in done.stderr
    assert CANARY not in done.stdout + done.stderr
