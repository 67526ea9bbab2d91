"""Pathway packs: the clinical rules as versioned data, with worked examples, validated when loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from cordwatch_schemas.alerts import Level, Severity
from cordwatch_schemas.pack_data import NotEmpty, PackData, Span, When
from cordwatch_schemas.pack_examples import Example
from cordwatch_schemas.positions import Placed, read_placed
from cordwatch_schemas.treatments import ConsultRole

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


class Basis(PackData):
    """Where a rule comes from."""

    clause: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    basis: Literal["source", "second-hand", "local policy"]
    """`second-hand`: the source was read in another's words; check it before you rely on it."""


class LevelAt(PackData):
    """A level and the fraction of the window at which it is reached."""

    level: Level
    at: Annotated[float, Field(ge=0, le=1)]


class Repeats(PackData):
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
    team: tuple[ConsultRole, ...] = ()
    """Who must have been consulted, where that is the goal."""

    @model_validator(mode="after")
    def _team_where_consulted(self) -> Self:
        if bool(self.team) != (self.satisfied_by == "team-consulted"):
            raise ValueError("team goes with team-consulted, and that with a team")
        return self

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


class Interaction(PackData):
    """A kind of drug that interacts with tricyclics: its name, and its codes as `SYSTEM|prefix`."""

    name: Annotated[str, Field(min_length=1)]
    codes: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]+\|[A-Z0-9]+$")], ...], NotEmpty]


class Policy(PackData):
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


class Packs(Protocol):
    """Which pack holds where. A single pack is the choice of itself, everywhere."""

    @property
    def default(self) -> Pack:
        """Return the pack for a place that no other is chosen for."""

    @property
    def each(self) -> tuple[Pack, ...]:
        """Return every pack that may hold somewhere, the default first."""

    @property
    def label(self) -> str:
        """Return names and versions, for people."""

    @property
    def stamp(self) -> str:
        """Return what changes whenever anything that these packs say changes."""

    def at(self, facility: str | None, ward: str | None) -> Pack:
        """Return the pack that holds at a place."""


class Pack(PackData):
    """One hospital's pathway: rules, notices, advisories and policy, under a name and a version."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    title: str
    purpose: str
    in_force_from: When | None = None
    """Clocks whose last page would have been before it are for the board only: nobody is paged for what
    was over when the pack came."""
    policy: Policy
    severity_of_level: dict[Level, Severity]
    rules: tuple[DeadlineRule, ...]
    notices: tuple[Tellable, ...]
    advisories: tuple[Tellable, ...]
    examples: tuple[Example, ...] = ()
    """What must come of what, executed by `cordwatch pack check`."""

    @model_validator(mode="after")
    def _examples_once(self) -> Self:
        names = [one.name for one in self.examples]
        twice = sorted({one for one in names if names.count(one) > 1})
        if twice:
            raise ValueError(f"examples given twice: {', '.join(twice)}")
        return self

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

    @property
    def stamp(self) -> str:
        """Return the label and a digest of the rules: an edit under the same version shows."""
        content = self.model_dump_json(exclude={"examples"}).encode()
        return f"{self.label}#{blake2b(content, digest_size=8).hexdigest()}"

    @property
    def default(self) -> Pack:
        """Return itself: it holds everywhere."""
        return self

    @property
    def each(self) -> tuple[Pack, ...]:
        """Return itself alone."""
        return (self,)

    def at(self, facility: str | None, ward: str | None) -> Pack:  # noqa: ARG002 - the same everywhere
        """Return itself, whatever the place."""
        return self

    def started_by(self, trigger: Trigger) -> Iterator[DeadlineRule]:
        """Return the rules whose clock *trigger* starts."""
        return (rule for rule in self.rules if rule.starts_at == trigger)

    def has(self, rule: str) -> bool:
        """Return whether *rule* is a deadline rule of this pack."""
        return any(one.id == rule for one in self.rules)

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


def placed_pack(name_or_path: str | Path) -> Placed[Pack]:
    """
    Return a shipped pack by its name, or one from a file, with the places of its parts.

    Raises:
        BadYaml: it is malformed; says `file:line:column`, field and reason, all errors at once.
        FileNotFoundError: neither a shipped name nor a file.
    """
    if str(name_or_path) in shipped_packs():
        file = resources.files("cordwatch_schemas") / "packs" / f"{name_or_path}.yaml"
        return read_placed(file.read_bytes(), Pack, f"{name_or_path}.yaml")
    path = Path(name_or_path)
    return read_placed(path.read_bytes(), Pack, str(path))


def load_pack(name_or_path: str | Path) -> Pack:
    """
    Return a shipped pack by its name, or one from a file.

    Raises:
        BadYaml, FileNotFoundError: see `placed_pack`.
    """
    return placed_pack(name_or_path).value
