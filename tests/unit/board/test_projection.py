"""What the board shows, from records as watch writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cordwatch.board.clock_row import ClockRow
from cordwatch_schemas.topics import ACKS, ALERTS, FACTS, HISTORIES, IDENTITIES, PAGES
from tests.builders import (
    CERVICAL_AND_THORACIC_MRI,
    LUMBAR_MRI,
    WHOLE_TEAM,
    T,
    a_back_pain,
    a_consultation,
    a_death,
    a_dexamethasone_order,
    a_dose,
    a_merge,
    a_move,
    a_plan,
    a_report,
    a_suspicion,
    a_transfer,
    a_treatment_booked,
    an_admission,
    an_mri_booked,
    an_mri_cancelled,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.unit.board.hospital import (
    a_page,
    alert_of,
    an_acknowledgement,
    an_identity,
    answered,
    kept,
    projected,
)

SUSPECTED = (known_lymphoma(), an_admission(bed="12"), a_suspicion())


def only_row(*told: object, at: float) -> ClockRow:
    """Return the one open row that *told* gives at T *at*."""
    (row,) = projected(kept(told, T(at))).open_rows(T(at))  # type: ignore[arg-type]
    return row


def test_a_row_says_who_where_what_and_until_when() -> None:
    """Everything that a coordinator needs stands in the row: place, presentation, need, due, clause."""
    row = only_row(*SUSPECTED, at=1)
    assert (row.patient, row.place.ward, row.place.bed) == ("A", "HAEM-4", "12")
    assert (row.presentation, row.need) == ("Cord compression suspected", "MRI of the whole spine")
    assert (row.chain.missing, row.due_at) == ("not ordered", T(12))
    assert (row.rule, row.pack) == ("mri.mescc-suspected", "mescc-lymphoma@1.0.0")
    assert "12 hours" in row.clause


@pytest.mark.parametrize(
    ("hours", "state"),
    [
        (1, "running"),
        (6, "reminder"),
        (9, "warning"),
        (10.8, "urgent"),
        (12, "due"),
        (12 + 1 / 3600, "overdue"),
    ],
)
def test_the_state_follows_the_levels_of_the_pack(hours: float, state: str) -> None:
    """The word of a row is that of the level which the clock has reached."""
    assert only_row(*SUSPECTED, at=13).state(T(hours)) == state


def test_the_chain_tells_ordered_booked_and_done() -> None:
    """What was ordered and booked stands in the row with its time; what was not, without one."""
    told = (*SUSPECTED, an_mri_ordered(T(1)), an_mri_booked(T(2), T(8)))
    row = only_row(*told, at=3)
    assert [(one.word, one.at) for one in row.chain.links] == [
        ("ordered", T(1)),
        ("booked", T(8)),
        ("done", None),
    ]
    assert row.chain.missing == "booked, not done"


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ((an_mri_ordered(T(1)),), "ordered, not booked"),
        ((an_mri_ordered(T(1)), an_mri_booked(T(2), T(14))), "booked too late"),
        ((an_mri_ordered(T(1)), an_mri_cancelled(T(2))), "order cancelled"),
        (
            (an_mri_done(T(1), LUMBAR_MRI),),
            "cervical, thoracic missing; nothing more ordered",
        ),
        (
            (an_mri_done(T(1), LUMBAR_MRI), an_mri_ordered(T(2), CERVICAL_AND_THORACIC_MRI, "O2")),
            "cervical, thoracic missing; ordered, not booked",
        ),
    ],
)
def test_what_is_missing_is_said_in_words(told: tuple[object, ...], missing: str) -> None:
    """Not done has many reasons, and each wants another telephone call."""
    assert only_row(*SUSPECTED, *told, at=3).chain.missing == missing


def test_each_goal_has_its_own_chain() -> None:
    """After a positive report: dexamethasone, treatment and team, each with the steps that lead to it."""
    told = (
        *SUSPECTED,
        an_mri_done(T(4)),
        a_report(T(5)),
        a_dexamethasone_order(T(5.2)),
        a_plan(T(5.5)),
        a_treatment_booked(T(5.6), T(40)),
        a_consultation(T(5.5), WHOLE_TEAM[:1]),
    )
    board = projected(kept(told, T(5.9)))
    rows = {row.rule: row.chain for row in board.open_rows(T(5.9))}
    assert rows["steroid.start"].missing == "ordered, not given"
    assert rows["treatment.start"].missing == "booked too late"
    assert [one.at for one in rows["treatment.start"].links] == [T(5.5), T(40), None]
    assert rows["mdt.consult"].missing == "radiation oncologist, spinal surgeon missing"
    assert [one.at for one in rows["mdt.consult"].links] == [T(5.5), None, None]


def test_the_taper_counts_its_reductions() -> None:
    """Of a taper one sees how often the dose fell."""
    told = (
        *SUSPECTED,
        a_report(T(2)),
        a_dose(T(2.2)),
        a_dexamethasone_order(T(2.2)),
        a_dexamethasone_order(T(50), dose=4),
    )
    board = projected(kept(told, T(60)))
    (taper,) = (row for row in board.open_rows(T(60)) if row.rule == "steroid.taper")
    assert taper.chain.missing == "one reduction recorded"
    assert [one.at for one in taper.chain.links] == [T(2.2), T(50), None, None]


def test_overdue_is_on_top_then_what_nobody_has_in_hand_then_least_time_left() -> None:
    """The order of rows is the order in which somebody should act."""
    first = [known_lymphoma(patient="late"), a_suspicion(T(-13), patient="late")]
    second = [known_lymphoma(patient="seen"), a_suspicion(T(-7), patient="seen")]
    third = [known_lymphoma(patient="free"), a_suspicion(T(-6.5), patient="free")]
    records = list(kept([*first, *second, *third], T(0)))
    warned = alert_of((one for one in records if one[1] == b"seen"), "reminder")
    records += answered(an_acknowledgement(warned.alert_id, T(-0.5), patient="seen"))
    rows = projected(records).open_rows(T(0))
    assert [row.patient for row in rows] == ["late", "free", "seen"]


def test_what_is_due_within_the_hour_stays_on_top_though_somebody_has_it_in_hand() -> None:
    """Of what is about as soon the free one is first; but a day's time left is not about as soon as an hour's."""
    seen = [known_lymphoma(patient="seen"), a_suspicion(T(-11.2), patient="seen")]
    free = [known_lymphoma(patient="free"), a_back_pain(T(-1), patient="free")]
    records = list(kept([*seen, *free], T(0)))
    urgent = alert_of(records, "urgent")
    records += answered(an_acknowledgement(urgent.alert_id, T(-0.1), patient="seen"))
    assert [row.patient for row in projected(records).open_rows(T(0))] == ["seen", "free"]


def test_an_acknowledgement_holds_until_the_next_level() -> None:
    """Who saw a reminder has not seen that it is due: the row asks again."""
    records = list(kept(SUSPECTED, T(13)))
    reminder = alert_of(records, "reminder")
    records += answered(an_acknowledgement(reminder.alert_id, T(7)))
    (row,) = projected(records).open_rows(T(8))
    seen = row.seen_by(T(8))
    assert seen is not None
    assert (seen.by, seen.at, seen.reason) == ("n.jansen", T(7), "I go and see")
    assert row.seen_by(T(9)) is None


def test_an_acknowledged_repeat_counts_though_only_the_last_is_kept() -> None:
    """Of ninety repeats one is kept; who acknowledged an earlier one has the clock in hand."""
    records = list(kept(SUSPECTED, T(20)))
    early = alert_of(kept(SUSPECTED, T(13)), "overdue")
    board = projected([*records, *answered(an_acknowledgement(early.alert_id, T(13)))])
    (row,) = board.open_rows(T(20))
    assert row.seen_by(T(20)) is not None
    assert [one.repeat for one in row.told if one.level == "overdue"] == [32]


def test_what_ended_today_is_shown_as_closed_and_how() -> None:
    """Closed clocks stay in sight for the rest of the day, in the hospital's own time."""
    board = projected(kept((*SUSPECTED, an_mri_done(T(5))), T(6)))
    (closed,) = board.closed_today(T(6))
    assert (closed.how, closed.ended_at, closed.status) == ("in time", T(5), "satisfied")
    assert board.open_rows(T(6)) == []
    # 08:00 UTC is 09:00 in Amsterdam: fifteen hours later it is tomorrow there.
    assert board.closed_today(T(15)) == []


def test_a_patient_who_died_leaves_the_board() -> None:
    """Nobody is asked to hurry for the dead."""
    board = projected(kept((*SUSPECTED, a_death(T(3))), T(4)))
    assert board.open_rows(T(4)) == []


def test_a_bed_belongs_to_its_ward() -> None:
    """After a transfer the bed of the former ward is no longer said."""
    row = only_row(*SUSPECTED, a_transfer(T(1), "ONC-2"), at=2)
    assert (row.place.ward, row.place.bed) == ("ONC-2", None)


def test_a_merged_patient_is_one_row() -> None:
    """Both histories stand under the survivor, even before watch has handed the facts over."""
    told = [
        known_lymphoma(patient="B"),
        a_back_pain(T(-24), patient="B"),
        a_suspicion(patient="A"),
    ]
    records = [*kept(told, T(1))]
    merge = [one for one in kept([*told, *a_merge(T(2), "B", "A")], T(2)) if b"|f" in one[1]]
    merges_alone = [one for one in merge if b'"merged"' in (one[2] or b"")]
    rows = projected([*records, *merges_alone]).open_rows(T(3))
    assert [(row.patient, row.rule) for row in rows] == [
        ("B", "mri.mescc-suspected"),
        ("B", "mri.back-pain"),
    ]


def test_the_clock_of_a_moved_encounter_is_the_other_patients() -> None:
    """Even before watch has handed the facts over; what names no encounter stays."""
    told = [
        a_back_pain(T(-24), patient="A"),
        known_lymphoma(patient="A"),
        a_suspicion(patient="A", encounter="V1"),
    ]
    records = [*kept(told, T(1))]
    moves = [
        one
        for one in kept([*told, *a_move(T(2), "V1", "A", "B")], T(2))
        if b'"encounter-moved"' in (one[2] or b"")
    ]
    rows = projected([*records, *moves]).open_rows(T(3))
    assert [(row.patient, row.rule) for row in rows] == [
        ("B", "mri.mescc-suspected"),
        ("A", "mri.back-pain"),
    ]


def test_two_of_one_surname_on_a_ward_are_flagged() -> None:
    """Whom one could take for the other is flagged; who lies elsewhere is not."""
    told = [
        event
        for patient, ward in (("A", "HAEM-4"), ("B", "HAEM-4"), ("C", "ONC-2"))
        for event in (
            known_lymphoma(patient=patient),
            an_admission(patient=patient, ward=ward, encounter=f"V{patient}"),
            a_suspicion(patient=patient),
        )
    ]
    names = [
        an_identity(one, f"{name}^X", T(0))
        for one, name in (("A", "ZEBRA"), ("B", "Zebra"), ("C", "ZEBRA"))
    ]
    board = projected([*kept(told, T(1)), *names])
    assert board.shared == {"A", "B"}
    board.take(*an_identity("B", "OKAPI^X", T(1)))
    board.refresh()
    assert board.shared == set()


def test_names_are_kept_apart_from_rows() -> None:
    """A row holds no name: that is looked up only for who may see it."""
    board = projected([*kept(SUSPECTED, T(1)), an_identity("A", "ZEBRA^ZOE^X", T(0))])
    (row,) = board.open_rows(T(1))
    assert "ZEBRA" not in repr(row)
    person = board.people.find("A")
    assert person is not None
    assert (person.name, person.number) == ("ZEBRA, ZOE", "0000001")


def test_a_dropped_row_is_gone() -> None:
    """What watch drops (a tombstone) the board forgets, and the clock with it."""
    records = list(kept(SUSPECTED, T(1)))
    board = projected(records)
    for topic, key, _ in records:
        if topic == FACTS.name:
            board.take(topic, key, None)
    assert board.refresh()
    assert board.open_rows(T(1)) == []


@pytest.mark.parametrize("topic", [FACTS, ALERTS, ACKS, IDENTITIES, HISTORIES, PAGES])
def test_a_record_that_cannot_be_read_changes_nothing_and_is_counted(topic: object) -> None:
    """One bad record empties no board; it is counted, so that somebody looks."""
    board = projected(kept(SUSPECTED, T(1)))
    before = board.open_rows(T(1))
    board.take(topic.name, b"A|f" + b"0" * 24, b"{")  # type: ignore[attr-defined]
    board.refresh()
    assert board.open_rows(T(1)) == before
    assert (board.unread, board.unreadable) in ((1, set()), (0, {"A"}))


def test_the_version_of_a_row_changes_with_what_it_shows() -> None:
    """Who answers must have seen the row as it stands: any news gives it another version."""
    records = list(kept(SUSPECTED, T(7)))
    board = projected(records)
    (before,) = board.open_rows(T(7))
    reminder = alert_of(records, "reminder")
    for record in answered(an_acknowledgement(reminder.alert_id, T(7))):
        board.take(*record)
    assert board.refresh()
    (after,) = board.open_rows(T(7))
    assert after.version != before.version
    assert not board.refresh()


def test_whom_the_pager_told_stands_in_the_row() -> None:
    """Role, time and what came of it; gone when the pager's ledger drops it. It outdates nobody's answer."""
    records = list(kept(SUSPECTED, T(10)))
    reminder, warning = alert_of(records, "reminder"), alert_of(records, "warning")
    board = projected([*records, a_page(warning, None, "nurse-in-charge"), a_page(reminder, T(6))])
    (row,) = board.open_rows(T(10))
    assert [(one.role, one.at, one.outcome) for one in row.pages] == [
        ("ward-physician", T(6), "told"),
        ("nurse-in-charge", T(9), "on its way"),
    ]
    (untold,) = projected(records).open_rows(T(10))
    assert row.version == untold.version
    board.take(*a_page(warning, T(9.1), "nurse-in-charge"))
    board.take(PAGES.name, reminder.alert_id.encode(), None)
    assert board.refresh()
    (row,) = board.open_rows(T(10))
    assert [(one.role, one.outcome) for one in row.pages] == [("nurse-in-charge", "told")]
    board.take(PAGES.name, warning.alert_id.encode(), None)
    assert board.refresh()
    assert board.open_rows(T(10))[0].pages == ()


def test_an_answer_by_a_clock_that_is_ahead_is_shown_when_its_time_has_come() -> None:
    """Who answered has a clock a second ahead of the board's: the row is known to change then."""
    records = list(kept(SUSPECTED, T(7)))
    early = an_acknowledgement(alert_of(records, "reminder").alert_id, T(7) + timedelta(seconds=1))
    board = projected([*records, *answered(early)])
    (row,) = board.open_rows(T(7))
    assert row.seen_by(T(7)) is None
    assert board.next_change(T(7)) == early.occurred_at
    before = board.moment(T(7))
    assert board.moment(early.occurred_at) > before


def test_a_patient_whose_clocks_are_over_is_found_and_shown_all_the_same() -> None:
    """Rows of those whose clocks all ended are made when somebody asks; a new clock brings them back."""
    told = (*SUSPECTED, an_mri_done(T(5)))
    board = projected(kept(told, T(6)))
    (closed,) = board.closed_today(T(6))
    assert closed == board.row(closed.id) == board.rows_of_patient("A")[0]
    assert (closed.ended_at, board.open_rows(T(6))) == (T(5), [])
    board.take(*a_page(alert_of(kept(SUSPECTED, T(7)), "reminder"), T(6)))
    board.refresh()
    assert len(board.closed_today(T(6))[0].pages) == 1
    before = board.version
    for record in kept((*told, a_suspicion(T(7))), T(7)):
        board.take(*record)
    board.refresh()
    (again,) = board.open_rows(T(7))
    assert board.version > before
    assert [row.id for row in board.rows_of_patient("A")] == [closed.id, again.id]
    assert board.closed_today(T(7)) == [board.row(closed.id)]


def test_old_alerts_and_answers_are_forgotten() -> None:
    """A board that has run for months holds no more than one that starts now."""
    records = list(kept(SUSPECTED, T(13)))
    board = projected(records)
    board.forget(T(13) + timedelta(days=61))
    board.refresh()
    (row,) = board.open_rows(T(13))
    assert row.told == ()


def test_a_change_by_time_alone_is_foreseen() -> None:
    """The board need not look at every row each second: it knows when the next one changes."""
    board = projected(kept(SUSPECTED, T(1)))
    assert board.next_change(T(1)) == T(6)
    assert board.next_change(T(6)) == T(8)
    assert board.next_change(T(12)) == T(12) + timedelta(seconds=1)
    assert board.next_change(T(13)) is None
