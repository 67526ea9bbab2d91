"""Who is who: which references are the same person, by the merges that are in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cordwatch.pathway.facts import Fact

MERGES = frozenset({"merged", "merge-cancelled"})
"""The facts that say who is who."""


Pair = tuple[str, str]
"""The survivor and the retired reference of a merge."""


@dataclass(slots=True)
class Persons:
    """The merges in force among the facts of a patient, and those that were refused."""

    survivor_of: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[Fact, str]] = field(default_factory=list)
    """Refused merges and why: each as it was sent for the survivor, then as for the retired reference."""
    named: set[Pair] = field(default_factory=set)
    """Every merge that was ever told, undone and refused ones too."""

    def root(self, reference: str) -> str:
        """Return the reference under which *reference* lives now; chains resolve to their end."""
        while reference in self.survivor_of:
            reference = self.survivor_of[reference]
        return reference

    def linked(self, reference: str) -> set[str]:
        """Return every reference that merges ever tied to *reference*, itself included."""
        found, grown = set[str](), {reference}
        while found != grown:
            found = grown
            grown = found.union(*(pair for pair in self.named if found.intersection(pair)))
        return found


def owners(fact: Fact, who: Persons) -> set[str]:
    """
    Return whose *fact* is: that of the person it was sent for; a merge is everybody's whom it may concern.

    All must know of a merge or its undoing, whoever of them lives on: or one would go on handing
    the other's facts back, or take for its own a reference that lives elsewhere.
    """
    if fact.kind in MERGES:
        return who.linked(fact.values["survivor"])
    return {who.root(fact.sent_as)}


def persons(facts: Iterable[Fact]) -> Persons:
    """
    Return who is who by *facts*, whatever order they came in.

    Refused and named: a merge with itself, a cycle or inverse pair, a second
    merge of a reference that already lives elsewhere (pathway, Merge). The
    order of merges is (occurred, recorded, survivor and retired).
    """
    told: dict[Pair, list[Fact]] = {}
    for fact in facts:
        if fact.kind in MERGES:
            told.setdefault((fact.values["survivor"], fact.values["retired"]), []).append(fact)
    found = Persons(named=set(told))
    # The same merge is published under both references: of one pair the latest word counts.
    latest = {pair: max(same, key=_by_record) for pair, same in told.items()}
    in_force = [(fact, pair) for pair, fact in latest.items() if fact.kind == "merged"]
    for _, pair in sorted(in_force, key=lambda one: (one[0].at, one[0].documented_at, one[1])):
        why = _refusal(found, *pair)
        if why is None:
            found.survivor_of[pair[1]] = pair[0]
        else:
            found.refused += [(fact, why) for fact in _copies(told[pair], latest[pair])]
    return found


def _by_record(fact: Fact) -> tuple[datetime, datetime, str, str]:
    """Sort by what was recorded last; of two recorded at once by what happened last."""
    return (fact.known_at, fact.at, fact.kind, fact.id)


def _refusal(so_far: Persons, survivor: str, retired: str) -> str | None:
    if survivor == retired:
        return "merged with itself"
    if so_far.root(survivor) == retired:
        return "would close a circle of merges"
    return "already lives under another reference" if retired in so_far.survivor_of else None


def _copies(told: Iterable[Fact], latest: Fact) -> list[Fact]:
    """Return the merge as it was sent for either party, the survivor first."""
    same = {one.sent_as: one for one in sorted(told, key=_by_record) if one.kind == latest.kind}
    survivor = latest.values["survivor"]
    return sorted(same.values(), key=lambda one: (one.sent_as != survivor, one.id))
