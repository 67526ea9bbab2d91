"""Names and numbers behind references: for signed-in staff alone, and never in a log."""

from __future__ import annotations

from typing import NamedTuple

from cordwatch_schemas.records import Identity


class Person(NamedTuple):
    """Who a patient is."""

    told_as: str
    """The name as it was told, in HL7."""
    number: str
    birth_date: str

    @property
    def name(self) -> str:
        """Return the name as people write it: the surname first."""
        parts = [part.strip() for part in self.told_as.split("^")]
        return ", ".join(part for part in parts[:2] if part)

    @property
    def surname(self) -> str:
        """Return the surname, for comparing; empty: none was told."""
        return self.told_as.split("^")[0].strip().casefold()


class People:
    """The identities; of each what is shown, and no more: there is one of everybody who ever came."""

    def __init__(self) -> None:
        """Begin with nobody known."""
        self._known: dict[str, Person] = {}
        self.version = 0
        """Grows with every name that changes."""

    def take(self, reference: str, identity: Identity | None) -> None:
        """Take in an identity; None: it is gone."""
        self.version += 1
        if identity is None:
            self._known.pop(reference, None)
            return
        name, born = identity.name or "", identity.birth_date or ""
        self._known[reference] = Person(name, identity.number, born)

    def surname(self, reference: str) -> str:
        """Return the surname of *reference*, for comparing; empty: not known here."""
        found = self._known.get(reference)
        return "" if found is None else found.surname

    def find(self, reference: str) -> Person | None:
        """Return who *reference* is; None: not known here."""
        return self._known.get(reference)
