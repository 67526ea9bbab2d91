"""Writing and checking what is generated from the contracts."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from cordwatch_schemas import generate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.imaging import ImagingDone
from cordwatch_schemas.reference import fields, own_fields


def test_written_files_pass_the_check(tmp_path: Path) -> None:
    """A fresh checkout that was written is up to date, and writing twice changes nothing."""
    assert generate.main([], tmp_path) == 0
    first = {path: (tmp_path / path).read_bytes() for path in generate.files()}
    assert generate.main([], tmp_path) == 0

    assert generate.main(["--check"], tmp_path) == 0
    assert first == {path: (tmp_path / path).read_bytes() for path in first}


def test_the_check_names_what_is_missing_changed_and_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each difference is one line; nothing is repaired by looking."""
    generate.main([], tmp_path)
    folder = tmp_path / generate.GENERATED
    (folder / "died.v1.schema.json").unlink()
    (folder / "alert.v1.example.json").write_text("{}\n")
    (folder / "sang.v1.schema.json").write_text("{}\n")

    assert generate.main(["--check"], tmp_path) == 1

    assert capsys.readouterr().err.splitlines() == [
        "schemas/generated/died.v1.schema.json: is missing",
        "schemas/generated/alert.v1.example.json: is not as generated",
        "schemas/generated/sang.v1.schema.json: belongs to no contract",
        "run: python -m cordwatch_schemas.generate",
    ]
    assert not (folder / "died.v1.schema.json").exists()


def test_writing_removes_what_belongs_to_no_contract(tmp_path: Path) -> None:
    """The file of a contract that is gone goes too."""
    generate.main([], tmp_path)
    orphan = tmp_path / generate.GENERATED / "sang.v1.schema.json"
    orphan.write_text("{}\n")

    generate.main([], tmp_path)

    assert not orphan.exists()


def test_the_command_checks_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m cordwatch_schemas.generate --check` needs no further words."""
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    with pytest.warns(RuntimeWarning), pytest.raises(SystemExit) as left:
        runpy.run_module("cordwatch_schemas.generate", run_name="__main__")
    assert left.value.code == 0


def test_a_field_is_told_as_its_model_declares_it() -> None:
    """Name, type, default and meaning come from the source of the model."""
    by_name = {note.name: note for note in fields(ImagingDone)}

    assert by_name["contrast"].type == "bool | None"
    assert by_name["contrast"].default == "None"
    assert by_name["received_at"].default is None
    assert by_name["received_at"].meaning == "When cordwatch first got it."
    assert by_name["patient"].meaning.startswith("A patient *reference*")
    assert list(by_name) == list(dict.fromkeys([*by_name]))
    assert set(by_name) == set(ImagingDone.model_fields)


def test_a_field_is_told_once_below_its_envelope() -> None:
    """What every event carries is not repeated under each kind."""
    assert {note.name for note in fields(ImagingDone, without=Event)} == (
        set(ImagingDone.model_fields) - set(Event.model_fields)
    )
    assert [note.name for note in own_fields(ImagingDone)] == ["kind"]


def test_pages_tell_what_contracts_say() -> None:
    """The reference pages hold topics, words and codes with their sources."""
    made = generate.files()
    events = made[generate.REFERENCE / "events.md"]
    codes = made[generate.REFERENCE / "codes.md"]

    assert "| `level` | `Level \\| None` | `None` | None unless `kind` is `clock`. |" in events
    assert (
        "| `Severity` | `['info', 'warning', 'urgent', 'critical']` | How loudly to say it. |"
        in events
    )
    assert "No fields more." in events
    assert "| LN | 30855-1 | MR | C T L | with |" in codes
    assert "`StateRow` (to come)" in made[generate.REFERENCE / "topics.md"]
    assert all(f"`{name}`" in events for name in Alert.model_fields if name != "schema_version")
