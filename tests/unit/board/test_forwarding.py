"""Where a reader sits behind proxies: believed from listed ones alone, whatever else stands in the header."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from cordwatch.board.forwarding import reader_address
from cordwatch.board.security import Allowance
from tests.builders import T
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.test_site import RECORDS

PROXIES = tuple(ip_network(one) for one in ("10.0.0.0/24", "fd00::/64"))
READER, INVENTED = "192.0.2.7", "198.51.100.9"


@pytest.mark.parametrize(
    ("peer", "told", "found"),
    [
        # Nothing is told, or by somebody who is not listed.
        ("10.0.0.1", [], "10.0.0.1"),
        (READER, [INVENTED], READER),
        ("10.0.1.1", [INVENTED], "10.0.1.1"),
        # One proxy, and two of them.
        ("10.0.0.1", [READER], READER),
        ("10.0.0.1", [f"{READER}, 10.0.0.2"], READER),
        ("10.0.0.1", [READER, "10.0.0.2"], READER),
        # What the browser wrote before the proxy did, on one line or on its own.
        ("10.0.0.1", [f"{INVENTED}, {READER}"], READER),
        ("10.0.0.1", [INVENTED, READER], READER),
        ("10.0.0.1", [f"{INVENTED}, 10.0.0.9, {READER}, 10.0.0.2"], READER),
        # A reader who sits beside the proxies: nobody further out is told of.
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        # What cannot be read ends it at the last that was.
        ("10.0.0.1", [f"{INVENTED}, unknown"], "10.0.0.1"),
        ("10.0.0.1", [f"{INVENTED}, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["<script>"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        # Ports, and the other family.
        ("10.0.0.1", [f"{READER}:4711"], READER),
        ("fd00::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.7"], READER),
        ("unknown", [INVENTED], "unknown"),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy_is_the_reader(
    peer: str, told: list[str], found: str
) -> None:
    """Each proxy writes at the end from where it was asked; only what a listed one wrote counts."""
    assert reader_address(peer, told, PROXIES) == found


@pytest.mark.parametrize("told", [[READER], [f"{INVENTED}, {READER}"], ["127.0.0.1"]])
def test_without_listed_proxies_nobody_is_believed(told: list[str]) -> None:
    """By default the address is that of who connects."""
    assert reader_address("10.0.0.1", told, ()) == "10.0.0.1"


async def opened(one: Browser, told: str, user: str = "n.jansen") -> int:
    """Return the status of the board for somebody of whom the proxy, or a browser, tells an address."""
    headers = one.headers("viewer", user=user, **{"X-Forwarded-For": told})
    return (await one.client.get("/", headers=headers)).status


def addresses(one: Browser) -> list[Any]:
    """Return from where the board was opened, by the audit trail."""
    one.site.audit.stop(5)
    return [told.event["agent"][0]["network"]["address"] for told in one.topics.audit()]


@pytest.mark.parametrize(
    ("listed", "address"), [("127.0.0.0/8", READER), ("10.0.0.0/24", "127.0.0.1")]
)
async def test_the_audit_trail_names_the_address_that_is_known(listed: str, address: str) -> None:
    """That of the reader behind a listed proxy; else that of the peer, whatever it tells."""
    async with browser(RECORDS, T(7)) as one:
        one.site.forwarders = (ip_network(listed),)
        assert await opened(one, f"{INVENTED}, {READER}") == 200
        assert addresses(one) == [address]


async def test_no_invented_address_gets_around_a_limit() -> None:
    """Another address in front of the proxy's own word is the same reader; another reader is another."""
    async with browser(RECORDS, T(7)) as one:
        one.site.forwarders = (ip_network("127.0.0.0/8"),)
        one.site.pages_allowed = Allowance(2, 0.001)
        told = [*(f"203.0.113.{n}, {READER}" for n in range(3)), "192.0.2.8"]
        assert [await opened(one, address) for address in told] == [200, 200, 429, 200]


async def test_an_address_lets_nobody_in() -> None:
    """Who signs in is known by the peer that connects: a told address is none of a listed proxy."""
    async with browser(RECORDS, T(7)) as one:
        one.site.forwarders = (ip_network("127.0.0.0/8"),)
        one.site.sign_in = type(one.site.sign_in)(  # type: ignore[call-arg]
            proxies=[ip_network("10.0.0.1")],
            secret=b"a secret of the proxy alone",
        )
        assert await opened(one, "10.0.0.1") == 401
