"""What CDS Hooks needs to be told: who may ask, where cards lead, and which numbers patients have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cordwatch.board.signing import SignIn

BASE: Final = "/cds-services"


@dataclass(frozen=True, slots=True)
class CdsHooks:
    """Settings of the services; without them there is none."""

    url: str
    """Of the board, as browsers and the record system know it; without a slash at its end."""
    patient_system: str
    """`Identifier.system` of the patient numbers from which references are made."""
    sign_in: SignIn
    """How the record system proves who it is."""
    ids_are_numbers: bool = False
    """Whether `Patient.id` is the patient number itself, so that no Patient has to come along."""

    def page_of(self, clock: str) -> str:
        """Return the address of a clock's page."""
        return f"{self.url}/clock/{clock}"
