"""The board in a real browser when things go wrong: a feed falls silent, a reader is signed out, a text is too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import a_report, a_suspicion, an_admission, an_mri_done, known_lymphoma
from tests.e2e.board_site import BoardSite, a_ward_now, board_site, on_topics
from tests.e2e.chromium import tab
from tests.e2e.relay import relayed
from tests.unit.board.browsing import SECRET
from tests.unit.board.browsing import Browser as Reader
from tests.unit.board.hospital import a_gateway, a_silence, an_identity, kept

pytestmark = pytest.mark.timeout(240)

BANNER_S, CLOSED_S, NOT_LIVE_S = 5.0, 10.0, 15.0
OLD_MS = 300_000
SEEN_PX = 30
OVERDUE = "p_7qk2xm4dnv3t"


@pytest.fixture(scope="module")
def site(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, began: datetime
) -> Iterator[BoardSite]:
    """Give a board behind a proxy; the browser first, so that none is started in vain."""
    folder = tmp_path_factory.mktemp("board")
    secret = folder / "secret"
    secret.write_text(SECRET)
    options = ("--access", "header", "--proxies", "127.0.0.0/8", "--proxy-secret-file", str(secret))
    with board_site(folder, on_topics(a_ward_now(began), began), *options) as found:
        yield found


def signed_in(role: str = "coordinator") -> dict[str, Any]:
    """Return what makes a browser that of somebody whom the proxy knows."""
    return {"extra_http_headers": Reader.headers(role)}


def is_live(page: Page) -> None:
    """Wait until a page calls itself live."""
    expect(page.locator("#pulse .word")).to_have_text("live")


@pytest.mark.parametrize("path", ["/", "/wall"])
def test_a_feed_that_falls_silent_is_named_within_seconds(
    browser: Browser, site: BoardSite, path: str
) -> None:
    """By its own patience, though nobody says anything; by its gateway's word; and gone again when it is heard."""
    with tab(browser, site.address, path, **signed_in()) as found:
        page = found.page
        is_live(page)
        trouble = page.locator(".trouble")
        heard_at = site.now()
        limit = {"his|ADT": 3600.0, "north-ris|ORU": 4.0}
        site.publish([a_gateway(heard_at, dict.fromkeys(limit, heard_at), limit)])
        expect(trouble).to_have_count(0)
        expect(trouble).to_contain_text("Feed north-ris ORU is late")
        assert (site.now() - heard_at).total_seconds() - limit["north-ris|ORU"] < BANNER_S
        expect(page.locator(".f-late")).to_contain_text("north-ris ORU late")
        shapes = page.locator(".feeds strong").evaluate_all(
            "all => all.map(one => getComputedStyle(one, '::before').content)"
        )
        assert len(set(shapes)) == len(shapes) == len(limit)
        now = site.now()
        site.publish([a_gateway(now, dict.fromkeys(limit, now))])
        expect(trouble).to_have_count(0)
        began = monotonic()
        site.publish([a_silence(now, now)])
        expect(trouble).to_contain_text("Feed north-ris ORU is late: silent for 60 min")
        assert monotonic() - began < BANNER_S
        site.publish([a_silence(now, now, "over")])
        expect(trouble).to_have_count(0)
        assert found.complaints == []


def test_what_ends_is_among_what_ended_today_at_once(browser: Browser, site: BoardSite) -> None:
    """A page that stays open all day counts and lists it, folded or unfolded as it was."""
    patient, now = "p_ended0000001", site.now()
    told = [
        known_lymphoma(now - timedelta(days=9), patient=patient),
        an_admission(now - timedelta(hours=5), patient=patient, ward="ONC-2", bed="31"),
        a_suspicion(now - timedelta(hours=4), patient=patient),
    ]
    site.publish(kept(told, now))
    site.publish([an_identity(patient, "NUMBAT^NORA", now)])
    with tab(browser, site.address, **signed_in()) as found:
        page = found.page
        is_live(page)
        page.locator("#closed summary").click()
        row = page.locator("li.row", has_text=patient)
        expect(row).to_be_visible()
        ended = page.locator("#closed li", has_text=patient)
        assert ended.count() == 0
        told.append(an_mri_done(now - timedelta(minutes=3), patient=patient))
        told.append(a_report(now - timedelta(minutes=1), "negative", patient=patient))
        site.publish(kept(told, now))
        expect(row).to_have_count(0)
        whose = "ONC-2 · bed\u00a031, NUMBAT, NORA 0000001"
        expect(ended.first).to_contain_text(whose, timeout=CLOSED_S * 1000)
        expect(ended.first).to_be_visible()
        assert found.complaints == []


def test_of_who_is_signed_out_no_name_stays_on_the_screen(
    browser: Browser, site: BoardSite
) -> None:
    """The rows stay, not live, and say why; names are gone within seconds, and back with the reader."""
    with tab(browser, site.address, **signed_in()) as found:
        page = found.page
        is_live(page)
        row = page.locator("li.row", has_text=OVERDUE)
        expect(row).to_contain_text("ZEBRAFINCH, ZOE")
        page.context.set_extra_http_headers({})
        site.kill()
        site.start()
        expect(page.locator("#not-live")).to_contain_text("You are not signed in any more")
        assert "ZEBRAFINCH" not in page.content().upper()
        expect(row).to_be_visible()
        page.context.set_extra_http_headers(Reader.headers("coordinator"))
        is_live(page)
        expect(row).to_contain_text("ZEBRAFINCH, ZOE")
        expect(page.locator("#not-live")).to_be_hidden()


def test_a_connection_that_is_lost_without_a_word_is_begun_anew(
    browser: Browser, site: BoardSite
) -> None:
    """A cable, a router that forgets: nothing ends, nothing comes. The page says so, and is live again by itself."""
    with relayed(site.port) as relay, tab(browser, relay.address, **signed_in()) as found:
        is_live(found.page)
        relay.hold()
        feeds = found.page.locator(".feeds strong")
        expect(feeds).to_have_text(["live", "live"])
        expect(found.page.locator("#not-live")).to_be_visible(timeout=NOT_LIVE_S * 1000)
        expect(feeds).to_have_text(["not known", "not known"])
        expect(found.page.locator("#not-live")).to_be_hidden(timeout=NOT_LIVE_S * 1000)
        is_live(found.page)
        expect(feeds).to_have_text(["live", "live"])
        assert found.complaints == []


def test_a_page_of_another_version_loads_itself_anew(browser: Browser, site: BoardSite) -> None:
    """After an update nobody comes to the wall; but whoever answers is left in peace, and so is a page just loaded."""
    context = browser.new_context(**signed_in())
    page = context.new_page()
    page.clock.install()
    page.goto(f"{site.address}/wall")
    is_live(page)
    build = page.evaluate("document.documentElement.dataset.build")
    page.evaluate("document.documentElement.dataset.build = 'of before'")
    for _ in range(2):
        is_live(page)
        assert page.evaluate("document.documentElement.dataset.build") == "of before"
        site.kill()
        site.start()
        page.clock.run_for(OLD_MS // 2 + 10_000)
    expect(page.locator("html")).to_have_attribute("data-build", build)
    context.close()


@pytest.mark.parametrize("width", [1366, 1280, 800, 320])
def test_a_long_text_hides_nothing(browser: Browser, site: BoardSite, width: int) -> None:
    """A ward, a bed or a name without an end stays in its own place, on each page."""
    patient, now = f"p_{width:04}long0001", site.now()
    stay = {"ward": "W" * 60, "bed": "B" * 40}
    told = [
        known_lymphoma(now - timedelta(days=9), patient=patient),
        an_admission(now - timedelta(hours=15), patient=patient, **stay),
        a_suspicion(now - timedelta(hours=14), patient=patient),
    ]
    site.publish(kept(told, now))
    site.publish([an_identity(patient, "N" * 90 + "^" + "M" * 60, now, number="7" * 60)])
    view = {"width": width, "height": 1024}
    with tab(browser, site.address, viewport=view, **signed_in()) as found:
        page = found.page
        for path in ("/", "clock", "/wall"):
            if path == "clock":
                page.goto(site.address)
                page.locator("li.row", has_text=patient).locator(".need a").click()
            else:
                page.goto(site.address + path)
            is_live(page)
            row = page.locator("li.row", has_text=patient[:8])
            assert row.evaluate(BESIDES) == [], path
            lines = page.locator(".state b:visible").evaluate_all(LINES)
            assert set(lines) == {1}, path
            bed = row.locator(".who bdi").nth(1).bounding_box()
            assert bed is not None
            assert bed["width"] > SEEN_PX, path
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, path


LINES = """all => all.map(one => {
    const words = document.createRange();
    words.selectNodeContents(one);
    return words.getClientRects().length;
})"""
"""In how many lines a word stands."""

BESIDES = """row => {
    const parts = [...row.children].map(one => [one.className, one.getBoundingClientRect(), one.scrollWidth]);
    const over = parts.filter(([, box, wide]) => wide > box.width + 1).map(([name]) => name);
    for (const [one, a] of parts) for (const [other, b] of parts)
        if (one < other && a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 1 && b.bottom > a.top + 1)
            over.push(`${one} ${other}`);
    return over;
}"""
"""Which parts of a row reach out of their place, or into another's."""
