"""Answers given at the board: recorded first, published once, refused where something is not as it was."""

from __future__ import annotations

import asyncio
import html
import re
import threading

import pytest

from cordwatch.board.clock_row import alert_id
from cordwatch_schemas.acknowledgements import Acknowledged, Classified, StoodDown
from cordwatch_schemas.topics import ACKS, AUDIT
from tests.builders import T, a_report, a_suspicion, an_admission, an_mri_done, known_lymphoma
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.hospital import kept

TOLD = (known_lymphoma(), an_admission(), a_suspicion())
RECORDS = tuple(kept(TOLD, T(7)))
NOW = T(7)


class Desk:
    """Somebody who opens a clock and answers."""

    def __init__(self, browser: Browser, role: str = "coordinator") -> None:
        """Sit down in front of *browser*."""
        self.browser, self.role = browser, role
        self.row = browser.site.state.open_rows(NOW)[0]
        self.fields: dict[str, str] = {}

    @property
    def origin(self) -> str:
        """Return the board's own origin."""
        return f"http://{self.browser.client.host}:{self.browser.client.port}"

    async def open(self) -> str:
        """Open the page of the clock; keep what its forms hold."""
        headers = self.browser.headers(self.role)
        answer = await self.browser.client.get(f"/clock/{self.row.id}", headers=headers)
        text = await answer.text()
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)
        self.fields = {**dict(found), "reason": "acting", "text": ""}
        return text

    async def send(self, kind: str, origin: str | None = None, **fields: str) -> tuple[int, str]:
        """Send a form; return the status, and the page or where it leads."""
        headers = self.browser.headers(self.role, Origin=origin or self.origin)
        answer = await self.browser.client.post(
            f"/clock/{self.row.id}/{kind}",
            data={**self.fields, **fields},
            headers=headers,
            allow_redirects=False,
        )
        return answer.status, answer.headers.get("Location") or await answer.text()


async def test_an_acknowledgement_is_recorded_then_published_then_shown() -> None:
    """Audit first, then the answer, under the name of who is signed in; the row shows it, the clock goes on."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        status, where = await desk.send("acknowledge", text="MRI is arranged")
        assert (status, where) == (303, f"/clock/{desk.row.id}?done=acknowledge")
        (answer,) = one.topics.answers()
        assert isinstance(answer, Acknowledged)
        assert (answer.by, answer.channel, answer.patient) == ("n.jansen", "board", "A")
        assert answer.reason == "acting: MRI is arranged"
        assert answer.alert_id == alert_id(desk.row.id, "reminder", 0)
        topics = [topic for topic, _, _ in one.topics.records]
        assert topics.index(ACKS.name) == len(topics) - 1
        last = one.topics.audit()[-1]
        assert last.event["subtype"][0]["code"] == "acknowledged"
        assert last.event["agent"][0]["who"]["identifier"]["value"] == "n.jansen"
        (row,) = one.site.state.open_rows(NOW)
        assert row.seen_by(NOW) is not None
        assert "In hand: n.jansen" in await desk.open()


async def test_a_form_sent_twice_is_one_answer() -> None:
    """A double click, or a page sent again, answers once, and says the same both times."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        first, second = await desk.send("acknowledge"), await desk.send("acknowledge")
        assert first == second
        assert len(one.topics.answers()) == 1


async def test_a_form_sent_twice_at_the_same_moment_is_one_answer() -> None:
    """Published once, recorded once, and both are told the same."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        pause = threading.Event()

        def slowly(*_: object) -> None:
            pause.wait(0.1)

        one.topics.readers.append(slowly)
        first, second = await asyncio.gather(desk.send("acknowledge"), desk.send("acknowledge"))
        assert first == second == (303, f"/clock/{desk.row.id}?done=acknowledge")
        assert len(one.topics.answers()) == 1
        deeds = [record.event["subtype"][0]["code"] for record in one.topics.audit()]
        assert deeds.count("acknowledged") == 1
        assert dict(one.site.forms) == {}


async def test_what_has_changed_since_it_was_looked_at_is_not_answered() -> None:
    """Who answers must have seen the row as it stands."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        await desk.send("acknowledge")
        status, text = await desk.send("acknowledge", key="another-form")
        assert status == 409
        assert "look again" in text
        assert len(one.topics.answers()) == 1


async def test_words_that_were_not_kept_are_given_back() -> None:
    """Nobody types them twice; and what they hold is text, whatever it looks like."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        await desk.send("acknowledge")
        words = "scan <b>at 14</b>"
        status, text = await desk.send("acknowledge", key="another-form", text=words)
        assert status == 409
        assert f"<output>{html.escape(words)}</output>" in text
        status, text = await desk.send("acknowledge", key="a-third", reason="none", text=words)
        assert status == 400
        assert f"<output>{html.escape(words)}</output>" in text
        assert len(one.topics.answers()) == 1


async def test_nothing_is_answered_that_cannot_be_recorded() -> None:
    """While the audit trail cannot be written nothing is published, and that is said."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        one.topics.away = {AUDIT.name}
        status, text = await desk.send("acknowledge")
        assert status == 503
        assert "nothing was answered" in text
        assert one.topics.answers() == []


async def test_an_answer_that_kafka_does_not_confirm_is_not_called_kept() -> None:
    """Nobody is told that it is done while nobody knows; the same again is harmless."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        one.topics.away = {ACKS.name}
        status, text = await desk.send("acknowledge")
        assert (status, "not known whether it was kept" in text) == (503, True)
        one.topics.away = set()
        assert (await desk.send("acknowledge"))[0] == 303
        assert len(one.topics.answers()) == 1


async def test_a_stand_down_names_rule_reason_and_person() -> None:
    """It is what ends the clock in watch: with the rule, a coded reason, and who."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        assert (await desk.send("stand-down", reason="comfort-care"))[0] == 303
        (answer,) = one.topics.answers()
        assert isinstance(answer, StoodDown)
        assert (answer.rule, answer.reason) == ("mri.mescc-suspected", "comfort-care")


async def test_a_report_is_classified_from_the_page_of_its_patient() -> None:
    """The page offers the report that nobody has classified, and the answer names it."""
    told = (*TOLD, an_mri_done(T(4)), a_report(T(5), None))
    async with browser(tuple(kept((*told, a_suspicion(T(6))), NOW)), NOW) as one:
        desk = Desk(one)
        assert "Classify report O1" in await desk.open()
        assert (await desk.send("classify", reason="positive", report="O1"))[0] == 303
        (answer,) = one.topics.answers()
        assert isinstance(answer, Classified)
        assert (answer.report_number, answer.finding) == ("O1", "positive")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reason": ""}, "Choose a reason"),
        ({"reason": "invented"}, "Choose a reason"),
        ({"reason": "other"}, "needs words"),
        ({"text": "x" * 121}, "At most 120 characters"),
        ({"text": "two\nlines"}, "one line"),
        ({"key": ""}, "not one of this board"),
    ],
)
async def test_an_answer_without_a_reason_is_none(fields: dict[str, str], says: str) -> None:
    """What is missing is said, and nothing is published."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        status, text = await desk.send("acknowledge", **fields)
        assert (status, says in text) == (400, True)
        assert one.topics.answers() == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_site_answers_nothing(origin: str) -> None:
    """A form on another page, even with a stolen token, changes nothing."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        assert (await desk.send("acknowledge", origin=origin))[0] == 403
        assert one.topics.answers() == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_the_browsers_own_word_on_the_origin_counts(site: str) -> None:
    """Even with the right Origin: a browser that says another site is believed."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        headers = one.headers("coordinator", Origin=desk.origin, **{"Sec-Fetch-Site": site})
        path = f"/clock/{desk.row.id}/acknowledge"
        answer = await one.client.post(path, data=desk.fields, headers=headers)
        assert answer.status == 403
        assert one.topics.answers() == []


async def test_a_browser_that_tells_no_origin_is_known_by_its_own_word() -> None:
    """Pages that send no referrer send the origin `null`; the browser itself says that it is the same."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        headers = one.headers("coordinator", Origin="null", **{"Sec-Fetch-Site": "same-origin"})
        path = f"/clock/{desk.row.id}/acknowledge"
        answer = await one.client.post(path, data=desk.fields, headers=headers)
        assert answer.status == 200
        assert len(one.topics.answers()) == 1


@pytest.mark.parametrize("token", ["", "x" * 43])
async def test_a_form_without_this_browsers_token_answers_nothing(token: str) -> None:
    """The token of the form must be the one that this browser was given."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        assert (await desk.send("acknowledge", token=token))[0] == 403
        assert one.topics.answers() == []


async def test_a_clinician_is_offered_no_stand_down() -> None:
    """What a role may not do is not on the page, and refused where it is sent all the same."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one, "clinician")
        text = await desk.open()
        assert "Acknowledge as n.jansen" in text
        assert "Stand down as" not in text
        assert (await desk.send("stand-down", reason="comfort-care"))[0] == 403


async def test_a_clock_that_has_ended_takes_no_answer() -> None:
    """Nobody acknowledges what is done."""
    async with browser(RECORDS, NOW) as one:
        desk = Desk(one)
        await desk.open()
        for record in kept((*TOLD, an_mri_done(T(6.9))), NOW):
            one.site.state.projection.take(*record)
        one.site.state.projection.refresh()
        row = one.site.state.projection.row(desk.row.id)
        assert row is not None
        status, text = await desk.send("acknowledge", version=row.version)
        assert (status, "has ended" in text) == (400, True)
