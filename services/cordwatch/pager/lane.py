"""
One lane: what is said to one destination about one matter, one thing after the other.

A trigger comes before its acknowledgement, and both before the end; nothing
overtakes, nothing goes back. A destination that was never told anything is
told of no end either, unless an attempt may have arrived unseen.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from cordwatch.pager.transports.transport import Action, Outcome
from cordwatch_schemas.pages import Delivery, Stage

STAGES: tuple[Stage, ...] = ("nothing", "told", "acknowledged", "closed")
STAGE_OF: dict[Action, Stage] = {"tell": "told", "acknowledge": "acknowledged", "close": "closed"}

BACKOFF_FIRST_S = 2.0
BACKOFF_MAX_S = 60.0
REFUSED_AGAIN_S = 300.0
"""A key that was revoked may be mended while the patient still waits."""
REFUSED_END_MAX = 12
"""After so many refusals of an end or an acknowledgement, a destination is left with what it has."""


def dedup_key(alert_id: str, round_: int, role: str, destination: str) -> str:
    """Return the key under which a destination knows a page: no patient data, the same after any crash."""
    content = "\n".join((alert_id, str(round_), role, destination))
    return f"cw1:{sha256(content.encode()).hexdigest()[:40]}"


def is_at_least(stage: Stage, other: Stage) -> bool:
    """Return whether *stage* is as far as *other*, or farther."""
    return STAGES.index(stage) >= STAGES.index(other)


def next_action(delivery: Delivery) -> Action | None:
    """Return what is still to be said; None: nothing."""
    if is_at_least(delivery.accepted, delivery.wanted):
        return None
    if delivery.wanted == "closed":
        return "close" if delivery.accepted != "nothing" or delivery.uncertain else None
    return "tell" if delivery.accepted == "nothing" else "acknowledge"


def wanting(delivery: Delivery, stage: Stage, note: str) -> Delivery:
    """Return the delivery with more wanted of it; what is wanted never goes back."""
    if is_at_least(delivery.wanted, stage):
        return delivery
    return delivery.model_copy(
        update={"wanted": stage, "note": note[:200], "not_before": None, "failures": 0}
    )


def attempted(delivery: Delivery, action: Action, now: datetime) -> Delivery:
    """Return the delivery as it must be on record before an attempt is made: it may arrive unseen."""
    return delivery.model_copy(
        update={
            "attempts": delivery.attempts + 1,
            "first_attempt_at": delivery.first_attempt_at or now,
            "last_attempt_at": now,
            "uncertain": delivery.uncertain or action == "tell",
        }
    )


def after(
    delivery: Delivery, action: Action, outcome: Outcome, *, was_uncertain: bool, now: datetime
) -> Delivery:
    """
    Return the delivery after an attempt at *action*.

    `was_uncertain`: whether an earlier attempt may have arrived: an answer that
    this one did not says nothing of that.
    """
    update: dict[str, object] = {"outcome": outcome.reason}
    if outcome.verdict == "accepted":
        stage = STAGE_OF[action]
        update |= {"failures": 0, "not_before": None, "uncertain": False, "refused": False}
        if not is_at_least(delivery.accepted, stage):
            update |= {"accepted": stage, "settled_at": now}
        if stage == "told":
            update["told_at"] = delivery.told_at or now
        return delivery.model_copy(update=update)
    failures = delivery.failures + 1
    wait_s = backoff_s(failures, delivery.dedup_key)
    if outcome.verdict == "refused":
        wait_s = REFUSED_AGAIN_S
        update["refused"] = delivery.refused or action == "tell"
        if action != "tell" and failures >= REFUSED_END_MAX:
            update |= {"accepted": STAGE_OF[action], "settled_at": now}
    if action == "tell" and outcome.verdict != "unknown":
        update["uncertain"] = was_uncertain
    wait_s = max(wait_s, outcome.retry_after_s or 0.0)
    return delivery.model_copy(
        update=update | {"failures": failures, "not_before": now + timedelta(seconds=wait_s)}
    )


def backoff_s(failures: int, key: str) -> float:
    """Return how long to wait after so many failures: doubling, spread by the key so that not all return at once."""
    spread = 0.75 + int(sha256(key.encode()).hexdigest()[:4], 16) / 0xFFFF / 2
    longest = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 10))
    return min(BACKOFF_MAX_S, longest * spread)
