"""The audit trail is written record after record, and nobody is told that one is safe before it is."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

import pytest
from kafka.errors import KafkaTimeoutError

from cordwatch.board.audit import WAITING_MAX, AuditLog, NotRecorded
from cordwatch.board.audit_chain import faults, sealed
from cordwatch.runtime.kafka import KafkaError
from cordwatch_schemas.audit import AuditRecord

SAFE_S = 5.0


class MemoryPublisher:
    """Keeps records; answers for each batch what it is told to."""

    def __init__(self) -> None:
        """Begin with a broker that takes everything."""
        self.kept: list[AuditRecord] = []
        self.next: queue.Queue[str] = queue.Queue()

    def publish(
        self, records: Sequence[tuple[str, bytes, bytes]], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Keep *records*, or do what is next."""
        how = "take" if self.next.empty() else self.next.get()
        if how != "refuse":
            self.kept += [AuditRecord.model_validate_json(value) for _, _, value in records]
        if how == "lose-answer":
            raise KafkaTimeoutError("no answer")
        return [None if how == "take" else KafkaTimeoutError("no")] * len(records)

    def end(self) -> AuditRecord | None:
        """Return the last record that is kept."""
        return self.kept[-1] if self.kept else None


def a_log(publisher: MemoryPublisher) -> AuditLog:
    """Return a log that writes."""
    log = AuditLog("board", publisher, publisher.end)
    log.start()
    return log


def test_records_are_safe_when_it_is_said_that_they_are() -> None:
    """Each is on the topic, sealed to the one before."""
    publisher = MemoryPublisher()
    log = a_log(publisher)
    for number in range(5):
        log.append({"deed": number}).result(SAFE_S)
        assert publisher.kept[-1].event == {"deed": number}
    assert faults(publisher.kept) == []
    assert [one.sequence for one in publisher.kept] == list(range(5))


def test_a_chain_goes_on_after_a_restart() -> None:
    """A board that starts again seals its first record to the last one before."""
    publisher = MemoryPublisher()
    publisher.kept.append(sealed("board", None, {"deed": "before"}))
    a_log(publisher).append({"deed": "after"}).result(SAFE_S)
    assert [one.sequence for one in publisher.kept] == [0, 1]
    assert faults(publisher.kept) == []


def test_what_the_broker_refuses_is_not_recorded() -> None:
    """It is said so, and the next record takes its place in the chain."""
    publisher = MemoryPublisher()
    log = a_log(publisher)
    publisher.next.put("refuse")
    with pytest.raises(NotRecorded):
        log.append({"deed": "lost"}).result(SAFE_S)
    log.append({"deed": "kept"}).result(SAFE_S)
    assert [one.event["deed"] for one in publisher.kept] == ["kept"]
    assert faults(publisher.kept) == []


def test_a_lost_answer_forks_no_chain() -> None:
    """The record arrived although nobody said so: the next one follows it."""
    publisher = MemoryPublisher()
    log = a_log(publisher)
    publisher.next.put("lose-answer")
    with pytest.raises(NotRecorded):
        log.append({"deed": "arrived unheard"}).result(SAFE_S)
    log.append({"deed": "next"}).result(SAFE_S)
    assert [one.sequence for one in publisher.kept] == [0, 1]
    assert faults(publisher.kept) == []


def test_more_than_can_be_written_is_refused_at_once() -> None:
    """A broker that is away fills no memory: who asks is told."""
    log = AuditLog("board", MemoryPublisher(), lambda: None)
    for _ in range(WAITING_MAX):
        log.append({})
    with pytest.raises(NotRecorded):
        log.append({}).result(0)


def test_what_waits_is_written_before_the_end() -> None:
    """A board that is told to stop writes down what it has in hand."""
    publisher = MemoryPublisher()
    log = AuditLog("board", publisher, publisher.end)
    waiting = [log.append({"deed": number}) for number in range(3)]
    log.start()
    log.stop(SAFE_S)
    assert all(one.done() for one in waiting)
    assert len(publisher.kept) == 3
