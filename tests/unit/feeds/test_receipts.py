"""What was answered before: known by its bytes, for days, and never taken for something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.receipts import ACCEPTED, Memory, fingerprint_of, receipt_of, result_of

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
MESSAGE = b"MSH|^~\\&|HIS|WARD|CW|H|20260302100000||ADT^A08|%b|P|2.5\rPID|1||7\r"
ONE, OTHER = fingerprint_of(MESSAGE % b"1"), fingerprint_of(MESSAGE % b"2")
FAULTY = b"f" * 8


def a_memory(result: bytes = ACCEPTED, at: datetime = NOW, days: int = 7) -> Memory:
    """Return a memory of one answered message."""
    memory = Memory(days)
    memory.learn([receipt_of(ONE, result)], at)
    return memory


@pytest.mark.parametrize("result", [ACCEPTED, FAULTY])
def test_the_same_bytes_are_known_with_their_result(result: bytes) -> None:
    """And nothing else is."""
    memory = a_memory(result)
    assert (memory.look_up(ONE), memory.look_up(OTHER)) == ((result, False), (None, False))
    assert memory.size == 1


@pytest.mark.parametrize(
    ("change", "used"),
    [
        ((b"PID|1||7", b"PID|1||8"), True),
        ((b"|HIS|", b"|LAB|"), False),
        ((b"|WARD|", b"|OTHER|"), False),
        ((b"|1|P", b"|2|P"), False),
    ],
)
def test_an_id_belongs_to_its_sender(change: tuple[bytes, bytes], used: bool) -> None:
    """Two systems may count alike; one that sends other bytes under one id is told apart."""
    memory, other = a_memory(), fingerprint_of((MESSAGE % b"1").replace(*change))
    assert memory.look_up(other) == (None, used)


def test_no_control_id_is_no_id_that_is_used_again() -> None:
    """Each such message would be told to repeat the one before."""
    memory = Memory()
    for number, text in enumerate((MESSAGE % b"", b"no header")):
        memory.learn([receipt_of(fingerprint_of(text), ACCEPTED)], NOW)
        assert memory.look_up(fingerprint_of(text + b"\rNTE|1")) == (None, False)
        # By its bytes it is known all the same.
        assert memory.look_up(fingerprint_of(text)) == (ACCEPTED, False)
        assert memory.size == number + 1


@pytest.mark.parametrize(("later_d", "known"), [(0, True), (6.9, True), (7, True), (8, False)])
def test_it_is_known_for_seven_days(later_d: float, known: bool) -> None:
    """And forgotten at most a day later."""
    memory = a_memory()
    memory.forget(NOW + timedelta(days=later_d))
    other = fingerprint_of(MESSAGE % b"1" + b"\rNTE|1")
    assert memory.look_up(ONE) == (ACCEPTED if known else None, False)
    assert memory.look_up(other) == (None, known)
    assert memory.size == known


def test_what_is_too_old_is_not_learnt() -> None:
    """A topic may hold more than is asked for."""
    memory = Memory(7)
    memory.forget(NOW)
    memory.learn([receipt_of(ONE, ACCEPTED)], NOW - timedelta(days=8))
    assert memory.size == 0


def test_the_last_result_counts() -> None:
    """Refused, and days later accepted, since the profile was mended: it is known as accepted."""
    memory = a_memory(FAULTY)
    memory.learn([receipt_of(ONE, ACCEPTED)], NOW + timedelta(days=2))
    assert (memory.look_up(ONE), memory.size) == ((ACCEPTED, False), 1)


def test_with_no_days_nothing_is_remembered() -> None:
    """It can be turned off."""
    memory = a_memory(days=0)
    assert (memory.remembers, memory.size) == (False, 0)


def test_another_fault_is_another_result() -> None:
    """The answer would not be the same."""
    item = Item("message", "hl7v2", MESSAGE)
    accepted = Translated(item, "irrelevant", "-", "-", None)
    first, second = (
        Translated(item, "quarantined", "-", "-", None, (), (Fault(*one),))
        for one in (("PID-3", "no number"), ("PID-3", "no number at all"))
    )
    assert result_of(accepted) == ACCEPTED
    assert len({result_of(one) for one in (accepted, first, second)}) == 3
