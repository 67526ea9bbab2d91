"""
Rows of the facts topic, as the board reads them: which fact of which patient.

Watch writes them and owns their form; the services never import each other, so
that this reading is held to watch's writing by a test.
"""

from __future__ import annotations

from typing import NamedTuple

FACT, ID_CHARS = "f", 24


class FactKey(NamedTuple):
    """Whose fact a row is, and its id."""

    patient: str
    fact_id: str


def fact_key(key: bytes) -> FactKey | None:
    """Return whose fact stands under *key*; None where it is another kind of row, or none of ours."""
    patient, bar, row_id = key.decode("ascii", "replace").partition("|")
    if not (bar and patient and row_id[:1] == FACT and len(row_id) == 1 + ID_CHARS):
        return None
    return FactKey(patient, row_id[1:])
