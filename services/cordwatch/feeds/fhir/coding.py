"""Codes of FHIR as the contracts have them: systems as sent, display kept short, free text never read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.mapping.findings import OWN_SYSTEM
from cordwatch.feeds.mapping.reading import CodeAsSent
from cordwatch_schemas.code_table import canonical_system

FHIR_SYSTEM = "urn:cordwatch:findings"
"""How our own coded findings are called in `Coding.system`, which has to be a URI."""

OWN_SYSTEMS = frozenset({OWN_SYSTEM, FHIR_SYSTEM})

_SHARED = frozenset({"LN", "SCT", "CPT"})

SNOMED = "http://snomed.info/sct"

_REGIONS = {
    "122494005": "C",
    "1141983003": "C",
    "122495006": "T",
    "1141986006": "T",
    "122496007": "L",
    "1141985005": "L",
}
"""SNOMED CT body sites (DICOM CID 4031 and the regions of the vertebral column)."""

_ROUTES = {
    "26643006": "PO",
    "47625008": "IV",
    "78421000": "IM",
    "34206005": "SC",
    "127492001": "NASOGASTRIC",
    "418136008": "GASTRO-INTESTINAL STOMA",
    "54485002": "OPHTHALMIC",
    "10547007": "OTIC",
    "6064005": "TOPICAL",
    "46713006": "NASAL",
    "447694001": "INHALATION",
    "72607000": "INTRATHECAL",
    "404820008": "EPIDURAL",
    "12130007": "INTRAARTICULAR",
    "418401004": "INTRAVITREAL",
    "372449004": "DENTAL",
}
"""SNOMED CT routes of administration, as the words of HL7 table 0162 that the pathway knows."""

_WORDLESS = re.compile(r"\b(?:route|use|of|administration)\b|\(.*\)", re.IGNORECASE)

_WORDS = {
    "OCULAR": "OPHTHALMIC",
    "AURICULAR": "OTIC",
    "CUTANEOUS": "TOPICAL",
    "RESPIRATORY TRACT": "INHALATION",
}
"""Words of the European list of routes (EDQM), whose codes are numbers too."""


def coded(concept: Element | None) -> list[CodeAsSent]:
    """
    Return the codes of a CodeableConcept, a CodeableReference (R5) or a bare Coding (R4).

    What the profile says that they stand for is behind them.
    """
    if concept is None:
        return []
    inner = concept.one("concept")
    if inner is not None:
        return coded(inner)
    found: list[CodeAsSent] = []
    for coding in concept.many("coding") if concept.has("coding") else [concept]:
        code = coding.text("code")
        if code:
            display = coding.text("display")[:200] or None
            system = (coding.text("system") or "L")[:120]
            found.append({"system": system, "code": code[:80], "display": display})
    return concept.codes.applied(found)


def all_coded(concepts: Iterable[Element]) -> list[CodeAsSent]:
    """Return the codes of several concepts."""
    return [code for concept in concepts for code in coded(concept)]


def own_codes(concept: Element | None) -> list[str]:
    """Return the codes that are findings of ours."""
    return [one["code"] or "" for one in coded(concept) if one["system"] in OWN_SYSTEMS]


def words(concept: Element | None) -> str:
    """Return what a concept says in words: its text and the displays of its codes."""
    if concept is None:
        return ""
    inner = concept.one("concept") or concept
    shown = [one["display"] or "" for one in coded(inner)]
    return " ".join(part for part in (inner.text("text"), *shown) if part)


def region_of(concept: Element) -> str | None:
    """Return which part of the spine a body site is: C, T, L; None where it is none of them."""
    codes = (one["code"] for one in coded(concept) if one["system"] == SNOMED)
    return next((_REGIONS[code] for code in codes if code in _REGIONS), None)


def route_of(concept: Element | None) -> str | None:
    """
    Return a route as the pathway reads it.

    A number of SNOMED CT says nothing there, and an eye drop must not pass for
    a dose that reaches the cord; what is not in the table goes by its words.
    """
    codes = coded(concept)
    for one in codes:
        code = one["code"] or ""
        known = _ROUTES.get(code, "") if one["system"] == SNOMED else code
        if any(letter.isalpha() for letter in known):
            return known[:200]
    inner = concept.one("concept") or concept if concept else None
    text = inner.text("text") if inner else ""
    shown = next((one["display"] for one in codes if one["display"]), "") or text
    told = _WORDLESS.sub("", shown).strip()[:200]
    return _WORDS.get(told.upper(), told) or (codes[0]["code"] if codes else None)


def is_decisive(codes: list[CodeAsSent]) -> bool:
    """
    Return whether *codes* say by themselves what was done, in a code system that all share.

    Of a house's own code nothing is known: then the order behind it may say
    more, and is worth a question to the server.
    """
    return any(canonical_system(one["system"] or "") in _SHARED for one in codes)
