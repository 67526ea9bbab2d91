"""What a wide search told apart about corrections and repeats: both sides tell it as written here."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cordwatch.pathway.facts import fact_of
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.acknowledgements import Classified
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T
from tests.oracle.agreement import differences
from tests.oracle.test_differences import HOUSE_CODE, SUSPECTED, both

PACK = load_pack("mescc-lymphoma")
MINUTE = timedelta(minutes=1)
REASON = f"{b.CORD_COMPRESSION.system}|{b.CORD_COMPRESSION.code}"


def test_a_report_that_turned_negative_is_withdrawn_even_if_it_turns_back() -> None:
    """The oracle called the first clock superseded: the negative report had withdrawn it before."""
    events = [
        b.a_report(T(0), status="preliminary"),
        b.a_report(T(0.5), "negative"),
        b.a_report(T(2), status="corrected"),
    ]
    assert both(events, 2) == [
        ("steroid.start", "prompt", 0, "withdrawn"),
        ("steroid.start", "prompt", 2, "open"),
    ]


def test_a_report_that_was_corrected_and_then_turned_negative_is_withdrawn() -> None:
    """A deficit wants the consultation too: the core took that for the re-timed start of the report's clock."""
    events = [
        b.a_report(T(0), record_id="R1"),
        b.a_report(T(0.5), record_id="R2", corrects="R1", received_at=T(2.5)),
        b.a_deficit(T(2.6)),
        b.a_report(T(2.8), "negative"),
    ]
    told = [one for one in both(events, 2.8) if one[0] == "mdt.consult"]
    assert told == [
        ("mdt.consult", "reminder", 2, "withdrawn"),
        ("mdt.consult", "reminder", 2.5, "withdrawn"),
    ]


def test_a_repeated_diagnosis_of_an_earlier_onset_supersedes() -> None:
    """Of repeats the earliest onset rules, whichever was written down last; the oracle asked for the later record."""
    suspected: dict[str, Any] = {"codes": (b.CORD_COMPRESSION,), "status": "suspected"}
    events = [
        b.known_lymphoma(T(3), recorded_at=T(3.5), received_at=T(3.5), **suspected),
        b.known_lymphoma(T(1), recorded_at=T(2), received_at=T(9.5), **suspected),
    ]
    told = [one for one in both(events, 9.5) if one[2] == 9]
    assert told == [(SUSPECTED, "reminder", 9, "superseded")]


def test_an_order_placed_anew_supersedes_though_both_are_cancelled_later() -> None:
    """The core ended either order by the cancellation: the first clock was withdrawn, not re-timed."""
    events = [
        b.an_mri_ordered(T(0), reason_codes=(REASON,)),
        b.an_mri_ordered(T(6.5), reason_codes=(REASON,)),
        b.an_mri_cancelled(T(7)),
    ]
    assert both(events, 7) == [
        (SUSPECTED, "reminder", 6, "superseded"),
        ("order-cancelled", None, 7, "open"),
    ]


def test_an_operation_answers_whatever_became_of_its_plan() -> None:
    """It was planned, cancelled and begun after all: the core went on asking for a surgeon."""
    surgery = {"modality": "surgery", "number": "OP1"}
    events = [
        b.known_lymphoma(),
        b.an_assessment(T(0), surgical_indications=("instability",)),
        b.a_plan(T(1), **surgery),
        b.a_treatment_cancelled(T(2), **surgery),
        b.a_treatment_started(T(3), **surgery),
    ]
    asked = {one for one in both(events, 2) if one[0] == "surgery.indication"}
    assert asked == {("surgery.indication", None, 0, "open")}
    asked = {one for one in both(events, 3) if one[0] == "surgery.indication"}
    assert asked == {("surgery.indication", None, 0, "resolved")}


def test_what_is_booked_anew_may_have_company_on_its_way() -> None:
    """A cancelled order was booked again, for one part: the core did not wait two minutes for the other parts."""
    events = [
        b.a_suspicion(),
        b.an_mri_ordered(T(0)),
        b.an_mri_cancelled(T(1)),
        b.an_mri_booked(T(2), T(10), code=b.THORACIC_MRI),
    ]
    part = [("mri.partial-coverage", None, 2.03, "open")]
    assert [one for one in both(events, 2) if one[0] == "mri.partial-coverage"] == []
    assert [one for one in both(events, 3) if one[0] == "mri.partial-coverage"] == part


def test_the_stop_of_another_drug_at_that_instant_is_not_the_cause() -> None:
    """The oracle took the first stop of that instant, of whatever drug, and paged what was told again from a file."""
    events = [
        b.a_suspicion(),
        b.a_dose(T(2)),
        b.a_drug_stop(T(6), b.DULOXETINE),
        b.a_dexamethasone_stop(T(6), received_at=T(7), replayed=True),
    ]
    assert differences(events, PACK, T(7)) == []
    paged = {one.paged for one in simulate(events, PACK, T(7)) if one.rule == "steroid.abrupt-stop"}
    assert paged == {False}


def test_a_record_that_corrects_itself_is_walked_once() -> None:
    """Some sources name the record itself as the corrected one; the oracle followed it for ever."""
    events = [
        b.a_suspicion(T(0), record_id="R1"),
        b.a_retraction(T(7), "assessed", "R1"),
        b.a_suspicion(T(6), record_id="R2", corrects="R2", received_at=T(7.5)),
        b.a_suspicion(T(5), record_id="R2", received_at=T(8)),
    ]
    assert both(events, 8) == [(SUSPECTED, "reminder", 6, "withdrawn")]


def test_who_stops_eye_drops_stops_no_tablets() -> None:
    """It names no order: both sides let it end the tablets, and called that an abrupt stop of dexamethasone."""
    events = [
        b.a_suspicion(),
        b.a_dexamethasone_order(T(1), 8),
        b.a_dose(T(2)),
        b.a_dexamethasone_stop(T(3), route="OP", order_number=None),
    ]
    assert both(events, 3) == []
    events.append(b.a_dexamethasone_stop(T(4), route=None, order_number=None))
    assert both(events, 4) == [("steroid.abrupt-stop", None, 4, "open")]


def test_the_stop_of_an_order_of_eye_drops_is_known_by_its_number() -> None:
    """It names its order and no route: the oracle took it for the end of the doses given."""
    events = [
        b.a_suspicion(),
        b.a_dexamethasone_order(T(1), 8, order="RX2", route="OP"),
        b.a_dose(T(2)),
        b.a_dexamethasone_stop(T(3), "RX2", route=None),
    ]
    assert both(events, 3) == []


def test_a_plan_that_was_cancelled_in_turn_mends_no_missed_treatment() -> None:
    """Nothing is planned again: the core let the notice rest."""
    events = [
        b.a_report(T(0)),
        b.a_treatment_no_show(T(1), "RT1"),
        b.a_plan(T(2), "RT2"),
        b.a_treatment_cancelled(T(3), "RT2"),
    ]
    missed = [one for one in both(events, 2) if one[0] == "treatment-no-show"]
    assert missed == [("treatment-no-show", None, 1, "resolved")]
    missed = [one for one in both(events, 3) if one[0] == "treatment-no-show"]
    assert missed == [("treatment-no-show", None, 1, "open")]


@pytest.mark.parametrize(("first", "second"), [("OP1", "OP2"), ("OP2", "OP1")])
def test_of_two_operations_at_one_instant_the_one_heard_of_first_is_the_cause(
    first: str, second: str
) -> None:
    """Two patients turned out to be one, each told to have no radiotherapy: which advice stays was chance."""
    surgery = {"modality": "surgery"}
    events = [
        b.known_lymphoma(),
        b.known_lymphoma(patient="B"),
        b.a_treatment_started(T(4), first, **surgery),
        b.a_treatment_started(T(4), second, patient="B", received_at=T(4.5), **surgery),
        *b.a_merge(T(5), "A", "B"),
    ]
    told = [
        (raised_h, status) for rule, _, raised_h, status in both(events, 5) if rule == "rt.regimen"
    ]
    assert told == [(4, "open"), (4.5, "resolved")]


def test_a_correction_and_then_a_later_record_re_time_the_same_clock() -> None:
    """The oracle lost the trail of a corrected order that was placed anew after that: withdrawn, it said."""
    order: dict[str, Any] = {"reason_codes": (REASON,)}
    events = [
        b.an_mri_ordered(T(0), record_id="R1", **order),
        b.an_mri_ordered(T(0.5), record_id="R2", corrects="R1", received_at=T(6.2), **order),
        b.an_mri_ordered(T(1), received_at=T(6.4), **order),
    ]
    assert both(events, 6.4) == [(SUSPECTED, "reminder", 6, "superseded")]


def test_what_was_ordered_before_the_order_was_placed_anew_says_nothing_of_contrast() -> None:
    """The oracle took 'without contrast' from an order that another had replaced."""
    events = [
        b.an_mri_ordered(T(-2), HOUSE_CODE, contrast=False, regions=("C", "T")),
        b.an_mri_ordered(T(-1), b.CERVICAL_AND_THORACIC_MRI),
        b.a_suspicion(),
        b.an_mri_done(T(1), modality="MR", code=HOUSE_CODE, regions=("C", "T", "L")),
    ]
    told = [one[0] for one in both(events, 2)]
    assert told == ["mri.partial-coverage"]


def test_a_scan_whose_time_was_replaced_is_no_sign_of_life() -> None:
    """The later record puts it before the death; the oracle let the earlier one contradict that."""
    events = [
        b.a_suspicion(),
        b.an_mri_done(T(1), b.LUMBAR_MRI, recorded_at=T(7)),
        b.a_death(T(2)),
        b.an_mri_done(T(6), b.LUMBAR_MRI, recorded_at=T(6.5), received_at=T(8)),
    ]
    assert both(events, 8) == [("mri.partial-coverage", None, 1, "resolved")]


def test_a_correction_that_was_refuted_takes_no_place() -> None:
    """Another report confirms since before; the oracle called the clock of the refuted diagnosis superseded."""
    undated: dict[str, Any] = {"codes": (b.CORD_COMPRESSION,), "occurred_precision": "unstated"}
    events = [
        b.known_lymphoma(T(1), record_id="R1", recorded_at=T(1), **undated),
        b.known_lymphoma(T(1.1), record_id="R2", corrects="R1", recorded_at=T(1.1), **undated),
        b.a_report(T(0), patient="B"),
        *b.a_merge(T(2), "B", "A"),
        b.a_refutation(T(3), b.CORD_COMPRESSION),
    ]
    told = {one for one in both(events, 3) if one[:3] == ("steroid.start", "prompt", 1)}
    assert told == {("steroid.start", "prompt", 1, "withdrawn")}


def test_an_answer_given_at_the_instant_of_the_report_is_about_it() -> None:
    """One second for both: the core took the answer for the start, or not, as their ids fell out."""
    for number in ("O1", "O2", "O3", "O4"):
        events = [
            b.a_report(T(0), order=number),
            b.a_classification(
                T(0), "positive", order=number, recorded_at=T(0), received_at=T(0.2)
            ),
        ]
        assert both(events, 0.2) == [("steroid.start", "prompt", 0, "open")]


def test_an_operation_is_one_cause_although_its_first_date_was_missed() -> None:
    """Booked, missed and begun after all: the core told the missing radiotherapy anew under another cause."""
    surgery: dict[str, Any] = {"modality": "surgery", "number": "OP1"}
    events = [
        b.a_suspicion(),
        b.a_treatment_booked(T(1), T(2), **surgery),
        b.a_treatment_no_show(T(2), **surgery),
        b.a_treatment_started(T(3), **surgery),
    ]
    told = [one for one in both(events, 3) if one[0] == "rt.regimen"]
    assert told == [("rt.regimen", None, 1, "open")]


def test_a_new_plan_does_not_bring_a_cancelled_date_back() -> None:
    """Booked too late, cancelled, planned anew without a date: the core went on about the old booking."""
    events = [
        b.a_report(T(0)),
        b.a_treatment_booked(T(1), T(30)),
        b.a_treatment_cancelled(T(2)),
        b.a_plan(T(3)),
    ]
    late = [one for one in both(events, 3) if one[0] == "treatment-booked-late"]
    assert late == [("treatment-booked-late", None, 1, "resolved")]


def test_a_booking_from_before_the_cancellation_mends_nothing_though_recorded_later() -> None:
    """What was booked before it was cancelled is no new date: the core let the notice rest."""
    events = [
        b.a_report(T(0)),
        b.a_treatment_cancelled(T(2)),
        b.a_treatment_booked(T(1), T(9), recorded_at=T(3), received_at=T(3)),
    ]
    gone = [one for one in both(events, 3) if one[0] == "treatment-cancelled"]
    assert gone == [("treatment-cancelled", None, 2, "open")]


def test_an_order_that_was_cancelled_mends_nothing_though_dated_after_the_cancellation() -> None:
    """Booked anew by a date from before, the core took the cancelled order itself for the new one."""
    events = [
        b.a_suspicion(T(0)),
        b.an_mri_ordered(T(3)),
        b.an_mri_cancelled(T(2), received_at=T(4)),
        b.an_mri_booked(T(1), T(8), received_at=T(5)),
    ]
    gone = [one for one in both(events, 5) if one[0] == "order-cancelled"]
    assert gone == [("order-cancelled", None, 4, "open")]


@pytest.mark.parametrize("number", range(6))
def test_a_report_that_is_classified_twice_at_once_pages_once(number: int) -> None:
    """Of two answers for one instant the core took the one whose id came first, and paged again for the other."""
    events = [
        Classified(
            event_id=f"c{number}-{second}",
            patient="A",
            by="Dr Example",
            occurred_at=T(0),
            received_at=T(0) + timedelta(seconds=second),
            channel="command-line",
            report_number="O1",
            finding="positive",
        )
        for second in (4, 5)
    ]
    assert both(events, 0.1) == [("steroid.start", "prompt", 0, "open")]


def test_of_two_readings_of_one_record_the_wrong_one_is_taken_back_by_its_id() -> None:
    """They have every number in common: the oracle knew no fact by its id, and kept the wrong one."""
    wrong = b.a_suspicion(T(0), record_id="R1")
    right = b.a_suspicion(T(1), record_id="R1", received_at=T(7))
    gone = b.a_retraction(T(7), "assessed", fact_of(wrong).id, record_id="W1", received_at=T(7.1))
    told = both([wrong, right, gone], 7.5)
    assert told == [(SUSPECTED, "reminder", 6, "withdrawn"), (SUSPECTED, "reminder", 7, "open")]
    again = b.a_retraction(T(8), "record-retracted", fact_of(gone).id)
    told = both([wrong, right, gone, again], 8)
    assert [one for one in told if one[2] < 7] == [(SUSPECTED, "reminder", 6, "open")]


def test_an_id_names_a_fact_of_its_own_kind_alone() -> None:
    """What is taken back was told to be something else: nothing is taken back."""
    told = b.a_suspicion(T(0))
    gone = b.a_retraction(T(1), "diagnosed", fact_of(told).id)
    assert both([told, gone], 6) == [(SUSPECTED, "reminder", 6, "open")]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("R1", [(T(1.5), "resolved"), (T(2), "open")]),
        ("Z1", [(T(1.5), "open")]),
    ],
)
def test_of_two_studies_heard_of_at_once_the_numbers_say_which_is_the_cause(
    order: str, told: list[tuple[datetime, str]]
) -> None:
    """One message may tell of both; when the order was an error, the two had told it of different causes."""
    number: dict[str, Any] = {"order_number": None, "accession_number": "X1", "exam_at": T(1)}
    events = [
        b.a_suspicion(),
        b.an_mri_ordered(T(1), b.CERVICAL_AND_THORACIC_MRI, record_id=order, recorded_at=T(1)),
        b.a_report(T(1), None, b.CERVICAL_MRI, **number),
        b.a_retraction(T(2), "imaging-ordered", order),
    ]
    away = ((T(0.5), T(1.5)),)
    assert differences(events, PACK, T(2), away) == []
    found = simulate(events, PACK, T(2), away)
    alerts = [one for one in found if one.rule == "mri.partial-coverage"]
    assert [(one.raised_at, one.status) for one in alerts] == told


def test_an_undated_diagnosis_of_which_an_earlier_record_is_told_is_the_same_clock() -> None:
    """Nobody is paged again for the same fact; it is due sooner, from its earliest record. The oracle took it for another."""
    undated: dict[str, Any] = {"occurred_precision": "unstated", "codes": (b.CORD_COMPRESSION,)}
    events = [
        b.known_lymphoma(T(0), recorded_at=T(0.75), received_at=T(0.75), **undated),
        b.known_lymphoma(T(0), recorded_at=T(0), received_at=T(0.8), **undated),
    ]
    told = [one for one in both(events, 1) if one[0] == "steroid.start"]
    assert told == [("steroid.start", "prompt", 0.75, "open"), ("steroid.start", "due", 1, "open")]


def test_a_merge_that_was_undone_in_the_message_of_its_record_is_undone() -> None:
    """Both were heard of at once: the core let the merge stand, since its name comes later in the alphabet."""
    told = [*b.a_merge(T(1), "A", "A"), *b.a_merge_cancelled(T(2), "A", "A")]
    late = [one.model_copy(update={"received_at": T(2)}) for one in told]
    assert both([b.a_suspicion(), *late], 2) == []


def test_of_two_orders_that_run_out_at_once_the_one_heard_of_first_is_the_cause() -> None:
    """One record read twice, with two begins and one end: the oracle told the stop anew when the other came."""
    order: dict[str, Any] = {"order_number": None, "ends_at": T(1.5), "record_id": "R1"}
    events = [
        b.a_dexamethasone_order(T(0), **order),
        b.a_report(T(1)),
        b.a_dose(T(1)),
        b.a_dexamethasone_order(T(-24), received_at=T(5), **order),
    ]
    told = [one for one in both(events, 5) if one[0] == "steroid.abrupt-stop"]
    assert told == [("steroid.abrupt-stop", None, 1.5, "open")]


@pytest.mark.parametrize("visit", ["V1", "V2", "V3", "V4", None])
def test_of_two_equal_clocks_without_a_number_it_is_no_chance_which_is_paged(
    visit: str | None,
) -> None:
    """Suspected and listed in one message: what kind of record it is tells them apart."""
    events = [
        b.known_lymphoma(T(0), codes=(b.CORD_COMPRESSION,), status="suspected", encounter=visit),
        b.a_suspicion(T(0)),
    ]
    assert differences(events, PACK, T(7)) == []
    told = {one.cause: one.paged for one in simulate(events, PACK, T(7)) if one.level}
    assert told == {fact_of(events[0]).id: False, fact_of(events[1]).id: True}
