"""Who is who: which references are the same person, and whose an encounter is, by what is in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cordwatch.pathway.facts import Fact
from cordwatch_schemas.alerts import Alert

_MERGES = frozenset({"merged", "merge-cancelled"})
IDENTITY = _MERGES | {"encounter-moved"}
"""The facts that say who is who."""


Pair = tuple[str, str]
"""The survivor and the retired reference of a merge; or whose an encounter was, and whose it is."""
Stay = tuple[str, str]
"""Under which reference a patient lives now, and one of their encounters."""


@dataclass(slots=True)
class Persons:
    """The merges and moves in force among the facts of a patient, and the merges that were refused."""

    survivor_of: dict[str, str] = field(default_factory=dict)
    moved_to: dict[Stay, str] = field(default_factory=dict)
    """Whose an encounter is that was moved, by the patients whose it was said to be."""
    refused: list[tuple[Fact, str]] = field(default_factory=list)
    """Refused merges and why: each as it was sent for the survivor, then as for the retired reference."""
    named: set[Pair] = field(default_factory=set)
    """Everybody who was ever tied to another, by what was undone or refused too."""
    owner_by_fact: dict[str, str] = field(default_factory=dict)
    """Of every fact that is known; empty where nobody is tied to anybody."""

    def root(self, reference: str) -> str:
        """Return the reference under which *reference* lives now; chains resolve to their end."""
        while reference in self.survivor_of:
            reference = self.survivor_of[reference]
        return reference

    def meant(self, fact: Fact) -> str:
        """Return for whom *fact* should have been sent: for whose encounter it names."""
        if fact.encounter is None or fact.kind in IDENTITY:
            return fact.sent_as
        return self.moved_to.get((self.root(fact.sent_as), fact.encounter), fact.sent_as)

    def owner(self, fact: Fact) -> str:
        """Return the reference under which the person lives now whom *fact* is about."""
        return self.root(self.meant(fact))

    def owner_of_alert(self, alert: Alert) -> str:
        """Return whose *alert* is: its cause's; while that is unknown, as it says."""
        return self.owner_by_fact.get(alert.cause) or self.root(alert.patient)

    def linked(self, reference: str) -> set[str]:
        """Return every reference that anything ever tied to *reference*, itself included."""
        found, grown = set[str](), {reference}
        while found != grown:
            found = grown
            grown = found.union(*(pair for pair in self.named if found.intersection(pair)))
        return found


def may_tell_identity(encoded: bytes) -> bool:
    """Return whether one of the *encoded* facts may say who is who: cheap, and never wrong about a no."""
    return b'"merge' in encoded or b'"encounter-moved"' in encoded


def owners(fact: Fact, who: Persons) -> set[str]:
    """
    Return whose *fact* is: that of the person it is about; what ties people, everybody's whom it may concern.

    All must know of a merge or its undoing, whoever of them lives on: or one would go on handing
    the other's facts back, or take for its own a reference that lives elsewhere.
    """
    if fact.kind in IDENTITY:
        return who.linked(fact.sent_as)
    return {who.owner(fact)}


def persons(facts: Iterable[Fact]) -> Persons:
    """
    Return who is who by *facts*, whatever order they came in.

    Refused and named: a merge with itself, a cycle or inverse pair, a second
    merge of a reference that already lives elsewhere (pathway, Merge). The
    order of merges is (occurred, recorded, survivor and retired). Of the moves
    of an encounter the last says whose it is (docs/adr/0019).
    """
    told: dict[Pair, list[Fact]] = {}
    moves: list[Fact] = []
    everything = list(facts)
    for fact in everything:
        if fact.kind in _MERGES:
            told.setdefault((fact.values["survivor"], fact.values["retired"]), []).append(fact)
        elif fact.kind == "encounter-moved":
            moves.append(fact)
    if not told and not moves:
        return Persons()
    found = Persons(named={*told, *map(_parties, moves)})
    # The same merge is published under both references: of one pair the latest word counts.
    latest = {pair: max(same, key=_by_record) for pair, same in told.items()}
    in_force = [
        (fact.at, _written_at([one for one in told[pair] if _same(one, fact)]), pair)
        for pair, fact in latest.items()
        if fact.kind == "merged"
    ]
    for _, _, pair in sorted(in_force):
        why = _refusal(found, *pair)
        if why is None:
            found.survivor_of[pair[1]] = pair[0]
        else:
            found.refused += [(fact, why) for fact in _copies(told[pair], latest[pair])]
    _move(found, moves)
    found.owner_by_fact |= {fact.id: found.owner(fact) for fact in everything}
    return found


def _move(found: Persons, moves: Iterable[Fact]) -> None:
    """Find out whose every moved encounter is: it has one owner, whosever it was said to be before."""
    told: dict[tuple[datetime, Pair, str], list[Fact]] = {}
    for move in moves:
        told.setdefault((move.at, _parties(move), move.encounter or ""), []).append(move)
    tied: dict[Stay, set[Stay]] = {}
    for (_, parties, encounter), _ in sorted(
        told.items(), key=lambda one: (one[0][0], _written_at(one[1]), one[0][1])
    ):
        stays = [(found.root(party), encounter) for party in parties]
        together = set[Stay]().union(*(tied.get(stay, {stay}) for stay in stays))
        tied |= dict.fromkeys(together, together)
        found.moved_to |= dict.fromkeys(together, parties[1])


def _parties(move: Fact) -> Pair:
    return move.values["moved_from"], move.values["moved_to"]


def _same(one: Fact, other: Fact) -> bool:
    return (one.kind, one.at) == (other.kind, other.at)


def _written_at(copies: Sequence[Fact]) -> datetime:
    """
    Return when something was written down first, as far as anybody says.

    Its *copies* are one thing: they lie under both references, and may be sent anew.
    """
    stated = [one.recorded_at for one in copies if one.recorded_at is not None]
    return min(stated or [one.received_at for one in copies])


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
