"""
The safety papers as data: what each must say, and that what it names is there.

Everything that is wrong is told at once, with line and column. A control that
names code or a test that went away is wrong: it controls nothing any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cordwatch_schemas.pack_data import NotEmpty
from cordwatch_schemas.positions import BadYaml, Fault, read_placed
from cordwatch_schemas.positions import Path as Way
from tests.safety.evidence import ROOT, fault_of_code, fault_of_test

FOLDER = ROOT / "docs" / "safety"
HAZARDS = FOLDER / "hazards.yaml"
SECURITY = FOLDER / "security.yaml"

Words = Annotated[str, Field(min_length=10)]
"""A sentence, not a mark that somebody meant to come back to."""
Names = Annotated[tuple[Annotated[str, Field(min_length=3)], ...], NotEmpty]

Severity = Literal["catastrophic", "major", "considerable", "significant", "minor"]


class Part(BaseModel):
    """Part of a paper. An unknown key is an error: a misspelt control must not pass for an absent one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Control(Part):
    """What the software does against a hazard, where, and which tests show it."""

    does: Words
    code: Names
    tests: Names


class Hazard(Part):
    """A way in which this software could let a patient or the staff come to harm."""

    id: Annotated[str, Field(pattern=r"^H\d{2}$")]
    title: Words
    when: Literal["normal use", "a fault"]
    causes: Annotated[tuple[Words, ...], NotEmpty]
    patient: Words
    staff: Words
    severity: Severity
    controls: Annotated[tuple[Control, ...], NotEmpty]
    residual: Words
    deployer: Annotated[tuple[Words, ...], NotEmpty]


class HazardLog(Part):
    """Every hazard that we know of."""

    severities: dict[Severity, Words]
    hazards: Annotated[tuple[Hazard, ...], NotEmpty]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        numbers = [one.id for one in self.hazards]
        if numbers != [f"H{place:02}" for place in range(1, len(numbers) + 1)]:
            raise ValueError("hazards are numbered H01, H02, ... in order")
        return self

    @model_validator(mode="after")
    def _severities_explained(self) -> Self:
        left_out = {one.severity for one in self.hazards} - self.severities.keys()
        if left_out:
            raise ValueError(f"severities without a meaning: {', '.join(sorted(left_out))}")
        return self


Status = Literal["met", "not applicable", "deployer", "open"]


class Requirement(Part):
    """What stands for one or several requirements of the security standard."""

    numbers: Names
    about: Annotated[str, Field(min_length=3)]
    status: Status
    why: Words
    code: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _shown_if_met(self) -> Self:
        shown = (bool(self.code), bool(self.tests))
        if shown != ((self.status == "met"),) * 2:
            raise ValueError("code and tests go with met, and met with both")
        return self


class Chapter(Part):
    """A chapter of the security standard."""

    id: Annotated[str, Field(pattern=r"^V\d+$")]
    subject: Annotated[str, Field(min_length=3)]
    entries: Annotated[tuple[Requirement, ...], NotEmpty]


class SecurityList(Part):
    """Every requirement of two levels of a security standard, each answered once."""

    standard: Annotated[str, Field(min_length=3)]
    level_1: Names
    level_2: Names
    chapters: Annotated[tuple[Chapter, ...], NotEmpty]

    @model_validator(mode="after")
    def _each_answered_once(self) -> Self:
        asked = Counter((*self.level_1, *self.level_2))
        answered = Counter(
            number
            for chapter in self.chapters
            for entry in chapter.entries
            for number in entry.numbers
        )
        if wrong := sorted(asked.keys() ^ answered.keys()):
            raise ValueError(f"asked and not answered, or not asked: {', '.join(wrong)}")
        if twice := sorted(number for number, times in answered.items() if times > 1):
            raise ValueError(f"answered twice: {', '.join(twice)}")
        return self


Evidence = Iterator[tuple[Way, str | None]]
P = TypeVar("P", bound=Part)


def hazard_log(path: Path = HAZARDS) -> HazardLog:
    """
    Return the hazard log, all that it names being there.

    Raises:
        BadYaml: every fault at once, each with its position.
    """
    return proven(path, HazardLog, _evidence_of_hazards)


def security_list(path: Path = SECURITY) -> SecurityList:
    """
    Return the list of security controls, all that it names being there.

    Raises:
        BadYaml: every fault at once, each with its position.
    """
    return proven(path, SecurityList, _evidence_of_security)


def _evidence_of_hazards(log: HazardLog) -> Evidence:
    for number, hazard in enumerate(log.hazards):
        for place, control in enumerate(hazard.controls):
            yield from _evidence(control, ("hazards", number, "controls", place))


def _evidence_of_security(security: SecurityList) -> Evidence:
    for number, chapter in enumerate(security.chapters):
        for place, entry in enumerate(chapter.entries):
            yield from _evidence(entry, ("chapters", number, "entries", place))


def _evidence(control: Control | Requirement, way: Way) -> Evidence:
    yield from evidence_of(control.code, control.tests, way)


def evidence_of(code: Iterable[str], tests: Iterable[str], way: Way, key: str = "code") -> Evidence:
    """Yield of each name whether it is there, with the way to it; *key*: under which the names of code stand."""
    for place, named in enumerate(code):
        yield (*way, key, place), fault_of_code(named)
    for place, named in enumerate(tests):
        yield (*way, "tests", place), fault_of_test(named)


def proven(path: Path, paper: type[P], evidence: Callable[[P], Evidence]) -> P:
    """
    Return a paper from its file, all that it names being there.

    Raises:
        BadYaml: every fault at once, each with its position.
    """
    placed = read_placed(path.read_bytes(), paper, path.name)
    faults: list[Fault] = [
        placed.fault(way, fault) for way, fault in evidence(placed.value) if fault is not None
    ]
    if faults:
        raise BadYaml(placed.filename, faults)
    return placed.value
