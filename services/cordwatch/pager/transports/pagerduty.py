"""PagerDuty, Events API v2: one incident per dedup key; an alert's next level has a key of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cordwatch.pager.safe_words import cut
from cordwatch.pager.text import Text, Wording, text_of
from cordwatch.pager.transports.http import (
    NO_HURRY,
    HttpSender,
    OverHttp,
    Reply,
    Request,
    outcome_of,
    worst,
)
from cordwatch.pager.transports.secrets import Secret
from cordwatch.pager.transports.settings import PagerDuty
from cordwatch.pager.transports.transport import Action, Outcome, Page
from cordwatch_schemas.alerts import Severity

SUMMARY_MAX, KEY_MAX, BODY_BYTES_MAX = 1024, 255, 512_000
KEYS_MAX = 4
_ACCEPTED = 202

_EVENTS: Final[Mapping[Action, str]] = {
    "tell": "trigger",
    "acknowledge": "acknowledge",
    "close": "resolve",
}
_SEVERITIES: Final[Mapping[Severity, str]] = {
    "critical": "critical",
    "urgent": "error",
    "warning": "warning",
    "info": "info",
}
_LOOK_KEY = "cordwatch:look"
"""Never triggered: an acknowledgement of it is dropped, and tells nobody anything."""


class PagerDutyTransport(OverHttp):
    """
    One integration of PagerDuty.

    A follow-up under another routing key than the trigger's meets no incident
    and is dropped. So after a change of keys the old one stays in the file, on a
    line below the new, until its pages are closed: what ends a page is told
    under each.
    """

    kind = "pagerduty"
    actions: frozenset[Action] = frozenset({"tell", "acknowledge", "close"})

    def __init__(
        self, name: str, settings: PagerDuty, wording: Wording, sender: HttpSender
    ) -> None:
        """Prepare; the key is read at each attempt."""
        super().__init__(name, sender)
        self._url, self._wording = settings.url, wording
        self._keys = Secret(name, settings.routing_key_file)
        self.per_minute = settings.per_minute

    def requests_of(self, page: Page) -> Sequence[Request]:
        """Return the event; one that ends a page under each routing key that still counts."""
        keys = self._keys.lines()[:KEYS_MAX]
        told = keys[:1] if page.action == "tell" else keys
        return [_request(self._url, event_of(page, key, self._wording)) for key in told]

    def read(self, reply: Reply, page: Page) -> Outcome:
        """Return what an answer means."""
        return read_answer(reply, page.dedup_key, page.at)

    def together(self, outcomes: Sequence[Outcome]) -> Outcome:
        """Return the least good, but for keys that are revoked by now: what they opened nobody can close."""
        return worst([one for one in outcomes if one.verdict != "refused"] or outcomes)

    def looks(self) -> Sequence[Request]:
        """Return an acknowledgement of what was never triggered: the key is judged, nobody told."""
        look = {"event_action": "acknowledge", "dedup_key": _LOOK_KEY}
        return [_request(self._url, {"routing_key": self._keys.present(), **look})]

    def look_read(self, reply: Reply) -> Outcome:
        """Return whether the key is taken."""
        return read_answer(reply, _LOOK_KEY, NO_HURRY)


def _request(url: str, event: Mapping[str, Any]) -> Request:
    return Request(url, fitting(event), {"Content-Type": "application/json"})


def event_of(page: Page, routing_key: str, wording: Wording) -> dict[str, Any]:
    """Return the event that *page* is; only a trigger says anything in words."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": _EVENTS[page.action],
        "dedup_key": page.dedup_key[:KEY_MAX],
    }
    if page.action != "tell":
        return event
    text = text_of(page, wording)
    event["payload"] = _payload(page, text)
    event["client"] = "cordwatch"
    if text.link is not None:
        event["client_url"] = text.link
        event["links"] = [{"href": text.link, "text": "On the board"}]
    return event


def _payload(page: Page, text: Text) -> dict[str, Any]:
    matter = page.matter
    return {
        "summary": cut(text.title, SUMMARY_MAX),
        "source": "cordwatch",
        "severity": _SEVERITIES[matter.severity],
        "timestamp": matter.raised_at.isoformat(timespec="milliseconds"),
        "group": matter.rule,
        "class": matter.level or matter.kind,
        "custom_details": {line.label: line.words for line in text.lines},
    }


def fitting(event: Mapping[str, Any]) -> bytes:
    """
    Return *event* as JSON within the limit.

    Shed in this order, the last line first: the details, least needed first,
    then links; the summary always fits.
    """
    raw = _json(event)
    details = dict(event.get("payload", {}).get("custom_details", {}))
    while len(raw) > BODY_BYTES_MAX and details:
        details.popitem()
        event = {**event, "payload": {**event["payload"], "custom_details": details}}
        raw = _json(event)
    if len(raw) > BODY_BYTES_MAX:
        event = {name: value for name, value in event.items() if name != "links"}
        raw = _json(event)
    return raw


def _json(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def read_answer(reply: Reply, dedup_key: str, now: datetime) -> Outcome:
    """
    Return what PagerDuty's answer means.

    It has taken an event in where it says 202 and names the key. Another page of
    success, of a proxy or a login, is not believed: told again under the same
    key, it is one incident.
    """
    found = outcome_of(reply, now)
    if found.verdict != "accepted":
        return found
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return Outcome("unknown", "bad-answer")
    names_it = isinstance(answer, dict) and answer.get("dedup_key") == dedup_key[:KEY_MAX]
    return found if reply.status == _ACCEPTED and names_it else Outcome("unknown", "bad-answer")
