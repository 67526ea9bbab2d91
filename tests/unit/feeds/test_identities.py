"""Who is behind a reference: told when it is news, and never left at what is out of date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cordwatch.feeds import identities
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated
from cordwatch.feeds.identities import TOLD_FOR, Identities
from cordwatch_schemas.records import Identity

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def told(people: Identities, name: str, at: datetime = NOW, patient: str = "mr_7") -> int:
    """Return how many identities are told of a message with one."""
    identity = Identity(patient=patient, number="7", name=name, received_at=at)
    item = Item("message", "hl7v2", b"")
    found = Translated(item, "irrelevant", "-", "-", None, identities=(identity,))
    return len(people.only_news(found).identities)


def test_what_was_just_told_is_not_told_again() -> None:
    """Another name is, and so is the first one after it."""
    people = Identities()
    assert [told(people, name) for name in ("A", "A", "B", "B", "A")] == [1, 0, 1, 0, 1]
    assert told(people, "A", patient="mr_8") == 1


def test_after_a_while_it_is_told_again() -> None:
    """Another gateway may have told otherwise; updates in between change nothing about that."""
    people = Identities()
    assert told(people, "A") == 1
    assert told(people, "A", NOW + TOLD_FOR / 2) == 0
    assert told(people, "A", NOW + TOLD_FOR) == 1
    assert told(people, "A", NOW + TOLD_FOR + timedelta(seconds=1)) == 0


def test_what_was_not_published_was_not_told() -> None:
    """A repetition publishes nothing, and takes nothing back."""
    people = Identities()
    assert told(people, "A") == 1
    people.forget([Identity(patient="mr_7", number="7", received_at=NOW)])
    assert told(people, "A") == 1


def test_no_more_are_kept_than_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays as it is, however many patients there are."""
    monkeypatch.setattr(identities, "PATIENTS_MAX", 2)
    people = Identities()
    for number in range(5):
        assert told(people, "A", patient=f"mr_{number}") == 1
    assert [told(people, "A", patient=f"mr_{number}") for number in (3, 4, 2)] == [0, 0, 1]
