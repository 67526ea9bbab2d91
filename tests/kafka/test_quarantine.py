"""`cordwatch quarantine` on a real broker: from a message that was refused to its alert, with nothing doubled."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import read_event
from cordwatch_schemas.topics import ADMISSIONS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

NAME, NUMBER, BORN = "ZEBRAFINCH", "4711778899", "19120623"
MESSAGE = (
    f"MSH|^~\\&|{{app}}|NORTH|CW|H|20260302095500||ADT^A01|M{{number}}|P|2.5\r"
    f"PID|1||{NUMBER}^^^NORTH^MR||{NAME}^A||{BORN}\rPV1|1|I|HAEM1\rEVN|A01|20260302095500\r"
    f"DG1|1||C83.3^{NAME}^I10||{{when}}|F\r"
)
PROFILE = "fields: {DG1-5: {values: {GISTEREN: '20260301'}}}\n"


class Desk:
    """The command on one broker, and a sending application of the test's own."""

    def __init__(self, kafka: str, folder: Path) -> None:
        """Write three messages (one good, two not) to the topics, by a gateway that knows no better."""
        self.kafka, self.folder = kafka, folder
        self.app = f"A{uuid.uuid4().hex[:8].upper()}"
        self.told = ""
        topics_admin.apply(KafkaSettings(kafka), 1)
        file = folder / "sent.hl7"
        whens = ("20260301", "GISTEREN", "MORGEN")
        file.write_text(
            "\n".join(
                MESSAGE.format(app=self.app, number=number, when=when)
                for number, when in enumerate(whens)
            )
        )
        (folder / "mended.yaml").write_text(PROFILE)
        assert self.run("replay", str(file))[0] == 1

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command in this process; return its exit code and what it printed."""
        done = CliRunner().invoke(cordwatch, ["--kafka", self.kafka, *arguments])
        self.told += done.stdout + done.stderr
        return done.exit_code, done.stdout

    def quarantine(self, *arguments: str) -> tuple[int, list[dict[str, object]]]:
        """Run a command of the group for this sender; return its exit code and its JSON lines."""
        code, told = self.run("quarantine", *arguments, "--source", self.app, "--json")
        return code, [json.loads(line) for line in told.splitlines()]

    def events(self) -> list[Event]:
        """Return every admission event of this sender, as often as it stands there."""
        records = read_topic(KafkaSettings(self.kafka), ADMISSIONS.name, follow=False)
        values = [one[1] for one in records if one is not None and one[1] is not None]
        found = [read_event(value) for value in values if self.app.encode() in value]
        return [one for one in found if one.source == f"{self.app}|NORTH"]


@pytest.fixture
def desk(real_kafka: str, tmp_path: Path) -> Desk:
    """Give a desk with two messages in quarantine."""
    return Desk(real_kafka, tmp_path)


def ids(events: Sequence[Event]) -> set[tuple[str, str]]:
    """Return ids and contents: one under two contents would be two. A file's events come a moment earlier."""
    return {(one.event_id, one.model_dump_json(exclude={"received_at"})) for one in events}


def test_from_refused_to_read(desk: Desk) -> None:
    """Listed; tried dry; read again; what could not be mended is left, put aside by a person."""
    mended = ("--profile", str(desk.folder / "mended.yaml"))
    code, listed = desk.quarantine("list")
    assert (code, [one["field"] for one in listed]) == (1, ["DG1-5", "DG1-5"])
    before = desk.events()
    assert len(before) == 4

    code, tried = desk.quarantine("retry", "--dry-run", *mended)
    assert (code, sorted(str(one["result"]) for one in tried)) == (1, ["fails", "mapped"])
    assert len(desk.events()) == len(before)
    assert desk.quarantine("list") == (1, listed)

    code, read = desk.quarantine("retry", *mended)
    assert (code, read) == (1, tried)
    after = desk.events()
    # The admissions of both messages were told before; told again they are the same.
    assert len(after) == len(before) + 3
    assert ids(before) < ids(after)
    assert len({one.event_id for one in after}) == len(ids(after)) == 5

    code, listed = desk.quarantine("list")
    assert (code, len(listed)) == (1, 1)
    # Again: what is closed is not told once more.
    assert [one["result"] for one in desk.quarantine("retry", *mended)[1]] == ["fails"]
    assert ids(desk.events()) == ids(after)

    words = ("--by", "n.jansen", "--because", "a test message")
    assert desk.quarantine("dismiss", *words)[0] == 0
    assert desk.quarantine("list") == (0, [])
    resolved = desk.quarantine("list", "--resolved")[1]
    assert sorted(str(one["resolution"]) for one in resolved) == ["dismissed", "retried"]
    hidden(desk)


def test_originals_come_out_only_where_they_were_asked_for(desk: Desk) -> None:
    """Into private files, with a manifest that names nobody; a terminal gets none."""
    _, listed = desk.quarantine("list")
    one = str(listed[0]["quarantine_id"])
    file = desk.folder / "one.hl7"
    assert desk.run("quarantine", "show", one, "--original", str(file))[0] == 0
    assert NAME in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert desk.run("quarantine", "show", one, "--original", str(file))[0] == 2

    folder = desk.folder / "out"
    code, summary = desk.quarantine("export", str(folder))
    assert (code, summary) == (0, [{"records": 2, "files": 2, "gone": 0}])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    manifest = (folder / "manifest.jsonl").read_text()
    named = [json.loads(line) for line in manifest.splitlines()]
    assert all(NAME in (folder / str(line["file"])).read_text() for line in named)
    assert desk.quarantine("export", str(folder))[0] == 2
    hidden(desk, manifest)
    assert NAME in desk.run("quarantine", "show", one, "--original", "-")[1]


def test_a_terminal_gets_no_original_unless_it_is_forced(desk: Desk) -> None:
    """It may be recorded, or looked at over a shoulder."""
    _, listed = desk.quarantine("list")
    base = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", desk.kafka, "quarantine", "show"]
    base += [str(listed[0]["quarantine_id"]), "--original", "-"]
    for more, code in (([], 2), (["--force"], 0)):
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run(
                [*base, *more], stdout=theirs, stderr=theirs, timeout=60, check=False
            )
            told = os.read(ours, 65_536).decode()
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == code
        assert (NAME in told) is (code == 0)


def test_what_nobody_named_is_not_changed(desk: Desk) -> None:
    """All is meant only where it is said."""
    for command in (["retry"], ["dismiss", "--by", "n.jansen", "--because", "x"]):
        assert desk.run("quarantine", *command)[0] == 2
        assert desk.run("quarantine", *command, "--all", "--source", desk.app)[0] == 2
    assert len(desk.quarantine("list")[1]) == 2


def hidden(desk: Desk, more: str = "") -> None:
    """Fail where a name, number or birth date was told."""
    told = desk.told + more
    assert [one for one in (NAME, NUMBER, BORN, "Traceback") if one in told] == []
