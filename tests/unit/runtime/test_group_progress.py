"""Whether somebody runs: asked of a broker that is only about to know."""

from __future__ import annotations

from typing import Any, cast

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError, GroupIdNotFoundError

from cordwatch.runtime import group_progress
from cordwatch.runtime.group_progress import patiently, state_of


class Told:
    """An admin client whose broker answers one thing after another."""

    def __init__(self, *told: tuple[str, str | None]) -> None:
        """Begin with the first: the state of the group, and an error."""
        self.told = list(told)

    def describe_groups(self, names: list[str]) -> dict[str, Any]:
        """Answer the next."""
        state, error = self.told.pop(0)
        return {names[0]: {"group_state": state, "error": error, "members": []}}

    def state(self) -> str:
        """Return the state that is made of it."""
        return state_of(cast("KafkaAdminClient", self), "cordwatch-watch")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(group_progress, "ASK_AGAIN_S", 0)


def test_a_broker_that_does_not_know_yet_is_asked_again() -> None:
    """Its answer has no state, only an error: nobody runs because of it, and nobody is gone."""
    told = Told(
        ("", "CoordinatorLoadInProgressError"), ("", "NotCoordinatorError"), ("Empty", None)
    )
    assert patiently(told.state) == "Empty"
    assert told.told == []


def test_a_broker_that_never_knows_is_no_answer() -> None:
    """After all the asking it is an error, not a group that is not there."""
    told = Told(*[("", "CoordinatorLoadInProgressError")] * 2)
    with pytest.raises(CoordinatorNotAvailableError):
        patiently(told.state, 0)
    assert len(told.told) == 1


def test_a_group_that_never_was_is_none() -> None:
    """The broker says so, by name."""

    def ask() -> str:
        raise GroupIdNotFoundError

    assert patiently(ask) is None
