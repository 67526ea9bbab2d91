"""What an answer does: it quietens the step for a while, and stops nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from cordwatch.pager.decide import FOR_GOOD
from cordwatch.pager.lane import wanting
from cordwatch.pager.plan import Plan
from cordwatch_schemas.acknowledgements import Acknowledged, StoodDown, Unacknowledged
from cordwatch_schemas.pages import Answered, LedgerEntry

ANSWERS_MAX = 50
"""More are not kept: a button that is pressed all night says nothing new."""


def answered(
    entry: LedgerEntry,
    answer: Acknowledged | Unacknowledged | StoodDown,
    plan: Plan,
    now: datetime,
) -> LedgerEntry:
    """
    Return the entry after a named person answered; one told again changes nothing.

    The clock goes on: when the time is over and nothing was done, it is told
    anew; so it is at once when the acknowledgement is taken back. A stand-down
    ends the clock in watch, which then ends the alert.
    """
    if any(one.event_id == answer.event_id for one in entry.answers):
        return entry
    kept = Answered(
        event_id=answer.event_id,
        kind=answer.kind,
        by=answer.by,
        at=answer.occurred_at,
        channel=answer.channel,
    )
    answers = (*entry.answers, kept)[-ANSWERS_MAX:]
    if answer.kind == "unacknowledged":
        is_quiet = entry.quiet_until is not None and entry.quiet_until > now
        quiet_until = now if is_quiet else entry.quiet_until
        return entry.model_copy(update={"answers": answers, "quiet_until": quiet_until})
    until = _quiet_until(answer, entry, plan, now)
    note = f"{'stood down' if answer.kind == 'stood-down' else 'seen'} by {answer.by}"
    deliveries = tuple(
        wanting(one, "closed" if one.accepted == "nothing" else "acknowledged", note)
        for one in entry.deliveries
    )
    return entry.model_copy(
        update={
            "answers": answers,
            "quiet_until": max(until, entry.quiet_until or until),
            "deliveries": deliveries if entry.matter.status == "open" else entry.deliveries,
        }
    )


def _quiet_until(
    answer: Acknowledged | StoodDown, entry: LedgerEntry, plan: Plan, now: datetime
) -> datetime:
    quiet_for: timedelta | None = plan.step(entry.matter).quiet_for
    # A source's clock that is ahead must not quieten for longer than was agreed.
    begun = min(answer.occurred_at, now)
    until = begun + (FOR_GOOD if quiet_for is None else quiet_for)
    ends = answer.until if answer.kind == "acknowledged" else None
    return until if ends is None else min(until, ends)
