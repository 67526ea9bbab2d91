"""Which pack a fact is read under: that of the place where it was told, whoever has the patient since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History
from cordwatch_schemas.pack import Pack, Packs, Policy

PLACES = ("admitted", "transferred", "transfer-cancelled", "discharge-cancelled")
"""Facts that say where a patient is."""


class Where:
    """
    The packs of one patient's facts, by place (docs/adr/0009-which-pack.md).

    A fact belongs to the place of its encounter at its own time, so a transfer
    later on grants no clock another window; without a known encounter, to the
    place of the reference that it was sent for, so a merge moves none either.
    """

    def __init__(self, history: History, packs: Packs) -> None:
        """Find out where the patient of *history* was when."""
        self._packs = packs
        self._of: dict[str, Pack] = {}
        self._stays: dict[str, list[Fact]] = defaultdict(list)
        if packs.each[1:]:  # Where one pack holds everywhere, nobody asks where.
            for move in _moves(history):
                self._stays[f"sent {move.sent_as}"].append(move)
                if move.encounter is not None:
                    self._stays[f"stay {move.encounter}"].append(move)

    def pack_of(self, fact: Fact) -> Pack:
        """Return the pack under which *fact* is read."""
        if not self._stays:
            return self._packs.default
        found = self._of.get(fact.id)
        if found is None:
            found = self._of[fact.id] = self._found(fact)
        return found

    def policy_of(self, fact: Fact) -> Policy:
        """Return the figures that hold for *fact*."""
        return self.pack_of(fact).policy

    def _found(self, fact: Fact) -> Pack:
        moves = self._stays.get(f"stay {fact.encounter}") or self._stays.get(f"sent {fact.sent_as}")
        if not moves:
            return self._packs.default
        # Assessed in the emergency room before the admission was typed in: the first place after.
        until = [move for move in moves if move.start_at <= fact.start_at] or moves[:1]
        # A transfer that names the ward alone stays in the same house.
        facility, ward = _last(until, "facility"), until[-1].values.get("ward")
        return self._packs.at(facility, ward)


def _moves(history: History) -> Sequence[Fact]:
    """Return what says where the patient was, by time; a cancelled admission was somewhere too."""
    found = []
    for fact in history.facts:
        ended = history.ended.get(fact.id)
        counts = ended is None or ended.by.kind == "admission-cancelled"
        if fact.kind in PLACES and counts and (_last([fact], "facility") or _last([fact], "ward")):
            found.append(fact)
    return sorted(found, key=lambda one: (one.start_at, one.known_at, one.id))


def _last(moves: Sequence[Fact], name: str) -> str | None:
    return next((value for move in reversed(moves) if (value := move.values.get(name))), None)
