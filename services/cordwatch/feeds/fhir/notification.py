"""Notifications of topic-based subscriptions: what they say of themselves, in the shapes of R4, R4B and R5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.hl7.message import Unreadable

Kind = Literal["handshake", "heartbeat", "event-notification", "query-status", "query-event"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBER_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a subscription: its number, and the resource that it is about."""

    number: int | None
    focus: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a notification says of its subscription."""

    kind: Kind
    subscription: str
    status: str
    events_since_start: int | None
    happenings: tuple[Happening, ...]
    links: tuple[str, ...]
    """References of resources that are named and not there (`id-only`)."""
    has_content: bool
    """Whether there is more in it than the status: else the content is to be asked for."""

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of its events, in order."""
        return sorted(one.number for one in self.happenings if one.number is not None)


def read_notification(content: Any) -> Notification:
    """
    Return what a notification bundle says.

    Raises:
        Unreadable: it is none; names the element.
    """
    if not isinstance(content, Mapping) or content.get("resourceType") != "Bundle":
        raise Unreadable("Bundle", "a notification is a Bundle")
    bundle = Element(content, "Bundle")
    entries = list(bundle.many("entry"))
    status = entries[0].one("resource") if entries else None
    if status is None or status.type not in {"SubscriptionStatus", "Parameters"}:
        where = "Bundle.entry[0].resource"
        raise Unreadable(where, "a notification begins with SubscriptionStatus or Parameters")
    said = Element(_members(status), status.path) if status.type == "Parameters" else status
    if said.text("type") not in KINDS:
        raise Unreadable(f"{status.path}.type", "is no kind of notification")
    subscription = said.one("subscription")
    reference = subscription.text("reference") if subscription else ""
    if not reference:
        raise Unreadable(f"{status.path}.subscription", "is missing")
    happenings = tuple(_happenings(said))
    resources = [one for one in entries[1:] if one.one("resource") is not None]
    named = [one for one in entries[1:] if not one.has("resource")]
    links = [_link(one) for one in named if not _is_deletion(one)]
    has_content = bool(resources) or len(links) < len(named)
    if not has_content and not any(links):
        links = [one.focus for one in happenings]
    return Notification(
        cast("Kind", said.text("type")),
        reference[:200],
        said.text("status"),
        _whole(said, "eventsSinceSubscriptionStart"),
        happenings,
        tuple(dict.fromkeys(link for link in links if link)),
        has_content,
    )


def _link(entry: Element) -> str:
    """Return what an entry without a resource points to."""
    request = entry.one("request")
    url = request.text("url") if request is not None else ""
    return entry.text("fullUrl") or url


def _is_deletion(entry: Element) -> bool:
    """Return whether an entry says that a resource is gone: it cannot be fetched."""
    request = entry.one("request")
    return request is not None and request.text("method") == "DELETE"


_NAMES = {
    "events-since-subscription-start": "eventsSinceSubscriptionStart",
    "notification-event": "notificationEvent",
    "event-number": "eventNumber",
    "additional-context": "additionalContext",
    "events-in-notification": "eventsInNotification",
}


def _members(holder: Element, name: str = "parameter") -> dict[str, Any]:
    """Return the Parameters of R4 under the names of a SubscriptionStatus."""
    found: dict[str, Any] = {}
    for one in holder.many(name):
        key = one.text("name")
        key = _NAMES.get(key, key)
        if key == "notificationEvent":
            found.setdefault(key, []).append(_members(one, "part"))
            continue
        values = [value for member, value in one.value.items() if member.startswith("value")]
        if values:
            found.setdefault(key, values[0])
    return found


def _happenings(said: Element) -> Iterator[Happening]:
    for one in said.many("notificationEvent"):
        focus = one.one("focus")
        yield Happening(_whole(one, "eventNumber"), focus.text("reference") if focus else "")


def _whole(element: Element, name: str) -> int | None:
    """Return a count, which is a number or, as 64-bit integers are in JSON, a text."""
    found = element.value.get(name)
    if found is None:
        return None
    if isinstance(found, str) and found.isascii() and found.isdecimal():
        found = int(found) if len(found) <= _NUMBER_DIGITS_MAX else -1
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise Unreadable(f"{element.path}.{name}", "is not a count")
    return found
