"""What is carried to another key: which references were given, to which numbers, and what stands for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cordwatch.feeds.references import References
from cordwatch.watch.patients import WAKE_ROW_ID

_GIVEN = re.compile(rb"\b([pe])_[a-z2-7]{24}\b")
"""A reference that a key made, wherever it stands."""

_WAKE = b"|" + WAKE_ROW_ID
_DISCHARGED = b'"k":"discharged"'
"""As a row of the state has it."""

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
    over: set[str] = field(default_factory=set)
    """Visits of which a discharge is known."""
    waiting: set[str] = field(default_factory=set)
    """Patients for whom watch will do something at an instant."""

    def note(self, key: bytes, value: bytes) -> None:
        """Note what stands in a record."""
        self.everywhere |= _given(key) | _given(value)

    def note_row(self, key: bytes, value: bytes) -> None:
        """Note what stands in a row of watch's state: a fact, or when it does something next."""
        patients = {one for one in _given(key) if one.startswith("p_")}
        if key.endswith(_WAKE):
            self.waiting |= patients
            return
        self.note(key, value)
        self.patients |= patients
        visits = {one for one in _given(value) if one.startswith("e_")}
        (self.over if _DISCHARGED in value else self.visits).update(visits)


def _given(text: bytes) -> set[str]:
    return {one.group().decode() for one in _GIVEN.finditer(text)}


@dataclass(frozen=True, slots=True)
class Carrying:
    """What an exchange of the key comes to; all of it references, and no number."""

    carry: dict[str, str]
    """By the reference as the present key makes it, the one that it stands for."""
    already: int
    """Carried before."""
    doubled: dict[str, str]
    """Given by both keys, to one number: both are in use, and stay. By the newer, the older one."""
    patients_left: frozenset[str]
    """Of whom watch knows something, and nothing tells the number: to the present key they are somebody else."""
    visits_left: frozenset[str]
    """The same of visits that are not known to be over."""
    waiting: frozenset[str]
    """Of the patients left, those for whom watch will do something at an instant: most with an open clock."""


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
    doubled: dict[str, str] = {}
    known: set[str] = set()
    already = 0
    for kind, number in numbers:
        had, made = former.of(kind, number), own.of(kind, number)
        known |= {had, made}
        stands_for = present.carried.get(made)
        if had not in used.everywhere or had == made:
            continue
        if stands_for == had:
            already += 1
        elif stands_for is not None or made in used.everywhere:
            doubled[stands_for or made] = had
        else:
            carry[made] = had
    patients, visits = used.patients - known, used.visits - used.over - known
    waiting = frozenset(patients & used.waiting)
    return Carrying(carry, already, doubled, frozenset(patients), frozenset(visits), waiting)
