"""Which of a patient's facts stand: what is the same thing, what ends what, and which of two readings counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cordwatch.pathway.facts import Fact, fact_of
from cordwatch.pathway.history import History
from cordwatch_schemas.base import Event
from tests import builders as b
from tests.builders import T

COMPRESSION = b.a_confirmed_diagnosis(T(0))
ADMITTED = b.an_admission(T(0))
PLANNED = b.a_plan(T(0))
ORDERED = b.an_mri_ordered(T(0))
DONE = b.an_mri_done(T(0))


def standing(*told: Event) -> list[Fact]:
    """Return what stands of *told*, whatever order it comes in."""
    facts = [fact_of(one) for one in told]
    kinds = {fact.kind for fact in facts}
    found = History(facts).standing(*kinds)
    assert History(facts[::-1]).standing(*kinds) == found
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMPRESSION, b.a_confirmed_diagnosis(T(1))),
        (ADMITTED, b.an_admission(T(1), ward="N2")),
        (ADMITTED, b.an_admission_cancelled(T(1))),
        (b.a_discharge(T(0)), b.a_discharge_cancelled(T(1))),
        (b.a_death(T(0)), b.a_death(T(1))),
        (b.a_death(T(0)), b.a_death_cancelled(T(1))),
        (ORDERED, b.an_mri_ordered(T(1))),
        (ORDERED, b.an_mri_cancelled(T(1))),
        (DONE, b.an_mri_done(T(1))),
        (b.an_mri_booked(T(0), T(5)), b.an_mri_no_show(T(1))),
        (PLANNED, b.a_plan(T(1))),
        (b.a_treatment_booked(T(0), T(5)), b.a_treatment_no_show(T(1))),
        (b.a_treatment_started(T(0)), b.a_treatment_started(T(1))),
    ],
)
def test_of_the_same_thing_one_record_stands(one: Event, other: Event) -> None:
    """The later one; of a diagnosis the earlier, or a feed that repeats it would push the deadline on."""
    kept = one if one is COMPRESSION else other
    assert standing(one, other) == [fact_of(kept)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMPRESSION, b.a_confirmed_diagnosis(T(1), codes=(b.LYMPHOMA,))),
        (COMPRESSION, b.a_working_diagnosis(T(1))),
        (COMPRESSION, b.a_confirmed_diagnosis(T(1), encounter="V1")),
        (ADMITTED, b.an_admission(T(1), "V2")),
        (b.a_discharge(T(0)), b.a_discharge_cancelled(T(1), "V2")),
        (ADMITTED, b.a_discharge(T(1))),
        (ORDERED, b.an_mri_ordered(T(1), order="O2")),
        (ORDERED, b.an_mri_booked(T(1), T(5))),
        (PLANNED, b.a_plan(T(1), "RT2")),
        (PLANNED, b.a_treatment_started(T(1))),
        (b.a_plan(T(0), treatment_number=None), b.a_plan(T(1), treatment_number=None)),
        (b.a_suspicion(T(0)), b.a_suspicion(T(1))),
        (b.a_dose(T(0)), b.a_dose(T(1))),
    ],
)
def test_of_different_things_both_stand(one: Event, other: Event) -> None:
    """By another number, of another stay, in another state, or with no number at all."""
    assert standing(one, other) == [fact_of(one), fact_of(other)]


def test_admissions_that_name_no_stay_are_each_their_own() -> None:
    """Nobody says that they are one."""
    told = [b.an_admission(T(at)).model_copy(update={"encounter": None}) for at in (0, 1)]
    assert len(standing(*told)) == len(told)


def test_of_two_corrections_written_at_one_instant_one_stands() -> None:
    """Or the record would vanish between the two."""
    told = [b.a_suspicion(T(0), record_id="R1")]
    told += [b.a_suspicion(T(at), record_id="R1", corrects="R1", received_at=T(7)) for at in (1, 2)]
    assert len(standing(*told)) == 1


def test_of_two_diagnoses_with_one_start_the_first_that_was_heard_stands() -> None:
    """The second would page again."""
    first, again = (
        b.a_confirmed_diagnosis(T(0), record_id=f"D{n}", received_at=T(n)) for n in (1, 2)
    )
    assert standing(first, again) == [fact_of(first)]


def test_a_cancellation_counts_that_is_written_in_the_instant_of_the_order() -> None:
    """Whatever time of their own the two have."""
    order = b.an_mri_ordered(T(1), recorded_at=T(2))
    ended = b.an_mri_cancelled(T(0), recorded_at=T(2))
    assert standing(order, ended) == [fact_of(ended)]


def test_an_order_that_was_placed_anew_was_not_what_the_cancellation_ended() -> None:
    """The last one was; those before it gave way to it."""
    orders = [b.an_mri_ordered(T(at)) for at in (0, 1, 2)]
    end = fact_of(b.an_mri_cancelled(T(3)))
    history = History([*map(fact_of, orders), end])
    assert history.last_replaced("imaging-ordered", end) == fact_of(orders[2])
    assert history.orders_placed() == [fact_of(orders[2])]
    by = [history.ended[fact_of(one).id].by for one in orders]
    assert by == [fact_of(orders[1]), fact_of(orders[2]), end]


@pytest.mark.parametrize(
    ("refuted_in", "made_in", "stands"),
    [
        (None, None, False),
        (None, "V1", False),
        ("V1", "V1", False),
        ("V2", "V1", True),
        ("V1", None, True),
    ],
)
def test_a_diagnosis_is_refuted_in_its_own_stay_or_everywhere(
    refuted_in: str | None, made_in: str | None, stands: bool
) -> None:
    """What another stay says of another code or elsewhere leaves it."""
    made = b.known_lymphoma(T(0), encounter=made_in)
    refuted = b.a_refutation(T(1), encounter=refuted_in)
    found = History([fact_of(made), fact_of(refuted)]).standing("diagnosed")
    assert bool(found) is stands


def test_a_refutation_of_another_code_refutes_nothing() -> None:
    """Nor does one that was itself taken back."""
    made, other = b.known_lymphoma(T(0)), b.a_refutation(T(1), b.CIDP)
    assert fact_of(made) in standing(made, other)
    refuted = b.a_refutation(T(1), record_id="D1")
    back = b.a_retraction(T(2), "diagnosis-retracted", "D1")
    assert fact_of(made) not in standing(made, refuted)
    assert fact_of(made) in standing(made, refuted, back)


def test_a_retraction_takes_back_what_its_number_names() -> None:
    """A record's own number, that of its order, or the fact itself where the number means two readings."""
    wrong, right = b.an_mri_done(T(1)), b.an_mri_done(T(2), order="O2")
    for number in ("O1", fact_of(wrong).id):
        left = standing(wrong, right, b.a_retraction(T(3), "imaging-done", number))
        assert (fact_of(wrong) in left, fact_of(right) in left) == (False, True)
    other = b.a_retraction(T(3), "imaging-ordered", "O1")
    assert fact_of(wrong) in standing(wrong, right, other)


def test_two_records_of_one_instant_that_differ_are_doubtful() -> None:
    """Only while both are of one kind, of one thing, and written down together."""
    first, second = (b.an_mri_done(T(at), recorded_at=T(9)) for at in (1, 2))
    history = History([fact_of(first), fact_of(second)])
    [scan] = history.standing("imaging-done")
    assert (scan, history.flags(scan)) == (fact_of(second), ("readings-differ",))
    for other in (
        b.an_mri_done(T(1), recorded_at=T(8)),
        b.an_mri_done(T(1), order="O2", recorded_at=T(9)),
    ):
        history = History([fact_of(other), fact_of(second)])
        assert history.flags(fact_of(second)) == ()
    order = fact_of(b.an_mri_ordered(T(1), recorded_at=T(9)))
    cancelled = fact_of(b.an_mri_cancelled(T(1), recorded_at=T(9)))
    assert History([order, cancelled]).flags(cancelled) == ()


def test_one_event_that_has_both_numbers_ties_a_study_together() -> None:
    """In a chain, too, and whichever of them comes first."""
    one = b.an_mri_ordered(T(0), order="O1", accession_number="X1")
    two = b.an_mri_booked(T(1), T(5), order="O2", accession_number="X1")
    three = b.an_mri_done(T(2), order="O2")
    other = b.an_mri_done(T(2), order="O3")
    for told in ((one, two, three, other), (other, three, two, one)):
        facts = [fact_of(told_one) for told_one in told]
        history = History(facts)
        assert history.study(fact_of(one)) == history.study(fact_of(three))
        assert history.study(fact_of(other)) != history.study(fact_of(three))


def test_the_first_record_of_an_order_is_what_first_told_of_it() -> None:
    """By when it was heard; an order without a number has told of itself alone."""
    first, changed = (b.a_dexamethasone_order(T(at)) for at in (0, 1))
    early = b.a_dexamethasone_order(T(2), received_at=T(0) - timedelta(hours=1))
    other = b.a_dexamethasone_order(T(-1), order="RX2")
    history = History([fact_of(one) for one in (first, changed, early, other)])
    assert history.first_told(fact_of(changed)) == fact_of(early)
    assert history.first_told(fact_of(other)) == fact_of(other)
    unnumbered = [fact_of(b.a_dose(T(at))) for at in (0, 1)]
    assert History(unnumbered).first_told(unnumbered[1]) == unnumbered[1]
