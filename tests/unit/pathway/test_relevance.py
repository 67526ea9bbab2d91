"""What is kept of all that a hospital sends, and what stays in the raw messages."""

from typing import Any

import pytest

from cordwatch.pathway.facts import fact_of
from cordwatch.pathway.relevance import is_kept
from cordwatch_schemas.base import Code, Event
from tests import builders as b
from tests.builders import T

CHEST = Code(system="99HOSP", code="CHEST")
TEA = Code(system="99HOSP", code="TEA")
REASON = f"{b.CORD_COMPRESSION.system}|{b.CORD_COMPRESSION.code}"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (b.an_mri_ordered(T(0)), True),
        (b.an_mri_ordered(T(0), CHEST), False),
        (b.an_mri_ordered(T(0), CHEST, codes=()), False),
        (b.an_mri_ordered(T(0), CHEST, regions=("C",)), True),
        (b.an_mri_ordered(T(0), CHEST, reason_codes=(REASON,)), True),
        # An order is known by its number; what follows it may repeat no code, but not another one.
        (b.an_mri_cancelled(T(0), CHEST), False),
        (b.an_mri_cancelled(T(0), CHEST, codes=()), True),
        (b.an_mri_done(T(0), CHEST), False),
        (b.an_mri_done(T(0), CHEST, codes=()), True),
        (b.a_report(T(0), None, CHEST), False),
        (b.a_report(T(0), "negative", CHEST), True),
    ],
)
def test_imaging_is_kept_if_it_may_be_of_the_spine(told: Event, kept: bool) -> None:
    """By a code of the table, a region, a reason, a word about the cord, or the number alone."""
    assert is_kept(fact_of(told)) is kept


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (b.a_drug_order(T(0), b.MORPHINE), True),
        (b.a_drug_order(T(0), TEA), False),
        (b.a_drug_stop(T(0), b.MORPHINE), True),
        (b.a_drug_stop(T(0), TEA), False),
        (b.a_drug_stop(T(0), TEA, codes=()), True),
        (b.a_dose(T(0)), True),
        (b.a_dose(T(0), codes=(b.PREDNISOLONE,)), True),
        (b.a_dose(T(0), codes=(b.MORPHINE,)), False),
        (b.known_lymphoma(), True),
        (b.known_lymphoma(codes=(TEA,)), False),
        (b.a_refutation(T(0)), True),
        (b.a_refutation(T(0), TEA), False),
        (b.a_discharge(T(0)), True),
    ],
)
def test_drugs_and_diagnoses_are_kept_by_what_they_mean(told: Event, kept: bool) -> None:
    """Of drugs other than steroids the orders only: their doses would be most of what a hospital sends."""
    assert is_kept(fact_of(told)) is kept


def test_what_no_rule_reads_is_not_kept() -> None:
    """Somebody asked to cancel: that is no cancellation."""
    told: Any = b.a_cancel_request(T(0))
    assert not is_kept(fact_of(told))
