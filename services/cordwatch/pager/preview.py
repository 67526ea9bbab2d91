"""How a page looks at its destination: what each kind of transport would send, without its keys."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import default
from typing import Any

from cordwatch.pager.text import Wording, text_of
from cordwatch.pager.transports import acm, alertmanager, email, pagerduty, rooms, webhook
from cordwatch.pager.transports import settings as of
from cordwatch.pager.transports.transport import Page

HIDDEN = "..."
TEXT_MAX = 4_000


def preview(  # noqa: PLR0911 - one for each kind
    page: Page, destination: of.Destination, wording: Wording
) -> str:
    """Return what a destination would be sent, as people can read it."""
    text = text_of(page, wording)
    match destination:
        case of.PagerDuty():
            return _json(pagerduty.event_of(page, HIDDEN, wording))
        case of.Alertmanager():
            return _json([alertmanager.alert_of(page, destination, wording)])
        case of.Webhook():
            return _json(webhook.event_of(page, wording))
        case of.Email():
            sent = BytesParser(policy=default).parsebytes(
                email.raw_mail(page, destination, wording)
            )
            body = sent.get_body()
            words = str(body.get_content()) if body else ""
            return "\n".join([*(f"{name}: {value}" for name, value in sent.items()), "", words])
        case of.Slack():
            return rooms.slack_text(text)
        case of.Teams():
            return _json(rooms.teams_card(text))
        case of.Acm():
            segments = acm.message_of(page, destination, wording).decode("utf-8", "replace")
            return segments.replace("\r", "\n").rstrip("\n")
        case of.Nowhere():
            return text.plain(TEXT_MAX)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
