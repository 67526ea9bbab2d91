"""
The inventories as data: what each must say, and that what it names is there.

Cryptography, connections, protection of data, limits, and fields that must fit
each other. Like the other papers they are read with line and column, and tests
hold them against the code: what the code has and a paper does not name fails.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cordwatch_schemas.pack_data import NotEmpty
from cordwatch_schemas.positions import Path as Way
from tests.safety.evidence import fault_of_code
from tests.safety.papers import FOLDER, Evidence, Names, Part, Words, evidence_of, proven

Brief = Annotated[str, Field(min_length=2)]

BITS: dict[str, int] = {"collision": 256, "preimage": 128, "secrecy": 128, "nothing": 0}
"""What security asks for, by what an attacker may not be able to do (ASVS 11.2.3, 11.4.3)."""
DISALLOWED = re.compile(r"\b(md4|md5|sha-?1|crc\w*|3?des|rc4|blowfish)\b", re.IGNORECASE)


class CryptoUse(Part):
    """A use of cryptography or chance in our code."""

    where: Names
    algorithm: Brief
    bits: Annotated[int, Field(ge=0)]
    needs: Literal["collision", "preimage", "secrecy", "nothing"]
    why: Words
    change: Words

    @model_validator(mode="after")
    def _strong_enough(self) -> Self:
        if self.bits < BITS[self.needs]:
            raise ValueError(f"{self.needs} takes {BITS[self.needs]} bits, and it has {self.bits}")
        if DISALLOWED.search(self.algorithm):
            raise ValueError("names an algorithm that is used for nothing")
        return self


class Key(Part):
    """A key, a certificate or another secret: whose it is, and what it is never used for."""

    name: Words
    setting: Brief
    kind: Brief
    held_by: Brief
    for_: Annotated[str, Field(alias="for", min_length=5)]
    never_for: Words
    data: Words
    change: Brief
    code: Names


class Cryptography(Part):
    """Every use and every key."""

    uses: Annotated[tuple[CryptoUse, ...], NotEmpty]
    keys: Annotated[tuple[Key, ...], NotEmpty]


class Connection(Part):
    """Somebody who begins a connection, and who answers it."""

    begin: Brief
    end: Brief
    port: int | Literal["named"]
    """`named`: whichever the setting says."""
    protocol: Brief
    for_: Annotated[str, Field(alias="for", min_length=5)]
    proof: Brief
    """How the two know each other, and whether anybody on the way can read along."""
    setting: Brief
    compose: tuple[str, ...] = ()
    """Services of docker-compose.yml that begin it; none: it is not part of that deployment."""
    kubernetes: bool = False
    """Whether a policy of the base lets it through."""


class Connections(Part):
    """Everybody who talks to anybody."""

    connections: Annotated[tuple[Connection, ...], NotEmpty]


class Protection(Part):
    """One thing that a level demands, and what of it is ours."""

    aspect: Literal[
        "encryption on the way",
        "encryption where it lies",
        "integrity",
        "retention",
        "access",
        "logging",
        "privacy",
    ]
    does: Words
    deployer: str = ""
    code: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _by_somebody(self) -> Self:
        if bool(self.code) != bool(self.tests) or not (self.tests or self.deployer):
            raise ValueError("is neither shown by code and tests, nor the deployer's")
        return self


class Level(Part):
    """A level of protection, and all that it demands."""

    name: Brief
    holds: Words
    protections: Annotated[tuple[Protection, ...], NotEmpty]

    @model_validator(mode="after")
    def _every_aspect(self) -> Self:
        asked = Protection.model_fields["aspect"].annotation
        wanted = set(getattr(asked, "__args__", ()))
        if left_out := wanted - {one.aspect for one in self.protections}:
            raise ValueError(f"says nothing of {', '.join(sorted(left_out))}")
        return self


class Store(Part):
    """Where data lie, or where they are shown, beside the topics."""

    what: Brief
    level: Brief
    kept: Brief
    for_: Annotated[str, Field(alias="for", min_length=3)]


class DataPaper(Part):
    """Levels, and the level of every topic and of every other place."""

    levels: Annotated[tuple[Level, ...], NotEmpty]
    topics: dict[str, str]
    stores: Annotated[tuple[Store, ...], NotEmpty]

    @model_validator(mode="after")
    def _levels_are_known(self) -> Self:
        used = {*self.topics.values(), *(one.level for one in self.stores)}
        if unknown := used ^ {one.name for one in self.levels}:
            raise ValueError(
                f"levels without a use, or without words: {', '.join(sorted(unknown))}"
            )
        return self


class Limit(Part):
    """A limit, where it is set, and what happens beyond it."""

    what: Words
    code: Brief
    value: int | float | str
    per: Brief
    """Whose it is: each reader's, each connection's, the whole process's."""
    setting: str = ""
    beyond: Brief


class LimitGroup(Part):
    """The limits of one part."""

    part: Brief
    limits: Annotated[tuple[Limit, ...], NotEmpty]


class Costly(Part):
    """Something that takes long, or much; and why nobody can stop the rest by it."""

    what: Words
    guarded: Words
    code: Names
    tests: Names


class Limits(Part):
    """Every limit, and everything that costs much."""

    costly: Annotated[tuple[Costly, ...], NotEmpty]
    groups: Annotated[tuple[LimitGroup, ...], NotEmpty]


class Rule(Part):
    """Fields that must fit each other."""

    code: Brief
    rule: Words
    otherwise: Words
    tests: Names


class RuleGroup(Part):
    """The rules of one kind of input."""

    of: Brief
    rules: Annotated[tuple[Rule, ...], NotEmpty]


class Consistency(Part):
    """Every rule over several fields."""

    groups: Annotated[tuple[RuleGroup, ...], NotEmpty]


def cryptography(path: Path = FOLDER / "cryptography.yaml") -> Cryptography:
    """Return the inventory of cryptography, what it names being there; raises BadYaml."""
    return proven(path, Cryptography, _evidence_of_cryptography)


def connections(path: Path = FOLDER / "connections.yaml") -> Connections:
    """Return who talks to whom; raises BadYaml."""
    return proven(path, Connections, lambda _: iter(()))


def data_paper(path: Path = FOLDER / "data.yaml") -> DataPaper:
    """Return how data are protected, what it names being there; raises BadYaml."""
    return proven(path, DataPaper, _evidence_of_data)


def limits(path: Path = FOLDER / "limits.yaml") -> Limits:
    """Return every limit, what it names being there; raises BadYaml."""
    return proven(path, Limits, _evidence_of_limits)


def consistency(path: Path = FOLDER / "consistency.yaml") -> Consistency:
    """Return the rules over several fields, what it names being there; raises BadYaml."""
    return proven(path, Consistency, _evidence_of_consistency)


def _evidence_of_cryptography(paper: Cryptography) -> Evidence:
    for number, use in enumerate(paper.uses):
        yield from evidence_of(use.where, (), ("uses", number), "where")
    for number, key in enumerate(paper.keys):
        yield from evidence_of(key.code, (), ("keys", number))


def _evidence_of_data(paper: DataPaper) -> Evidence:
    for number, level in enumerate(paper.levels):
        for place, one in enumerate(level.protections):
            yield from evidence_of(one.code, one.tests, ("levels", number, "protections", place))


def _evidence_of_limits(paper: Limits) -> Evidence:
    for number, one in enumerate(paper.costly):
        yield from evidence_of(one.code, one.tests, ("costly", number))
    for number, group in enumerate(paper.groups):
        for place, limit in enumerate(group.limits):
            yield ("groups", number, "limits", place, "code"), fault_of_code(limit.code)


def _evidence_of_consistency(paper: Consistency) -> Evidence:
    for number, group in enumerate(paper.groups):
        for place, rule in enumerate(group.rules):
            way: Way = ("groups", number, "rules", place)
            yield (*way, "code"), fault_of_code(rule.code)
            yield from evidence_of((), rule.tests, way)
