"""The board in a real browser: live, answered, killed and back, on paper, on the wall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from cordwatch.runtime.wall_clock import WallClock
from tests.builders import a_suspicion, an_admission, known_lymphoma
from tests.e2e.board_site import BoardSite, a_ward_now, board_site, on_topics
from tests.e2e.chromium import Tab, tab
from tests.unit.board.hospital import an_acknowledgement, answered, kept

pytestmark = pytest.mark.timeout(240)

OVERDUE = "p_7qk2xm4dnv3t"
"""Suspected 13 hours ago, nothing ordered."""
LIVE_S, NOT_LIVE_S, STOP_S = 2.0, 15.0, 5.0


@pytest.fixture(scope="module")
def site(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, began: datetime
) -> Iterator[BoardSite]:
    """Give a running board; the browser first, so that none is started in vain."""
    folder = tmp_path_factory.mktemp("board")
    records = on_topics(a_ward_now(began), began)
    copy = ("--downtime-file", str(folder / "copy.html"))
    with board_site(folder, records, "--zone", "Europe/Amsterdam", *copy) as found:
        yield found


@pytest.fixture
def board(browser: Browser, site: BoardSite) -> Iterator[Tab]:
    """Give the board in a tab, live."""
    with tab(browser, site.address) as found:
        expect(found.page.locator("#pulse .word")).to_have_text("live")
        yield found


def row_of(page: Page, patient: str) -> Any:
    """Return the row of a patient."""
    return page.locator("li.row", has_text=patient[:14])


def a_new_patient(name: str, at: datetime, now: datetime | None = None) -> list[Any]:
    """Return what the topics hold at *now* (*at* itself) of somebody suspected *at* an instant."""
    told = [known_lymphoma(at, patient=name), an_admission(at, patient=name, encounter=f"V{name}")]
    return list(kept([*told, a_suspicion(at, patient=name)], now or at))


def test_the_board_loads_and_is_live(board: Tab) -> None:
    """Rows in their order, nothing asked of anybody else, nothing complained of by the browser."""
    words = board.page.locator("li.row .state b").all_text_contents()
    assert words[:4] == ["Overdue", "Overdue", "Overdue", "Now"]
    expect(row_of(board.page, OVERDUE)).to_contain_text("MRI of the whole spine: not ordered")
    expect(board.page.locator("#not-live")).to_be_hidden()
    assert (board.complaints, board.elsewhere) == ([], [])


def test_names_are_not_shown_to_who_has_not_signed_in(board: Tab) -> None:
    """Without sign-in no name is on the page, though they are on the topics; the flag of surnames is."""
    assert "ZEBRAFINCH" not in board.page.content().upper()
    expect(row_of(board.page, OVERDUE)).to_contain_text("Same surname on ward")


def test_what_the_broker_has_is_on_the_screen_at_once(board: Tab, site: BoardSite) -> None:
    """An acknowledgement from elsewhere, and a new patient: on the page within two seconds."""
    page, now = board.page, site.now()
    patient = "p_c9w8rjh5sy6f"
    seen = an_acknowledgement(_alert_of(site, patient), now, "ward 4", patient)
    site.publish(answered(seen))
    began = monotonic()
    expect(row_of(page, patient)).to_contain_text("In hand: ward 4")
    assert monotonic() - began < LIVE_S
    site.publish(a_new_patient("p_new00000001", now))
    began = monotonic()
    expect(row_of(page, "p_new00000001")).to_be_visible()
    assert monotonic() - began < LIVE_S


def _alert_of(site: BoardSite, patient: str) -> str:
    """Return the id of the newest alert of a patient, as the board's interface has it."""
    found = [one for one in site.api("alerts")["alerts"] if one["patient"] == patient]
    return str(max(found, key=lambda one: one["raised_at"])["alert_id"])


def test_a_clock_is_acknowledged_by_keyboard_alone(
    board: Tab, browser: Browser, site: BoardSite
) -> None:
    """Open, choose a reason, send: no mouse; another page shows at once in whose hand it is."""
    page = board.page
    row_of(page, OVERDUE).locator(".need a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("MRI of the whole spine")
    page.locator("form[action$=acknowledge] select").focus()
    page.keyboard.type("I am")
    page.keyboard.press("Tab")
    page.keyboard.type("On the phone")
    page.keyboard.press("Enter")
    expect(page.locator(".done")).to_contain_text("it is in your hand")
    with tab(browser, site.address) as other:
        expect(row_of(other.page, OVERDUE)).to_contain_text("In hand: demo")
        expect(row_of(other.page, OVERDUE)).to_contain_text("I am acting on it; On the phone")
    assert board.complaints == []


def test_the_page_of_a_clock_is_redrawn_whole(browser: Browser, site: BoardSite) -> None:
    """What happens is in its timeline at once; what was unfolded stays so, and what is being written stays."""
    patient, now = "p_redrawn00001", site.now()
    site.publish(a_new_patient(patient, now - timedelta(hours=7), now))
    with tab(browser, site.address) as found:
        page = found.page
        row_of(page, patient).locator(".need a").click()
        expect(page.locator("#pulse .word")).to_have_text("live")
        page.locator("#silences summary").click()
        words = page.locator("form[action$=acknowledge] input[name=text]")
        version = page.locator("form[action$=acknowledge] input[name=version]")
        before = version.get_attribute("value") or ""
        seen = an_acknowledgement(_alert_of(site, patient), site.now(), "ward 9", patient)
        site.publish(answered(seen))
        expect(page.locator(".timeline").first).to_contain_text("Acknowledged by ward 9")
        expect(page.locator("#silences")).to_have_attribute("open", "")
        expect(version).not_to_have_attribute("value", before)
        expect(page.locator("#changed")).to_be_hidden()
        words.fill("I am writ")
        again = an_acknowledgement(_alert_of(site, patient), site.now(), "ward 10", patient)
        site.publish(answered(again))
        expect(page.locator(".timeline").first).to_contain_text("Acknowledged by ward 10")
        expect(words).to_have_value("I am writ")
        expect(page.locator("#changed")).to_be_visible()
        assert found.complaints == []


def test_rows_beyond_the_first_come_by_the_stream(browser: Browser, tmp_path: Path) -> None:
    """A page of at most 100 KiB holds the first of 300 rows; the others are there a moment later, in order."""
    now = WallClock().now()
    with board_site(tmp_path, on_topics(a_ward_now(now, 300), now)) as full:
        with tab(browser, full.address, java_script_enabled=False) as found:
            first = found.page.locator("li.row").count()
            expect(found.page.locator("#further")).to_be_visible()
        with tab(browser, full.address) as found:
            expect(found.page.locator("li.row")).to_have_count(300)
            expect(found.page.locator("#further")).to_be_hidden()
            ids = found.page.locator("li.row").evaluate_all(
                "all => all.map(one => one.id.slice(2))"
            )
            assert ids == [one["clock"] for one in full.api("clocks")["clocks"]][:300]
            assert first < 100
            assert found.complaints == []
            _what_is_below_the_screen_is_there_too(found.page)


def _what_is_below_the_screen_is_there_too(page: Page) -> None:
    """What waited for the first paint is found, read out, reached by keyboard and printed like the rest."""
    last = page.locator("li.row").last
    drawn = "e => e.firstElementChild.checkVisibility({contentVisibilityAuto: true})"
    assert last.evaluate(drawn) is True
    reference = last.locator(".ref").inner_text()
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    assert reference in {node.get("name", {}).get("value") for node in nodes}
    page.locator("li.row a").nth(-2).focus()
    page.keyboard.press("Tab")
    assert last.evaluate("e => e.contains(document.activeElement)") is True
    assert page.evaluate("word => window.find(word)", reference) is True
    page.emulate_media(media="print")
    page.evaluate("document.querySelector('#rows').classList.add('begins')")
    assert last.evaluate(drawn) is True


def test_another_site_cannot_answer(browser: Browser, site: BoardSite) -> None:
    """A form on a page of somebody else, sent from a real browser, changes nothing."""
    with tab(browser, site.address) as found:
        page = found.page
        href = row_of(page, "p_m3z6h1ke8upa").locator(".need a").get_attribute("href")
        page.goto("about:blank")
        page.set_content(
            f'<form method="post" action="{site.address}{href}/acknowledge">'
            '<input name="reason" value="acting"><input name="key" value="k"><button>go</button></form>'
        )
        page.click("button")
        expect(page.locator("h1")).to_have_text("Refused")
        page.goto(site.address)
        expect(row_of(page, "p_m3z6h1ke8upa")).to_contain_text("In nobody\u2019s hand")


def test_a_frozen_board_says_so_and_thaws_by_itself(browser: Browser, site: BoardSite) -> None:
    """Who reads in peace misses nothing for longer than a minute, and can go on before; it stays live meanwhile."""
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(site.address)
    expect(page.locator("#pulse .word")).to_have_text("live")
    page.locator("#freeze").click()
    expect(page.locator("#freeze")).to_contain_text("Frozen, 60 s")
    site.publish(a_new_patient("p_frozen000001", site.now()))
    with tab(browser, site.address) as other:
        expect(row_of(other.page, "p_frozen000001")).to_be_visible()
    expect(page.locator("#pulse .word")).to_have_text("live")
    assert row_of(page, "p_frozen000001").count() == 0
    page.clock.run_for(61_000)
    expect(row_of(page, "p_frozen000001")).to_be_visible()
    expect(page.locator("#freeze")).to_have_text("Freeze for 60 s")
    context.close()


def test_the_board_is_walked_by_keyboard(board: Tab) -> None:
    """From the top: straight to the rows, then from row to row; where one is can be seen at every step."""
    page = board.page
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    links = page.locator("li.row .need a")
    for number in range(3):
        page.keyboard.press("Tab")
        expect(links.nth(number)).to_be_focused()
        outline = links.nth(number).evaluate("e => getComputedStyle(e).outlineStyle")
        assert outline == "solid"


def test_a_wrong_clock_of_the_computer_changes_nothing(browser: Browser, site: BoardSite) -> None:
    """Two hours wrong, either way: time left is that of the server, to the second."""
    for wrong in (timedelta(hours=2), timedelta(hours=-2)):
        context = browser.new_context()
        page = context.new_page()
        page.clock.install(time=site.now() + wrong)
        page.goto(site.address)
        expect(page.locator("#pulse .word")).to_have_text("live")
        element = row_of(page, "p_x2v5b8n1q4wd").filter(has_text="Dexamethasone").locator(".left")
        due = datetime.fromisoformat(element.get_attribute("data-due") or "")
        minutes, seconds = map(int, re.findall(r"\d+", element.text_content() or ""))
        left = (due - site.now()).total_seconds()
        assert abs(left - (minutes * 60 + seconds)) <= 2
        context.close()


def test_without_scripts_the_page_says_as_of_when_it_is(browser: Browser, site: BoardSite) -> None:
    """Every row is there, the page reloads by itself, and it does not call itself live."""
    with tab(browser, site.address, java_script_enabled=False) as found:
        expect(found.page.locator("#pulse .word")).to_have_text("as of")
        expect(row_of(found.page, OVERDUE)).to_be_visible()
        assert 'http-equiv="refresh" content="20"' in found.page.content()


def test_the_wall_turns_its_pages_and_holds_no_name(browser: Browser, site: BoardSite) -> None:
    """Seven rows at a time, the next ones by themselves, nothing to click on."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.clock.install()
    page.goto(f"{site.address}/wall")
    expect(page.locator("li.row:visible")).to_have_count(7)
    first = page.locator("li.row:visible").first.get_attribute("id")
    page.clock.run_for(12_500)
    expect(page.locator("li.row:visible").first).not_to_have_attribute("id", first or "")
    assert page.locator("a, button, input").count() == 0
    assert "ZEBRAFINCH" not in page.content().upper()
    context.close()


def test_paper_has_every_row_and_says_that_it_is_not_live(
    browser: Browser, site: BoardSite
) -> None:
    """The copy for paper holds what the board holds, and when it was made; it prints."""
    with tab(browser, site.address, "/print") as found:
        rows = found.page.locator("tbody tr")
        assert rows.count() == len(site.api("clocks")["clocks"]) > 10
        expect(found.page.locator(".made")).to_contain_text("NOT LIVE")
        assert found.page.pdf(format="A4", landscape=True).startswith(b"%PDF")


def copy_of(site: BoardSite) -> str:
    """Return the address of the downtime copy on the disk."""
    return next(Path(one).resolve() for one in site.options if one.endswith("copy.html")).as_uri()


def test_the_downtime_copy_opens_without_the_server(browser: Browser, site: BoardSite) -> None:
    """The file alone, from the disk: every row, in its own style, and when it was made."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(copy_of(site))
    expect(page.locator("h1")).to_have_text("cordwatch: downtime copy")
    assert page.locator("tbody tr").count() > 10
    assert page.locator("td").first.evaluate("e => getComputedStyle(e).borderTopWidth") == "1px"
    context.close()


COLOURS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
    "forced dark": {"forced_colors": "active", "color_scheme": "dark"},
}
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("width", [1366, 320])
@pytest.mark.parametrize("path", ["/", "clock", "/wall", "/print", "/clock/none", "copy"])
def test_every_view_is_accessible(
    browser: Browser, site: BoardSite, path: str, width: int, colours: str
) -> None:
    """Axe finds nothing (WCAG 2.2 A and AA): light, dark, in colours that the reader forces; desk and telephone."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **COLOURS[colours])
    page = context.new_page()
    page.goto({"copy": copy_of(site), "clock": site.address}.get(path, site.address + path))
    if path == "clock":
        page.locator(".need a").first.click()
        for one in page.locator("summary").all():
            one.click()
    if path == "/":
        page.locator(".tools summary").click()
    expect(page.locator("h1")).to_be_visible()
    results = Axe().run(page, options={"runOnly": AXE_TAGS})
    assert results.violations_count == 0, results.generate_report()
    too_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert too_wide is False or path in {"/print", "copy"}
    context.close()


@pytest.mark.parametrize("path", ["/", "/wall"])
def test_in_forced_colours_a_state_is_still_a_word_and_a_shape(
    browser: Browser, site: BoardSite, path: str
) -> None:
    """Every row shows its shape in the reader's own colour, and no two states the same shape or word."""
    with tab(browser, site.address, path, forced_colors="active") as found:
        shown = found.page.locator("li.row:visible .state").evaluate_all(
            """all => all.map(one => [
                one.querySelector("use").getAttribute("href"), one.querySelector("b").textContent,
                getComputedStyle(one.querySelector("svg")).color,
                getComputedStyle(one.closest("li")).backgroundColor,
                one.querySelector("svg").getBoundingClientRect().width > 10])"""
        )
        assert len(shown) > 5
        pairs = {(shape, word) for shape, word, *_ in shown}
        assert len(pairs) == len({shape for shape, _ in pairs}) == len({word for _, word in pairs})
        assert all(colour != ground and is_there for _, _, colour, ground, is_there in shown)


def test_a_server_that_dies_is_noticed_and_one_that_is_back_too(
    browser: Browser, site: BoardSite
) -> None:
    """Killed: NOT LIVE within fifteen seconds. Back: live by itself, with what came meanwhile, no row lost."""
    with tab(browser, site.address) as found:
        page = found.page
        expect(page.locator("#pulse .word")).to_have_text("live")
        before = {one.get_attribute("id") for one in page.locator("li.row").all()}
        site.kill()
        began = monotonic()
        expect(page.locator("#not-live")).to_be_visible(timeout=NOT_LIVE_S * 1000)
        assert monotonic() - began < NOT_LIVE_S
        site.publish(a_new_patient("p_meanwhile001", site.now()))
        site.start()
        expect(page.locator("#pulse .word")).to_have_text("live")
        expect(page.locator("#not-live")).to_be_hidden()
        expect(row_of(page, "p_meanwhile001")).to_be_visible()
        assert before <= {one.get_attribute("id") for one in page.locator("li.row").all()}


def test_open_pages_do_not_hold_up_the_end(browser: Browser, site: BoardSite) -> None:
    """SIGTERM with live pages open: gone within five seconds, and the exit code says that all is well."""
    with tab(browser, site.address) as one, tab(browser, site.address, "/wall") as other:
        expect(one.page.locator("#pulse .word")).to_have_text("live")
        expect(other.page.locator("#pulse .word")).to_have_text("live")
        began = monotonic()
        assert site.stop() == 0
        assert monotonic() - began < STOP_S
        site.start()
