"""What a standard for web applications asks of every answer of the board, whatever it is about."""

from __future__ import annotations

import base64

import pytest

from cordwatch.board.routes import ROUTES
from cordwatch.board.security import new_token
from tests.builders import T
from tests.unit.board.browsing import browser
from tests.unit.board.test_site import RECORDS

BITS_MIN = 128
OF_TEXT = {"text/html", "text/css", "text/javascript"}
ALWAYS_UTF8 = {"application/json", "text/event-stream"}


async def test_every_answer_says_what_it_is() -> None:
    """A browser guesses neither type nor character set."""
    async with browser(RECORDS, T(7)) as one:
        (row,) = one.site.state.open_rows(T(7))
        for route in ROUTES:
            path = route.path.replace("{clock}", row.id).replace("{reference}", "A")
            path = path.replace("{name}", "board.css").replace(
                "{service}", "cordwatch-patient-view"
            )
            headers = one.headers("administrator")
            async with one.client.request(
                route.method, path, headers=headers, allow_redirects=False
            ) as answer:
                kind, _, more = answer.headers["Content-Type"].partition(";")
                assert kind in OF_TEXT | ALWAYS_UTF8, (route.path, kind)
                assert kind in ALWAYS_UTF8 or more.strip() == "charset=utf-8", route.path


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_no_other_method_does_anything(method: str) -> None:
    """Nothing is echoed, debugged or changed by a way that no route is for."""
    async with browser(RECORDS, T(7)) as one:
        headers = one.headers("coordinator") | {"X-Marked": "to-be-echoed"}
        for path in ("/", "/api/clocks"):
            async with one.client.request(method, path, headers=headers) as answer:
                assert answer.status in {400, 405}, path
                assert "to-be-echoed" not in await answer.text()


def test_a_token_of_a_form_cannot_be_guessed() -> None:
    """As many bits as the standard asks for, from a source that nobody foresees: no two are alike in any part."""
    tokens = [base64.urlsafe_b64decode(new_token() + "=") for _ in range(64)]
    assert all(len(one) * 8 >= BITS_MIN for one in tokens)
    for place in range(len(tokens[0])):
        assert len({one[place] for one in tokens}) > len(tokens) // 2
