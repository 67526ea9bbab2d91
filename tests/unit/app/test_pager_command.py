"""`cordwatch pager` as somebody meets it who writes a plan: asked, checked, tried, shown."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner, Result

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.pager_pages import lines_of
from cordwatch_schemas.examples import examples
from cordwatch_schemas.pages import LedgerEntry
from cordwatch_schemas.positions import BadYaml
from tests.unit.pager.plans import EXAMPLE, SMALL, plan_file

EVERY_KIND = """\
destinations:
  nurse: {kind: pagerduty, routing_key_file: KEY, url: URL}
  doctor: {kind: webhook, url: https://hospital.example/hook, secret_file: KEY}
  doctor-sms: {kind: email, host: mail.hospital.example, sender: cw@hospital.example, to: [a@hospital.example]}
  manager: {kind: acm, host: acm.hospital.example, port: 2575}
  room: {kind: slack, url_file: KEY}
  wall: {kind: teams, url_file: KEY}
  monitoring: {kind: alertmanager, urls: ['http://127.0.0.1:9']}
"""
SECRET = "not-to-be-shown"  # noqa: S105 - nobody's


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cordwatch, ["pager", *map(str, arguments)], input=stdin)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Give a small plan in a file; its destinations are nowhere."""
    return plan_file(tmp_path)


class Events:
    """Takes what a destination like PagerDuty is sent."""

    def __init__(self, status: int = 202) -> None:
        taken: list[dict[str, Any]] = []
        self.taken = taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take an event, and name its key."""
                taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                body = json.dumps({"status": "x", "dedup_key": taken[-1]["dedup_key"]}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def plan(self, folder: Path) -> Path:
        """Return a plan of every kind of destination, the first of which is this one."""
        (folder / "key").write_text(SECRET)
        url = f"http://127.0.0.1:{self._server.server_port}/v2/enqueue"
        begin, end = SMALL.index("destinations:"), SMALL.index("roster:")
        kinds = EVERY_KIND.replace("KEY", str(folder / "key")).replace("URL", url)
        return plan_file(folder, SMALL[:begin] + kinds + SMALL[end:])


def test_who_shows_the_whole_ladder_in_the_plans_own_time() -> None:
    """With why each is told just then, and from when on it begins anew."""
    question = ("--plan", EXAMPLE, "--at", "2026-03-02T03:00", "steroid.start:prompt@HAEM-4")
    done = run("who", *question)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "steroid.start prompt on HAEM-4, times in Europe/Amsterdam"
    assert lines[2].split() == [
        *("Mon", "02", "Mar", "03:00", "at", "once", "ward-physician", "house-officer")
    ]
    assert lines[-1] == "Mon 02 Mar 03:30  from the top, every 30 min, while nothing is done"
    assert len(run("who", *question, "--every-round").output.splitlines()) > 100
    told = [json.loads(line) for line in run("who", *question, "--json").output.splitlines()]
    assert told[0] == {
        "at": "2026-03-02T03:00:00+01:00",
        "round": 1,
        "step": "prompt",
        "role": "ward-physician",
        "destination": "house-officer",
        "why": "at once",
    }


def test_who_makes_mute_and_absence_visible(plan: Path) -> None:
    """Quiet hours with their end; a role that nobody stands for; and nobody at all by exit code 1."""
    question = ("who", "--plan", plan, "--at", "2026-03-02T03:00")
    muted = run(*question, "mri.mescc-suspected:reminder@ICU").output.splitlines()
    assert [line.split() for line in muted[2:]] == [
        ["nobody", "stands", "for", "ward-physician", "at", "that", "time"],
        ["Mon", "02", "Mar", "03:00", "waits:", "quiet", "hours"],
        ["Mon", "02", "Mar", "07:00", "at", "once", "duty-manager", "manager"],
    ]
    done = run(*question, "support.offer")
    assert (done.exit_code, "for the board only" in done.output) == (1, True)


def test_who_reads_an_alert_as_the_topic_has_it(tmp_path: Path, plan: Path) -> None:
    """From a file or standard input; what is none is refused without a word of it."""
    by_name = {type(one).__name__: one for one in examples()}
    alert = by_name["Alert"].model_dump(mode="json") | {"raised_at": "2026-03-02T02:00:00Z"}
    (tmp_path / "alert.json").write_text(json.dumps(alert))
    question = ("who", "--plan", plan, "--at", "2026-03-02T03:00")
    asked = run(*question, tmp_path / "alert.json")
    assert asked.exit_code == 0
    assert asked.output == run(*question, "-", stdin=json.dumps(alert)).output
    operational = by_name["OperationalAlert"].model_copy(update={"status": "open"})
    assert run(*question, "-", stdin=operational.model_dump_json()).exit_code in {0, 1}
    bad = run(*question, "-", stdin='{"alert_id": "Zebrafinch"}')
    assert (bad.exit_code, "Zebrafinch" in bad.output) == (2, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mri.nothing:due@X"], "is no rule, notice or advisory of mescc-lymphoma"),
        (["mri.mescc-suspected@X"], "reminder, warning, urgent, due, overdue"),
        (["--at", "noon", "order-cancelled"], "is no time"),
        (["--within", "soon", "order-cancelled"], "a number and a unit"),
    ],
)
def test_a_question_that_cannot_be_asked_says_what_can(
    plan: Path, arguments: list[str], said: str
) -> None:
    """Wrong use, exit code 2."""
    done = run("who", "--plan", plan, *arguments)
    assert (done.exit_code, said in done.output) == (2, True)


def test_check_finds_hours_without_anybody_and_destinations_that_are_not_there(
    tmp_path: Path,
) -> None:
    """The rest is told too, as warnings; offline nothing is tried."""
    with Events() as events:
        plan = events.plan(tmp_path)
        found = run("check", "--plan", plan, "--json")
        assert found.exit_code == 1
        told = [json.loads(line) for line in found.stdout.splitlines()]
        outcomes = {one["destination"]: one["outcome"] for one in told if "destination" in one}
        assert outcomes["nurse"] == "accepted"
        assert outcomes["monitoring"] == "no-connection"
        assert set(outcomes) == {
            *("nurse", "doctor", "doctor-sms", "manager", "room", "wall", "monitoring")
        }
        assert [one["event_action"] for one in events.taken] == ["acknowledge"]
        offline = run("check", "--plan", plan, "--offline")
        assert offline.exit_code == 0
        assert "warning: destinations.room: no line of the roster leads to it" in offline.output
        assert len(events.taken) == 1
    assert SECRET not in found.output + offline.output


def test_check_says_at_which_hours_nobody_is_told(tmp_path: Path) -> None:
    """Exit code 1: a finding, not a warning."""
    plan = plan_file(tmp_path, due="  due: {tell: [ward-physician]}")
    done = run("check", "--plan", plan, "--offline")
    assert done.exit_code == 1
    assert "finding: due: nobody is told on any ward" in done.output
    assert "mon 00:00 to mon 08:00" in done.output


def test_check_tells_faults_as_an_editor_can_open_them(tmp_path: Path) -> None:
    """Or as data; the command line makes exit code 5 of them."""
    plan = plan_file(tmp_path, due="", zone="zone: Mars/Base")
    done = run("check", "--plan", plan)
    assert isinstance(done.exception, BadYaml)
    assert [line.split(" ")[0] for line in str(done.exception).splitlines()] == [
        f"{plan}:1:7",
        f"{plan}:12:3",
    ]
    as_data = run("check", "--plan", plan, "--json")
    assert as_data.exit_code == 5
    assert [json.loads(line)["field"] for line in as_data.output.splitlines()] == ["zone", "ladder"]


def test_a_test_page_says_so_and_is_closed_again(tmp_path: Path) -> None:
    """Both under one key, which no other page has."""
    with Events() as events:
        done = run("test", "--plan", events.plan(tmp_path), "--hold", "0", "nurse")
        assert done.exit_code == 0
        assert done.output.splitlines() == ["nurse: tell: accepted", "nurse: close: accepted"]
        trigger, resolve = events.taken
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"]
    assert "TEST of the pager. Nobody needs to do anything." in trigger["payload"]["summary"]
    assert trigger["payload"]["severity"] == "info"


def test_a_test_page_that_is_refused_is_told_so(tmp_path: Path) -> None:
    """And closed all the same: it may have arrived."""
    with Events(status=500) as events:
        done = run("test", "--plan", events.plan(tmp_path), "--hold", "60", "nurse")
        assert (done.exit_code, len(events.taken)) == (1, 2)
        assert run("test", "--plan", events.plan(tmp_path), "porter").exit_code == 2


def test_preview_shows_the_words_and_what_each_destination_gets(tmp_path: Path) -> None:
    """Of every kind, without its key."""
    with Events() as events:
        plan = events.plan(tmp_path)
        assert events.taken == []
    event = "mri.mescc-suspected:due@HAEM-4"
    words = run("preview", "--plan", plan, event)
    assert words.exit_code == 0
    assert words.output.startswith("DUE, due now: MRI of the whole spine")
    names = ["nurse", "doctor", "doctor-sms", "manager", "room", "wall", "monitoring"]
    to = [part for name in names for part in ("--to", name)]
    shown = run("preview", "--plan", plan, *to, event)
    for name in names:
        assert f"--- {name} (" in shown.output
    assert shown.output.count("MRI of the whole spine for suspected cord compression") >= len(names)
    assert SECRET not in shown.output
    as_data = run("preview", "--plan", plan, *to, "--json", event).output.splitlines()
    assert [json.loads(line)["destination"] for line in as_data] == names
    over = run("preview", "--plan", plan, "--action", "close", "--note", "scanned", event)
    assert "Why: scanned" in over.output
    assert run("preview", "--plan", plan, "--to", "porter", event).exit_code == 2


@pytest.fixture
def ledger() -> list[LedgerEntry]:
    """Give a matter that is open and one that is over."""
    entry = next(one for one in examples() if isinstance(one, LedgerEntry))
    over = entry.matter.model_copy(update={"alert_id": "al_over", "status": "resolved"})
    before = entry.matter.model_copy(update={"status": "open"})
    return [entry.model_copy(update={"matter": one}) for one in (before, over)]


def test_pages_show_who_was_told_and_who_answered(ledger: list[LedgerEntry]) -> None:
    """One matter after the other, as text or as the ledger has it."""
    entry = ledger[0]
    lines = list(lines_of(ledger, only_open=True, as_json=False))
    assert entry.matter.rule in lines[0]
    assert [line for line in lines if entry.deliveries[0].destination in line]
    assert [line for line in lines if f"by {entry.answers[0].by}" in line]
    assert "al_over" not in "\n".join(lines)
    every = [json.loads(line) for line in lines_of(ledger, only_open=False, as_json=True)]
    assert {one["matter"]["status"] for one in every} == {"open", "resolved"}
