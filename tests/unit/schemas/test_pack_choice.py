"""Which pack holds where: the file that says it, and what is refused in it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from cordwatch_schemas.pack import Pack, load_pack
from cordwatch_schemas.pack_choice import PackTable, load_packs, pack_sources
from cordwatch_schemas.positions import BadYaml

NL, UK = load_pack("mescc-lymphoma"), load_pack("nice-ng234")
UK_SOURCE = (resources.files("cordwatch_schemas") / "packs" / "nice-ng234.yaml").read_text()


def a_file(folder: Path, text: str, name: str = "where.yaml") -> Path:
    """Write *text* into *folder*."""
    file = folder / name
    file.write_text(text)
    return file


def refusal_of(file: Path) -> list[str]:
    """Return the faults of *file*, without the folder."""
    with pytest.raises(BadYaml) as refusal:
        load_packs(file)
    return str(refusal.value).replace(f"{file.parent}/", "").splitlines()


def test_a_pack_is_the_choice_of_itself_everywhere() -> None:
    """One pack and several go the same way."""
    packs = load_packs("mescc-lymphoma")
    assert (packs.default, packs.each, packs.at("ANY", "WHERE")) == (NL, (NL,), NL)


def test_the_ward_of_its_facility_goes_before_the_ward_and_that_before_the_facility() -> None:
    """The closer a line describes the place, the more it counts; nothing known gives the default."""
    named = {
        name: NL.model_copy(update={"name": name}) for name in ("both", "ward", "house", "rest")
    }
    table = PackTable(
        named["rest"],
        {
            ("H", "W"): named["both"],
            (None, "W"): named["ward"],
            (None, "U"): named["ward"],
            ("H", None): named["house"],
        },
    )
    places = [
        ("H", "W"),
        ("X", "W"),
        ("H", "U"),
        (None, "W"),
        ("H", "V"),
        ("H", None),
        ("X", "V"),
        (None, None),
    ]
    assert [table.at(*place).name for place in places] == [
        *("both", "ward", "ward", "ward", "house", "house", "rest", "rest"),
    ]


def test_a_file_says_which_pack_where(tmp_path: Path) -> None:
    """Shipped packs by name, others as files beside it."""
    ours = (
        Path(__file__).parents[3] / "schemas/cordwatch_schemas/packs/nice-ng234.yaml"
    ).read_text()
    a_file(tmp_path, ours.replace("name: nice-ng234", "name: ours", 1), "ours.yaml")
    file = a_file(
        tmp_path,
        "default: mescc-lymphoma\nwhere:\n  - {facility: LON, pack: nice-ng234}\n"
        "  - {facility: LON, ward: N1, pack: ours.yaml}\n",
    )
    packs = load_packs(file)
    assert packs.label == "mescc-lymphoma@1.0.0, nice-ng234@1.0.0, ours@1.0.0"
    assert packs.at("LON", "N1").name == "ours"
    assert pack_sources(file) == ["mescc-lymphoma", "nice-ng234", tmp_path / "ours.yaml"]


def test_every_fault_of_the_file_is_told_at_its_place(tmp_path: Path) -> None:
    """A misspelt facility line must not pass for an absent one."""
    file = a_file(
        tmp_path,
        "default: no-such\nwhere:\n  - {facility: LON, pack: nice-ng234}\n"
        "  - {facility: LON, pack: mescc-lymphoma}\n",
    )
    assert refusal_of(file) == [
        "where.yaml:1:10 default is neither a shipped pack nor a file that can be read",
        "where.yaml:4:5 where.1 names a place that is named before",
    ]
    file = a_file(tmp_path, "default: nice-ng234\nwhere:\n  - {pack: nice-ng234, wrad: N1}\n")
    assert refusal_of(file) == ["where.yaml:3:24 where.0.wrad is not a known key"]


def test_a_pack_may_be_named_for_several_places(tmp_path: Path) -> None:
    """It is read once, and its faults are told once."""
    lines = "".join(f"  - {{facility: {house}, pack: ours.yaml}}\n" for house in "AB")
    file = a_file(tmp_path, f"default: nice-ng234\nwhere:\n{lines}")
    a_file(tmp_path, "name: x\n", "ours.yaml")
    told = refusal_of(file)
    assert len(told) == len(set(told))
    a_file(tmp_path, UK_SOURCE.replace("name: nice-ng234", "name: ours", 1), "ours.yaml")
    packs = load_packs(file)
    assert packs.at("A", None) is packs.at("B", None)


def test_the_faults_of_a_pack_that_is_named_are_told_with_its_own_file(tmp_path: Path) -> None:
    """All errors at once, wherever they stand."""
    a_file(tmp_path, "name: x\n", "ours.yaml")
    file = a_file(tmp_path, "default: nice-ng234\nwhere:\n  - {facility: A, pack: ours.yaml}\n")
    told = refusal_of(file)
    assert "ours.yaml:1:1 version Field required" in told


def test_two_packs_that_alerts_could_not_tell_apart_are_refused(tmp_path: Path) -> None:
    """One name and version for two packs; one rule id for two goals."""
    source = (
        Path(__file__).parents[3] / "schemas/cordwatch_schemas/packs/nice-ng234.yaml"
    ).read_text()
    changed = source.replace("satisfied_by: whole-spine-mri", "satisfied_by: spinal-mri")
    a_file(tmp_path, changed, "ours.yaml")
    file = a_file(tmp_path, "default: nice-ng234\nwhere:\n  - {ward: N1, pack: ours.yaml}\n")
    assert refusal_of(file) == [
        "where.yaml:3:22 where.0.pack is nice-ng234@1.0.0, and so is another: give it a name or version of its own",
        "where.yaml:3:22 where.0.pack has a rule mri.mescc-suspected for another goal than another pack",
    ]


def test_the_stamp_changes_with_anything_that_is_said() -> None:
    """So that a restart under an edited pack looks at every patient again, version or no version."""
    edited = UK.model_copy(update={"policy": UK.policy.model_copy(update={"low_dose_mg": 12.0})})
    edited = Pack.model_validate(edited.model_dump())
    one, two = PackTable(NL, {("A", None): UK}), PackTable(NL, {("A", None): edited})
    elsewhere = PackTable(NL, {("B", None): UK})
    assert edited.label == UK.label
    assert len({UK.stamp, edited.stamp, one.stamp, two.stamp, elsewhere.stamp, NL.stamp}) == 6
    assert one.stamp == PackTable(NL, {("A", None): UK}).stamp


def test_a_choice_of_nothing_is_refused(tmp_path: Path) -> None:
    """Whoever wants one pack names that one."""
    file = a_file(tmp_path, "default: nice-ng234\nwhere: []\n")
    assert refusal_of(file) == ["where.yaml:2:8 where must not be empty"]
    file = a_file(tmp_path, "default: nice-ng234\nwhere:\n  - {pack: nice-ng234}\n")
    assert refusal_of(file) == [
        "where.yaml:3:5 where.0 names neither facility nor ward: that is what default is for"
    ]
