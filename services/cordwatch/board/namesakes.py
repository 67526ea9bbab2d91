"""Who lies on one ward with another of the same surname, and may be taken for the other."""

from __future__ import annotations

from collections import defaultdict

from cordwatch.pathway.picture import Place

_Where = tuple[str | None, str, str]
"""House, ward and surname."""


class Namesakes:
    """Patients by ward and surname, told of when they are put somewhere or renamed."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.shared: set[str] = set()
        """Those of whom there is another."""
        self._place_of: dict[str, Place] = {}
        self._there: dict[_Where, set[str]] = defaultdict(set)
        self._where: dict[str, _Where] = {}

    def put(self, patient: str, place: Place | None, surname: str) -> None:
        """Let *patient* lie at *place* under *surname*; None: nowhere on the board."""
        if place is None:
            self._place_of.pop(patient, None)
        else:
            self._place_of[patient] = place
        self.rename(patient, surname)

    def rename(self, patient: str, surname: str) -> None:
        """Let *patient* be called *surname*, wherever that is."""
        place = self._place_of.get(patient)
        where = (place.facility, place.ward, surname) if place and place.ward and surname else None
        known = self._where.get(patient)
        if where == known:
            return
        if known is not None:
            del self._where[patient]
            self._there[known].discard(patient)
            self._look(known)
            self.shared.discard(patient)
        if where is not None:
            self._where[patient] = where
            self._there[where].add(patient)
            self._look(where)

    def _look(self, where: _Where) -> None:
        there = self._there[where]
        if len(there) > 1:
            self.shared |= there
        else:
            self.shared -= there
        if not there:
            del self._there[where]
