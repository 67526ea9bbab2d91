"""The command line as a user meets it: help, exit codes, and answers to wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cordwatch.app.cli import _COMMANDS
from cordwatch.app.cli import cordwatch as group_of_all
from cordwatch.app.demo_day import DAY_FILE
from cordwatch_schemas.base import Event
from tests.builders import T, a_suspicion, known_lymphoma
from tests.unit.pager.plans import SMALL

CANARY = "Zebrafinch"
HELP_S_MAX = 0.4


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


def commands(
    group: click.Group = group_of_all, path: str = ""
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its name as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, f"{path}{name} ")
        else:
            yield f"{path}{name}", found


def test_every_command_documents_its_exit_codes() -> None:
    """A script that calls it need not guess."""
    told = {name: found.help or "" for name, found in commands()}
    assert len(told) > len(_COMMANDS)
    assert [name for name, text in told.items() if "Exit codes:" not in text] == []


PRINTS_NO_DATA = {
    *("ack", "board", "classify", "demo", "feeds", "stand-down", "synthetic", "watch"),
    *("pager run", "pager test", "secrets check", "secrets make"),
}
"""What they print is a line about what was done, or a log."""


def test_every_command_that_prints_data_prints_it_as_json_too() -> None:
    """By `--json`; the report has more forms, among them this one."""
    without = {
        name
        for name, found in commands()
        if not {"--json", "--format"} & {opt for one in found.params for opt in one.opts}
    }
    assert without == PRINTS_NO_DATA


def test_help_answers_at_once() -> None:
    """In less than 0.4 s: the best of a few, since a busy machine is not the command's doing."""
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        assert cordwatch("--help").returncode == 0
        took.append(time.perf_counter() - begun)
    assert min(took) < HELP_S_MAX


def test_explain_prints_one_json_object_a_line(tmp_path: Path) -> None:
    """Each line with the heading that it stands under."""
    file = a_file(tmp_path, a_suspicion(at=T(1)))
    done = cordwatch("explain", "--json", file)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    plain = cordwatch("explain", file).stdout.splitlines()
    assert [one["text"] for one in told] == [line.strip() for line in plain if line[:2] == "  "]
    assert {one["section"] for one in told} >= {"1 facts", "why not"}


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
        (["watch", "--pack", "{folder}/pack.yaml"], 5, "pack.yaml:1:1"),
        (["watch", "--pack", "{folder}/nothing.yaml"], 2, "No such file"),
        (["explain", "{folder}/empty"], 2, "the file is empty"),
        (["report", "{folder}/empty"], 2, "the file is empty"),
        (["report", "--pack", "{folder}/pack.yaml", "{folder}/good"], 5, "pack.yaml:1:1"),
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
    "command",
    [
        "alerts",
        "ack X --by me",
        "stand-down X --by me --reason why",
        "classify X positive --by me --patient p",
        "feeds",
        "operations",
        "operations --feeds",
        "pager pages",
        "pager run --plan {folder}/plan.yaml",
        "quarantine list",
        "quarantine show X",
        "quarantine retry --all",
        "quarantine dismiss --all --by me --because why",
        "quarantine export {folder}/out",
        "replay {file}",
        "report --live",
        "topics plan",
        "topics apply",
        "topics verify",
        "watch",
    ],
)
def test_an_unreachable_broker_is_named(tmp_path: Path, command: str) -> None:
    """It was tried for as long as was asked; then an address, a code, and nothing else."""
    file = a_file(tmp_path, a_suspicion(at=T(0)))
    (tmp_path / "plan.yaml").write_text(SMALL, encoding="utf-8")
    arguments = ["--kafka", "127.0.0.1:1", "--broker-timeout", "0.5"]
    told_paths = {"file": file, "folder": tmp_path}
    done = cordwatch(*arguments, *(one.format(**told_paths) for one in command.split()))
    assert done.returncode == 4
    *warned, told = done.stderr.splitlines()
    assert told == "cordwatch: no Kafka broker answers at 127.0.0.1:1 (tried for 0.5 s)"
    assert all("[warning" in line for line in warned)


LIMITED = "import resource, runpy\nresource.setrlimit(resource.RLIMIT_AS, ({0}, {0}))\n"
LIMITED += "runpy.run_module('cordwatch.app.cli', run_name='__main__')"
MEMORY_MAX = 600 * 2**20
LONG_S_MAX = 30


@pytest.mark.parametrize(
    "begin", [b'{"kind":"', b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||"]
)
def test_a_line_of_50_mib_is_refused_in_bounded_memory(tmp_path: Path, begin: bytes) -> None:
    """It is never held whole: the command is given less memory than a few copies would take."""
    path = tmp_path / "long"
    path.write_bytes(
        begin + b"x" * (50 * 2**20) + b"\n" + a_suspicion(at=T(0)).model_dump_json().encode()
    )
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(MEMORY_MAX), "simulate", str(path)],
        capture_output=True,
        text=True,
        timeout=LONG_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 quarantined" in done.stderr
    assert "more than the limit of 16777216" in done.stderr
    assert time.perf_counter() - begun < LONG_S_MAX


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
