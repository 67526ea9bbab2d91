"""YAML that people write: every fault at its line and column, all of them at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from cordwatch_schemas.positions import FAULTS_SHOWN, MAX_BYTES, BadYaml, read_yaml


class Part(BaseModel):
    """A part of a file; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid")


class Mail(Part):
    """One branch of a union."""

    kind: Literal["mail"]
    to: str


class Pager(Part):
    """The other branch."""

    kind: Literal["pager"]
    number: int
    mail: str | None = None


class Plan(Part):
    """Everything that a file may hold here."""

    name: str = "plan"
    on: bool = True
    dose_mg: float = 0
    count: int = 0
    since: datetime | None = None
    steps: tuple[tuple[int, ...], ...] = ()
    ways: list[Annotated[Mail | Pager, Field(discriminator="kind")]] = []
    limits: dict[Literal["low", "high"], float] = {}

    @model_validator(mode="after")
    def _named(self, _: ValidationInfo) -> Plan:
        if self.name == "wrong":
            raise ValueError("wrong is no name")
        return self


def faults_of(text: str | bytes) -> list[str]:
    """Return the faults of *text*, one a line; the file must be refused."""
    with pytest.raises(BadYaml) as refusal:
        read_yaml(text, Plan, "plan.yaml")
    return str(refusal.value).splitlines()


def test_a_right_file_becomes_its_model() -> None:
    """Lists fill tuples, texts times; numbers, switches and nothing keep their types."""
    text = """\
    name: 'é'
    on: false
    dose_mg: 1_6
    count: 0x10
    since: 2026-03-02T08:00:00Z
    steps: [[1, +2], []]
    ways:
      - {kind: mail, to: "7"}
      - {kind: pager, number: 7, mail: null}
    limits: {low: .5, high: 1e3}
    """
    plan = read_yaml(text, Plan, "plan.yaml")

    assert plan.name == "é"
    assert plan.on is False
    assert (plan.dose_mg, plan.count, plan.steps) == (16, 16, ((1, 2), ()))
    assert plan.since is not None
    assert plan.since.hour == 8
    assert [type(way) for way in plan.ways] == [Mail, Pager]
    assert plan.limits == {"low": 0.5, "high": 1000}
    assert plan == read_yaml(b"\xef\xbb\xbf" + text.encode(), Plan, "plan.yaml")


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    """Whoever repairs the file repairs it once."""
    text = """\
name: 7
doze_mg: 16
dose_mg: true
count: "3"
count: 4
steps:
  - [1, two, 3]
  - 4
ways:
  - kind: pager
    number: x
    since: 1
  - kind: fax
  - kind: mail
limits: {low: 1, middle: 2}
"""
    unknown_way = (
        "Input tag 'fax' found using 'kind' does not match any of the expected tags: "
        "'mail', 'pager'"
    )
    assert faults_of(text) == [
        "plan.yaml:1:7 name Input should be a valid string",
        "plan.yaml:2:1 doze_mg is not a known key",
        "plan.yaml:3:10 dose_mg Input should be a valid number",
        "plan.yaml:5:1 count is given twice",
        "plan.yaml:7:9 steps.0.1 Input should be a valid integer",
        "plan.yaml:8:5 steps.1 Input should be a valid array",
        "plan.yaml:11:13 ways.0.number Input should be a valid integer",
        "plan.yaml:12:5 ways.0.since is not a known key",
        f"plan.yaml:13:5 ways.1 {unknown_way}",
        "plan.yaml:14:5 ways.2.to Field required",
        "plan.yaml:15:18 limits.middle Input should be 'low' or 'high'",
    ]


def test_a_refusal_keeps_its_faults_as_data() -> None:
    """A caller may show them in another way."""
    with pytest.raises(BadYaml) as refusal:
        read_yaml("name: x\non: 3\n", Plan, "plan.yaml")

    (fault,) = refusal.value.faults
    assert (fault.line, fault.column, fault.field) == (2, 5, "on")
    assert refusal.value.__cause__ is None


def test_a_rule_over_several_fields_is_told_at_their_start() -> None:
    """The reason is the model's own, without pydantic's words before it."""
    assert faults_of("# a comment\nname: wrong\n") == ["plan.yaml:2:1 file wrong is no name"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1 file must hold keys and values"),
        ("# nothing\n", "1:1 file must hold keys and values"),
        ("- 1\n", "1:1 file must hold keys and values"),
        ("plain\n", "1:1 file must hold keys and values"),
        ("name: [1, 2\n", "2:1 yaml while parsing a flow sequence: expected ',' or ']'"),
        ("name: x\n\ton: true\n", "2:1 yaml while scanning for the next token: found character"),
        ("name: x\n---\nname: y\n", "2:1 yaml expected a single document in the stream"),
        ("name: a: b\n", "1:8 yaml mapping values are not allowed"),
        ("name: *there\n", "1:7 yaml found undefined alias"),
        ("name: é\x07\n", "1:8 yaml holds a forbidden character"),
        (b"name: x\nlimits: \xff\n", "2:9 file is not UTF-8 text"),
        (b"\x00\x01\x02\xfe", "1:4 file is not UTF-8 text"),
        ("name: \ud800\n", "1:7 file is not UTF-8 text"),
        ('name: "\\ud800"\n', "1:1 file Invalid JSON"),
        ("name: &x text\n", "1:7 name has an anchor: write it out instead"),
        ("limits: &x {low: *x}\n", "1:9 limits has an anchor: write it out instead"),
        ("? [a, b]\n: 1\n", "1:3 file has a key that is not a plain word"),
        ("<<: {on: true}\n", "1:1 << is not a known key"),
        ("1: 2\n", "1:1 1 is not a known key"),
        ("count: .inf\n", "1:8 count is out of range"),
        ("dose_mg: .NaN\n", "1:10 dose_mg is out of range"),
        (f"count: 0x{'f' * 99}\n", "1:8 count is out of range"),
        (f"count: {'9' * 5_000}\n", "1:8 count is not a number that can be read"),
        ("%YAML 1.1\n---\ncount: 1:30\n", "3:8 count is not a number that can be read"),
        ("name: !!binary aGk=\n", "1:7 name has a tag, which is not allowed"),
        ("name: !secret x\n", "1:7 name has a tag, which is not allowed"),
        ("limits: !!python/dict {}\n", "1:9 limits has a tag, which is not allowed"),
        ("steps: !!omap []\n", "1:8 steps has a tag, which is not allowed"),
        ("steps: " + "[" * 3_000, "1:1 file nests too deeply"),
        ("name: " + "x" * MAX_BYTES, "1:1 file is larger than 1048576 bytes"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text: str | bytes, fault: str) -> None:
    """Broken, hostile or binary: one line that says where and why, no traceback of another kind."""
    (told,) = faults_of(text)
    assert told.startswith(f"plan.yaml:{fault}")


def test_a_growing_nest_of_aliases_is_not_followed() -> None:
    """A small file cannot become huge: the anchor is refused before any alias is looked at."""
    laughs = ["a0: &a0 [ha, ha]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    told = faults_of("\n".join(laughs))

    assert "plan.yaml:1:5 a0 has an anchor: write it out instead" in told
    assert len(told) == len(laughs)


def test_a_long_list_of_faults_is_cut() -> None:
    """A file of the wrong kind does not fill the screen."""
    told = faults_of("".join(f"k{n}: 1\n" for n in range(FAULTS_SHOWN + 5)))

    assert len(told) == FAULTS_SHOWN + 1
    assert told[-1] == "plan.yaml: and 5 more"


def test_yes_is_a_text_unless_the_file_says_otherwise() -> None:
    """YAML 1.2 knows true and false only; a file that asks for 1.1 gets its words."""
    assert faults_of("on: yes\n") == ["plan.yaml:1:5 on Input should be a valid boolean"]
    assert read_yaml("%YAML 1.1\n---\non: no\n", Plan, "plan.yaml").on is False


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_any_value_is_accepted_or_refused_at_a_place(value: Any) -> None:
    """No file raises anything but a refusal, and every place is within the file."""
    text = f"name: {value!r}\ncount: 1\n"
    try:
        assert read_yaml(text, Plan, "plan.yaml").count == 1
    except BadYaml as refusal:
        lines = text.splitlines()
        for fault in refusal.faults:
            assert 1 <= fault.line <= len(lines) + 1
            assert fault.column >= 1
