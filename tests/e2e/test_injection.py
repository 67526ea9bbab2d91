"""Markup from a feed runs nowhere: every free text that the board shows, with every payload, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cordwatch.feeds.gateway import Translated
from cordwatch.pathway.simulation import Told
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.topics import ALERTS, IDENTITIES
from tests.builders import (
    a_report,
    a_stand_down,
    a_suspicion,
    an_admission,
    an_mri_done,
    known_lymphoma,
)
from tests.e2e.board_site import board_site, on_topics
from tests.e2e.chromium import tab
from tests.e2e.payloads import MARK, PAYLOADS
from tests.e2e.poison import NOW, fhir, hl7
from tests.unit.board.hospital import (
    Record,
    a_gateway,
    an_acknowledgement,
    an_identity,
    answered,
    kept,
)

pytestmark = pytest.mark.timeout(240)

WORDS = sorted(one.strip() for one in PAYLOADS)
"""Blanks around a word are no part of it."""
SHOWN_MIN = 12
"""Places of a patient's page, at the least, at which something of a message is shown as it was written."""
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


def signed_in(folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the options of a board that shows names, and the headers of who may see them."""
    (folder / "secret").write_text(SECRET)
    secret = ("--proxy-secret-file", str(folder / "secret"))
    headers = {"X-Remote-User": "n.jansen", "X-Remote-Groups": "cordwatch-coordinator"}
    headers["X-Proxy-Secret"] = SECRET
    return ("--access", "header", "--proxies", "127.0.0.1", *secret), headers


def visited(
    browser: Browser, folder: Path, records: Sequence[Record], *more: str
) -> tuple[list[str], list[tuple[str, str]]]:
    """
    Return the texts of board, wall and paper, and of each patient's page with the patient's number.

    The board has read *records*; nothing in them was run, the browser complained of nothing and asked nobody else.
    """
    options, headers = signed_in(folder)
    numbers: list[str] = []
    with board_site(folder, records, *options, *more) as site:
        with tab(browser, site.address, extra_http_headers=headers) as found:
            page, rows = found.page, found.page.locator("li.row")
            page.wait_for_selector("#pulse.is-live")
            # The first page is short: its stream brings the other rows.
            expect(rows).to_have_count(
                int(page.locator("#status .counts strong").first.inner_text())
            )
            links = [one.get_attribute("href") for one in page.locator(".need a").all()]
            refs = page.locator("li.row .ref").all_text_contents()
            # A patient has one page, whichever of the clocks it is opened by.
            of_patients = dict(zip(refs, links, strict=True))
            texts = [page.locator("body").text_content() or ""]
            for path in ("/wall", "/print", *of_patients.values()):
                page.goto(f"{site.address}{path}")
                if path != "/print":
                    # The first rows are in the page, the others in the first word of its stream.
                    page.wait_for_selector("#pulse.is-live")
                texts.append(page.locator("body").text_content() or "")
                numbers += page.locator(".clock .number").all_text_contents()[:1]
                assert page.evaluate(MARK) is None, path
            assert (found.complaints, found.elsewhere) == ([], [])
    shown = [one.strip() for one in numbers]
    return texts[:3], list(zip(shown, texts[3:], strict=True))


def test_no_text_from_outside_is_ever_run(browser: Browser, tmp_path: Path) -> None:
    """Names, numbers, wards, beds, orders, staff and reasons: 0 executions, 0 words of the browser, nobody asked."""
    assert len(PAYLOADS) >= 60
    (board, wall, paper), of_patients = visited(browser, tmp_path, poisoned())
    assert sorted(number for number, _ in of_patients) == WORDS
    places = [(one, text) for one, page in of_patients for text in (board, wall, paper, page)]
    assert [one for one, text in places if one not in text] == []


def through(read: Callable[[str], Sequence[Translated]]) -> list[Record]:
    """Return what the topics hold of every payload's messages; none of these is passed over."""
    told: list[Told] = []
    names: list[Record] = []
    for payload in PAYLOADS:
        for found in read(payload):
            assert (found.outcome, found.faults) == ("mapped", ()), payload
            told += [one for one in found.told if isinstance(one, Event)]
            names += [
                (IDENTITIES.name, one.patient.encode(), one.model_dump_json().encode())
                for one in found.identities
            ]
    heard = {"his|ADT": NOW - timedelta(seconds=9)}
    return [*kept(told, NOW), *names, a_gateway(NOW, heard)]


@pytest.mark.parametrize("read", [hl7, fhir], ids=["hl7", "fhir"])
def test_no_text_of_a_message_is_ever_run(
    browser: Browser, tmp_path: Path, read: Callable[[str], Sequence[Translated]]
) -> None:
    """From the bytes of a message through the mapping to the page: there it stands, as text, and is not run."""
    clock = ("--clock-start", NOW.isoformat())
    _, of_patients = visited(browser, tmp_path, through(read), *clock)
    # Name, number, ward, bed, orders, codes that nobody knows, route, unit, how often: each more than once.
    assert sorted(number for number, _ in of_patients) == WORDS
    assert [one for one, text in of_patients if text.count(one) < SHOWN_MIN] == []
