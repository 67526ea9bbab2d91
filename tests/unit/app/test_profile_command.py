"""`cordwatch profile` as a user meets it, and one profile used alike by every command that reads files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.source_options import source_of, translated
from cordwatch.feeds.profile import Profile, load_profile
from cordwatch_schemas.positions import BadYaml, read_yaml

CANARY = "Zebrafinch"
NUMBER = "4711"
PROFILE = """\
profile: north-ris
from: {applications: [RIS]}
zone: Europe/Amsterdam
codes: {codes: {RIS|MRWK: LN|30855-1, RIS|V: 99CORDWATCH|suspected-mescc}}
fields: {ORC-5: {values: {GEREED: CM}}, OBX-5: {values: {JA: Y}}}
events: {ignore: [SIU]}
"""
HEAD = "MSH|^~\\&|{app}|NORTH|CW|H|20260302100000||{kind}|{id}|P|2.5\r"
PERSON = f"PID|1||{NUMBER}^^^NORTH^MR||{CANARY}^Anna||19400101|F|||{CANARY}straat 1\r"
ASSESSED = (
    HEAD.format(app="RIS", kind="ORU^R01", id="1")
    + PERSON
    + f"NTE|1||{CANARY}\rOBR|1||A88|x|||20260302090000\r"
    + f"OBX|1|CE|V^x^RIS||JA||||||F\rOBX|2|TX|T^x^RIS||{CANARY} says\r"
)
SCANNED = (
    HEAD.format(app="RIS", kind="OMI^O23", id="2")
    + PERSON
    + "ORC|SC|P55|F66||GEREED||||20260302095000\rOBR|1|P55|F66|MRWK^x^RIS|||20260302093000\r"
)
IGNORED = HEAD.format(app="RIS", kind="SIU^S12", id="3") + PERSON
NOT_KNOWN = HEAD.format(app="LAB", kind="ORU^R01", id="4") + PERSON


def run(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cordwatch, [str(one) for one in arguments])


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Give a profile in a file."""
    path = tmp_path / "ris.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    return path


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """Give a file with a message of each outcome."""
    path = tmp_path / "march.hl7"
    path.write_text(ASSESSED + SCANNED + IGNORED + NOT_KNOWN, encoding="utf-8", newline="")
    return path


def test_check_says_that_a_profile_is_good(profile: Path) -> None:
    """In one line, with its name."""
    done = run("profile", "check", profile)
    assert (done.exit_code, done.output) == (0, f"{profile}: north-ris, no fault\n")


def test_check_names_file_line_and_column(tmp_path: Path) -> None:
    """As an editor can open it; the command line makes exit code 5 of it."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("profile: a\nzone: Mars/Base\nfro: {}\n", encoding="utf-8")
    done = run("profile", "check", bad)
    assert isinstance(done.exception, BadYaml)
    assert str(done.exception).splitlines() == [
        f"{bad}:2:7 zone is not a time zone, like Europe/Amsterdam",
        f"{bad}:3:1 fro is not a known key",
    ]


def test_check_and_show_tell_a_program_the_same(profile: Path, tmp_path: Path) -> None:
    """What is good by name, what is bad by place; a profile as data is read as the same."""
    good = run("profile", "check", profile, "--json")
    assert json.loads(good.output) == {"file": str(profile), "profile": "north-ris"}
    bad = tmp_path / "bad.yaml"
    bad.write_text("profile: a\nfro: {}\n", encoding="utf-8")
    done = run("profile", "check", profile, bad, "--json")
    place = {"file": str(bad), "line": 2, "column": 1, "field": "fro"}
    assert (done.exit_code, json.loads(done.output)) == (
        5,
        place | {"reason": "is not a known key"},
    )
    shown = run("profile", "show", profile, "--json").output
    assert read_yaml(shown, Profile, "x") == load_profile(profile)


def test_show_is_a_profile_to_begin_with(profile: Path) -> None:
    """What it prints is read again as the same; the default one too."""
    assert read_yaml(run("profile", "show").output, Profile, "x") == load_profile("default")
    assert read_yaml(run("profile", "show", profile).output, Profile, "x") == load_profile(profile)


def test_try_tells_field_by_field_what_is_made_of_what(profile: Path, messages: Path) -> None:
    """What was read, what the profile made of it, what came of it, what was left out and why."""
    done = run("profile", "try", profile, messages)
    assert done.exit_code == 1
    assessed, scanned, ignored, unknown, last = done.output.split("\n\n")
    assert assessed.startswith("1. ORU^R01 from RIS|NORTH: mapped\n")
    assert "\n   OBX-5   Y   (the profile; sent: JA)\n" in assessed
    assert "\n   PID-3   (masked)\n" in assessed
    assert "\n   => assessed of p_" in assessed
    assert "\n      suspected_mescc: True" in assessed
    assert "NTE-3" in assessed.split("filled and not read: ")[1].split("\n")[0]
    assert "\n   ORC-5   CM   (the profile; sent: GEREED)\n" in scanned
    assert "\n      codes: RIS|MRWK (x), LN|30855-1\n" in scanned
    assert "\n   left out: MSH-9 the profile leaves it out" in ignored
    assert "\n   quarantine: MSH-3 sender is not known to any profile" in unknown
    assert last == "1 irrelevant, 2 mapped, 1 quarantined\n"


@pytest.mark.parametrize("secret", [CANARY, NUMBER, "19400101", "A88", "P55", "F66"])
def test_try_shows_no_name_and_no_number(profile: Path, messages: Path, secret: str) -> None:
    """A terminal is looked at by others, and its output lands in tickets."""
    for one in (profile, "default"):
        assert secret not in run("profile", "try", one, messages).output
        assert secret not in run("profile", "try", one, messages, "--json").output


def test_try_tells_a_program_the_same(profile: Path, messages: Path) -> None:
    """One object a message: what was read, what came of it, what was left out and why."""
    done = run("profile", "try", profile, messages, "--json")
    assessed, scanned, ignored, unknown = map(json.loads, done.output.splitlines())
    assert [one["kind"] for one in assessed["events"]] == ["assessed"]
    assert {"place": "PID-3", "read": True, "shown": "(masked)"} in assessed["fields"]
    assert (scanned["outcome"], ignored["outcome"]) == ("mapped", "irrelevant")
    assert ignored["passed_over"] == ["MSH-9 the profile leaves it out"]
    assert unknown["quarantine"] == ["MSH-3 sender is not known to any profile"]


def test_every_command_that_reads_files_reads_them_by_the_profile(
    profile: Path, messages: Path, tmp_path: Path
) -> None:
    """Simulate, explain and replay go one way in: what one of them reads, all do."""
    assert run("simulate", "--json", messages).stdout == ""
    # Without the scan the suspicion runs out: its clock starts at 08:00 UTC by the profile's zone.
    alone = tmp_path / "alone.hl7"
    alone.write_text(ASSESSED, encoding="utf-8", newline="")
    done = run("simulate", "--json", "--profile", profile, alone)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["start_at"] for one in alerts} == {"2026-03-02T08:00:00Z"}
    done = run("simulate", "--json", "--profile", profile, messages)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "4 messages: 1 irrelevant, 2 mapped, 1 quarantined" in done.stderr
    explained = run("explain", "--profile", profile, messages)
    assert explained.exit_code == 0
    assert "mri.mescc-suspected" in explained.output
    sources = source_of(None, None, None, (profile,))
    replayed = list(translated((messages,), sources, None, replayed=True))
    outcomes = [one.outcome for one in replayed]
    assert outcomes == ["mapped", "mapped", "irrelevant", "quarantined"]


@pytest.mark.parametrize("option", ["--zone=UTC", "--charset=cp850", "--patient-system=urn:mrn"])
def test_a_profile_and_what_it_states_are_not_given_together(
    profile: Path, messages: Path, option: str
) -> None:
    """One of them would silently not count."""
    done = run("simulate", "--profile", profile, option, messages)
    assert done.exit_code == 2
    assert "leave the option out" in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["profile", "check", "{bad}"], 5, "bad.yaml:1:7 zone is not a time zone"),
        (["profile", "check", "{bad}.not"], 2, "No such file"),
        (["simulate", "--profile", "{bad}", "{messages}"], 5, "bad.yaml:1:7 zone"),
        (["feeds", "--profile", "{bad}"], 5, "bad.yaml:1:7 zone"),
        (["feeds", "--profile", "{good}", "--profile", "{good}"], 5, "the same name"),
        (["feeds", "--profile", "{good}"], 4, "no Kafka broker answers"),
    ],
)
def test_a_bad_profile_ends_a_command_before_it_begins(
    profile: Path, messages: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """With an exit code of its own, each fault in a line, no traceback."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("zone: Mars/Base\n", encoding="utf-8")
    named = [one.format(bad=bad, good=profile, messages=messages) for one in arguments]
    head = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", "127.0.0.1:1"]
    done = subprocess.run(
        [*head, "--broker-timeout", "0.5", *named],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_try_shows_what_fhir_comes_to(profile: Path, tmp_path: Path) -> None:
    """Events and faults, not fields; what a line refers to may stand in another."""
    wide = tmp_path / "wide.yaml"
    wide.write_text(PROFILE.replace("from: {applications: [RIS]}\n", ""), encoding="utf-8")
    file = tmp_path / "march.ndjson"
    order = {
        "resourceType": "ServiceRequest",
        "id": "P55",
        "meta": {"lastUpdated": "2026-03-02T09:00:00Z"},
        "identifier": [{"value": "P55"}],
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "RIS", "code": "MRWK"}]},
        "subject": {"reference": "Patient/p1"},
    }
    person = {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"lastUpdated": "2026-03-02T09:00:00Z"},
        "identifier": [{"value": NUMBER}],
        "name": [{"family": CANARY}],
    }
    file.write_text(f"{json.dumps(order)}\n{json.dumps(person)}\n", encoding="utf-8")
    done = run("profile", "try", wide, file)
    assert "\n   => imaging-ordered of p_" in done.output
    assert "\n      codes: RIS|MRWK, LN|30855-1\n" in done.output
    assert not {secret for secret in (CANARY, NUMBER, "P55") if secret in done.output}
    refused = run("profile", "try", profile, file)
    assert refused.exit_code == 1
    assert "quarantine: MSH-3 sender is not known to any profile" in refused.output


def test_try_says_that_events_of_our_own_need_no_profile(tmp_path: Path) -> None:
    """Files of events are read by the other commands too."""
    file = tmp_path / "events.jsonl"
    file.write_text('{"kind": "died"}\n', encoding="utf-8")
    assert "no profile has a part in it" in run("profile", "try", "default", file).output
