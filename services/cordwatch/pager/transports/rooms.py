"""Slack and Teams rooms, by incoming webhooks: told beside, never instead; a message cannot be taken back there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cordwatch.pager.text import Text, Wording, text_of
from cordwatch.pager.transports.http import (
    UNSIGNED,
    HttpSender,
    OverHttp,
    Reply,
    Request,
    outcome_of,
)
from cordwatch.pager.transports.secrets import NoSecret, Secret
from cordwatch.pager.transports.settings import Slack, Teams
from cordwatch.pager.transports.transport import Action, Outcome, Page
from cordwatch.runtime.addresses import is_secure

SLACK_TEXT_MAX = 3_500
TEAMS_TEXT_MAX = 6_000
TEAMS_BYTES_MAX = 28 * 1024
_SLACK_OK = b"ok"
_TEAMS_OK = frozenset({b"", b"1"})
_ACCEPTED = 202


class Room(OverHttp):
    """A room; its address is the secret."""

    actions: frozenset[Action] = frozenset({"tell", "close"})
    look_allows = UNSIGNED

    def __init__(
        self, name: str, settings: Slack | Teams, wording: Wording, sender: HttpSender
    ) -> None:
        """Prepare; the address is read at each attempt."""
        super().__init__(name, sender)
        self._wording = wording
        self._address = Secret(name, settings.url_file)
        self.per_minute: int | None = settings.per_minute

    def message(self, text: Text) -> dict[str, Any]:
        """Return what is posted."""
        raise NotImplementedError

    def requests_of(self, page: Page) -> Sequence[Request]:
        """Return the message."""
        message = self.message(text_of(page, self._wording))
        body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        return [Request(self._url(), body, {"Content-Type": "application/json"})]

    def looks(self) -> Sequence[Request]:
        """Return a GET: only a message would be shown."""
        return [Request(self._url(), method="GET")]

    def _url(self) -> str:
        return address_of(self._address.present(), self._address)


def address_of(line: str, secret: Secret) -> str:
    """
    Return the address that a line of a secret file holds.

    Raises:
        NoSecret: it is none, or one that would be asked in the open.
    """
    try:
        if is_secure(line):
            return line
    except ValueError:
        pass
    raise NoSecret(f"destination {secret.destination}: {secret.where} holds no https address")


class SlackTransport(Room):
    """A Slack room."""

    kind = "slack"

    def message(self, text: Text) -> dict[str, Any]:
        """Return plain text: what Slack would read as a mention or a link is escaped."""
        return {"text": slack_text(text)}

    def read(self, reply: Reply, page: Page) -> Outcome:
        """Return what the answer means: Slack says `ok`, a login page does not."""
        found = outcome_of(reply, page.at)
        if found.verdict == "accepted" and reply.body.strip() != _SLACK_OK:
            return Outcome("unknown", "bad-answer")
        return found


def slack_text(text: Text) -> str:
    """Return a text within what Slack shows whole, its special characters escaped."""
    said = text.plain(SLACK_TEXT_MAX)
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class TeamsTransport(Room):
    """A Teams room: an adaptive card, posted to a workflow."""

    kind = "teams"

    def message(self, text: Text) -> dict[str, Any]:
        """Return the card; a text too large for it loses its last lines."""
        return teams_card(text)

    def read(self, reply: Reply, page: Page) -> Outcome:
        """Return what the answer means: 202, or the `1` of an older connector, which tells faults by 200 too."""
        found = outcome_of(reply, page.at)
        if found.verdict == "accepted" and reply.status != _ACCEPTED:
            is_ok = reply.body.strip() in _TEAMS_OK
            return found if is_ok else Outcome("unknown", "bad-answer")
        return found


def teams_card(text: Text) -> dict[str, Any]:
    """Return *text* as an adaptive card of at most 28 KB."""
    lines = list(text.lines)
    card = _card(text, lines)
    while lines and len(json.dumps(card, ensure_ascii=False).encode()) > TEAMS_BYTES_MAX:
        lines.pop()
        card = _card(text, lines)
    return card


def _card(text: Text, lines: Sequence[Any]) -> dict[str, Any]:
    title = {"type": "TextBlock", "text": text.title, "weight": "bolder", "wrap": True}
    facts = {
        "type": "FactSet",
        "facts": [{"title": line.label, "value": line.words} for line in lines],
    }
    actions = (
        [{"type": "Action.OpenUrl", "title": "On the board", "url": text.link}] if text.link else []
    )
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, facts],
        "actions": actions,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": content}]}
