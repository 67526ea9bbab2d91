"""What is carried to another key: which references were given, to which numbers, and what stands for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cordwatch.feeds.references import References

_GIVEN = re.compile(rb"\b([pe])_[a-z2-7]{24}\b")
"""A reference that a key made, wherever it stands."""

Numbered = tuple[str, str]
"""Kind (`p`: patient, `e`: visit) and number."""


@dataclass(frozen=True, slots=True)
class Recording(References):
    """References that note which numbers they were asked for: a message says them by being read."""

    asked: set[Numbered] = field(default_factory=set, repr=False, compare=False)

    def of(self, kind: str, number: str) -> str:
        """Return the reference for a number, and note the number."""
        self.asked.add((kind, number))
        return References.of(self, kind, number)


@dataclass(slots=True)
class Used:
    """The references that stand in what is kept."""

    everywhere: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    """Of whom watch knows something."""
    visits: set[str] = field(default_factory=set)
    """In what watch knows."""

    def note(self, key: bytes, value: bytes, *, of_watch: bool = False) -> None:
        """Note what stands in a record; *of_watch*: it is a row of its state."""
        found = {one.group().decode() for part in (key, value) for one in _GIVEN.finditer(part)}
        self.everywhere |= found
        if of_watch:
            whose = _GIVEN.match(key)
            if whose and whose.group(1) == b"p":
                self.patients.add(whose.group().decode())
            self.visits |= {one for one in found if one.startswith("e_")}


@dataclass(frozen=True, slots=True)
class Carrying:
    """What an exchange of the key comes to. Counts alone can be shown."""

    carry: dict[str, str]
    """By the reference as the present key makes it, the one that it stands for."""
    already: int
    """Carried before."""
    doubled: int
    """Given by both keys, to one number: both are in use, and stay."""
    patients_left: int
    """Of whom watch knows something, and nothing tells the number: to the present key they are somebody else."""
    visits_left: int
    """The same of visits."""


def carrying(
    numbers: Iterable[Numbered], former: References, present: References, used: Used
) -> Carrying:
    """
    Return what is to be carried from the *former* key to the *present* one.

    A reference that was given stays, so what the present key has given by now is
    never pointed elsewhere: its clocks would stand alone. What the former key
    would give and never gave is not carried, so that it is no longer given.
    """
    own = References(present.key)
    carry: dict[str, str] = {}
    known: set[str] = set()
    already = doubled = 0
    for kind, number in numbers:
        had, made = former.of(kind, number), own.of(kind, number)
        known |= {had, made}
        stands_for = present.carried.get(made)
        if had not in used.everywhere or had == made:
            continue
        if stands_for == had:
            already += 1
        elif stands_for is not None or made in used.everywhere:
            doubled += 1
        else:
            carry[made] = had
    return Carrying(carry, already, doubled, len(used.patients - known), len(used.visits - known))
