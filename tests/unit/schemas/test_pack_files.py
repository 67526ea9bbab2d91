"""Pathway packs: what a hospital may write, and what is refused when it is loaded."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest

from cordwatch_schemas.pack import Pack, Repeats, load_pack, shipped_packs, step_up
from cordwatch_schemas.positions import BadYaml

NAME = "mescc-lymphoma"
SHIPPED = (resources.files("cordwatch_schemas") / "packs" / f"{NAME}.yaml").read_text()
PACK = load_pack(NAME)


def refusal_of(folder: Path, old: str, new: str) -> list[str]:
    """Return the faults of the shipped pack with *old* replaced by *new* where it first stands."""
    assert old in SHIPPED
    file = folder / "pack.yaml"
    file.write_text(SHIPPED.replace(old, new, 1))
    with pytest.raises(BadYaml) as refusal:
        load_pack(file)
    return [line.removeprefix(f"{file}:") for line in str(refusal.value).splitlines()]


def test_the_default_pack_has_the_nine_rules() -> None:
    """The pathway's deadline rules, each with its clause and source."""
    assert [rule.id for rule in PACK.rules] == [
        "mri.back-pain",
        "mri.radicular-pain",
        "mri.deficit-slow",
        "mri.deficit-rapid",
        "mri.mescc-suspected",
        "steroid.start",
        "treatment.start",
        "mdt.consult",
        "steroid.taper",
    ]
    assert PACK.label == "mescc-lymphoma@1.0.0"
    assert NAME in shipped_packs()


def test_a_pack_is_loaded_from_a_file_too(tmp_path: Path) -> None:
    """A hospital's own copy is the same pack."""
    file = tmp_path / "ours.yaml"
    file.write_text(SHIPPED)

    assert load_pack(file) == PACK
    with pytest.raises(FileNotFoundError):
        load_pack(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("window: 14 d", "window: 14 days", "rules.0.window a span is a number and a unit"),
        ("window: 14 d", "window: 14", "rules.0.window a span is a number and a unit"),
        ("window: 14 d", "window: 0 h", "rules.0 window must be longer than nothing"),
        ("every: 1 d", "every: 30 s", "rules.0.repeats every must be at least 1 min"),
        ("lasting: 14 d", "lasting: 2 h", "rules.0.repeats lasting must be at least as long"),
        ("at: 0.75", "at: 0.4", "rules.0 levels must rise"),
        ("{level: due, at: 1}", "{level: due, at: 0.95}", "rules.0 the last level must be due"),
        ("{level: due, at: 1}", "{level: overdue, at: 1}", "rules.0 the last level must be due"),
        ("at: 0.75", "at: 1.5", "rules.0.levels.1.at Input should be less than or equal to 1"),
        ("satisfied_by: spinal-mri", "satisfied_by: mri", "rules.0.satisfied_by Input should be"),
        ("clause: 'Urgent", "claus: 'Urgent", "rules.0.claus is not a known key"),
        ("id: mri.radicular-pain", "id: mri.back-pain", "file given twice: mri.back-pain"),
        ("version: 1.0.0", "version: 1.0", "version Input should be a valid string"),
        ("low_dose_mg: 16", "low_dose_mg: true", "policy.low_dose_mg Input should be a valid numb"),
        ("low_dose_mg: 16", "low_dose_mg: 0", "policy.low_dose_mg Input should be greater than 0"),
    ],
)
def test_a_wrong_pack_is_refused_at_its_place(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    """A misspelt rule must not pass for an absent one."""
    told = refusal_of(tmp_path, old, new)

    assert any(re.match(rf"\d+:\d+ {re.escape(fault)}", line) for line in told), told


def test_a_rule_without_levels_is_refused() -> None:
    """A clock that never says anything is no clock."""
    rule = PACK.rules[0].model_dump() | {"levels": ()}
    with pytest.raises(ValueError, match="the last level must be due"):
        type(PACK.rules[0]).model_validate(rule)


def test_a_span_is_elapsed_time() -> None:
    """Units are exact: a day is 24 hours, whatever the wall clock does at night."""
    repeats = Repeats.model_validate({"every": "90 s", "lasting": "1.5 h"})

    assert repeats == Repeats(every=timedelta(seconds=90), lasting=timedelta(minutes=90))
    assert PACK.rules[0].window == timedelta(hours=14 * 24)


def test_severity_steps_up_to_the_highest() -> None:
    """What is critical stays critical."""
    assert [step_up(word) for word in ("info", "warning", "urgent", "critical")] == [
        "warning",
        "urgent",
        "critical",
        "critical",
    ]


def test_only_what_is_switched_on_is_told() -> None:
    """A pack tells its notices and advisories unless they are switched off."""
    notice = PACK.told("order-cancelled")

    assert notice is not None
    assert notice.severity == "warning"
    assert PACK.told("steroid.before-biopsy") is None
    assert PACK.told("no-such-advisory") is None


def test_a_pack_is_the_same_after_a_copy() -> None:
    """Nothing of a pack gets lost on its way through Python values."""
    assert Pack.model_validate(PACK.model_dump()) == PACK
