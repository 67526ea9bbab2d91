"""Which facts stand: retractions, corrections and later readings worked out, in any order of arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cordwatch.pathway.facts import Fact

Fate = Literal["retracted", "replaced", "refuted"]

_FAMILY = {
    "admitted": "admission",
    "admission-cancelled": "admission",
    "discharged": "discharge",
    "discharge-cancelled": "discharge",
    "died": "death",
    "death-cancelled": "death",
    "imaging-ordered": "imaging-order",
    "imaging-cancelled": "imaging-order",
    "imaging-scheduled": "imaging-booking",
    "imaging-no-show": "imaging-booking",
    "imaging-done": "scan",
    "treatment-planned": "treatment-plan",
    "treatment-booked": "treatment-booking",
    "treatment-no-show": "treatment-booking",
    "treatment-started": "treatment-start",
    "treatment-ended": "treatment-end",
}
"""Kinds that speak of the same natural thing: the later record replaces the earlier."""

_NEGATING = frozenset(
    {
        "admission-cancelled",
        "discharge-cancelled",
        "death-cancelled",
        "imaging-cancelled",
        "imaging-no-show",
        "treatment-no-show",
    }
)


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a fact no longer stands, and by which other fact."""

    fate: Fate
    by: Fact


class History:
    """
    The facts of one patient, sorted into those that stand and those that fell.

    A pure function of the set: permuting or repeating the facts changes
    nothing (pathway, Words).
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        """Sort out *facts*, which belong to one patient."""
        self.facts: Sequence[Fact] = sorted(facts, key=_by_time)
        self.by_id = {fact.id: fact for fact in self.facts}
        self.ended: dict[str, Ended] = {}
        self._disputed: set[str] = set()
        self._study = _same_study(self.facts)
        self._retract()
        self._replace()
        self._standing: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            if fact.id not in self.ended:
                self._standing[fact.kind].append(fact)

    def standing(self, *kinds: str) -> list[Fact]:
        """Return the facts of *kinds* that stand, by time."""
        if len(kinds) == 1:
            return self._standing.get(kinds[0], [])
        found = [fact for kind in kinds for fact in self._standing.get(kind, ())]
        # Of most kinds there is nothing, and this is asked for each of them at every look.
        return sorted(found, key=_by_time) if len(found) > 1 else found

    def flags(self, fact: Fact) -> tuple[str, ...]:
        """Return what is doubtful about *fact*: its time, or that another record says otherwise."""
        return (*fact.flags, "readings-differ") if fact.id in self._disputed else fact.flags

    def study(self, fact: Fact) -> str:
        """Return the one name of the study, however *fact* numbers it."""
        number = fact.values.get("order_number") or fact.values.get("accession_number")
        return self._study.get(number, number) if number else fact.id

    def last_replaced(self, kind: str, by: Fact) -> Fact | None:
        """Return the fact of *kind* that *by* took the place of: the last, which had taken that of those before it."""
        ended = ((fact, self.ended.get(fact.id)) for fact in self.facts if fact.kind == kind)
        return next((fact for fact, end in ended if end is not None and end.by is by), None)

    def first_told(self, order: Fact) -> Fact:
        """Return the fact that first told of a drug *order*: what changes it later is no new cause."""
        number = order.values.get("order_number")
        same = (
            fact
            for fact in self.facts
            if fact.kind == order.kind and number and fact.values.get("order_number") == number
        )
        return min(same, key=lambda fact: (fact.received_at, fact.id), default=order)

    def orders_placed(self) -> list[Fact]:
        """Return the imaging orders that stand, and those that a cancellation took the place of."""
        ends = self.standing("imaging-cancelled")
        cancelled = (self.last_replaced("imaging-ordered", end) for end in ends)
        return [*self.standing("imaging-ordered"), *(one for one in cancelled if one is not None)]

    def _retract(self) -> None:
        retractions = [fact for fact in self.facts if fact.kind == "record-retracted"]
        corrections = [fact for fact in self.facts if fact.corrects]
        refutations = [fact for fact in self.facts if fact.kind == "diagnosis-retracted"]
        # The latest retraction stands; an earlier one stands unless a standing later one takes it back.
        for killer in sorted(retractions, key=lambda fact: (fact.known_at, fact.id), reverse=True):
            if killer.id not in self.ended:
                self._kill(killer, _targets(killer, self.facts), "retracted")
        for killer in corrections:
            same = (one for one in self.facts if one.kind == killer.kind)
            named = [one for one in same if killer.corrects in one.numbers and one is not killer]
            # A record is corrected for good, whenever it is told; of two corrections the later counts.
            rivals = [one for one in named if one.corrects == killer.corrects]
            gone = (one for one in named if one not in rivals)
            self.ended |= {one.id: Ended("replaced", killer) for one in gone}
            self._kill(killer, rivals, "replaced")
        for killer in refutations:
            if killer.id not in self.ended:
                self._kill(killer, _refuted(killer, self.facts), "refuted")

    def _kill(self, killer: Fact, victims: Iterable[Fact], fate: Fate) -> None:
        for victim in victims:
            # Taken back in the instant in which it was told, a record never was; of two corrections one stands.
            first = "" if fate != "replaced" else victim.id
            older = (victim.known_at, first) < (killer.known_at, killer.id)
            if older and victim.id not in self.ended:
                self.ended[victim.id] = Ended(fate, killer)

    def _replace(self) -> None:
        things: dict[tuple[object, ...], list[Fact]] = defaultdict(list)
        for fact in self.facts:
            thing = self._thing(fact)
            if thing is not None and fact.id not in self.ended:
                things[thing].append(fact)
        for readings in (some for some in things.values() if some[1:]):
            *replaced, winner = sorted(readings, key=_precedence)
            if any(_is_as_good(fact, winner) for fact in replaced):
                self._disputed.add(winner.id)
            for place, fact in enumerate(replaced, 1):
                # An order that was placed anew before it was cancelled was replaced by the new one.
                again = (one for one in replaced[place:] if one.kind == fact.kind)
                self.ended[fact.id] = Ended("replaced", next(again, winner))

    def _thing(self, fact: Fact) -> tuple[object, ...] | None:
        if fact.kind == "diagnosed":
            return (fact.kind, fact.codes, fact.values.get("status"), fact.encounter)
        family = _FAMILY.get(fact.kind)
        if family is None:
            return None
        if family in {"admission", "discharge"}:
            return (family, fact.encounter) if fact.encounter else None
        if family == "death":
            return (family,)
        if family.startswith("treatment"):
            number = fact.values.get("treatment_number")
            return (family, number) if number else None
        return (family, self.study(fact))


def _is_as_good(fact: Fact, winner: Fact) -> bool:
    """Return whether *fact* is another reading of the same thing, recorded at the same time."""
    return fact.kind == winner.kind and fact.known_at == winner.known_at


def _by_time(fact: Fact) -> tuple[datetime, datetime, str, str]:
    """Sort by the time of the happening; of two at one instant the later record comes last."""
    return (fact.start_at, fact.known_at, fact.sent_as, fact.id)


def _precedence(fact: Fact) -> tuple[object, ...]:
    if fact.kind == "diagnosed":
        # Without a number of its own a diagnosis is replaced by no repeat: a feed that dates it anew
        # every day would push the deadline before it for ever. The earliest start rules.
        return (-fact.start_at.timestamp(), -fact.received_at.timestamp(), fact.id)
    # Of two as good as each other the earlier deadline rules: an order may start a clock, the rest ends one.
    at = fact.start_at.timestamp()
    later = -at if fact.kind == "imaging-ordered" else at
    return (fact.known_at, fact.kind in _NEGATING, later, fact.sent_as, fact.id)


def _targets(retraction: Fact, facts: Iterable[Fact]) -> Iterable[Fact]:
    kind, number = retraction.values["target_kind"], retraction.values["target"]
    return (
        fact
        for fact in facts
        if fact.kind == kind
        and fact is not retraction
        # By its id: one reading of a record that was ours and wrong, where the source's number means both.
        and (number in fact.numbers or number == fact.id)
    )


def _refuted(refutation: Fact, facts: Iterable[Fact]) -> Iterable[Fact]:
    codes = set(refutation.codes)
    return (
        fact
        for fact in facts
        if fact.kind == "diagnosed"
        and codes & set(fact.codes)
        and (refutation.encounter is None or refutation.encounter == fact.encounter)
    )


def _same_study(facts: Iterable[Fact]) -> dict[str, str]:
    """Tie order and accession numbers that any fact names together to one study."""
    parent: dict[str, str] = {}

    def find(number: str) -> str:
        while parent.setdefault(number, number) != number:
            number = parent[number]
        return number

    for fact in facts:
        order, accession = fact.values.get("order_number"), fact.values.get("accession_number")
        if order and accession:
            first, second = sorted((find(order), find(accession)))
            parent[second] = first
    return {number: find(number) for number in list(parent)}
