"""Pages stay small however much there is, and every row can be reached without a script."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import Any

import pytest

from cordwatch.board.look import STATIC, static_file
from tests.builders import (
    T,
    a_report,
    a_suspicion,
    an_admission,
    an_mri_booked,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.hospital import (
    Record,
    a_gateway,
    a_page,
    alert_of,
    an_acknowledgement,
    an_identity,
    answered,
    kept,
)

KIB = 1024
PAGE_BYTES_MAX = 100 * KIB
LONG = "ZEBRAFINCH^" + "ANASTASIA " * 15


def a_full_house(rows: int, now: datetime, text: str = "HAEM-4") -> list[Record]:
    """Return *rows* patients with an open clock, and as many who have had one today; *text* for ward and name."""
    told = []
    for number in range(rows):
        one, other = f"p_{number:04}open", f"p_{number:04}shut"
        for name in (one, other):
            stay: dict[str, Any] = {"encounter": f"V{name}", "ward": text[:180], "bed": str(number)}
            told += [known_lymphoma(patient=name), an_admission(patient=name, **stay)]
            told += [a_suspicion(T(number / 100), patient=name)]
        told.append(an_mri_ordered(T(4), patient=one, order=f"O{one}"))
        told.append(an_mri_done(T(5), patient=other, order=f"O{other}"))
        told.append(a_report(T(6), "negative", patient=other, order=f"O{other}"))
    people = [an_identity(one.patient, text, now, one.patient) for one in told[::4]]
    return [*kept(told, now), *people, a_gateway(now, {f"ris-{n}|ORU": now for n in range(20)})]


async def opened(one: Browser, path: str) -> str:
    """Return a page as it is before it is packed."""
    headers = one.headers("coordinator", **{"Accept-Encoding": "identity"})
    answer = await one.client.get(path, headers=headers)
    assert answer.status == 200
    return await answer.text()


@pytest.mark.parametrize("text", ["HAEM-4", LONG])
async def test_a_page_is_small_whatever_there_is(text: str) -> None:
    """350 rows and as many closed today: the page with script and style is at most 100 KiB, unpacked."""
    async with browser(a_full_house(350, T(7), text), T(7)) as one:
        more = sum(len(static_file(name)) for name in STATIC)
        for path in ("/", "/wall", f"/clock/{one.site.state.open_rows(T(7))[0].id}"):
            page = await opened(one, path)
            assert len(page.encode()) + more <= PAGE_BYTES_MAX, path
        assert "Closed today: 350" in await opened(one, "/")


async def test_every_row_is_reached_page_by_page() -> None:
    """Without a script: each page leads to the next, filters stay, and together they hold every row once, in order."""
    async with browser(a_full_house(350, T(7)), T(7)) as one:
        path, found = "/?ward=HAEM-4", list[str]()
        pages = 0
        while path:
            page = await opened(one, path)
            found += re.findall(r'<li class="row [^"]*" id="c-(\w+)"', page)
            after = re.search(r'further rows[^<]*<a href="([^"]*)"', page)
            path, pages = (unescape(after[1]) if after else ""), pages + 1
            assert pages < 20
            if path:
                assert path.startswith("/?ward=HAEM-4&from=")
        assert found == [row.id for row in one.site.state.open_rows(T(7))]
        assert pages > 3


async def test_further_rows_are_a_page_of_their_moment() -> None:
    """Only the most pressing rows are kept live: a page of others does not call itself so."""
    async with browser(a_full_house(100, T(7)), T(7)) as one:
        assert 'data-stream="/live"' in await opened(one, "/")
        assert "data-stream" not in await opened(one, "/?from=60")
        assert 'data-stream="/live"' in await opened(one, "/?from=x")


async def test_a_page_with_a_token_is_not_packed() -> None:
    """How short it packs could tell who listens what of the token was guessed; all others are packed."""
    async with browser(a_full_house(5, T(7)), T(7)) as one:
        (row, *_) = one.site.state.open_rows(T(7))
        headers = one.headers("coordinator", **{"Accept-Encoding": "gzip"})
        for path, packed in (("/", "gzip"), ("/print", "gzip"), (f"/clock/{row.id}", None)):
            answer = await one.client.get(path, headers=headers)
            assert answer.headers.get("Content-Encoding") == packed, path
            assert ('name="token"' in await answer.text()) is (packed is None)


async def test_what_stands_in_an_address_is_not_repeated_in_the_page() -> None:
    """A filter is marked where it is one of ours; a stranger's text is nowhere in what is packed."""
    async with browser(a_full_house(3, T(7)), T(7)) as one:
        page = await opened(one, "/?ward=zzguessed&rule=zzguessed&state=zzguessed&x=zzguessed")
        assert "zzguessed" not in page
        assert "None of 3 open clocks fits the filters" in page


async def test_what_was_told_is_folded_but_for_the_last() -> None:
    """Forty pages of the pager: three stand there, the last first; the others are one step away."""
    told = (known_lymphoma(), an_admission(), a_suspicion())
    records = list(kept(told, T(13)))
    alert = alert_of(records, "reminder")
    pages = [
        a_page(alert.model_copy(update={"alert_id": f"{alert.alert_id}{n}"}), T(8 + n / 60))
        for n in range(40)
    ]
    async with browser([*records, *pages], T(13)) as one:
        (row,) = one.site.state.open_rows(T(13))
        page = await opened(one, f"/clock/{row.id}")
        shown, _, rest = page.partition('<details class="fold" id="told-')
        assert (shown.count("by on-call: told"), rest.count("by on-call: told")) == (3, 37)
        assert "17:39" in shown.split("Who was told")[1]
        assert "Before that: 37" in rest


@pytest.mark.parametrize("path", ["/print", "/downtime.html"])
async def test_a_copy_holds_what_a_row_holds(path: str) -> None:
    """Whom the pager told, who has it in hand and why, and what is wrong besides: it is read when nothing else is there."""
    told = (known_lymphoma(), an_admission(), a_suspicion(), an_mri_ordered(T(1)))
    records = list(kept([*told, an_mri_booked(T(2), T(30))], T(7)))
    alert = alert_of(records, "reminder")
    seen = an_acknowledgement(alert.alert_id, T(6.5)).model_copy(
        update={"reason": "acting: On the phone"}
    )
    async with browser([*records, a_page(alert, T(6.1)), *answered(seen)], T(7)) as one:
        copy = await opened(one, path)
        assert "n.jansen 15:30<br>I am acting on it; On the phone" in copy
        assert "ward physician: told 15:06" in copy
        assert "The spinal MRI is booked later than due" in copy


async def test_an_accepted_risk_stands_on_every_page() -> None:
    """Somebody answers for it, and whoever looks at the board knows; where none is accepted nothing is said."""
    line = "Accepted in this deployment: plaintext-kafka: it can be read"
    async with browser([], T(7)) as one:
        assert "Accepted in this deployment" not in await opened(one, "/")
        one.site.state.accepted_risks = ("plaintext-kafka: it can be read",)
        for path in ("/", "/wall"):
            assert line in await opened(one, path)
