"""Names and numbers behind references: for signed-in staff alone, and never in a log."""

from __future__ import annotations

from dataclasses import dataclass

from cordwatch_schemas.records import Identity


@dataclass(frozen=True, slots=True)
class Person:
    """Who a patient is, as a ward reads it."""

    name: str
    number: str
    birth_date: str


class People:
    """The identities, as small as they are on the broker."""

    def __init__(self) -> None:
        """Begin with nobody known."""
        self._kept: dict[str, bytes] = {}
        self.version = 0
        """Grows with every name that changes."""
        self._surnames: dict[str, str] = {}
        """Of those who were asked about: they are compared at every change of the board."""
        self._found: dict[str, Person] = {}
        """Those who were asked about: they are shown at every change of the board."""

    def take(self, reference: str, value: bytes | None) -> None:
        """
        Take in an identity; None: it is gone.

        Raises:
            ValidationError: it is none.
        """
        self.version += 1
        self._surnames.pop(reference, None)
        self._found.pop(reference, None)
        if value is None:
            self._kept.pop(reference, None)
            return
        _identity(value)
        self._kept[reference] = value

    def surname(self, reference: str) -> str:
        """Return the surname of *reference*, for comparing; empty: not known here."""
        found = self._surnames.get(reference)
        if found is None:
            kept = self._kept.get(reference)
            name = (_identity(kept).name or "") if kept else ""
            found = self._surnames[reference] = name.split("^")[0].strip().casefold()
        return found

    def find(self, reference: str) -> Person | None:
        """Return who *reference* is; None: not known here."""
        known, kept = self._found.get(reference), self._kept.get(reference)
        if known is not None or kept is None:
            return known
        found = _identity(kept)
        person = Person(_readable(found.name or ""), found.number, found.birth_date or "")
        self._found[reference] = person
        return person


def _identity(value: bytes) -> Identity:
    return Identity.model_validate_json(value)


def _readable(name: str) -> str:
    """Return an HL7 name as people write it: the surname first."""
    parts = [part.strip() for part in name.split("^")]
    return ", ".join(part for part in parts[:2] if part)
