"""The vetted code table: what a code of a standard system means to the pathway, each row with its source."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, cast

Concept = Literal[
    "lymphoma",
    "myeloma",
    "cord-compression",
    "spinal-metastasis",
    "spine-imaging",
    "dexamethasone",
    "corticosteroid",
    "radiotherapy",
    "spinal-surgery",
]

_ALIASES = {
    "LN": "LN",
    "LOINC": "LN",
    "HTTPLOINCORG": "LN",
    "SCT": "SCT",
    "SNM": "SCT",
    "SNM3": "SCT",
    "SNOMED": "SCT",
    "SNOMEDCT": "SCT",
    "HTTPSNOMEDINFOSCT": "SCT",
    "I10": "I10",
    "I10C": "I10",
    "I10P": "I10P",
    "ICD10": "I10",
    "ICD10CM": "I10",
    "HTTPHL7ORGFHIRSIDICD10": "I10",
    "HTTPHL7ORGFHIRSIDICD10CM": "I10",
    "RXNORM": "RXNORM",
    "HTTPWWWNLMNIHGOVRESEARCHUMLSRXNORM": "RXNORM",
    "ATC": "ATC",
    "WC": "ATC",
    "HTTPWWWWHOCCNOATC": "ATC",
    "C4": "CPT",
    "CPT": "CPT",
    "CPT4": "CPT",
    "CPTM": "CPT",
    "HTTPWWWAMAASSNORGGOCPT": "CPT",
    "NDC": "NDC",
    "HTTPHL7ORGFHIRSIDNDC": "NDC",
}
"""Spellings of the code systems, without anything but letters and digits."""

_BY_PREFIX = frozenset({"I10", "ATC"})
"""Hierarchical systems: a row stands for everything below it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says: a concept and, for imaging, modality, regions and contrast."""

    concept: Concept
    modality: str | None = None
    regions: frozenset[Literal["C", "T", "L"]] = frozenset()
    """Empty: spine, part not stated."""
    contrast: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, as shipped."""

    system: str
    code: str
    meaning: Meaning
    source: str


def rows() -> Iterator[Row]:
    """Return the rows of the shipped table, in its order."""
    file = resources.files("cordwatch_schemas") / "codes.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            meaning_ = Meaning(
                cast("Concept", line["concept"]),
                line["modality"] or None,
                cast("frozenset[Literal['C', 'T', 'L']]", frozenset(line["regions"])),
                {"yes": True, "no": False}.get(line["contrast"]),
            )
            yield Row(line["system"], line["code"], meaning_, line["source"])


@cache
def _table() -> dict[tuple[str, str], Meaning]:
    return {(row.system, _plain(row.system, row.code)): row.meaning for row in rows()}


def _plain(system: str, code: str) -> str:
    code = code.strip().upper()
    return code.replace(".", "") if system == "I10" else code


@lru_cache(maxsize=4096)
def canonical_system(system: str) -> str:
    """Return the short name of a code system, however a source spells it; its own name if unknown."""
    plain = re.sub(r"[^A-Z0-9]", "", system.upper().replace("HTTPS:", "HTTP:"))
    return _ALIASES.get(plain, system)


@lru_cache(maxsize=65_536)
def meaning(system: str, code: str) -> Meaning | None:
    """
    Return what *code* means to the pathway, None if nothing.

    A code of a hierarchical system (ICD-10, ATC) means what the nearest row
    above it means, dotted or not: C83.31 is lymphoma by the row C83.
    """
    table, name = _table(), canonical_system(system)
    plain = _plain(name, code)
    found = table.get((name, plain))
    while found is None and name in _BY_PREFIX and len(plain) > 3:  # noqa: PLR2004 - shortest row
        plain = plain[:-1]
        found = table.get((name, plain))
    return found


def loinc_is_valid(code: str) -> bool:
    """Return whether the check digit of a LOINC code is right (mod 10, Luhn)."""
    match = re.fullmatch(r"(\d+)-(\d)", code)
    if match is None:
        return False
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(match[1][::-1])]
    return (-sum(n // 10 + n % 10 for n in doubled)) % 10 == int(match[2])


_VERHOEFF_D = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_VERHOEFF_P = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def snomed_is_valid(code: str) -> bool:
    """Return whether the check digit of a SNOMED CT identifier is right (Verhoeff)."""
    if not re.fullmatch(r"[1-9]\d{5,17}", code):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0
