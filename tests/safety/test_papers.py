"""The safety papers: what they name is there, their pages are up to date, and they claim nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cordwatch_schemas.pack import load_pack, shipped_packs
from cordwatch_schemas.positions import BadYaml
from tests.safety.broken import with_instead
from tests.safety.evidence import ROOT, fault_of_code, fault_of_test
from tests.safety.pages import documents, main
from tests.safety.papers import FOLDER, SECURITY, hazard_log, security_list
from tests.safety.traces import Untraced, traces

A_LOG = """\
severities: {major: harm that stays}
hazards:
  - id: H01
    title: A clock is forgotten
    when: a fault
    causes: [The worker has ended]
    patient: Nobody is called in time
    staff: They believe in the quiet
    severity: major
    controls:
      - does: Watch begins again with what it knew
        code: ['cordwatch.watch.machine:Machine', 'cordwatch.watch.machine:Gone']
        tests:
          - tests/unit/watch/test_machine.py::test_offsets_are_durable_only_after_their_facts
          - tests/unit/watch/test_machine.py::test_that_was_deleted
    residual: Whatever is in no message
    deployer: [Run two of them]
"""
CLAIMS = re.compile(
    r"\b(?:conforms?|conforming|compl(?:ies|iant)|certified|approved|validated|fulfils?)\b",
    re.IGNORECASE,
)
DENIALS = re.compile(r"\bnot certified\b", re.IGNORECASE)


def faults_of(tmp_path: Path, text: str) -> list[str]:
    """Return how a hazard log is refused."""
    path = tmp_path / "hazards.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadYaml) as refused:
        hazard_log(path)
    return str(refused.value).splitlines()


def test_the_pages_are_what_the_papers_say() -> None:
    """A paper that was changed, or a test that was renamed, changes its page, or the check fails."""
    for name, text in documents().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name
    assert main(["--check"]) == 0


def test_the_hazards_are_many_and_every_service_has_its_own() -> None:
    """Twenty-five and more, in normal use and in faults, with a control in each part of the software."""
    log = hazard_log()
    assert len(log.hazards) >= 25
    assert {one.when for one in log.hazards} == {"normal use", "a fault"}
    named = {code for one in log.hazards for control in one.controls for code in control.code}
    parts = {code.split(".")[1] for code in named if code.startswith("cordwatch.")}
    assert parts >= {"app", "board", "feeds", "pager", "pathway", "report", "runtime", "watch"}


def test_a_control_whose_code_or_test_is_gone_is_told_at_its_place(tmp_path: Path) -> None:
    """Line and column of each name, all at once."""
    assert faults_of(tmp_path, A_LOG) == [
        "hazards.yaml:12:51 hazards.0.controls.0.code.1 names Gone, which is not in cordwatch.watch.machine",
        "hazards.yaml:15:13 hazards.0.controls.0.tests.1 names test_that_was_deleted, which is not in tests/unit/watch/test_machine.py",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("severity: major", "severity: grave", "9:15 hazards.0.severity"),
        ("id: H01", "id: H02", "1:1 file hazards are numbered H01, H02, ... in order"),
        ("    residual: Whatever is in no message\n", "", "hazards.0.residual Field required"),
        ("does:", "dose:", "11:9 hazards.0.controls.0.dose is not a known key"),
        ("[Run two of them]", "[]", "17:15 hazards.0.deployer must not be empty"),
        ("harm that stays}", "harm that stays", "yaml"),
        (
            "{major: harm that stays}",
            "{minor: work is lost}",
            "severities without a meaning: major",
        ),
    ],
)
def test_a_malformed_log_is_refused_at_its_place(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    """A misspelt control must not pass for an absent one."""
    assert A_LOG.count(old) == 1
    told = faults_of(tmp_path, A_LOG.replace(old, new))
    assert any(fault in line for line in told), told


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("cordwatch.watch.machine:Machine.take", None),
        ("cordwatch_schemas.topics:WATCHED", None),
        ("deploy/prometheus/rules.yml:CordwatchOverdue", None),
        ("docs/spec/README.md", None),
        ("cordwatch.watch.gone:Machine", "names the module cordwatch.watch.gone"),
        ("cordwatch.watch.machine", "names a module without an object in it"),
        ("cordwatch.watch.machine:Machine.gone", "names Machine.gone"),
        ("deploy/prometheus/rules.yml:CordwatchOver", "names CordwatchOver"),
        ("deploy/prometheus/gone.yml", "names the file deploy/prometheus/gone.yml"),
    ],
)
def test_code_is_looked_up(named: str, fault: str | None) -> None:
    """The check of the check: what is there is found, and what is not is not."""
    found = fault_of_code(named)
    assert (found is None) if fault is None else (found or "").startswith(fault)


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("tests/unit/watch/test_machine.py::test_gone", "names test_gone"),
        ("tests/unit/watch/test_gone.py::test_it", "names tests/unit/watch/test_gone.py"),
        ("tests/spec/case.py::level", "names no test that pytest would run"),
        ("services/cordwatch/app/cli.py::test_it", "names services/cordwatch/app/cli.py"),
    ],
)
def test_a_test_is_looked_up(named: str, fault: str) -> None:
    """What is no test of ours, or is there no more, shows nothing."""
    assert (fault_of_test(named) or "").startswith(fault)


@pytest.mark.parametrize("mark", ["skip(reason='x')", "skip", "xfail"])
def test_a_test_that_is_not_run_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """Marked so, it would be there and prove nothing."""
    monkeypatch.setattr("tests.safety.evidence.ROOT", tmp_path)
    path = tmp_path / "tests" / "test_one.py"
    path.parent.mkdir()
    path.write_text(f"@pytest.mark.{mark}\ndef test_it():\n    assert one\n", encoding="utf-8")
    assert (
        fault_of_test("tests/test_one.py::test_it") == "names a test that is marked as not to run"
    )


def test_every_requirement_of_two_levels_is_answered_once() -> None:
    """Seventy of level 1 and 183 of level 2; and not all of them are met here, or the list would be a wish."""
    security = security_list()
    assert (len(security.level_1), len(security.level_2)) == (70, 183)
    entries = [one for chapter in security.chapters for one in chapter.entries]
    assert {one.status for one in entries} == {"met", "not applicable", "deployer"}
    for chapter in security.chapters:
        for entry in chapter.entries:
            assert any(one.startswith(f"{chapter.id[1:]}.") for one in entry.numbers), entry.numbers


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("{numbers: [5.1.1, ", "{numbers: [", "asked and not answered, or not asked: 5.1.1"),
        ("{numbers: [5.1.1, ", "{numbers: [5.1.1, 1.1.1, ", "answered twice: 1.1.1"),
        ("{numbers: [5.1.1, ", "{numbers: [5.1.1, 5.9.9, ", "not asked: 5.9.9"),
        (
            "{numbers: [1.2.5], about: commands of the operating system, status: not applicable",
            "{numbers: [1.2.5], about: commands of the operating system, status: met",
            "code and tests go with met",
        ),
        (
            "test_a_link_leads_to_the_clock_on_the_board']\n      - numbers: [1.2.4]",
            "test_gone']\n      - numbers: [1.2.4]",
            "chapters.0.entries.2.tests.0 names test_gone",
        ),
    ],
)
def test_a_list_with_a_gap_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    """What is left out, answered twice, or called met without anything to show it, is told."""
    path = with_instead(SECURITY, tmp_path, old, new)
    with pytest.raises(BadYaml) as refused:
        security_list(path)
    assert fault in str(refused.value)


def test_every_rule_of_every_pack_leads_to_code_and_page() -> None:
    """And one that nobody reads is a fault."""
    for name in shipped_packs():
        pack = load_pack(name)
        assert len(traces(pack)) == len([*pack.rules, *pack.notices, *pack.advisories])
    pack = load_pack("mescc-lymphoma")
    stray = pack.advisories[0].model_copy(update={"id": "mri.nobody-reads-it"})
    with pytest.raises(Untraced, match=r"mri\.nobody-reads-it: no code"):
        traces(pack.model_copy(update={"advisories": (stray,)}))


def test_no_paper_claims_anything() -> None:
    """Not certified is said; that it conforms to something never is."""
    first = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert (
        "not certified. It may be a medical device where you deploy it: decide before use" in first
    )
    papers = sorted(path for path in FOLDER.iterdir() if path.suffix in {".md", ".yaml"})
    assert len(papers) >= 4
    for path in papers:
        text = DENIALS.sub("", path.read_text(encoding="utf-8"))
        assert CLAIMS.findall(text) == [], path.relative_to(ROOT)
