"""Answers by Standard Webhooks 1.0: from whatever the hospital built, signed and with a time."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cordwatch.pager.inlets.heard import NotHeard, Said, Secrets, instant_of

TOLERANCE = timedelta(minutes=5)
"""A message from further in the past or the future may be a replay."""

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
KINDS = {"page.acknowledged": False, "page.resolved": False, "page.unacknowledged": True}
"""Types of message, and whether they take an answer back."""

_PREFIX = "whsec_"
_VERSION = b"v1,"
_KEY_BYTES_MIN, _KEY_BYTES_MAX = 24, 64


def keys_of(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """
    Return the keys in secrets, written as `whsec_` and base64.

    Raises:
        ValueError: one is not; says nothing of what it is.
    """
    keys = []
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("a secret is whsec_ and base64") from None
        if not _KEY_BYTES_MIN <= len(key) <= _KEY_BYTES_MAX:
            raise ValueError(f"a secret holds {_KEY_BYTES_MIN} to {_KEY_BYTES_MAX} bytes")
        keys.append(key)
    return tuple(keys)


def verify(body: bytes, headers: Mapping[str, str], secrets: Secrets, now: datetime) -> str:
    """
    Look whether a message is signed with one of the *secrets*, and of now; return its id.

    Raises:
        NotHeard: it is not.
    """
    number, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    signed = f"{number}.{stamp}.".encode("utf-8", "replace") + body
    given = [
        one[len(_VERSION) :]
        for one in headers.get(SIGNATURE, "").encode("utf-8", "replace").split(b" ")
        if one.startswith(_VERSION)
    ]
    expected = [base64.b64encode(hmac.new(key, signed, sha256).digest()) for key in secrets]
    matches = [hmac.compare_digest(one, other) for one in given for other in expected]
    if not number or not any(matches):
        raise NotHeard("signature")
    if abs(_sent_at(stamp) - now) > TOLERANCE:
        raise NotHeard("stale")
    return number


def _sent_at(stamp: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise NotHeard("malformed") from None


def said_of(message: object, number: str) -> Said:
    """
    Return what a message says: `{"type": "page.acknowledged", "timestamp": ..., "data": {...}}`.

    `data` holds `dedup_key`, `by` and, if wanted, `reason`.

    Raises:
        NotHeard: it is malformed, or another type of message.
    """
    kind = message.get("type") if isinstance(message, dict) else None
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(kind, str) or not isinstance(data, dict):
        raise NotHeard("malformed")
    if kind not in KINDS:
        raise NotHeard("not-an-answer")
    key, by, reason = data.get("dedup_key"), data.get("by"), data.get("reason")
    is_named = isinstance(by, str) and by.strip()
    if not isinstance(key, str) or not key or not is_named:
        raise NotHeard("malformed")
    return Said(
        inlet="webhook",
        number=number,
        dedup_key=key,
        by=str(by),
        at=instant_of(message.get("timestamp")),
        taken_back=KINDS[kind],
        reason=reason if isinstance(reason, str) else None,
    )
