"""What is read again is published over one connection, and closed only once it is safe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cordwatch.app.commands import quarantine_retry
from cordwatch.feeds.quarantine import Reread
from cordwatch.runtime.kafka import KafkaError, KafkaSettings
from cordwatch_schemas.topics import QUARANTINE
from tests.unit.feeds.test_quarantine import BOTH_WORDS, NO_WORDS, TWO_BAD, again, kept


class FakePublisher:
    """Keeps what is sent, and when all of it was safe."""

    def __init__(self, _: KafkaSettings) -> None:
        """Connect."""
        OPENED.append(self)
        self.steps: list[str] = []
        self.fails = False

    def send(self, topic: str, *_: bytes) -> None:
        """Take a record."""
        self.steps.append("closing" if topic == QUARANTINE.name else "told")

    def confirm(self) -> None:
        """Say that all is safe, or that it is not."""
        if self.fails:
            raise KafkaError
        self.steps.append("safe")

    def close(self) -> None:
        """Hang up."""
        self.steps.append("closed")


OPENED: list[FakePublisher] = []


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reread]:
    """Give the publishing of five messages, two of them together."""
    OPENED.clear()
    monkeypatch.setattr(quarantine_retry, "Publisher", FakePublisher)
    monkeypatch.setattr(quarantine_retry, "GROUP", 2)
    read = again(kept(TWO_BAD, NO_WORDS), BOTH_WORDS)
    return quarantine_retry._published(KafkaSettings(), [read] * 5)


def test_one_connection_serves_all_of_it(published: Iterator[Reread]) -> None:
    """Each group: what the messages say, and once that is safe, that they were read."""
    assert len(list(published)) == 5
    (one,) = OPENED
    steps = [step for at, step in enumerate(one.steps) if at == 0 or one.steps[at - 1] != step]
    assert steps == ["told", "safe", "closing", "safe"] * 3 + ["closed"]
    assert one.steps.count("closing") == 10


def test_what_is_not_safe_is_not_said_to_be_read(published: Iterator[Reread]) -> None:
    """The first group is; the second is neither closed nor told of."""
    assert [next(published), next(published)]
    (one,) = OPENED
    one.fails, before = True, one.steps.count("closing")
    with pytest.raises(KafkaError):
        next(published)
    assert one.steps.count("closing") == before
    assert one.steps[-1] == "closed"
