"""Who is told of in a round, and what becomes of them in watch: an alert at once, an end by time, and nothing left."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from cordwatch.synthetic.patients import (
    UNKNOWN_GROUPS,
    beginning_of,
    ending_of,
    partition_of,
    partitions_of,
    patients_of,
)
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack, shipped_packs
from cordwatch_schemas.pack_choice import PackTable
from cordwatch_schemas.synthetic import FACILITY, claims_to_be_synthetic, is_synthetic
from cordwatch_schemas.synthetic_pack import KEPT_FOR, RULE, WithSynthetic
from cordwatch_schemas.topics import PARTITIONS
from tests.builders import T, a_suspicion, an_admission, an_mri_done
from tests.unit.watch.test_machine import PARTITIONS as OF_LOG
from tests.unit.watch.test_machine import Log
from tests.unit.watch.test_machine import run as run_watch

SECOND = timedelta(seconds=1)
OPEN_FOR = 15 * SECOND
PATIENT = "synthetic.1772445600.3"
PACKS = [*(load_pack(one) for one in shipped_packs())]
TWO = PackTable(PACKS[0], {("LON", None): PACKS[1]})


def watch(log: Log, packs: WithSynthetic) -> Machine:
    """Return a worker that owns everything."""
    machine = Machine(packs, Metrics(packs, CollectorRegistry()))
    machine.own(range(OF_LOG))
    machine.restored(range(OF_LOG), log.ends())
    return machine


def told() -> tuple[Event, ...]:
    """Return the whole story of one patient, in the order in which it is told."""
    return (ending_of(PATIENT, T(0), T(0) + OPEN_FOR), *beginning_of(PATIENT, T(0)))


@pytest.mark.parametrize("hospital", [*PACKS, TWO], ids=lambda one: one.label)
def test_the_story_is_alerted_for_at_once_and_ends_by_itself(hospital: PackTable) -> None:
    """Under whatever packs a hospital has; an hour later there is nothing left of it."""
    log = Log()
    machine = watch(log, WithSynthetic(hospital))
    log.tell(*told())
    run_watch(machine, log, T(0) + SECOND)
    (alert,) = log.alerts
    assert (alert.patient, alert.rule, alert.level) == (PATIENT, RULE, "prompt")
    assert (alert.facility, alert.paged, alert.status) == (FACILITY, True, "open")
    assert machine.wake_at() == T(0) + OPEN_FOR
    run_watch(machine, log, T(0) + OPEN_FOR)
    assert [one.status for one in log.alerts] == ["open", "resolved"]
    assert machine.wake_at() == T(0) + OPEN_FOR + KEPT_FOR
    run_watch(machine, log, T(0) + OPEN_FOR + KEPT_FOR)
    assert [rows for rows in log.facts.values() if rows] == []
    assert len(log.alerts) == 2


def test_whoever_dies_after_the_end_was_told_leaves_no_open_clock() -> None:
    """The scan alone concerns nobody."""
    log = Log()
    machine = watch(log, WithSynthetic(PACKS[0]))
    log.tell(told()[0])
    run_watch(machine, log, T(0) + SECOND)
    assert log.alerts == []


def test_a_real_patient_is_kept_as_long_as_before() -> None:
    """The pack of the synthetic patient shortens nobody else's time."""
    log = Log()
    machine = watch(log, WithSynthetic(TWO))
    log.tell(an_admission(T(0)), a_suspicion(T(0)), an_mri_done(T(1)))
    run_watch(machine, log, T(1))
    # A week after it began support is asked for, and a week after that no more.
    for day in (7, 14):
        assert machine.wake_at() == T(day * 24 + day // 14)
        run_watch(machine, log, T(day * 24 + day // 14))
    assert machine.wake_at() == T(1) + PACKS[0].policy.keep_facts


def test_people_are_told_of_the_hospitals_packs_alone() -> None:
    """What stands on the board and in a report's head is the hospital's."""
    packs = WithSynthetic(TWO)
    assert packs.label == TWO.label
    assert packs.default is TWO.default
    assert packs.stamp != TWO.stamp
    assert packs.at("LON", None) is TWO.at("LON", None)
    assert packs.at(FACILITY, "synthetic").label == "synthetic@1.0.0"


def test_alerts_of_synthetic_patients_are_counted_nowhere() -> None:
    """What is told on a ward in a day is counted; they are on no ward."""
    log, registry = Log(), CollectorRegistry()
    packs = WithSynthetic(PACKS[0])
    machine = Machine(packs, Metrics(packs, registry))
    machine.own(range(OF_LOG))
    log.tell(*told(), a_suspicion(T(-6)))
    run_watch(machine, log, T(0) + SECOND)
    value = partial(registry.get_sample_value, "cordwatch_alerts_total")
    assert value({"rule": RULE, "level": "prompt"}) == 0
    assert value({"rule": "mri.mescc-suspected", "level": "reminder"}) == 1


# --- whom a round is about


def test_each_owner_gets_one_patient_and_another_partition_each_time() -> None:
    """Two workers share the partitions: both are tried in each round, and in time every partition of theirs."""
    owners = [set(range(0, PARTITIONS, 2)), set(range(1, PARTITIONS, 2))]
    rounds = [partitions_of(owners, number) for number in range(PARTITIONS // 2)]
    assert all(len({one % 2 for one in found}) == len(found) == 2 for found in rounds)
    assert {one for found in rounds for one in found} == set(range(PARTITIONS))


def test_what_nobody_owns_is_tried_too() -> None:
    """Nothing will come back from there, and that must be noticed."""
    assert partitions_of([set(range(40))], 41) == [1, 41]


def test_where_nobody_says_who_owns_what_all_are_tried_in_turn() -> None:
    """Four at a time."""
    rounds = [partitions_of(None, number) for number in range(PARTITIONS // UNKNOWN_GROUPS)]
    assert {len(set(found)) for found in rounds} == {UNKNOWN_GROUPS}
    assert {one for found in rounds for one in found} == set(range(PARTITIONS))


def test_a_reference_lies_where_it_is_meant_to_and_is_new_each_time() -> None:
    """On every partition there is one."""
    found = patients_of(60, range(PARTITIONS))
    assert [partition_of(one) for one in found] == list(range(PARTITIONS))
    assert all(map(is_synthetic, found))
    assert set(found).isdisjoint(patients_of(120, range(PARTITIONS)))


def test_everything_of_the_story_has_both_marks_or_one() -> None:
    """So that a feed would refuse each of its events."""
    assert all(map(claims_to_be_synthetic, told()))
    assert not claims_to_be_synthetic(an_admission(T(0)))


@pytest.mark.parametrize(
    "facility", ["cordwatch-synthetic", "CORDWATCH-Synthetic", " cordwatch-synthetic "]
)
def test_the_mark_is_known_in_whatever_spelling(facility: str) -> None:
    """A feed that cuts or raises letters is no way around it."""
    assert claims_to_be_synthetic(an_admission(T(0), facility=facility))
