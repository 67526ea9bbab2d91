"""
Prometheus Alertmanager, API v2, as a client that its rules ask for.

It keeps what it was told in memory and forgets it after a while. So the same is
told again every `resend_s` while it holds, with an end four times as far ahead;
the end of it is told again for 15 minutes; and every peer hears all of it, since
peers share only what they have sent. Nothing that changes is a label: labels are
what an alert is known again by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cordwatch.pager.plan import PRESSING, step_of
from cordwatch.pager.safe_words import cut
from cordwatch.pager.text import Text, Wording, text_of
from cordwatch.pager.transports.http import HttpSender, OverHttp, Request, best
from cordwatch.pager.transports.secrets import Secret
from cordwatch.pager.transports.settings import Alertmanager
from cordwatch.pager.transports.transport import Action, Outcome, Page

KEY_LABEL = "page"
"""Holds the dedup key: a silence that names it is of this page alone."""

ENDS_AFTER_RESENDS = 4
CLOSING_LASTS_S = 15 * 60.0
ANNOTATION_MAX = 1_000


class AlertmanagerTransport(OverHttp):
    """All peers of one Alertmanager; one that has it is enough, the others hear it at the next turn."""

    kind = "alertmanager"
    actions: frozenset[Action] = frozenset({"tell", "close"})
    closing_lasts_s = CLOSING_LASTS_S

    def __init__(
        self, name: str, settings: Alertmanager, wording: Wording, sender: HttpSender
    ) -> None:
        """Prepare."""
        super().__init__(name, sender)
        self._settings, self._wording = settings, wording
        self._token = Secret(name, settings.token_file) if settings.token_file else None
        self.resend_s: float | None = settings.resend.total_seconds()

    def requests_of(self, page: Page) -> Sequence[Request]:
        """
        Return the alert for each peer.

        One alert a request: of a list Alertmanager keeps the good ones and answers
        400 for the others, so that 400 would not say which it refused.
        """
        alert = alert_of(page, self._settings, self._wording)
        body = json.dumps([alert], ensure_ascii=False).encode("utf-8", "replace")
        headers = self._headers() | {"Content-Type": "application/json"}
        return [
            Request(f"{url.rstrip('/')}/api/v2/alerts", body, headers)
            for url in self._settings.urls
        ]

    def together(self, outcomes: Sequence[Outcome]) -> Outcome:
        """Return the best: one peer that has it tells it."""
        return best(outcomes)

    def looks(self) -> Sequence[Request]:
        """Return a look at each peer's status."""
        return [
            Request(f"{url.rstrip('/')}/api/v2/status", headers=self._headers(), method="GET")
            for url in self._settings.urls
        ]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.present()}"} if self._token else {}


def alert_of(page: Page, settings: Alertmanager, wording: Wording) -> dict[str, Any]:
    """Return the alert that *page* is."""
    starts_at = min(page.matter.raised_at, page.at)
    text = text_of(page, wording)
    alert: dict[str, Any] = {
        "labels": labels_of(page, settings.labels),
        "annotations": _annotations(page, text),
        "startsAt": _at(starts_at),
        "endsAt": _at(_ends_at(page, starts_at, settings.resend)),
    }
    if text.link is not None:
        alert["generatorURL"] = text.link
    return alert


def labels_of(page: Page, more: Mapping[str, str]) -> dict[str, str]:
    """
    Return what the alert is known again by, the same from its first telling to its end.

    Neither ward nor severity: a transfer or an order may change them, and the
    alert would be another one. `pressing` comes from the level, which is part of
    the alert's id.
    """
    matter = page.matter
    own = {
        "alertname": "CordwatchPage",
        "kind": matter.kind,
        "rule": matter.rule,
        "role": page.role,
        "pressing": "yes" if step_of(matter) in PRESSING else "no",
        KEY_LABEL: page.dedup_key,
    }
    return {**more, **own}


def _annotations(page: Page, text: Text) -> dict[str, str]:
    said = {line.label.lower(): cut(line.words, ANNOTATION_MAX) for line in text.lines}
    matter = page.matter
    found = {"summary": text.title, "severity": matter.severity, **said}
    return found | ({"level": matter.level} if matter.level else {})


def _ends_at(page: Page, starts_at: datetime, resend: timedelta) -> datetime:
    if page.action == "tell":
        return page.at + ENDS_AFTER_RESENDS * resend
    ended_at = min(page.matter.ended_at or page.at, page.at)
    return max(starts_at, ended_at)


def _at(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds")
