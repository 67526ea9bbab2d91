"""Corners of the core that no story of the ward comes to often, each held by hand."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from cordwatch.pathway.dosage import doses_per_day
from cordwatch.pathway.facts import decode_fact, encode_fact, fact_of, merge_tellings
from cordwatch.pathway.levels import instant_of
from cordwatch.pathway.relevance import is_kept
from cordwatch.pathway.simulation import Ward, simulate, simulate_ward
from cordwatch_schemas.acknowledgements import Acknowledged
from cordwatch_schemas.base import Code, Event
from cordwatch_schemas.pack import Pack, load_pack
from tests import builders as b
from tests.builders import T

PACK = load_pack("mescc-lymphoma")


def rules(events: Sequence[Event], hours: float, pack: Pack = PACK) -> list[tuple[str, str]]:
    """Return what was told until *hours*, and how it stands, without the levels."""
    return list(dict.fromkeys((a.rule, a.status) for a in simulate(events, pack, T(hours))))


@pytest.mark.parametrize(
    ("code", "times"),
    [
        ("Q6H", 4),
        ("q 8 h", 3),
        ("Q30M", 48),
        ("Q1W", 1 / 7),
        ("Q2D", 0.5),
        ("3XD", 3),
        ("5ID", 5),
        ("0XD", None),
        ("Q0H", None),
        ("BID PRN", None),
        ("QHS", 1),
        (None, None),
    ],
)
def test_a_frequency_is_read_or_left_alone(code: str | None, times: float | None) -> None:
    """Nothing is guessed: what cannot be computed is not judged."""
    assert doses_per_day(code) == (None if times is None else pytest.approx(times))


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (b"[]", "unreadable fact row: TypeError"),
        (b"{}", "unreadable fact row: KeyError"),
        (b'{"v":2}', "unknown row version"),
        (b'{"v":1}', "unreadable fact row: KeyError"),
        (b'{"v":1,"o":1e99}', "unreadable fact row: OverflowError"),
        (b"x", "expected value at line 1 column 1"),
    ],
)
def test_a_row_that_is_none_of_ours_is_refused(row: bytes, word: str) -> None:
    """With a word about the kind of error, and without the row."""
    with pytest.raises(ValueError, match=f"^{word}$"):
        decode_fact("f" * 24, row)


def test_a_row_keeps_both_records() -> None:
    """First and last record differ only where the fact was told twice."""
    first, again = (fact_of(b.a_suspicion(recorded_at=T(n), received_at=T(5))) for n in (1, 2))
    fact = merge_tellings(first, again)
    assert (fact.recorded_at, fact.recorded_last_at) == (T(1), T(2))
    assert decode_fact(fact.id, encode_fact(fact)) == fact


def test_an_unreadable_reason_is_no_reason() -> None:
    """A code of a house, or none at all, suspects nothing."""
    order = b.an_mri_ordered(T(0), reason_codes=("99HOSP|X", "text", "LN|24928-4"))
    assert is_kept(fact_of(order))
    assert rules([order], 20) == []


def test_a_gel_treats_no_spine() -> None:
    """An NSAID on the skin leaves inflammatory pain without a drug; tablets end that."""
    pain = [b.known_lymphoma(), b.a_pain_record(T(0), "inflammatory")]
    gel = b.a_drug_order(T(1), b.IBUPROFEN, route="TOP")
    assert rules([*pain, gel], 2) == [("pain.inflammatory", "open")]
    assert rules([*pain, gel, b.a_drug_order(T(1), b.IBUPROFEN, "RX2")], 2) == [
        ("pain.inflammatory", "resolved")
    ]


def test_a_confirmation_long_after_treatment_opens_the_next_episode() -> None:
    """More than 14 days after treatment started: a new threat, which wants a consultation again."""
    first = [b.a_report(T(0)), b.a_treatment_started(T(1)), b.a_consultation(T(1)), b.a_dose(T(1))]
    edge = b.a_report(T(14 * 24 + 1), order="O2")
    after = b.a_report(T(14 * 24 + 1) + timedelta(seconds=1), order="O2")
    within = [a for a in simulate([*first, edge], PACK, T(340)) if a.rule == "mdt.consult"]
    beyond = [a for a in simulate([*first, after], PACK, T(340)) if a.rule == "mdt.consult"]
    assert [a.level for a in within] == []
    assert [a.level for a in beyond] == ["reminder"]


def test_a_longer_life_names_the_longer_regimens() -> None:
    """Of six months or more, and what the hospital offers; the expectation itself is not repeated."""
    policy = PACK.policy.model_copy(update={"stereotactic_offered": True})
    pack = PACK.model_copy(update={"policy": policy})
    events = [
        b.known_lymphoma(),
        b.an_assessment(T(0), life_expectancy_months=6),
        b.a_surgery_planned(T(1)),
    ]
    reason = next(a.reason for a in simulate(events, pack, T(2)) if a.rule == "rt.regimen")
    assert "5x4 or 10x3 Gy come into question, stereotactic is offered" in reason
    assert "six" not in reason


def test_an_exam_dated_after_its_report_counts_at_receipt() -> None:
    """More than five minutes ahead: clamped; the clock ends when the report was received."""
    told = [b.a_suspicion(), b.a_report(T(7), "negative", exam_at=T(9))]
    [alert] = simulate(told, PACK, T(8))
    assert (alert.status, alert.ended_at) == ("resolved", T(7))
    assert "future-clamped" in alert.flags


def test_the_taper_of_doses_alone() -> None:
    """16, 12 and 8 mg on three days, nothing on order, then stopped: two falls are a taper."""
    doses = [b.a_dose(T(24 * n), mg) for n, mg in enumerate((16, 12, 8))]
    events = [b.a_confirmed_diagnosis(), *doses, b.a_dexamethasone_stop(T(72))]
    assert ("steroid.abrupt-stop", "open") not in rules(events, 72)
    assert ("steroid.abrupt-stop", "open") in rules([*events[:3], events[-1]], 72)


def test_a_dose_of_unknown_amount_is_not_judged() -> None:
    """Drops: neither too little nor too much is said of them."""
    events = [b.a_confirmed_diagnosis(), b.a_dose(T(0), dose_unit="drop")]
    assert not [rule for rule, _ in rules(events, 30) if rule.startswith("steroid.low")]


def test_an_order_that_runs_out_later_is_in_force_until_then() -> None:
    """The end to come is no fall yet: 8 mg a day is too little all the while."""
    order: dict[str, Any] = {"dose": 4, "ends_at": T(30)}
    events = [b.a_report(T(0)), b.a_dexamethasone_order(T(0), **order)]
    assert ("steroid.low-dose", "open") in rules(events, 29)
    assert ("steroid.low-dose", "resolved") in rules(events, 30)


def test_an_order_stopped_as_it_begins_was_never_in_force() -> None:
    """Placed and taken back in one breath: what was given is judged."""
    events = [
        b.a_confirmed_diagnosis(),
        b.a_dose(T(0), 8),
        b.a_dexamethasone_order(T(1)),
        b.a_dexamethasone_stop(T(1)),
    ]
    assert ("steroid.low-dose", "open") in rules(events, 24)


def test_an_order_stopped_as_it_begins_may_be_placed_again() -> None:
    """Under its number: what is in force then is judged, not what was given."""
    events = [
        b.a_confirmed_diagnosis(),
        b.a_dexamethasone_order(T(1)),
        b.a_dexamethasone_stop(T(1)),
        b.a_dexamethasone_order(T(2), 4),
    ]
    assert ("steroid.low-dose", "open") in rules(events, 2)


@pytest.mark.parametrize(("hours", "is_told"), [(23.9, True), (24, False)])
def test_a_reduction_after_a_full_day_at_the_minimum_is_a_taper(
    hours: float, is_told: bool
) -> None:
    """16 mg a day for 24 h, then 8: no low dose. A moment sooner it is one."""
    events = [
        b.a_report(T(0)),
        b.a_dexamethasone_order(T(0), 8),
        b.a_dexamethasone_order(T(hours), 4),
    ]
    assert (("steroid.low-dose", "open") in rules(events, hours)) is is_told


def test_two_opioids_without_an_end_are_one_course() -> None:
    """The first one's time counts for the reassessment, whichever is stopped."""
    events = [
        b.known_lymphoma(),
        b.a_risk_screen(T(0)),
        b.a_drug_order(T(0), b.MORPHINE, "RX1"),
        b.a_drug_order(T(1), b.MORPHINE, "RX2"),
    ]
    assert rules(events, 168) == []
    assert rules(events, 168.001) == [("opioid.reassess", "open")]


def test_a_drug_that_is_no_steroid_hides_no_lymphoma() -> None:
    """The switch before a biopsy is about steroids."""
    on = [
        one.model_copy(update={"enabled": True}) if one.id == "steroid.before-biopsy" else one
        for one in PACK.advisories
    ]
    pack = PACK.model_copy(update={"advisories": tuple(on)})
    suspected = b.known_lymphoma(status="suspected")
    morphine = b.a_drug_order(T(0), b.MORPHINE, "RX2")
    found = [rule for rule, _ in rules([suspected, morphine], 1, pack)]
    assert "steroid.before-biopsy" not in found
    found = [
        rule for rule, _ in rules([suspected, morphine, b.a_dexamethasone_order(T(1))], 1, pack)
    ]
    assert "steroid.before-biopsy" in found


def test_a_milder_clock_goes_with_the_lymphoma() -> None:
    """The assessment stands, and opens nothing for a patient without."""
    events = [b.known_lymphoma(), b.a_back_pain(T(0)), b.a_refutation(T(170))]
    clocks = [a for a in simulate(events, PACK, T(171)) if a.kind == "clock"]
    assert [(a.level, a.status, a.reason) for a in clocks] == [
        ("reminder", "withdrawn", "the facts no longer give it")
    ]


def test_a_correction_of_a_correction_supersedes() -> None:
    """The clock of the first counts as re-timed by the last."""
    events = [
        b.a_suspicion(T(0), record_id="R1"),
        b.a_suspicion(T(1), received_at=T(7), record_id="R2", corrects="R1"),
        b.a_suspicion(T(2), received_at=T(7), record_id="R3", corrects="R2"),
    ]
    assert rules(events, 7.5) == [("mri.mescc-suspected", "superseded")]


def test_a_record_that_is_taken_back_in_the_same_instant_never_was() -> None:
    """Whichever of the two has the smaller id; a record does not take itself back."""
    for number in range(6):
        told = b.a_suspicion(T(0), record_id="R1", event_id=f"s{number}")
        back = b.a_retraction(T(0), "assessed", "R1", event_id=f"r{number}")
        assert rules([told, back], 7) == []


def test_records_that_correct_each_other_end() -> None:
    """A source in a circle: neither stands, and nobody waits for the end of the circle."""
    events = [
        b.a_suspicion(T(0), record_id="R1"),
        b.a_suspicion(T(1), received_at=T(7), record_id="R2", corrects="R1"),
        b.a_suspicion(T(2), received_at=T(8), record_id="R1", corrects="R2"),
    ]
    assert rules(events, 9) == [("mri.mescc-suspected", "withdrawn")]


def test_a_record_that_was_corrected_into_such_a_circle_ends_too() -> None:
    """It is no part of the circle itself, and the way there is walked once."""
    chain = [("R1", None), ("R2", "R1"), ("R3", "R2"), ("R4", "R3"), ("R3", "R4")]
    events = [
        b.a_suspicion(T(n), received_at=T(n and 6 + n), record_id=record, corrects=corrects)
        for n, (record, corrects) in enumerate(chain)
    ]
    assert rules(events, 10.5) == [("mri.mescc-suspected", "withdrawn")]


def test_the_instant_of_a_level_is_known_only_under_its_own_pack() -> None:
    """Of each level and repeat; none of what has no level, or of a rule that is gone."""
    rules_by_id = {(PACK.label, one.id): one for one in PACK.rules}
    told = [one for one in simulate([b.a_suspicion()], PACK, T(13)) if one.level]
    reached = [instant_of(one, rules_by_id) for one in told]
    assert reached == [T(6), T(9), T(10.8), T(12), T(12.25), T(12.5), T(12.75), T(13)]
    assert [instant_of(one, {}) for one in told] == [None] * len(told)


def test_no_messages_tell_nothing() -> None:
    """An empty file is no error of the core."""
    assert simulate([], PACK) == []


def test_what_no_rule_reads_is_not_kept() -> None:
    """Nor what a person has only seen."""
    seen = Acknowledged(
        event_id="a1",
        patient="A",
        by="Dr Example",
        channel="board",
        alert_id="x",
        occurred_at=T(1),
        received_at=T(1),
    )
    tea = b.a_drug_order(T(0), Code(system="99HOSP", code="TEA"))
    assert simulate_ward([tea, seen], PACK, T(2)).facts == {}
    assert len(simulate_ward([tea, b.a_suspicion(T(0))], PACK, T(2)).facts["A"]) == 1


def test_a_former_owner_that_lags_behind_changes_nothing() -> None:
    """What a listener has heard under a higher revision stands."""
    ward, behind = Ward(PACK), Ward(PACK)
    for one in (ward, behind):
        one.learn("A", fact_of(b.a_suspicion()))
    ward.look("A", T(6))
    [(name, heard)] = ward.told.items()
    behind.told[name] = heard.model_copy(update={"revision": 9})
    behind.look("A", T(6))
    assert [one.revision for one in behind.alerts["A"].values()] == [0]
    assert behind.told[name].revision == 9


def test_a_code_of_no_table_names_no_drug() -> None:
    """An order of something else is not kept."""
    assert not is_kept(fact_of(b.a_drug_order(T(0), Code(system="99HOSP", code="TEA"))))
