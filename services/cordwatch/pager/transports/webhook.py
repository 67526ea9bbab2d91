"""Signed webhooks: CloudEvents 1.0 as structured JSON, signed by Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from cordwatch.pager.safe_words import cut_bytes
from cordwatch.pager.text import Wording, text_of
from cordwatch.pager.transports.http import UNSIGNED, HttpSender, OverHttp, Request
from cordwatch.pager.transports.secrets import NoSecret, Secret
from cordwatch.pager.transports.settings import Webhook
from cordwatch.pager.transports.transport import Action, Page

SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
SECRETS_MAX = 4
BODY_BYTES_MAX = 64 * 1024
"""Events up to this size must be passed on by whoever takes CloudEvents."""

TYPES: Mapping[Action, str] = {
    "tell": "cordwatch.page.told.v1",
    "acknowledge": "cordwatch.page.acknowledged.v1",
    "close": "cordwatch.page.closed.v1",
}


class WebhookTransport(OverHttp):
    """One endpoint of the hospital's own."""

    kind = "webhook"
    actions: frozenset[Action] = frozenset({"tell", "acknowledge", "close"})
    look_allows = UNSIGNED

    def __init__(self, name: str, settings: Webhook, wording: Wording, sender: HttpSender) -> None:
        """Prepare; the secrets are read at each attempt."""
        super().__init__(name, sender)
        self._url, self._wording = settings.url, wording
        self._secret = Secret(name, settings.secret_file)
        self.per_minute = settings.per_minute

    def requests_of(self, page: Page) -> Sequence[Request]:
        """Return the signed event."""
        event = event_of(page, self._wording)
        body = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        headers = signed(event["id"], page.at, body, self._keys())
        return [
            Request(self._url, body, headers | {"Content-Type": "application/cloudevents+json"})
        ]

    def looks(self) -> Sequence[Request]:
        """Return a GET: no event, so it tells nobody; the secrets are looked at on the way."""
        self._keys()
        return [Request(self._url, method="GET")]

    def _keys(self) -> list[bytes]:
        return [key_of(line, self._secret) for line in self._secret.lines()[:SECRETS_MAX]]


def message_id(page: Page) -> str:
    """Return the id of a message: the same for every attempt at it, another for what follows."""
    return "msg_" + sha256(f"{page.dedup_key}|{page.action}".encode()).hexdigest()[:32]


def event_of(page: Page, wording: Wording) -> dict[str, Any]:
    """Return the CloudEvent that *page* is: small enough to be passed on everywhere."""
    matter, text = page.matter, text_of(page, wording)
    data: dict[str, Any] = {
        "action": page.action,
        "alert_id": matter.alert_id,
        "dedup_key": page.dedup_key,
        "kind": matter.kind,
        "rule": matter.rule,
        "level": matter.level,
        "severity": matter.severity,
        "status": matter.status,
        "role": page.role,
        "round": page.round,
        "due_at": matter.due_at.isoformat() if matter.due_at else None,
        "title": text.title,
        "text": cut_bytes(text.plain(8_000), BODY_BYTES_MAX // 4),
        "link": text.link,
    }
    return {
        "specversion": "1.0",
        "id": message_id(page),
        "source": "/cordwatch/pager",
        "type": TYPES[page.action],
        "subject": matter.alert_id,
        "time": _instant(page).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }


def _instant(page: Page) -> datetime:
    """Return when it happened, the same for every attempt where that is known."""
    matter = page.matter
    if page.action == "tell":
        return matter.raised_at
    return matter.ended_at or page.at


def signed(id_: str, at: datetime, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """Return the three headers; one signature a key, so that a key can be replaced without a gap."""
    stamp = str(int(at.timestamp()))
    content = b".".join((id_.encode(), stamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, content, sha256)).decode() for key in keys]
    return {
        "webhook-id": id_,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }


def key_of(line: str, secret: Secret) -> bytes:
    """
    Return the key that a line of a secret file holds.

    Raises:
        NoSecret: it is none.
    """
    try:
        key = base64.b64decode(line.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise NoSecret(
            f"destination {secret.destination}: {secret.where} holds no signing secret"
            f" (whsec_ and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64)"
        )
    return key
