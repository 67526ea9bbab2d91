"""The table of dosages, run: what each means a day, what follows, and what is said where it cannot be told."""

from __future__ import annotations

import pytest

from cordwatch.pathway.explain import explain
from cordwatch.pathway.facts import fact_of
from cordwatch.pathway.history import History
from cordwatch.pathway.simulation import simulate
from cordwatch.pathway.steroids import dexamethasone
from cordwatch_schemas.medications import MedicationOrdered
from tests.builders import T, a_dexamethasone_order, a_dose, a_report
from tests.spec.case import SHIPPED
from tests.spec.cases.doses import DOSAGES, Dosage

EACH = pytest.mark.parametrize(
    "one", DOSAGES, ids=[f"{one.dose:g} {one.unit} {one.frequency}" for one in DOSAGES]
)
CONFIRMED = a_report(T(0))
MINIMUM_MG, MAXIMUM_MG = 16, 100


def ordered(one: Dosage) -> MedicationOrdered:
    """Return the order of *one*."""
    return a_dexamethasone_order(
        T(1), one.dose, one.frequency, dose_unit=one.unit, dose_max=one.dose_max
    )


@EACH
def test_it_means_so_much_a_day(one: Dosage) -> None:
    """Dose times frequency in mg, or nothing."""
    daily = dexamethasone(History([fact_of(ordered(one))])).daily_mg(T(1))
    assert daily == (None if one.daily_mg is None else pytest.approx(one.daily_mg))


@EACH
def test_what_follows_from_it(one: Dosage) -> None:
    """Below 16 mg a day and above 100 mg is told, and nothing of what cannot be computed."""
    told = {alert.rule for alert in simulate([CONFIRMED, ordered(one)], SHIPPED, T(2))}
    assert ("steroid.low-dose" in told) is (one.daily_mg is not None and one.daily_mg < MINIMUM_MG)
    assert ("steroid.high-dose" in told) is (one.daily_mg is not None and one.daily_mg > MAXIMUM_MG)


@EACH
def test_what_cannot_be_computed_is_said(one: Dosage) -> None:
    """Not guessed, and not passed over in silence."""
    lines = list(explain("A", [CONFIRMED, ordered(one)], SHIPPED, T(2)))
    said = any("medication-ordered" in line and "not judged" in line for line in lines)
    assert said is (one.daily_mg is None and not one.is_single)


def test_a_dose_in_an_unread_unit_is_said() -> None:
    """Of doses given, too."""
    lines = explain("A", [CONFIRMED, a_dose(T(1), 1, dose_unit="ampoule")], SHIPPED, T(2))
    assert sum("medication-given" in line and "not judged" in line for line in lines) == 1
