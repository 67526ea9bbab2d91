"""A stored row that cannot be read: damaged, or of a newer version that was rolled back."""

from __future__ import annotations

from cordwatch.watch.machine import Machine
from tests.builders import T, a_merge, an_mri_done, known_lymphoma
from tests.unit.watch.test_machine import PARTITIONS, STORY, Log, a_machine, run


def damaged(log: Log, telling: bytes) -> tuple[bytes, bytes]:
    """Put a row of a version to come in the place of A's fact that tells *telling*; return its key and what it was."""
    rows = log.facts[sum(b"A") % PARTITIONS]
    key = next(key for key, value in rows.items() if b"|f" in key and telling in value)
    before, rows[key] = rows[key], b'{"v":2}'
    return key, before


def unreadable(machine: Machine) -> int:
    """Return of how many patients the machine says that it cannot read something."""
    return len(machine.unreadable)


def test_a_row_that_cannot_be_read_stops_nobody_and_ends_nothing() -> None:
    """Damaged, or of a newer version that was rolled back: the others are told, an alert stays open, it is counted."""
    log = Log()
    log.tell(STORY[0])
    run(a_machine(log), log, T(13))
    key, before = damaged(log, b"assessed")
    log.tell(STORY[1])
    machine = a_machine(log)
    run(machine, log, T(14))
    told = {(alert.patient, alert.status) for alert in log.alerts}
    assert told == {("A", "open"), ("B", "open")}
    assert unreadable(machine) == 1
    again = a_machine(log)
    run(again, log, T(14))
    assert unreadable(again) == 1
    log.facts[sum(b"A") % PARTITIONS][key] = before
    log.tell(an_mri_done(at=T(13), patient="A"))
    mended = a_machine(log)
    run(mended, log, T(15))
    assert unreadable(mended) == 0
    assert [one.status for one in log.alerts if one.patient == "A"] == ["open", "resolved"]


def test_a_row_that_cannot_be_read_is_never_dropped() -> None:
    """Not even when what is left of the patient would be forgotten long since."""
    log = Log()
    log.tell(STORY[0], an_mri_done(at=T(12), patient="A"))
    run(a_machine(log), log, T(13))
    key, _ = damaged(log, b"assessed")
    run(a_machine(log), log, T(24 * 400))
    assert key in log.facts[sum(b"A") % PARTITIONS]


def test_what_is_told_again_takes_the_place_of_a_row_that_cannot_be_read() -> None:
    """So that what a sender tells again is known again."""
    log = Log()
    log.tell(STORY[0])
    run(a_machine(log), log, T(4))
    damaged(log, b"assessed")
    log.tell(STORY[0])
    machine = a_machine(log)
    run(machine, log, T(13))
    assert unreadable(machine) == 0
    assert [(alert.patient, alert.level) for alert in log.alerts] == [("A", "due")]


def test_a_merge_passes_on_what_can_be_read_of_a_patient() -> None:
    """And leaves the rest where it is."""
    log = Log()
    log.tell(*STORY[:2])
    run(a_machine(log), log, T(4))
    damaged(log, b"assessed")
    log.tell(known_lymphoma(at=T(4), patient="A"))
    log.tell(*a_merge(at=T(5), survivor="B", retired="A"))
    machine = a_machine(log)
    run(machine, log, T(14))
    assert {alert.patient for alert in log.alerts if alert.kind == "clock"} == {"B"}
    assert unreadable(machine) == 1


def test_a_kind_of_fact_that_came_later_is_passed_over() -> None:
    """A newer version may have written it; what this one knows goes on."""
    log = Log()
    log.tell(STORY[0])
    run(a_machine(log), log, T(4))
    rows = log.facts[sum(b"A") % PARTITIONS]
    key = next(key for key in rows if b"|f" in key)
    rows[key[:-24] + b"0" * 24] = rows[key].replace(b"assessed", b"dreamt-of")
    machine = a_machine(log)
    run(machine, log, T(13))
    assert unreadable(machine) == 0
    assert [(alert.patient, alert.level) for alert in log.alerts] == [("A", "due")]
