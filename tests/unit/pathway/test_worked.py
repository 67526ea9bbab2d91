"""Worked examples inside packs: the shipped ones come out, and a wrong one is told at its place."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest

from cordwatch.pathway.worked import Miss, check_examples, not_shown
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import Pack, load_pack, placed_pack, shipped_packs
from cordwatch_schemas.pack_examples import USUAL_ZERO, Happening, moment
from cordwatch_schemas.positions import BadYaml

UK = (resources.files("cordwatch_schemas") / "packs" / "nice-ng234.yaml").read_text()


def changed(folder: Path, old: str, new: str) -> Path:
    """Write the UK pack with *old* replaced by *new* where it first stands."""
    assert old in UK
    file = folder / "pack.yaml"
    file.write_text(UK.replace(old, new, 1))
    return file


def told(file: Path) -> list[tuple[str, int, str, str, int]]:
    """Return the misses of *file*: example, line, both sides, and how many more repeats."""
    read = placed_pack(file)
    return [
        (one.example, read.fault(one.path, "").line, one.expected, one.came, one.more)
        for one in check_examples(read.value)
    ]


def line_of(text: str, after: str = "examples:") -> int:
    """Return the line of the UK pack on which *text* first stands in the examples."""
    begin = UK.index(f"\n{after}\n")
    return UK[: UK.index(text, begin)].count("\n") + 1


@pytest.mark.parametrize("name", shipped_packs())
def test_the_examples_of_a_shipped_pack_come_out_and_show_every_rule(name: str) -> None:
    """Each deadline rule, notice and advisory that is switched on, by at least one example."""
    pack = load_pack(name)
    assert (check_examples(pack), not_shown(pack)) == ([], [])


def test_a_rule_without_an_example_is_named() -> None:
    """What nobody wrote an example for, nobody has shown."""
    pack = load_pack("nice-ng234")
    fewer = tuple(one for one in pack.examples if one.name != "slow-deficit")
    assert not_shown(pack.model_copy(update={"examples": fewer})) == ["mri.deficit-slow"]


def test_a_level_that_comes_at_another_time_is_told_with_both_times(tmp_path: Path) -> None:
    """At the line of the alert that was expected."""
    line = "{level: urgent, at: T22.6, severity: critical}"
    file = changed(tmp_path, line, line.replace("T22.6", "T22"))
    assert told(file) == [
        (
            *("suspected", line_of(line)),
            *("mri.mescc-suspected urgent at T22", "mri.mescc-suspected urgent at T22.6", 0),
        )
    ]


def test_two_misses_of_one_example_are_told_each_at_its_line(tmp_path: Path) -> None:
    """Only the repeats of one level are one thing."""
    lines = [
        "          - {level: warning, at: T19, severity: urgent}\n",
        "          - {level: urgent, at: T22.6, severity: critical}\n",
    ]
    file = changed(tmp_path, "".join(lines), "")
    assert [(one[3], one[4]) for one in told(file)] == [
        ("mri.mescc-suspected warning at T19", 0),
        ("mri.mescc-suspected urgent at T22.6", 0),
    ]


def test_what_is_not_expected_is_told_at_the_example(tmp_path: Path) -> None:
    """These alerts and no others: a run of repeats counts as one thing."""
    line = "          - {level: overdue, at: T25.25, severity: critical, repeat: 1, times: 96, every: 15 min}\n"
    assert told(changed(tmp_path, line, "")) == [
        (
            *("suspected", line_of("- name: suspected")),
            *("nothing", "mri.mescc-suspected overdue 1 at T25.25", 95),
        )
    ]


def test_what_does_not_come_is_told_at_its_line(tmp_path: Path) -> None:
    """An alert that was promised and that nobody would get."""
    line = "      - {id: order-cancelled, at: T2, severity: warning, status: open}\n"
    file = changed(tmp_path, line, line + line.replace("order-cancelled", "no-show"))
    assert told(file) == [
        ("order-cancelled", line_of(line.strip()) + 1, "no-show at T2", "nothing", 0)
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected", "came"),
    [
        ("severity: warning, status: open}", "severity: urgent, status: open}", "severity urgent", "severity warning"),
        ("status: resolved, missing: [cervical, thoracic]", "status: resolved, missing: [lumbar]", "missing [lumbar]", "missing [cervical, thoracic]"),
        ("due: T25", "due: T26", "due T26", "due T25"),
        ("reason: in time", "reason: late by", "reason late by", "reason in time"),
        ("at: T13, severity: warning}", "at: T13, severity: warning, paged: false}", "paged false", "paged true"),
        ("at: T13, severity: warning}", "at: T13, severity: warning, late_by: 1 h}", "late_by 1:00:00", "late_by 0:00:00"),
    ],
)  # fmt: skip
def test_every_promised_field_is_compared(
    tmp_path: Path, old: str, new: str, expected: str, came: str
) -> None:
    """Status, severity, paging, times, what is missing, and the words of the reason."""
    first = told(changed(tmp_path, old, new))[0]
    assert (expected in first[2], came in first[3]) == (True, True), first


def test_a_changed_rule_fails_the_examples_that_show_it() -> None:
    """An hour less, and every example of the rule says so."""
    pack = load_pack("nice-ng234")
    rules = tuple(
        rule.model_copy(update={"window": timedelta(hours=23)})
        if rule.id == "mri.mescc-suspected"
        else rule
        for rule in pack.rules
    )
    misses = check_examples(pack.model_copy(update={"rules": rules}))
    assert {miss.example for miss in misses} == {"suspected", "suspected-and-scanned"}
    assert all(isinstance(miss, Miss) for miss in misses)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("at: T1, what: assessed", "at: 1 h, what: assessed", "at a moment is T and hours from T0"),
        ("what: assessed, says: {susp", "what: asessed, says: {susp", " is no asessed: "),
        ("suspected_mescc: true", "suspected_msc: true", " is no assessed: suspected_msc is not a field"),
        ("suspected_mescc: true", "suspected_mescc: 7", "suspected_mescc"),
        ("times: 96, every: 15 min", "times: 96", " times goes with every"),
        ("name: suspected\n", "name: confirmed\n", "file examples given twice: confirmed"),
        ("level: reminder, at: T13", "level: remainder, at: T13", "level Input should be"),
        ("title: Suspected cord", "titel: Suspected cord", "titel is not a known key"),
    ],
)  # fmt: skip
def test_a_malformed_example_is_refused_at_its_place(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    """When the pack is loaded, before anything runs."""
    begin = UK.index("\nexamples:\n")
    assert old in UK[begin:]
    file = tmp_path / "pack.yaml"
    file.write_text(UK[:begin] + UK[begin:].replace(old, new, 1))
    with pytest.raises(BadYaml) as refusal:
        load_pack(file)
    assert fault in str(refusal.value)
    line = line_of(old)
    assert f"pack.yaml:{line}:" in str(refusal.value) or fault.startswith("file")


def test_a_moment_counts_hours_from_t0() -> None:
    """Exactly, to the second before and after."""
    assert moment("T11.8") == timedelta(hours=11, minutes=48)
    assert moment("T-240") == timedelta(days=-10)
    assert moment("T12 - 1 s") == timedelta(hours=12) - timedelta(seconds=1)
    assert moment("T5 + 10 min") == timedelta(hours=5, minutes=10)
    assert [moment(text) for text in ("12", "T", "T1h", "T1+1 s")] == [None] * 4


def test_a_fact_of_an_example_may_be_written_down_later_than_it_happened() -> None:
    """As on the ward: three times, each counted from T0."""
    fact = Happening.model_validate(
        {"at": "T1", "what": "assessed", "recorded": "T2", "received": "T3"}
    )
    made = fact.told(USUAL_ZERO, 1)
    assert isinstance(made, Event)
    assert [made.occurred_at, made.recorded_at, made.received_at] == [
        USUAL_ZERO + timedelta(hours=hours) for hours in (1, 2, 3)
    ]


def test_the_uk_figures_are_those_that_were_read() -> None:
    """24 hours with neurological signs or suspicion, a week without, treatment in 24 hours, 16 mg; all marked."""
    pack = load_pack("nice-ng234")
    hours = {rule.id: rule.window / timedelta(hours=1) for rule in pack.rules}
    assert hours == {
        "mri.back-pain": 168,
        "mri.radicular-pain": 168,
        "mri.deficit-slow": 24,
        "mri.deficit-rapid": 24,
        "mri.mescc-suspected": 24,
        "steroid.start": 1,
        "treatment.start": 24,
        "mdt.consult": 4,
        "steroid.taper": 336,
    }
    assert pack.policy.low_dose_mg == 16
    marked = (*pack.rules, *pack.notices, *pack.advisories)
    assert {one.basis for one in marked} == {"second-hand", "local policy"}
    assert [one.id for one in pack.rules if one.basis == "local policy"] == ["steroid.taper"]
    assert next(one for one in pack.rules if one.id == "mdt.consult").team == ("coordinator",)


def test_a_team_goes_with_a_consultation_and_only_with_one() -> None:
    """Who must be there is the pack's, not the program's."""
    rule = next(one for one in load_pack("nice-ng234").rules if one.id == "mdt.consult")
    for update in ({"team": ()}, {"satisfied_by": "spinal-mri"}):
        with pytest.raises(ValueError, match="team goes with team-consulted"):
            type(rule).model_validate(rule.model_dump() | update)


def test_a_pack_with_examples_is_the_same_after_a_copy() -> None:
    """Nothing gets lost on the way through Python values."""
    pack = load_pack("nice-ng234")
    assert Pack.model_validate(pack.model_dump()) == pack
