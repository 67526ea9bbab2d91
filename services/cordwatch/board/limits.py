"""
Whose patients somebody may see: those of the wards that the hospital's sign-in names. Pure.

Who is not limited sees everybody: that is how a board begins, since a clock that
is hidden from whoever could act is a hazard of its own (docs/board.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cordwatch.board.clock_row import Place
from cordwatch.board.wording import in_order

EVERY_WARD: Final = "*"
"""Stands for all wards where wards are named."""


@dataclass(frozen=True, slots=True)
class WardLimit:
    """
    The wards of whose patients somebody sees everything, and of all others nothing.

    Who lies on no ward that anybody told is shown to everybody with a ward: hidden
    from all of them, such a patient would be nobody's.
    """

    wards: tuple[str, ...] = ()
    """As they were named, in order; none: nobody is to be seen."""
    _folded: frozenset[str] = frozenset()

    @classmethod
    def of(cls, named: Iterable[object]) -> WardLimit | None:
        """Return the limit to the wards *named*: texts, or numbers; None: no limit, as the sign for all wards says."""
        texts = (str(one) for one in named if isinstance(one, str | int))
        wards = sorted({in_order(one).strip() for one in texts} - {""})
        if EVERY_WARD in wards:
            return None
        return cls(tuple(wards), frozenset(one.casefold() for one in wards))

    @property
    def words(self) -> str:
        """Return the wards as a page names them."""
        return ", ".join(self.wards)

    def permits(self, place: Place) -> bool:
        """Return whether a patient at *place* may be seen: a ward is named by itself, or as `facility/ward`."""
        if not self.wards:
            return False
        if not place.ward:
            return True
        ward = in_order(place.ward).strip().casefold()
        house = in_order(place.facility or "").strip().casefold()
        return not self._folded.isdisjoint({ward, f"{house}/{ward}"})
