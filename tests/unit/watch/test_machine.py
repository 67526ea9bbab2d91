"""The watch machine, driven without a broker: killed between any two effects, it converges."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.simulation import simulate
from cordwatch.watch.effects import Durable, Effect, Record, Send, Write
from cordwatch.watch.machine import CHARTS_KEPT, Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import topic_of
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.records import Quarantined
from tests.builders import (
    T,
    a_back_pain,
    a_merge,
    a_merge_cancelled,
    a_move,
    a_suspicion,
    an_mri_done,
    known_lymphoma,
)

PACK = load_pack("mescc-lymphoma")
PARTITIONS = 4


class Log:
    """A broker in memory: topics with offsets, compacted facts, and what was committed."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        self.facts: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        self.committed: dict[tuple[str, int], int] = {}
        self.alerts: list[Alert] = []
        self.quarantined: list[Quarantined] = []

    def publish(self, noun: str, key: bytes, value: bytes) -> None:
        """Append a record on the partition of its key."""
        self.records[noun, sum(key) % PARTITIONS].append((key, value))

    def tell(self, *events: Event) -> None:
        """Publish events as a feed does."""
        for event in events:
            self.publish(topic_of(event), event.patient.encode(), event.model_dump_json().encode())

    def ends(self) -> dict[tuple[str, int], int]:
        """Return where every topic ends now."""
        return {place: len(records) for place, records in self.records.items()}

    def unread(self, machine: Machine) -> list[Record]:
        """Return what *machine* has not read."""
        found = []
        for (noun, partition), records in sorted(self.records.items()):
            if noun in {"alerts", "quarantine"} or partition not in machine.partitions:
                continue
            begin = machine.positions.get(
                (noun, partition), self.committed.get((noun, partition), 0)
            )
            found += [
                Record(noun, partition, offset, *records[offset])
                for offset in range(begin, len(records))
            ]
        return found

    def do(self, effect: Effect) -> None:
        """Do one effect, as an acknowledging broker would."""
        match effect:
            case Write():
                for partition, rows in effect.rows.items():
                    for key, value in rows.items():
                        if value is None:
                            self.facts[partition].pop(key, None)
                        else:
                            self.facts[partition][key] = value
            case Send():
                for message in effect.messages:
                    if message.noun == "alerts":
                        self.alerts.append(Alert.model_validate_json(message.value))
                    elif message.noun == "quarantine":
                        self.quarantined.append(Quarantined.model_validate_json(message.value))
                    else:
                        self.publish(message.noun, message.key, message.value)
            case Durable():
                self.committed.update(effect.offsets)


def a_machine(log: Log, charts_kept: int = CHARTS_KEPT) -> Machine:
    """Return a worker that has just taken over everything."""
    machine = Machine(PACK, Metrics(PACK, CollectorRegistry()), charts_kept=charts_kept)
    machine.own(range(PARTITIONS))
    for partition in range(PARTITIONS):
        machine.restore(partition, list(log.facts[partition].items()))
    machine.restored(range(PARTITIONS), log.ends())
    return machine


def steps(machine: Machine, log: Log, now: datetime) -> Iterator[Effect]:
    """Give every effect of reading all there is and looking at everybody."""
    while records := log.unread(machine):
        yield from machine.take(records, now)
    yield from machine.settle(sorted(machine.waiting(now)), now)
    while records := log.unread(machine):
        yield from machine.take(records, now)
    yield from machine.settle(sorted(machine.waiting(now)), now)


def run(machine: Machine, log: Log, now: datetime, die_after: int | None = None) -> int:
    """Do the steps, dying after *die_after* of them; return how many were done."""
    done = 0
    for effect in steps(machine, log, now):
        if done == die_after:
            return done
        log.do(effect)
        done += 1
    return done


def ids(alerts: list[Alert]) -> set[str]:
    """Return the ids of *alerts*."""
    return {alert.alert_id for alert in alerts}


STORY = [
    a_suspicion(at=T(0), patient="A"),
    a_suspicion(at=T(1), patient="B"),
    a_suspicion(at=T(2), patient="C"),
    an_mri_done(at=T(3), patient="C"),
]


@pytest.mark.parametrize("die_after", range(12))
def test_killed_between_any_two_effects_it_publishes_the_same_alerts(die_after: int) -> None:
    """What was not written is read again, what was not published is found again."""
    log = Log()
    log.tell(*STORY)
    run(a_machine(log), log, T(20), die_after)
    run(a_machine(log), log, T(20))
    smooth = Log()
    smooth.tell(*STORY)
    run(a_machine(smooth), smooth, T(20))
    assert ids(log.alerts) == ids(smooth.alerts)
    assert len(ids(smooth.alerts)) == 2


def test_it_agrees_with_the_simulation_tick_by_tick() -> None:
    """The same story on the virtual clock gives the same ids."""
    log = Log()
    machine = a_machine(log)
    now = T(0)
    for hour in range(30 * 12):
        now = T(hour / 12)
        log.tell(*(event for event in STORY if event.received_at == now))
        run(machine, log, now)
        while (at := machine.wake_at()) is not None and at < now + timedelta(minutes=5):
            run(machine, log, at)
    assert ids(log.alerts) == ids(simulate(STORY, PACK, now))


def test_offsets_are_durable_only_after_their_facts() -> None:
    """Invariant 1: no commit in front of the writes that it covers."""
    log = Log()
    log.tell(*STORY)
    kinds = [type(effect) for effect in a_machine(log).take(log.unread(a_machine(log)), T(4))]
    assert kinds == [Write, Durable]


def test_an_alert_is_noted_before_and_after_it_is_published() -> None:
    """Invariant 2: first that it is meant, then, when the broker has it, that it was sent."""
    log = Log()
    log.tell(STORY[0])
    machine = a_machine(log)
    for effect in machine.take(log.unread(machine), T(13)):
        log.do(effect)
    kinds = [type(effect) for effect in machine.settle(range(PARTITIONS), T(13))]
    assert kinds == [Write, Send, Write]


def test_what_was_published_but_not_noted_is_closed_all_the_same() -> None:
    """Killed between the alert and its note, and the scan is done before anybody looks again."""
    log = Log()
    log.tell(STORY[0])
    machine = a_machine(log)
    effects = steps(machine, log, T(13))
    while not log.alerts:
        log.do(next(effects))
    assert [alert.status for alert in log.alerts] == ["open"]
    log.tell(an_mri_done(at=T(12), patient="A"))
    run(a_machine(log), log, T(14))
    assert log.alerts[-1].alert_id == log.alerts[0].alert_id
    assert log.alerts[-1].status == "resolved"


def test_what_was_meant_and_never_published_is_published_by_the_next_owner() -> None:
    """Killed between the note and the alert: under its id, and once."""
    log = Log()
    log.tell(STORY[0])
    machine = a_machine(log)
    for effect in machine.take(log.unread(machine), T(13)):
        log.do(effect)
    log.do(next(iter(machine.settle(range(PARTITIONS), T(13)))))
    assert log.alerts == []
    run(a_machine(log), log, T(13))
    assert [(alert.level, alert.status) for alert in log.alerts] == [("due", "open")]
    run(a_machine(log), log, T(13))
    assert len(log.alerts) == 1


def test_a_restart_needs_no_deciding_and_its_heap_is_whole() -> None:
    """Invariant 3: wake-ups are stored with the rows that they belong to."""
    log = Log()
    log.tell(*STORY)
    run(a_machine(log), log, T(4))
    again = a_machine(log)
    assert again.waiting(T(4)) == frozenset()
    assert again.mismatches() == 0
    assert again.wake_at() == T(6)


def test_a_stored_wake_up_that_does_not_fit_its_rows_is_not_believed() -> None:
    """A stale worker may have written it: the patient is looked at again."""
    log = Log()
    log.tell(STORY[0])
    run(a_machine(log), log, T(4))
    wake = next(key for key in log.facts[sum(b"A") % PARTITIONS] if key.endswith(b"|w"))
    stale = log.facts[sum(b"A") % PARTITIONS][wake]
    log.tell(a_suspicion(at=T(2), patient="A"))
    run(a_machine(log), log, T(4))
    log.facts[sum(b"A") % PARTITIONS][wake] = stale
    assert sum(b"A") % PARTITIONS in a_machine(log).waiting(T(4))


def test_a_look_costs_what_is_due_not_what_is_open() -> None:
    """Two patients of a thousand are due at one instant: two are decided on."""
    log, looked = Log(), []
    log.tell(*(a_suspicion(at=T(n / 100), patient=f"p{n}") for n in range(1_000)))
    machine = a_machine(log)
    run(machine, log, T(10.5))
    real = machine._decide

    def counted(chart: Chart, *args: object, **kwargs: object) -> object:
        looked.append(chart.patient)
        return real(chart, *args, **kwargs)

    machine._decide = counted  # type: ignore[assignment]
    at = machine.wake_at()
    assert at is not None
    run(machine, log, at)
    assert sorted(looked) == ["p151", "p451"]


def test_what_cannot_be_read_goes_to_quarantine_and_stops_nothing() -> None:
    """The original is kept, the reason holds nothing of it, the good behind it counts."""
    log = Log()
    log.publish("admissions", b"A", b'{"kind":"assessed","patient":"Zebrafinch"}')
    log.publish("admissions", b"A", b"\xff\x00")
    log.publish("admissions", b"X", STORY[0].model_dump_json().encode())
    log.tell(STORY[0])
    run(a_machine(log), log, T(20))
    assert len(log.quarantined) == 3
    assert "Zebrafinch" not in " ".join(f"{one.field} {one.reason}" for one in log.quarantined)
    assert len(ids(log.alerts)) == 1


@pytest.mark.parametrize("die_after", [None, *range(14)])
def test_a_merge_across_partitions_loses_and_doubles_no_clock(die_after: int | None) -> None:
    """The survivor's owner gets every row; ids stay what they were; nobody is told twice."""
    log = Log()
    retired, survivor = "A", "B"
    assert sum(b"A") % PARTITIONS != sum(b"B") % PARTITIONS
    log.tell(a_suspicion(at=T(0), patient=retired))
    run(a_machine(log), log, T(7))
    before = ids(log.alerts)
    log.tell(*a_merge(at=T(8), retired=retired, survivor=survivor))
    run(a_machine(log), log, T(8), die_after)
    run(a_machine(log), log, T(8))
    run(a_machine(log), log, T(13))
    assert len(before) == 1
    raised = [(alert.level, alert.alert_id) for alert in log.alerts if alert.status == "open"]
    assert len({alert for _, alert in raised}) == 2
    log.tell(an_mri_done(at=T(13.5), patient=retired))
    run(a_machine(log), log, T(14))
    last = {alert.alert_id: alert.status for alert in log.alerts}
    assert set(last.values()) == {"resolved"}


@pytest.mark.parametrize("die_after", [None, *range(16)])
def test_a_moved_encounter_takes_its_clock_along_and_no_other(die_after: int | None) -> None:
    """Across partitions, a crash anywhere between: one alert each, under its id, of the right patient."""
    log = Log()
    log.tell(a_suspicion(at=T(0), patient="A", encounter="V1"), a_back_pain(at=T(0), patient="A"))
    log.tell(known_lymphoma(patient="A"), known_lymphoma(patient="B"))
    run(a_machine(log), log, T(7))
    before = ids(log.alerts)
    log.tell(*a_move(T(8), "V1", "A", "B"))
    run(a_machine(log), log, T(8), die_after)
    run(a_machine(log), log, T(8))
    run(a_machine(log), log, T(13))
    last = {alert.alert_id: alert for alert in log.alerts}
    assert before < set(last)
    known = {
        (one.revision, one.raised_at, one.patient) for one in log.alerts if one.alert_id in before
    }
    assert known == {(0, T(7), "A"), (1, T(7), "B")}
    told = {(one.rule, one.level, one.patient, one.status) for one in last.values()}
    assert told == {("mri.mescc-suspected", level, "B", "open") for level in ("reminder", "due")}
    log.tell(an_mri_done(at=T(13.5), patient="A"))
    run(a_machine(log), log, T(14))
    assert {one.status for one in log.alerts if one.level == "due"} == {"open"}
    log.tell(an_mri_done(at=T(14.5), patient="A", encounter="V1"))
    run(a_machine(log), log, T(15))
    last = {alert.alert_id: alert for alert in log.alerts}
    assert {alert.status for alert in last.values()} == {"resolved"}


def test_owners_do_not_hand_each_other_the_same_rows_for_ever() -> None:
    """After a merge and its undoing both know everything; a row that is known goes no further."""
    log = Log()
    log.tell(a_suspicion(at=T(0), patient="A"), a_suspicion(at=T(1), patient="B"))
    log.tell(*a_merge(at=T(8), retired="A", survivor="B"))
    log.tell(*a_merge_cancelled(at=T(9), retired="A", survivor="B"))
    machine = a_machine(log)
    for _ in range(10):
        if not (records := log.unread(machine)):
            break
        for effect in machine.take(records, T(10)):
            log.do(effect)
    assert log.unread(machine) == []


@pytest.mark.parametrize("seed", range(5))
def test_any_chopping_of_the_input_gives_the_same_alerts(seed: int) -> None:
    """Batches, restarts and repeats at random: the set of ids is one."""
    chance = random.Random(seed)
    log = Log()
    machine = a_machine(log)
    for event in STORY:
        for _ in range(chance.randint(1, 3)):
            log.tell(event)
        if chance.random() < 0.5:
            run(machine, log, T(20), chance.randint(0, 6))
            machine = a_machine(log)
    run(machine, log, T(20))
    smooth = Log()
    smooth.tell(*STORY)
    run(a_machine(smooth), smooth, T(20))
    assert ids(log.alerts) >= ids(smooth.alerts)
    assert {alert.clock for alert in log.alerts} >= {alert.clock for alert in smooth.alerts}


def test_whoever_is_due_goes_before_those_about_whom_something_came() -> None:
    """Under load a level does not wait behind the deciding about everybody else."""
    log = Log()
    log.tell(a_suspicion(at=T(0), patient="E"))
    machine = a_machine(log)
    run(machine, log, T(1))
    log.tell(a_suspicion(at=T(0), patient="A"))
    for effect in machine.take(log.unread(machine), T(6)):
        log.do(effect)
    for effect in machine.settle(sorted(machine.waiting(T(6))), T(6)):
        log.do(effect)
    assert [alert.patient for alert in log.alerts] == ["E", "A"]


def test_an_alert_tells_when_its_level_was_reached() -> None:
    """For every level and repeat; the alert itself says how late it was in whole seconds."""
    log = Log()
    log.tell(a_suspicion(at=T(0), patient="A"))
    machine = a_machine(log)
    seen: list[tuple[str | None, datetime | None, int]] = []
    for quarter in range(60):
        now = T(quarter / 4) + timedelta(seconds=quarter)
        for effect in steps(machine, log, now):
            log.do(effect)
            if isinstance(effect, Send):
                for one in effect.messages:
                    alert = Alert.model_validate_json(one.value)
                    assert one.level_at is not None
                    assert int((now - one.level_at).total_seconds()) == alert.late_by_s
                    seen.append((alert.level, one.level_at, alert.repeat))
    levels = [
        ("reminder", T(6), 0),
        ("warning", T(9), 0),
        ("urgent", T(10.8), 0),
        ("due", T(12), 0),
    ]
    assert seen[:4] == levels
    assert seen[4:6] == [("overdue", T(12.25), 1), ("overdue", T(12.5), 2)]


def test_a_row_that_cannot_be_ours_is_counted_and_stops_nothing() -> None:
    """A key without an id, a value with a line end: two, and the patient beside them is there."""
    log = Log()
    log.tell(a_suspicion(at=T(0), patient="A"))
    run(a_machine(log), log, T(1))
    (partition,) = (number for number, rows in log.facts.items() if rows)
    bad: list[tuple[bytes | None, bytes | None]] = [(b"A", b"{}"), (b"B|f" + b"0" * 24, b"\n")]
    machine = Machine(PACK, Metrics(PACK, CollectorRegistry()))
    machine.own(range(PARTITIONS))
    assert machine.restore(partition, [*bad, *log.facts[partition].items()]) == 2
    machine.restored(range(PARTITIONS), {})
    assert machine.wake_at() == T(6)
