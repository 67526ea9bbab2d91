"""Names and numbers behind references: for signed-in staff alone, and never in a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cordwatch_schemas.records import Identity


@dataclass(frozen=True, slots=True)
class Person:
    """Who a patient is, as a ward reads it."""

    name: str
    number: str
    birth_date: str


class _Surnames(Mapping[str, str]):
    """The surnames, read out of what is kept when they are asked for."""

    def __init__(self, kept: Mapping[str, bytes]) -> None:
        self._kept = kept

    def __getitem__(self, reference: str) -> str:
        name = _identity(self._kept[reference]).name or ""
        return name.split("^")[0].strip().casefold()

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class People:
    """The identities, as small as they are on the broker."""

    def __init__(self) -> None:
        """Begin with nobody known."""
        self._kept: dict[str, bytes] = {}

    def take(self, reference: str, value: bytes | None) -> None:
        """
        Take in an identity; None: it is gone.

        Raises:
            ValidationError: it is none.
        """
        if value is None:
            self._kept.pop(reference, None)
            return
        _identity(value)
        self._kept[reference] = value

    @property
    def surnames(self) -> Mapping[str, str]:
        """Return the surnames by reference, for comparing."""
        return _Surnames(self._kept)

    def find(self, reference: str) -> Person | None:
        """Return who *reference* is; None: not known here."""
        kept = self._kept.get(reference)
        if kept is None:
            return None
        found = _identity(kept)
        return Person(_readable(found.name or ""), found.number, found.birth_date or "")


def _identity(value: bytes) -> Identity:
    return Identity.model_validate_json(value)


def _readable(name: str) -> str:
    """Return an HL7 name as people write it: the surname first."""
    parts = [part.strip() for part in name.split("^")]
    return ", ".join(part for part in parts[:2] if part)
