"""The one way into the core: facts and what was published, to what must be told now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Pack

from cordwatch.pathway.facts import Fact


@dataclass(frozen=True, slots=True)
class OpenClock:
    """A clock that runs: what metrics and the heap check count."""

    clock: str
    rule: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows from a patient's facts at an instant.

    `alerts` are new ones, and known ones whose status changed (a higher
    `revision` under the same id). `wake_at` is when the patient must be looked
    at again although nothing arrives; None: not before something does.
    """

    alerts: tuple[Alert, ...]
    wake_at: datetime | None
    open_clocks: tuple[OpenClock, ...]
    forward_to: str | None = None
    """The survivor that every row of this (retired) patient must go to."""
    expired: bool = False
    """Nothing here can matter any more: every row may be dropped."""


def decide(
    patient: str,
    facts: Sequence[Fact],
    published: Sequence[Alert],
    pack: Pack,
    now: datetime,
    *,
    stale: bool = False,
) -> Decision:
    """
    Return what to tell about *patient* at *now*, given every fact and every alert published before.

    Pure and idempotent: called again with its own alerts among *published*, it
    returns none.
    """
    raise NotImplementedError
