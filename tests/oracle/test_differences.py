"""
What a wide search told apart, each derived by hand from the pathway: both sides tell it as written here.

One story per difference that was found; who was right is said in the docstring.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.base import Code
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T
from tests.oracle.agreement import differences

PACK = load_pack("mescc-lymphoma")
HOUSE_CODE = Code(system="99HOSP", code="MR4711")
SUSPECTED = "mri.mescc-suspected"
Story = list[tuple[str, str | None, float, str]]


def both(events: Sequence[Any], hours: float) -> Story:
    """Return what core and oracle tell alike until *hours*: rule, level, hour of raising, status."""
    assert differences(events, PACK, T(hours)) == []
    return [
        (one.rule, one.level, round((one.raised_at - b.T0) / timedelta(hours=1), 2), one.status)
        for one in simulate(events, PACK, T(hours))
    ]


def test_a_cancelled_order_leaves_its_reason_standing() -> None:
    """The core lost the 12 h clock with the order whose reason for exam had started it."""
    reason = f"{b.CORD_COMPRESSION.system}|{b.CORD_COMPRESSION.code}"
    events = [b.an_mri_ordered(T(0), reason_codes=(reason,)), b.an_mri_cancelled(T(1))]
    assert both(events, 6) == [
        ("order-cancelled", None, 1, "open"),
        (SUSPECTED, "reminder", 6, "open"),
    ]


def test_a_positive_report_confirms_whatever_the_house_calls_the_study() -> None:
    """The core did not keep a report whose code the table does not know: 'of any modality'."""
    assert both([b.a_report(T(0), code=HOUSE_CODE)], 0) == [("steroid.start", "prompt", 0, "open")]


def test_a_named_persons_answer_confirms_before_the_report_is_there() -> None:
    """The core waited for a report that shows that the study is one of the spine."""
    assert both([b.a_classification(T(0), "positive", code=HOUSE_CODE)], 0) == [
        ("steroid.start", "prompt", 0, "open")
    ]


def test_an_old_episode_is_not_kept_alive_by_a_late_scan() -> None:
    """The core put a confirmation of day 34 into the episode of day 0, whose consult was told and over."""
    events = [
        b.a_deficit(T(0), radicular_deficit="bilateral"),
        b.an_mri_done(T(34 * 24)),
        b.a_report(T(34 * 24 + 1)),
    ]
    told = [one for one in both(events, 34 * 24 + 3) if one[2] > 34 * 24]
    assert ("mdt.consult", "reminder", 34 * 24 + 3, "open") in told


def test_notices_about_the_dead_end() -> None:
    """The core went on asking what the report of a patient shows who had died."""
    events = [b.a_suspicion(), b.an_mri_done(T(1)), b.a_report(T(2), None), b.a_death(T(2.5))]
    assert both(events, 2.5) == [("report-unclassified", None, 2, "resolved")]


def test_both_parties_with_a_clock_hear_of_a_refused_merge() -> None:
    """The core told it only where the survivor's own copy ruled, and for patients without any clock."""
    events = [
        *b.a_merge(T(-2), "X", "B"),
        b.a_suspicion(),
        b.a_suspicion(patient="X"),
        *b.a_merge(T(1), "A", "B"),
    ]
    assert both(events, 1) == [("merge-refused", None, 1, "open")] * 2


def test_a_refused_merge_of_strangers_is_nobodys_business() -> None:
    """No lymphoma, no clock: the oracle was right to keep silent."""
    assert both([*b.a_merge(T(0), "A", "A")], 1) == []


def test_a_third_party_hears_that_a_merge_was_undone() -> None:
    """The core left C to itself after the un-merge that took it out of a circle: its notice stayed open."""
    events = [
        *b.a_merge(T(0), "C", "B"),
        *b.a_merge(T(1), "B", "A"),
        *b.a_merge(T(2), "A", "C"),
        b.a_suspicion(T(3)),
        *b.a_merge_cancelled(T(4), "B", "A"),
    ]
    assert both(events, 4) == [("merge-refused", None, 3, "resolved")]


def test_an_order_changed_to_eye_drops_has_ended() -> None:
    """The core went on with the tablets; the oracle reads a number as one timeline."""
    events = [
        b.a_report(T(0)),
        b.a_dexamethasone_order(T(0), 4, route="PO"),
        b.a_dexamethasone_order(T(1), 4, route="OP"),
    ]
    assert ("steroid.low-dose", None, 0, "resolved") in both(events, 1)


def test_a_whole_spine_order_does_not_name_what_an_unspecific_scan_showed() -> None:
    """'Spine, part not stated' closes no 12 h clock; the core read the order instead."""
    events = [
        b.a_suspicion(),
        b.an_mri_ordered(T(1)),
        b.an_mri_done(T(2), b.SPINE_MRI_PART_UNSTATED),
    ]
    assert both(events, 6) == [
        ("region-unstated", None, 2, "open"),
        (SUSPECTED, "reminder", 6, "open"),
    ]


def test_each_clock_asks_for_its_own_mri() -> None:
    """An MRI from before the second suspicion is no MRI for it; the core let it count."""
    events = [
        b.a_suspicion(),
        b.an_mri_done(T(1), b.LUMBAR_MRI),
        b.a_suspicion(T(3)),
        b.a_ct_done(T(4)),
    ]
    assert ("mri.wrong-modality", None, 4, "open") in both(events, 4)


def test_advice_about_old_news_is_for_the_board() -> None:
    """Older than 30 days at receipt: nothing is paged, advice neither; the core paged it."""
    events = [b.a_suspicion(), b.an_mri_ordered(T(-31 * 24), b.LUMBAR_MRI, received_at=T(1))]
    assert ("mri.partial-coverage", None, 1.03, "open") in both(events, 2)
    paged = {one.rule: one.paged for one in simulate(events, PACK, T(2))}
    assert paged == {"mri.partial-coverage": False}


def test_an_hourly_repeat_says_how_late_it_is() -> None:
    """The service was away: the core told the repeat as if it were on time."""
    events = [b.a_suspicion(), b.an_mri_done(T(1)), b.a_report(T(2), None)]
    away = ((T(2.5), T(4.25)),)
    assert differences(events, PACK, T(5), away) == []
    late = [one.late_by_s for one in simulate(events, PACK, T(5), away)]
    assert late == [0, 900, 0]


def test_another_start_of_the_rule_does_not_take_the_place_of_a_replaced_one() -> None:
    """The order's reason was replaced by none: withdrawn. The core said superseded, by a stranger."""
    reason = f"{b.CORD_COMPRESSION.system}|{b.CORD_COMPRESSION.code}"
    events = [
        b.an_mri_ordered(T(0), reason_codes=(reason,)),
        b.a_suspicion(T(6.5)),
        b.an_mri_ordered(T(7)),
    ]
    assert both(events, 7) == [(SUSPECTED, "reminder", 6, "withdrawn")]


def test_a_day_cut_short_is_no_lower_dose() -> None:
    """Given alike every day and stopped on the fourth: abrupt; the last half day was read as a fall."""
    events = [
        b.a_confirmed_diagnosis(),
        *(b.a_dose(T(12 * n), 16) for n in range(6)),
        b.a_dexamethasone_stop(T(66)),
    ]
    assert ("steroid.abrupt-stop", None, 66, "open") in both(events, 66)


def test_a_dose_charted_after_the_death_starts_no_clock() -> None:
    """Within the hour that does not contradict; the core opened a taper clock for the dead."""
    events = [b.a_confirmed_diagnosis(), b.a_death(T(1)), b.a_dose(T(1.5))]
    assert (
        both(events, 200)
        == [("steroid.start", "prompt", 0, "withdrawn"), ("steroid.start", "due", 1, "withdrawn")][
            :1
        ]
    )
