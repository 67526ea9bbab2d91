"""Feeds refuse them, the pager tells nobody of them, board and report leave them out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cordwatch.board.projection import Projection
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import RESERVED, derived_records, translate
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import understand
from cordwatch.feeds.source import Source
from cordwatch.pager.machine import ACCEPTED, Machine
from cordwatch.pager.plan import NOWHERE, load_plan
from cordwatch.pager.transports.nowhere import NowhereTransport
from cordwatch.pathway.simulation import Told, alerts_of, simulate_ward
from cordwatch.report.reading import known
from cordwatch.synthetic.patients import beginning_of, ending_of
from cordwatch.watch.patients import fact_row, row_key
from cordwatch_schemas.base import Event
from cordwatch_schemas.positions import BadYaml
from cordwatch_schemas.synthetic_pack import WithSynthetic
from cordwatch_schemas.topics import ALERTS, FACTS, IDENTITIES, QUARANTINE, SOURCES
from tests.builders import T, a_suspicion, an_admission
from tests.pager.matters import T0, a_matter, a_plan, after, ended
from tests.unit.board.hospital import AMSTERDAM, PACK, Record
from tests.unit.pager.plans import plan_file

PATIENT = "synthetic.1772445600.3"
NOBODY: tuple[Event, ...] = (
    ending_of(PATIENT, T(0), T(0) + timedelta(minutes=4)),
    *beginning_of(PATIENT, T(0)),
)
AT = T(0.05)
"""While their clock runs."""
CAME = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADMITTED = (
    "MSH|^~\\&|RIS|NORTH|CW|H|20260302095500+0000||ADT^A01|M1|P|2.5\rEVN|A01|20260302095500\r"
    "PID|1||N1^^^NORTH^MR\rPV1|1|I|HAEM1^^^{facility}\r{more}"
)
DIAGNOSED = "DG1|1||C83.3^x^I10||20260301|F\r"


def hl7(facility: str, more: str = "") -> Piece:
    """Return an admission to a facility."""
    return Piece("message", ADMITTED.format(facility=facility, more=more).encode())


def topics_of(found: Any) -> set[str]:
    """Return where something of a message is published."""
    return {one.topic for one in derived_records(found, CAME)}


def test_an_admission_to_the_reserved_facility_goes_to_quarantine() -> None:
    """Neither its event nor who it is about is published."""
    found = understand(hl7("CORDWATCH-SYNTHETIC"), Source(), CAME)
    assert (found.outcome, found.faults) == ("quarantined", (RESERVED,))
    assert topics_of(found) == {QUARANTINE.name}
    assert understand(hl7("NORTH"), Source(), CAME).outcome == "mapped"


def test_what_else_such_a_message_says_stands() -> None:
    """It may be about somebody, who must not be lost for a word in a field."""
    found = understand(hl7("cordwatch-synthetic", DIAGNOSED), Source(), CAME)
    assert [one.kind for one in found.told] == ["diagnosed"]  # type: ignore[union-attr]
    assert found.faults == (RESERVED,)
    assert {QUARANTINE.name, IDENTITIES.name} < topics_of(found)


@pytest.mark.parametrize("event", NOBODY, ids=lambda one: one.kind)
def test_events_from_files_with_a_reserved_mark_are_refused(event: Event) -> None:
    """They bring their own references."""
    item = Item("message", "event-json", event.model_dump_json().encode(), "", "")
    found = translate(item, Source(), CAME)
    assert (found.outcome, found.told) == ("quarantined", ())
    assert not topics_of(found) & {one.name for one in SOURCES}


def test_fhir_with_the_reserved_facility_is_refused_too() -> None:
    """The facility may come from a profile as well: of such a source no admission is taken."""
    encounter = (
        b'{"resourceType":"Bundle","type":"collection","entry":['
        b'{"resource":{"resourceType":"Patient","id":"p1","identifier":[{"value":"4711"}]}},'
        b'{"resource":{"resourceType":"Encounter","id":"e1","meta":{"lastUpdated":"2026-03-02T08:00:00Z"},'
        b'"status":"in-progress","class":{"code":"IMP"},'
        b'"subject":{"reference":"Patient/p1"},"period":{"start":"2026-03-02T08:00:00Z"}}}]}'
    )
    item = Item("message", "fhir", encounter, "", "")
    ours = translate(item, Source(facility="NORTH"), CAME)
    assert ours.outcome == "mapped", ours.faults
    theirs = translate(item, Source(facility="cordwatch-synthetic"), CAME)
    assert theirs.faults[-1] == RESERVED
    kinds = [[one.kind for one in each.told] for each in (ours, theirs)]  # type: ignore[union-attr]
    assert [one for one in kinds[0] if one not in kinds[1]] == ["admitted"]


# --- pager


def a_pager() -> Machine:
    """Return a pager under a plan that would tell many people."""
    plan = a_plan()
    names = (*plan.destinations, NOWHERE)
    return Machine(plan, {name: NowhereTransport(name) for name in names})


@pytest.mark.parametrize("level", ["prompt", "reminder", "due", "overdue", None])
def test_of_a_synthetic_patient_only_the_null_destination_is_told(level: str | None) -> None:
    """Whatever the plan says, at whatever level, with whatever facility."""
    pager = a_pager()
    pager.begin(T0)
    pager.hear(a_matter(level, patient=PATIENT, facility=None), T0)
    work = pager.work(T0)
    told = {attempt.destination for attempt, _ in work.attempts}
    assert told == {NOWHERE}
    assert work.decisions == ()
    assert pager.burden.pages(T0) == {}
    assert pager.burden.free_at(T0) == {}


def test_a_restarted_pager_counts_no_burden_of_them_either() -> None:
    """What was told before is in its ledger."""
    pager = a_pager()
    pager.begin(T0)
    pager.hear(a_matter("prompt", patient=PATIENT), T0)
    pager.hear(a_matter("due", patient="A", group="clock-2"), T0)
    ledger = [row for row in pager.work(T0).rows.values() if row is not None]
    again = Machine(pager.plan, {}, ledger)
    assert {role for role, _ in again.burden.pages(T0)} == {"nurse-in-charge", "ward-physician"}
    assert NOWHERE not in {destination for _, destination in again.burden.pages(T0)}


def test_the_pager_forgets_them_within_hours() -> None:
    """And everybody else when alerts are no longer on their topic."""
    pager = a_pager()
    pager.begin(T0)
    matters = [a_matter("prompt", patient=PATIENT), a_matter("due", patient="A")]
    for one in matters:
        pager.hear(one, T0)
        for attempt, _ in pager.work(T0).attempts:
            pager.done(attempt, ACCEPTED, T0)
        pager.hear(ended(one), after(1))
    for attempt, _ in pager.work(after(1)).attempts:
        pager.done(attempt, ACCEPTED, after(1))
    pager.work(after(1))
    assert pager.entries == {}
    pager.forget(after(30))
    assert None not in pager.work(after(30)).rows.values()
    pager.forget(after(65))
    forgotten = [name for name, row in pager.work(after(65)).rows.items() if row is None]
    assert forgotten == [matters[0].alert_id]


def test_no_plan_may_name_the_null_destination(tmp_path: Path) -> None:
    """A way to people under that name would be told of nobody."""
    path = plan_file(tmp_path, nurse=f"  {NOWHERE}: {{kind: nowhere}}\n  nurse: {{kind: nowhere}}")
    with pytest.raises(BadYaml) as told:
        load_plan(path)
    assert "is a name that the pager itself needs" in str(told.value)


# --- board and report


def records(told: tuple[Told, ...], until: datetime) -> list[Record]:
    """Return what watch writes of *told*."""
    ward = simulate_ward(list(told), WithSynthetic(PACK), until)
    rows = [(who, fact_row(fact)) for who, one in ward.facts.items() for fact in one.values()]
    found: list[Record] = [(FACTS.name, row_key(who, row), row[25:]) for who, row in rows]
    found += [
        (ALERTS.name, one.patient.encode(), one.model_dump_json().encode())
        for one in alerts_of(ward)
    ]
    return found


def a_board(*found: Record) -> Projection:
    """Return a board that read *found*."""
    board = Projection(WithSynthetic(PACK), AMSTERDAM)
    for one in found:
        board.take(*one)
    board.refresh()
    return board


def test_the_board_works_them_out_and_shows_them_to_nobody() -> None:
    """Neither among the open rows nor the closed ones, nor as a sign of life of the feeds."""
    board = a_board(*records(NOBODY, AT))
    assert board.unseen.shown(AT) == [PATIENT]
    assert board.open_rows(AT) == []
    assert board.rows_of_patient(PATIENT) == []
    assert (board.version, board.last_fact_at, board.next_change(AT)) == (0, None, None)
    later = T(2)
    assert board.unseen.shown(later) == []
    assert board.closed_today(later) == []


def test_who_is_real_is_shown_beside_them() -> None:
    """And the last fact that the board knows of is theirs."""
    real = (an_admission(T(-1)), a_suspicion(T(-1)))
    board = a_board(*records((*NOBODY, *real), AT))
    assert [row.patient for row in board.open_rows(AT)] == [real[0].patient]
    assert board.last_fact_at == T(-1)


@pytest.mark.parametrize("topic", [FACTS.name, ALERTS.name])
def test_a_board_that_has_read_half_does_not_say_that_it_has_them(topic: str) -> None:
    """The clock and the alert must be there, however their records came mixed."""
    half = [one for one in records(NOBODY, AT) if one[0] == topic]
    assert a_board(*half).unseen.shown(AT) == []


def test_what_is_dropped_by_watch_is_dropped_by_the_board() -> None:
    """Nothing of them stays, and nothing of their alerts was kept."""
    found = records(NOBODY, AT)
    board = a_board(*found)
    for topic, key, _ in found:
        if topic == FACTS.name:
            board.take(topic, key, None)
    board.refresh()
    assert board.unseen.shown(AT) == []
    assert board.picture(PATIENT) is None
    assert PATIENT not in board._records


def test_the_report_counts_none_of_them() -> None:
    """Nor their alerts, though it is given both."""
    real = (an_admission(T(-1)), a_suspicion(T(-1)))
    packs, at = WithSynthetic(PACK), T(30)
    ward = simulate_ward([*NOBODY, *real], packs, at)
    facts = {one: list(mine.values()) for one, mine in ward.facts.items()}
    alerts = alerts_of(ward)
    found = known(facts, alerts, (), packs, at)
    assert {one.rule for one in found.clocks} == {"mri.mescc-suspected"}
    assert {one.patient for one in found.alerts} == {real[0].patient}
    assert PATIENT in {one.patient for one in alerts}
