"""What codes mean: the shipped numbers, their check digits, and the ways sources spell them."""

from __future__ import annotations

from typing import get_args

import pytest

from cordwatch_schemas.code_table import (
    BadCodeTable,
    Concept,
    Row,
    canonical_system,
    loinc_is_valid,
    meaning,
    read_rows,
    rows,
    snomed_is_valid,
)

ROWS = list(rows())
HEADER = "system,code,concept,modality,regions,contrast,source\n"


def concept_of(system: str, code: str) -> str | None:
    """Return the concept of a code, None if the table does not have it."""
    found = meaning(system, code)
    return found.concept if found else None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.system}-{row.code}")
def test_every_row_is_found_under_its_own_code(row: Row) -> None:
    """What the reference page shows is what the core is told."""
    system, code, meant, source = row
    assert meant == meaning(system, code)
    assert len(source) > 5
    assert meant.modality is not None or (not meant.regions and meant.contrast is None)
    assert (meant.concept == "spine-imaging") == (meant.modality is not None)


def test_every_concept_has_a_code() -> None:
    """No rule waits for something that no code says."""
    assert set(get_args(Concept)) == {row.meaning.concept for row in ROWS}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("C81", "lymphoma"),
        ("C83.3", "lymphoma"),
        ("C833", "lymphoma"),
        ("C83.31", "lymphoma"),
        (" c83.3 ", "lymphoma"),
        ("C86.0", "lymphoma"),
        ("C88.0", "lymphoma"),
        ("C85.9+", "lymphoma"),
        ("C90.0", "myeloma"),
        ("G95.2", "cord-compression"),
        ("G95.20", "cord-compression"),
        ("G9529", "cord-compression"),
        ("C87", None),
        ("C80", None),
        ("C91.1", None),
        ("C8", None),
        ("G95", None),
        ("G95.1", None),
        ("G83.4", None),
        ("G99.2", None),
        ("C79.51", None),
        ("", None),
        ("XC83.3", None),
    ],
)
def test_an_icd_code_means_what_the_row_above_it_means(code: str, expected: str | None) -> None:
    """Dotted or not, with further digits or a dagger; cauda equina is no cord compression."""
    assert expected == concept_of("I10", code)


@pytest.mark.parametrize(
    ("code", "regions", "contrast"),
    [
        ("24935-9", "C", None),
        ("36532-0", "T", False),
        ("24968-0", "L", None),
        ("30855-1", "CTL", True),
        ("30854-4", "CTL", False),
        ("36531-2", "", False),
        ("43457-1", "CT", None),
    ],
)
def test_an_mri_code_tells_regions_and_contrast(
    code: str, regions: str, contrast: bool | None
) -> None:
    """Whole spine is all three regions; a part that is not stated is none."""
    found = meaning("LN", code)

    assert found is not None
    assert (found.concept, found.modality) == ("spine-imaging", "MR")
    assert (set(regions), contrast) == (set(found.regions), found.contrast)


@pytest.mark.parametrize("code", ["24968-9", "24531-6", "36218-5", "24968", "24968-00"])
def test_a_wrong_number_seen_in_public_code_means_nothing(code: str) -> None:
    """A near miss is not taken for the code that was perhaps meant."""
    assert meaning("LN", code) is None


def test_an_atc_group_stands_for_what_is_below_it() -> None:
    """Dexamethasone is the drug of choice, the other glucocorticoids are other corticosteroids."""
    assert concept_of("ATC", "H02AB02") == "dexamethasone"
    assert concept_of("ATC", "H02AB07") == "corticosteroid"
    assert concept_of("ATC", "H02AA02") is None
    assert concept_of("ATC", "H02A") is None
    assert concept_of("ATC", "S01BA01") is None


@pytest.mark.parametrize("code", ["00054418425", "00054-4184-25", "0054-4184-25"])
def test_a_drug_package_is_known_with_and_without_hyphens(code: str) -> None:
    """A hyphenated NDC drops leading zeros."""
    assert concept_of("NDC", code) == "dexamethasone"


def test_a_code_is_only_known_in_its_own_system() -> None:
    """3264 is dexamethasone in RxNorm, and nothing elsewhere."""
    assert concept_of("RXNORM", "3264") == "dexamethasone"
    assert concept_of("LN", "3264") is None
    assert concept_of("99LOCAL", "3264") is None
    assert concept_of("I9", "C83.3") is None


@pytest.mark.parametrize(
    ("spelling", "system"),
    [
        ("LN", "LN"),
        ("loinc", "LN"),
        ("http://loinc.org", "LN"),
        ("https://loinc.org/", "LN"),
        ("SNOMED-CT", "SCT"),
        ("SNM3", "SCT"),
        ("urn:oid:2.16.840.1.113883.6.96", "SCT"),
        ("I10C", "I10"),
        ("ICD-10", "I10"),
        ("ICD10CM", "I10"),
        ("icd-10-cm", "I10"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I10"),
        ("RxNorm", "RXNORM"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "RXNORM"),
        ("WC", "ATC"),
        ("C4", "CPT"),
        ("http://www.ama-assn.org/go/cpt", "CPT"),
        ("http://hl7.org/fhir/sid/ndc", "NDC"),
        ("I10P", "I10P"),
        ("I9", "I9"),
        ("99ABC", "99ABC"),
    ],
)
def test_a_system_is_known_however_a_source_spells_it(spelling: str, system: str) -> None:
    """HL7 table names, FHIR URIs and OIDs; procedures and ICD-9 are other systems."""
    assert system == canonical_system(spelling)


@pytest.mark.parametrize(
    ("code", "valid"),
    [("24968-0", True), ("24968-9", False), ("30855-1", True), ("30855", False), ("a-1", False)],
)
def test_the_check_digit_of_loinc(code: str, valid: bool) -> None:
    """Modulus 10, the digits before the hyphen doubled in turn."""
    assert valid == loinc_is_valid(code)


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("71286001", True),
        ("71286010", False),
        ("17286001", False),
        ("396171000119100", True),
        ("01286001", False),
        ("12345", False),
        ("abcdef", False),
    ],
)
def test_the_check_digit_of_snomed(code: str, valid: bool) -> None:
    """Verhoeff: a swapped pair of digits shows."""
    assert valid == snomed_is_valid(code)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("LN,24968-9,spine-imaging,MR,L,,somewhere", "wrong check digit"),
        ("SCT,71286010,cord-compression,,,,somewhere", "wrong check digit"),
        ("LN,24968-0,spine,MR,L,,somewhere", "unknown concept"),
        ("LN,24968-0,spine-imaging,US,L,,somewhere", "unknown modality"),
        ("LN,24968-0,spine-imaging,MR,S,,somewhere", "unknown regions"),
        ("LN,24968-0,spine-imaging,MR,L,maybe,somewhere", "unknown contrast"),
        ("I9,200,lymphoma,,,,somewhere", "unknown system"),
        ("LN,24968-0,spine-imaging,MR,L,,", "no source"),
        ("I10,C81,lymphoma,,,,x\nI10,C81,myeloma,,,,x", "stands here twice"),
    ],
)
def test_a_bad_row_is_refused(row: str, fault: str) -> None:
    """A table that a hand has slipped in never reaches a ward."""
    with pytest.raises(BadCodeTable, match=fault):
        list(read_rows(HEADER + row))
