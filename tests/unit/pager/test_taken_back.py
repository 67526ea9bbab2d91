"""Answers from other systems: an acknowledgement that has an end of its own, and one that is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cordwatch.pager.answers import answered
from cordwatch.pager.asked import asked
from cordwatch.pager.decide import Beside, decide
from cordwatch.pager.plan import load_plan
from cordwatch_schemas.acknowledgements import Acknowledged, Unacknowledged
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.pages import LedgerEntry
from tests.unit.pager.plans import EXAMPLE

PLAN = load_plan(EXAMPLE)
BEGIN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = PLAN.ladder["prompt"].quiet_for


def told() -> LedgerEntry:
    """Return a prompt that has been told to two."""
    matter = asked("steroid.start:prompt@HAEM-4", load_pack("mescc-lymphoma"), BEGIN)
    entry = LedgerEntry(matter=matter, first_seen_at=BEGIN, reason="new")
    return decide(entry, Beside(PLAN), BEGIN).entry


def acknowledged(at: datetime, until: datetime | None = None) -> Acknowledged:
    """Return that somebody has seen it."""
    return Acknowledged(**envelope("seen", at), until=until)


def unacknowledged(at: datetime) -> Unacknowledged:
    """Return that it was taken back."""
    return Unacknowledged(**envelope("back", at))


def envelope(event: str, at: datetime) -> dict[str, object]:
    """Return who answered, and when."""
    return {
        "event_id": event,
        "patient": "p_asked",
        "by": "Dr Example",
        "occurred_at": at,
        "received_at": at,
        "channel": "pager",
        "alert_id": "asked",
    }


def test_one_that_was_taken_back_is_told_anew_at_once() -> None:
    """Whoever had it no longer has it: nobody waits for the quiet time to run out."""
    at = BEGIN + MINUTE
    seen = answered(told(), acknowledged(at), PLAN, at)
    assert decide(seen, Beside(PLAN), at + MINUTE).entry.reason == "acknowledged"
    back = answered(seen, unacknowledged(at + MINUTE), PLAN, at + MINUTE)
    decision = decide(back, Beside(PLAN), at + MINUTE)
    assert (decision.entry.reason, decision.entry.round) == ("told", 2)
    assert [one.kind for one in back.answers] == ["acknowledged", "unacknowledged"]
    assert answered(back, unacknowledged(at + MINUTE), PLAN, at + MINUTE) is back


def test_taking_back_what_nobody_acknowledged_changes_no_page() -> None:
    """It is kept as an answer; the ladder goes on as it was."""
    entry = told()
    back = answered(entry, unacknowledged(BEGIN + MINUTE), PLAN, BEGIN + MINUTE)
    assert (back.quiet_until, back.deliveries) == (None, entry.deliveries)


def test_an_acknowledgement_holds_no_longer_than_it_says() -> None:
    """Nor, by saying so, for longer than the plan allows."""
    at = BEGIN + MINUTE
    short = answered(told(), acknowledged(at, at + 4 * MINUTE), PLAN, at)
    long = answered(told(), acknowledged(at, at + 400 * MINUTE), PLAN, at)
    assert QUIET is not None
    assert (short.quiet_until, long.quiet_until) == (at + 4 * MINUTE, at + QUIET)
