"""Silences of an Alertmanager, read as "seen": who silences one page by its key has looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cordwatch.pager.inlets.heard import NotHeard, Said, instant_of
from cordwatch.pager.transports.alertmanager import KEY_LABEL


def seen_in(silences: object, now: datetime) -> Iterator[Said]:
    """
    Yield what the active silences say, as `GET /api/v2/silences` gives them.

    Only a silence that names a page by its key counts: one that covers a ward,
    or everything, was made for maintenance, and is nobody's word on a patient.
    It holds until its end, and no longer than an acknowledgement does.
    """
    for silence in silences if isinstance(silences, list) else ():
        try:
            said = _seen(silence)
        except NotHeard:
            continue
        if said is not None and said.at <= now and said.until is not None and said.until > now:
            yield said


def _seen(silence: object) -> Said | None:
    if not isinstance(silence, dict) or _state(silence) != "active":
        return None
    key = _key(silence.get("matchers"))
    by, number = silence.get("createdBy"), silence.get("id")
    if key is None or not isinstance(number, str) or not isinstance(by, str) or not by.strip():
        return None
    comment = silence.get("comment")
    ends_at = instant_of(silence.get("endsAt"))
    return Said(
        inlet="silence",
        # One that is extended is another answer.
        number=f"{number}|{ends_at.isoformat()}",
        dedup_key=key,
        by=by,
        at=instant_of(silence.get("updatedAt") or silence.get("startsAt")),
        reason=comment if isinstance(comment, str) else None,
        until=ends_at,
    )


def _state(silence: Mapping[str, Any]) -> object:
    status = silence.get("status")
    return status.get("state") if isinstance(status, dict) else None


def _key(matchers: object) -> str | None:
    """Return the key that the matchers name, if every one of them names a value."""
    found = None
    each: Sequence[object] = matchers if isinstance(matchers, list) else ()
    for one in each:
        if not isinstance(one, dict) or one.get("isRegex") or one.get("isEqual") is False:
            return None
        if one.get("name") == KEY_LABEL and isinstance(one.get("value"), str):
            found = one["value"]
    return found
