"""Which reference stands for a patient number: the record system asks by it, and the key that makes references is not here."""

from __future__ import annotations


class Numbers:
    """The numbers of the identities; of a number that came under two keys the later reference counts."""

    def __init__(self) -> None:
        """Begin with none."""
        self._references: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    def take(self, reference: str, number: str | None) -> None:
        """Take in the number of an identity; None: it is gone."""
        before = self._numbers.pop(reference, None)
        if before is not None and self._references.get(before) == reference:
            del self._references[before]
        if number is not None:
            self._numbers[reference], self._references[number] = number, reference

    def find(self, number: str) -> str | None:
        """Return the reference of the patient who has *number*; None: not known here."""
        return self._references.get(number)
