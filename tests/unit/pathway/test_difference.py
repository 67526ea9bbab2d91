"""What changes under another pack, clock by clock and alert by alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cordwatch.pathway.difference import (
    Standing,
    Thing,
    alerts_once_on,
    counted,
    differences,
    standing,
)
from cordwatch.pathway.facts import Fact, fact_of
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import Pack, load_pack
from tests import builders as b
from tests.builders import T

NL, UK = load_pack("mescc-lymphoma"), load_pack("nice-ng234")


def facts_of(events: Sequence[Event]) -> list[Fact]:
    """Return *events* as facts."""
    return [fact_of(one) for one in events]


def stands(facts: dict[str, list[Fact]], pack: Pack, at: datetime) -> Standing:
    """Return how they stand, nothing having been told yet."""
    return standing(facts, (), pack, at)


def test_a_reference_that_was_merged_away_is_counted_with_its_survivor() -> None:
    """Both hold the facts; the clock is one, under the survivor."""
    events = [b.a_suspicion(patient="A"), *b.a_merge(T(1), "B", "A")]
    found = stands({"A": facts_of(events), "B": facts_of(events)}, NL, T(2))
    assert [one.rule for one in found.clocks.values()] == ["mri.mescc-suspected"]
    assert stands({"A": facts_of(events)}, NL, T(2)).clocks == {}


def test_a_clock_of_the_near_future_is_no_clock_yet() -> None:
    """It begins when its time has come."""
    facts = {"A": facts_of([b.a_suspicion(T(2))])}
    assert stands(facts, NL, T(1)).clocks == {}
    assert len(stands(facts, NL, T(2)).clocks) == 1


def test_who_was_never_told_of_is_decided_about_like_everybody() -> None:
    """What would be told of them once the pack is on is part of what changes."""
    facts = {"A": facts_of([b.a_suspicion()])}
    assert [one.level for one in alerts_once_on(facts, {}, NL, T(6))] == ["reminder"]


def test_of_one_alert_under_two_references_the_last_word_counts() -> None:
    """A merge leaves what was told with both; whichever is read first."""
    events = [b.a_suspicion(patient="A"), *b.a_merge(T(6.5), "B", "A"), b.an_mri_done(T(7))]
    early, late = simulate(events[:1], NL, T(6)), simulate(events, NL, T(7))
    assert [one.status for one in (*early, *late)] == ["open", "resolved"]
    facts = facts_of(events)
    for names in (("A", "B"), ("B", "A")):
        told = {"A": early, "B": late}
        found = alerts_once_on(dict.fromkeys(names, facts), told, NL, T(7))
        assert [(one.alert_id, one.status) for one in found] == [(late[0].alert_id, "resolved")]


def test_what_the_new_pack_takes_back_disappears() -> None:
    """Alert and clock are still known there, but nobody is to act on them any more."""
    facts = {"A": facts_of([b.a_suspicion()])}
    told = simulate([b.a_suspicion()], NL, T(7))
    fewer = tuple(rule for rule in NL.rules if rule.id != "mri.mescc-suspected")
    without = NL.model_copy(update={"version": "2.0.0", "rules": fewer})
    old, new = (
        standing(facts, alerts_once_on(facts, {"A": told}, one, T(7)), one, T(7))
        for one in (NL, without)
    )
    changes = [(one.thing.what, one.change) for one in differences(old, new)]
    assert changes == [("clock", "disappears"), ("alert", "disappears")]
    back = [(one.thing.what, one.change) for one in differences(new, old)]
    assert back == [("clock", "appears"), ("alert", "changes")]


def test_a_clock_and_an_alert_are_told_with_all_that_is_compared() -> None:
    """Start, due and how it ended; when it was raised, how loudly, and why."""
    events = [b.a_suspicion(), b.an_mri_done(T(7)), b.a_deficit(T(-31 * 24), received_at=T(8))]
    told = simulate(events, NL, T(9))
    found = standing({"A": facts_of(events)}, told, NL, T(9))
    clocks = {one.rule: one for one in found.clocks.values()}
    assert clocks["mri.mescc-suspected"] == Thing(
        what="clock",
        patient="A",
        rule="mri.mescc-suspected",
        level=None,
        repeat=0,
        pack="mescc-lymphoma@1.0.0",
        fields={
            "start": "2026-03-02T08:00:00Z",
            "due": "2026-03-02T20:00:00Z",
            "status": "satisfied",
            "ended": "2026-03-02T15:00:00Z",
            "reason": "in time",
            "board_only": "false",
        },
    )
    assert clocks["mdt.consult"].fields == {
        "start": "2026-01-30T08:00:00Z",
        "due": "2026-01-30T12:00:00Z",
        "status": "open",
        "ended": "-",
        "reason": "-",
        "board_only": "true",
    }
    (alert,) = [one for one in found.alerts.values() if one.rule == "mri.mescc-suspected"]
    assert alert == Thing(
        what="alert",
        patient="A",
        rule="mri.mescc-suspected",
        level="reminder",
        repeat=0,
        pack="mescc-lymphoma@1.0.0",
        fields={
            "raised": "2026-03-02T14:00:00Z",
            "due": "2026-03-02T20:00:00Z",
            "status": "resolved",
            "severity": "warning",
            "paged": "true",
            "reason": "in time",
        },
    )


def test_what_moved_is_told_old_and_new_and_counted() -> None:
    """Clocks come before alerts; of each what changes, and nothing of what stays."""
    facts = {"A": facts_of([b.a_suspicion()]), "B": facts_of([b.a_suspicion(patient="B")])}
    told = {who: simulate([b.a_suspicion(patient=who)], NL, T(7)) for who in facts}
    old, new = (
        standing(facts, alerts_once_on(facts, told, one, T(7)), one, T(7)) for one in (NL, UK)
    )
    found = differences(old, new)
    assert [(one.thing.what, one.thing.patient, one.change) for one in found] == [
        ("clock", "A", "due-moves"),
        ("clock", "B", "due-moves"),
        ("alert", "A", "due-moves"),
        ("alert", "B", "due-moves"),
    ]
    due = ("2026-03-02T20:00:00Z", "2026-03-03T08:00:00Z")
    assert [one.moved for one in found] == [{"due": due}] * 4
    assert counted(found) == {("alert", "due-moves"): 2, ("clock", "due-moves"): 2}
    assert differences(old, old) == []
