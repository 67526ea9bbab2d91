"""
What a code means on the ward: the vetted table of code numbers, and one way to ask it.

Kept as CSV (`codes.csv`, a source per row) and not as YAML, since every worker
and every command reads it: parsing takes about a millisecond. Only numbers are
shipped; the wording of CPT and SNOMED CT belongs to their owners.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, NamedTuple, cast

Concept = Literal[
    "spine-imaging",
    "cord-compression",
    "lymphoma",
    "myeloma",
    "spinal-metastasis",
    "dexamethasone",
    "corticosteroid",
    "radiotherapy",
    "spinal-surgery",
    "vertebroplasty",
    "cidp",
    "bone-agent",
    "opioid",
    "nsaid",
    "acetaminophen",
    "other-analgesic",
    "duloxetine",
    "gabapentinoid",
    "tricyclic",
    "venlafaxine",
    "tricyclic-interaction",
]
ImagingModality = Literal["MR", "CT", "XR", "NM"]
SpineRegion = Literal["C", "T", "L"]

_SPELLINGS = {
    "LN": "LN LOINC http://loinc.org 2.16.840.1.113883.6.1",
    "SCT": "SCT SNM SNM3 SNOMED SNOMEDCT SCTUS http://snomed.info/sct 2.16.840.1.113883.6.96",
    "I10": "I10 I10C I10CM I10G I10GM ICD10 ICD10CM ICD10GM 10CM http://hl7.org/fhir/sid/icd-10 "
    "http://hl7.org/fhir/sid/icd-10-cm http://fhir.de/codesystem/bfarm/icd-10-gm "
    "2.16.840.1.113883.6.3 2.16.840.1.113883.6.90",
    "RXNORM": "RXNORM RXN http://www.nlm.nih.gov/research/umls/rxnorm 2.16.840.1.113883.6.88",
    "ATC": "ATC WC WHOATC http://www.whocc.no/atc 2.16.840.1.113883.6.73",
    "CPT": "CPT CPT4 CPTM C4 C5 http://www.ama-assn.org/go/cpt 2.16.840.1.113883.6.12",
    "NDC": "NDC http://hl7.org/fhir/sid/ndc 2.16.840.1.113883.6.69",
}
SYSTEMS = frozenset(_SPELLINGS)
"""Our short names of the code systems in the table."""

_SEPARATORS = str.maketrans("", "", "-_ .")

_PREFIXED = {"I10": 3, "ATC": 5}
"""Hierarchical systems, with their shortest prefix: C83.31 is C83, H02AB07 is H02AB."""

_ICD_MARKS = "†*+!#-"
"""Dagger, asterisk and the like, which some senders leave behind an ICD-10 code."""


class BadCodeTable(ValueError):
    """A row of the code table is not what it must be; names the row and the fault."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code stands for; the last three only say something for spine imaging."""

    concept: Concept
    modality: ImagingModality | None = None
    regions: frozenset[SpineRegion] = frozenset()
    """Parts of the spine; empty: the part is not stated."""
    contrast: bool | None = None
    """None: the code does not say."""


class Row(NamedTuple):
    """One row of the table: a number, what it means, and where the number was verified."""

    system: str
    code: str
    meaning: Meaning
    source: str


def _spelling_key(spelling: str) -> str:
    plain = spelling.strip().upper().removeprefix("URN:OID:").replace("HTTPS:", "HTTP:")
    return plain.rstrip("/").translate(_SEPARATORS)


_SYSTEM_OF = {
    _spelling_key(spelling): system
    for system, spellings in _SPELLINGS.items()
    for spelling in spellings.split()
}


def canonical_system(spelling: str) -> str:
    """
    Return our short name of the code system that a source calls *spelling*.

    HL7 table 0396 names, FHIR URIs and OIDs, any case, with or without
    hyphens. An unknown name comes back as it is: hospitals have their own.
    """
    return _SYSTEM_OF.get(_spelling_key(spelling), spelling)


@lru_cache(maxsize=8_192)
def meaning(system: str, code: str) -> Meaning | None:
    """
    Return what *code* of *system* stands for on the ward, None if the table does not have it.

    ICD-10 and ATC are matched by their longest known prefix, with or without
    the dot. Nothing is guessed: a near miss (24968-9) is not in the table.
    """
    name = canonical_system(system)
    known = _table()
    key = _plain(name, code)
    found = known.get((name, key))
    shortest = _PREFIXED.get(name)
    if found is not None or shortest is None:
        return found
    for length in range(len(key) - 1, shortest - 1, -1):
        found = known.get((name, key[:length]))
        if found is not None:
            return found
    return None


def _plain(system: str, code: str) -> str:
    key = code.strip().upper()
    if system == "I10":
        return key.rstrip(_ICD_MARKS).replace(".", "")
    if system == "NDC":
        match key.split("-"):
            case [labeler, product, package]:
                # Hyphenated numbers drop leading zeros of a part: 5-4-2 is the long form.
                return f"{labeler:>05}{product:>04}{package:>02}"
    return key


@cache
def _table() -> dict[tuple[str, str], Meaning]:
    return {(row.system, _plain(row.system, row.code)): row.meaning for row in rows()}


def rows() -> Iterator[Row]:
    """Yield the shipped table row by row, for the reference page and its tests."""
    file = resources.files("cordwatch_schemas") / "codes.csv"
    yield from read_rows(file.read_text(encoding="utf-8"))


def read_rows(text: str) -> Iterator[Row]:
    """
    Yield the rows of a code table in CSV.

    Raises:
        BadCodeTable: a check digit, concept or attribute is wrong, a source is
            missing, or a code stands there twice.
    """
    seen = set[tuple[str, str]]()
    for number, cells in enumerate(csv.DictReader(text.splitlines(), strict=True), start=2):
        system, code = cells["system"], cells["code"]
        fault = _fault(cells)
        if fault is None and (system, code) in seen:
            fault = "stands here twice"
        if fault is not None:
            raise BadCodeTable(f"row {number}: {system} {code}: {fault}")
        seen.add((system, code))
        yield Row(
            system,
            code,
            Meaning(
                cast("Concept", cells["concept"]),
                cast("ImagingModality | None", cells["modality"] or None),
                cast("frozenset[SpineRegion]", frozenset(cells["regions"])),
                {"yes": True, "no": False}.get(cells["contrast"]),
            ),
            cells["source"],
        )


_ALLOWED = {
    "system": frozenset(_SPELLINGS),
    "concept": frozenset(Concept.__args__),  # type: ignore[attr-defined]
    "modality": frozenset({"", *ImagingModality.__args__}),  # type: ignore[attr-defined]
    "contrast": frozenset({"", "yes", "no"}),
}


def _fault(cells: dict[str, str]) -> str | None:
    for column, allowed in _ALLOWED.items():
        if cells[column] not in allowed:
            return f"unknown {column}"
    if not set(cells["regions"]) <= {"C", "T", "L"}:
        return "unknown regions"
    if not cells["source"]:
        return "no source"
    check = {"LN": loinc_is_valid, "SCT": snomed_is_valid}.get(cells["system"])
    if check is not None and not check(cells["code"]):
        return "wrong check digit"
    return None


def loinc_is_valid(code: str) -> bool:
    """Return whether *code* is a LOINC number with its right check digit (modulus 10)."""
    if re.fullmatch(r"[0-9]{1,7}-[0-9]", code, re.ASCII) is None:
        return False
    total = 0
    for place, digit in enumerate(reversed(code[:-2])):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return int(code[-1]) == -total % 10


_VERHOEFF_PRODUCT = (
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
_VERHOEFF_SHIFT = (
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
    """Return whether *code* is a SNOMED CT identifier with its right check digit (Verhoeff)."""
    if re.fullmatch(r"[1-9][0-9]{5,17}", code, re.ASCII) is None:
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_SHIFT[place % 8][int(digit)])])
    return check == 0
