"""PagerDuty's v3 webhooks: that somebody acknowledged an incident, resolved it, or that it was taken back."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cordwatch.pager.inlets.heard import NotHeard, Said, Secrets, instant_of

SIGNATURE = "X-PagerDuty-Signature"
_VERSION = b"v1="
_SEEN = frozenset({"incident.acknowledged", "incident.resolved"})
"""A person who resolves an incident has seen it, no more: only the clinical event ends the alert."""

_TAKEN_BACK = "incident.unacknowledged"
_PERSON = "user_reference"


def verify(body: bytes, signature: str, secrets: Secrets) -> None:
    """
    Look whether *body*, as it came, is signed with one of the *secrets*.

    The header holds several signatures while PagerDuty changes the secret. Only
    the body is signed, with no time in it: a replay is known by its event alone.

    Raises:
        NotHeard: it is not.
    """
    given = [
        one.strip()[len(_VERSION) :]
        for one in signature.encode("utf-8", "replace").split(b",")
        if one.strip().startswith(_VERSION)
    ]
    expected = [hmac.new(key, body, sha256).hexdigest().encode() for key in secrets]
    # Every pair is compared, so that the time taken says nothing.
    matches = [hmac.compare_digest(one, other) for one in given for other in expected]
    if not any(matches):
        raise NotHeard("signature")


def said_of(message: object) -> Said:
    """
    Return what a webhook says that somebody did.

    What our own events did to an incident comes back too: its agent is no
    person, and it is no answer.

    Raises:
        NotHeard: it is malformed, or no answer of a person.
    """
    event = _mapping(message, "event")
    kind = event.get("event_type")
    if kind not in _SEEN and kind != _TAKEN_BACK:
        raise NotHeard("not-an-answer")
    agent = event.get("agent")
    person = _name(agent) if isinstance(agent, dict) and agent.get("type") == _PERSON else None
    taken_back = kind == _TAKEN_BACK
    if person is None and not taken_back:
        raise NotHeard("not-an-answer")
    return Said(
        inlet="pagerduty",
        number=_text(event, "id"),
        dedup_key=_text(_mapping(event, "data"), "incident_key"),
        # An acknowledgement that ran out there was taken back by nobody in person.
        by=person or "PagerDuty",
        at=instant_of(event.get("occurred_at")),
        taken_back=taken_back,
        reason="resolved in PagerDuty" if kind == "incident.resolved" else None,
    )


def _name(agent: Mapping[str, Any]) -> str:
    return str(agent.get("summary") or agent.get("id") or "").strip() or "PagerDuty user"


def _mapping(value: object, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise NotHeard("malformed")
    return found


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise NotHeard("malformed")
    return found
