"""Markup from a feed runs nowhere: every free text that the board shows, with every payload, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cordwatch.pathway.simulation import Told
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ALERTS
from tests.builders import (
    a_report,
    a_stand_down,
    a_suspicion,
    an_admission,
    an_mri_done,
    known_lymphoma,
)
from tests.e2e.board_site import board_site, on_topics
from tests.e2e.chromium import chromium, tab
from tests.unit.board.hospital import Record, an_acknowledgement, an_identity, answered

pytestmark = pytest.mark.timeout(240)

RUNS = "window.pwned=1"
_TAGS = ("img src=x", "svg", "body", "details open", "iframe", "input autofocus", "marquee")
_EVENTS = ("onerror", "onload", "ontoggle", "onfocus", "onstart", "onmouseover")
_SCHEMES = ("javascript:", "JaVaScRiPt:", "java\tscript:", "data:text/html,<script>", "vbscript:")
PAYLOADS = [
    *(f"<{name} {event}={RUNS}>" for name in _TAGS for event in _EVENTS),
    *(f'"><a href="{scheme}{RUNS}">x</a>' for scheme in _SCHEMES),
    f"<script>{RUNS}</script>",
    f"</script><script>{RUNS}</script>",
    f"</title><script>{RUNS}</script>",
    f"--><script>{RUNS}</script>",
    f"]]><script>{RUNS}</script>",
    f"'-{RUNS}-'",
    f"' onmouseover='{RUNS}",
    f'" onfocus="{RUNS}" autofocus="',
    f"{{{{ {RUNS} }}}}",
    f"{{% print('{RUNS}') %}}",
    f"${{{RUNS}}}",
    f"&lt;script&gt;{RUNS}&lt;/script&gt;",
    f"\u2028<script>{RUNS}</script>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<style>*{display:none}</style>",
    "<form action=http://evil.example><button>",
    "<use href='data:image/svg+xml,<svg onload=1>'>",
]
SECRET = "a secret of the proxy alone"  # noqa: S105 - of this test


def poisoned() -> list[Record]:
    """Return a ward in which every text that a feed or a person may write is a payload, each in turn."""
    now = WallClock().now().replace(microsecond=0)
    then, names = now - timedelta(hours=7), []
    told: list[Told] = []
    for number, payload in enumerate(PAYLOADS):
        patient = f"p_evil{number:04}"
        place = dict.fromkeys(("ward", "bed", "facility", "service"), payload)
        told += [
            known_lymphoma(then, patient=patient),
            an_admission(then, patient=patient, encounter=f"V{number}", **place),
            a_suspicion(then, patient=patient),
            an_mri_done(then - timedelta(hours=1), patient=patient, order=payload),
            a_report(then, None, patient=patient, order=payload),
            a_stand_down(then, "no.rule", patient=patient).model_copy(
                update={"by": payload, "reason": payload}
            ),
        ]
        names.append(an_identity(patient, payload, now, number=payload))
    records = [*on_topics(told, now), *names]
    alerts = [Alert.model_validate_json(v or b"") for t, _, v in records if t == ALERTS.name]
    seen = [
        an_acknowledgement(
            one.alert_id, now, PAYLOADS[int(one.patient[-4:])], one.patient
        ).model_copy(update={"reason": f"other: {PAYLOADS[int(one.patient[-4:])]}"})
        for one in alerts
        if one.level == "reminder"
    ]
    return [*records, *answered(*seen)]


def test_no_text_from_outside_is_ever_run(tmp_path: Path) -> None:
    """Names, numbers, wards, beds, orders, staff and reasons: 0 executions, 0 words of the browser, nobody asked."""
    assert len(PAYLOADS) >= 60
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    options = ("--access", "header", "--proxies", "127.0.0.1", "--proxy-secret-file", str(secret))
    headers = {"X-Remote-User": "n.jansen", "X-Remote-Groups": "cordwatch-coordinator"}
    headers["X-Proxy-Secret"] = SECRET
    with chromium() as browser, board_site(tmp_path, poisoned(), *options) as site:
        with tab(browser, site.address, extra_http_headers=headers) as found:
            page = found.page
            page.wait_for_selector("#pulse.is-live")
            assert page.locator("li.row").count() == len(PAYLOADS)
            shown = page.locator("li.row .name").all_text_contents()
            assert "<svg onload=window.pwned=1>" in shown
            links = [one.get_attribute("href") for one in page.locator(".need a").all()]
            for path in ("/wall", "/print", *links):
                assert page.evaluate("window.pwned") is None, page.url
                page.goto(f"{site.address}{path}")
            assert page.evaluate("window.pwned") is None
            assert (found.complaints, found.elsewhere) == ([], [])
