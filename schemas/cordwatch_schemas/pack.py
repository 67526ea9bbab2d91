"""Pathway packs: the clinical rules as versioned data, validated when loaded."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cordwatch_schemas.alerts import Level, Severity
from cordwatch_schemas.positions import read_yaml

_UNITS_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")


def _span(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a span is a number and a unit: '90 s', '15 min', '12 h', '14 d'")
    return timedelta(seconds=float(match[1]) * _UNITS_S[match[2]])


Span = Annotated[timedelta, BeforeValidator(_span)]
"""Elapsed time: `24 h` is 86,400 s, whatever the wall clock does at night."""

Trigger = Literal[
    "back-pain",
    "radicular-pain",
    "deficit-slow",
    "deficit-rapid",
    "mescc-suspected",
    "mescc-confirmed",
    "deficit-or-confirmed",
    "dexamethasone-begun",
]
"""What starts a clock. The predicates are code, by these names; which rule uses which is data."""

Goal = Literal[
    "spinal-mri",
    "whole-spine-mri",
    "dexamethasone-given",
    "treatment-started",
    "team-consulted",
    "tapered-stop",
]
"""What satisfies a clock."""

Intent = Literal["spinal-mri-order", "dexamethasone-order", "treatment-plan"]
"""What, while it is missing, makes an alert one step more severe."""

_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "urgent", "critical")


def step_up(severity: Severity) -> Severity:
    """Return the next more severe word, the highest staying what it is."""
    return _SEVERITIES[min(_SEVERITIES.index(severity) + 1, len(_SEVERITIES) - 1)]


class _Data(BaseModel):
    """Part of a pack. An unknown key is an error: a misspelt rule must not pass for an absent one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Basis(_Data):
    """Where a rule comes from."""

    clause: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    basis: Literal["source", "local policy"]


class LevelAt(_Data):
    """A level and the fraction of the window at which it is reached."""

    level: Level
    at: Annotated[float, Field(ge=0, le=1)]


class Repeats(_Data):
    """The grid of `overdue` after `due`."""

    every: Span
    lasting: Span

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.every < timedelta(minutes=1):
            raise ValueError("every must be at least 1 min")
        if self.lasting < self.every:
            raise ValueError("lasting must be at least as long as every")
        return self


class DeadlineRule(Basis):
    """A clock: from what, how long, until what, and how it is told."""

    id: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z-]+)+$")]
    starts_at: Trigger
    window: Span
    satisfied_by: Goal
    needs_lymphoma: bool = False
    stepped_up_without: Intent | None = None
    levels: tuple[LevelAt, ...]
    repeats: Repeats
    board_only: bool = False
    examples: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _levels_rise_to_due(self) -> Self:
        fractions = [step.at for step in self.levels]
        if fractions != sorted(set(fractions)):
            raise ValueError("levels must rise")
        if not self.levels or self.levels[-1].level != "due" or fractions[-1] != 1:
            raise ValueError("the last level must be due, at 1.0")
        if self.window <= timedelta(0):
            raise ValueError("window must be longer than nothing")
        return self


class Tellable(Basis):
    """A notice or an advisory: how loudly it is said."""

    id: Annotated[str, Field(pattern=r"^[a-z]+([.-][a-z]+)*$")]
    severity: Severity = "warning"
    board_only: bool = False
    enabled: bool = True
    repeats: Repeats | None = None
    text: Annotated[str, Field(min_length=1)]


class Interaction(_Data):
    """A kind of drug that interacts with tricyclics: its name, and its codes as `SYSTEM|prefix`."""

    name: Annotated[str, Field(min_length=1)]
    codes: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]+\|[A-Z0-9]+$")], ...], Field(min_length=1)
    ]


class Policy(_Data):
    """The figures that a hospital may set, each with the default of the pathway text."""

    myeloma_counts: bool = False
    bilateral_signs_are_suspected: bool = True
    slow_deficit_over_d: float = 7
    episode_gap: Span
    keep_facts: Span
    future_tolerance: Span
    board_only_after: Span
    living_after_death: Span
    partial_coverage_after: Span
    dose_before: Span
    treatment_running: Span
    low_dose_mg: Annotated[float, Field(gt=0)]
    high_dose_mg: Annotated[float, Field(gt=0)]
    scan_mentioned: Span
    paraplegia_over: Span
    surgery_from_months: float
    prolonged_from_months: float
    stereotactic_offered: bool
    dental_within: Span
    opioid_reassessed_within: Span
    vertebroplasty_relief: Span
    surveillance_every: Span
    support_within: Span
    tricyclic_interactions: tuple[Interaction, ...] = ()


class Pack(_Data):
    """One hospital's pathway: rules, notices, advisories and policy, under a name and a version."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    title: str
    purpose: str
    policy: Policy
    severity_of_level: dict[Level, Severity]
    rules: tuple[DeadlineRule, ...]
    notices: tuple[Tellable, ...]
    advisories: tuple[Tellable, ...]

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        told = [item.id for item in (*self.notices, *self.advisories)]
        ids = [*(rule.id for rule in self.rules), *told]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"given twice: {', '.join(twice)}")
        return self

    @property
    def label(self) -> str:
        """Return name and version as alerts carry them."""
        return f"{self.name}@{self.version}"

    def told(self, rule: str) -> Tellable | None:
        """Return the notice or advisory *rule* where the pack has it switched on."""
        for item in (*self.notices, *self.advisories):
            if item.id == rule:
                return item if item.enabled else None
        return None


def shipped_packs() -> list[str]:
    """Return the names of the packs that come with the product."""
    folder = resources.files("cordwatch_schemas") / "packs"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir())


def load_pack(name_or_path: str | Path) -> Pack:
    """
    Return a shipped pack by its name, or one from a file.

    Raises:
        BadYaml: it is malformed; says `file:line:column`, field and reason, all errors at once.
        FileNotFoundError: neither a shipped name nor a file.
    """
    if str(name_or_path) in shipped_packs():
        file = resources.files("cordwatch_schemas") / "packs" / f"{name_or_path}.yaml"
        return read_yaml(file.read_text(encoding="utf-8"), Pack, f"{name_or_path}.yaml")
    path = Path(name_or_path)
    return read_yaml(path.read_bytes(), Pack, str(path))
