"""Who is who: which references are the same person, by the merges that are in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cordwatch.pathway.facts import Fact

MERGES = frozenset({"merged", "merge-cancelled"})
"""The facts that say who is who."""


@dataclass(slots=True)
class Persons:
    """The merges in force among the facts of a patient, and those that were refused."""

    survivor_of: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[Fact, str]] = field(default_factory=list)

    def root(self, reference: str) -> str:
        """Return the reference under which *reference* lives now; chains resolve to their end."""
        while reference in self.survivor_of:
            reference = self.survivor_of[reference]
        return reference


def owners(fact: Fact, who: Persons) -> set[str]:
    """
    Return whose *fact* is: that of the person it was sent for; a merge is both parties'.

    Both must know of a merge or its undoing, or each would go on handing the other's facts back.
    """
    if fact.kind in MERGES:
        return {who.root(fact.values["survivor"]), who.root(fact.values["retired"])}
    return {who.root(fact.sent_as)}


def persons(facts: Iterable[Fact]) -> Persons:
    """
    Return who is who by *facts*, whatever order they came in.

    Refused and named: a merge with itself, a cycle or inverse pair, a second
    merge of a reference that already lives elsewhere (pathway, Merge). The
    order of merges is (occurred, recorded, id).
    """
    latest: dict[tuple[str, str], Fact] = {}
    merges = [fact for fact in facts if fact.kind in MERGES]
    for fact in merges:
        pair = (fact.values["survivor"], fact.values["retired"])
        rival = latest.get(pair)
        # The same merge is published under both references: either fact will do, the choice must be stable.
        if rival is None or (fact.known_at, fact.kind, fact.id) > (
            rival.known_at,
            rival.kind,
            rival.id,
        ):
            latest[pair] = fact
    found = Persons()
    in_force = (fact for fact in latest.values() if fact.kind == "merged")
    for fact in sorted(in_force, key=lambda one: (one.at, one.documented_at, one.id)):
        survivor, retired = fact.values["survivor"], fact.values["retired"]
        if survivor == retired:
            why = "merged with itself"
        elif found.root(survivor) == retired:
            why = "would close a circle of merges"
        elif retired in found.survivor_of:
            why = "already lives under another reference"
        else:
            found.survivor_of[retired] = survivor
            continue
        found.refused.append((_of_the_retired(fact, merges), why))
    return found


def _of_the_retired(merge: Fact, merges: Iterable[Fact]) -> Fact:
    """Return *merge* as it was published under the retired reference, where it is known by that already."""
    same = [
        fact
        for fact in merges
        if (fact.kind, fact.at, fact.values) == (merge.kind, merge.at, merge.values)
        and fact.sent_as == merge.values["retired"]
    ]
    return min(same, key=lambda fact: fact.id, default=merge)
