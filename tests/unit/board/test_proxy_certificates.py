"""A proxy that proves itself by its certificate: real TLS on loopback, with certificates made for the test."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cordwatch.board.access import NotSignedIn
from cordwatch.board.entrance import Entrance
from cordwatch.board.routes import ROUTES
from cordwatch.board.settings import BadAccess, BoardSettings
from cordwatch.board.signing import Asking, ByHeader
from cordwatch.board.site import make_app
from cordwatch.runtime.peers import tls_context
from cordwatch.runtime.web_listening import WebListener
from tests.builders import T
from tests.certificates import Authority, hospital, stranger, trusting
from tests.unit.board.browsing import Browser, browser
from tests.unit.board.test_site import RECORDS

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

LOOPBACK = (ip_network("127.0.0.0/8"),)
SECRET = b"a secret of the proxy alone"


@pytest.fixture(scope="module")
def files(hospital: Authority) -> dict[str, Any]:
    """Return the board's settings of TLS."""
    certificate, key = hospital.issue("board")
    return {"tls_cert": certificate, "tls_key": key, "tls_client_ca": hospital.certificate}


@asynccontextmanager
async def a_board(files: dict[str, Any], **more: Any) -> AsyncIterator[str]:
    """Give the address of a board that listens with TLS."""
    settings = BoardSettings(access="header", proxies=LOOPBACK, **files, **more)
    async with browser(RECORDS, T(7)) as one:
        one.site.sign_in = Entrance.of(settings).sign_in
        listener = WebListener()
        tls = tls_context(settings)
        await listener.start(make_app(one.site, ROUTES), "127.0.0.1", 0, tls, 1.0)
        try:
            yield f"https://localhost:{listener.address[1]}/"
        finally:
            await listener.stop()


async def asked(address: str, tls: ssl.SSLContext, **headers: str) -> int | None:
    """Return with which status the board answers; None: no connection."""
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(address, ssl=tls) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, ConnectionError):
        return None


def a_viewer(**more: str) -> dict[str, str]:
    """Return what the proxy sends, without any secret."""
    return {"X-Remote-User": "n.jansen", "X-Remote-Groups": "cordwatch-viewer", **more}


@pytest.mark.parametrize(
    ("listed", "status"),
    [("proxy-1", 200), ("one.proxy.example", 200), ("proxy-2", 401), ("localhost", 401)],
)
async def test_a_proxy_is_known_by_a_name_in_its_certificate(
    hospital: Authority, files: dict[str, Any], listed: str, status: int
) -> None:
    """By its common name or an alternative one; any other certificate of the hospital's is not the proxy's."""
    own = hospital.issue("proxy-1", names="DNS:one.proxy.example")
    async with a_board(files, proxy_names=(listed,)) as address:
        assert await asked(address, trusting(hospital, own), **a_viewer()) == status


async def test_without_a_certificate_of_the_hospital_nobody_connects(
    hospital: Authority, stranger: Authority, files: dict[str, Any]
) -> None:
    """Neither without one, nor with one of the same name from somebody else."""
    async with a_board(files, proxy_names=("proxy-1",)) as address:
        assert await asked(address, trusting(hospital), **a_viewer()) is None
        forged = trusting(hospital, stranger.issue("proxy-1"))
        assert await asked(address, forged, **a_viewer()) is None


async def test_secret_and_certificate_are_both_asked_for_where_both_are_set(
    hospital: Authority, files: dict[str, Any], tmp_path: Path
) -> None:
    """One of two proofs is none."""
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    tls = trusting(hospital, hospital.issue("proxy-1"))
    more = {"proxy_names": ("proxy-1",), "proxy_secret_file": path}
    async with a_board(files, **more) as address:
        assert await asked(address, tls, **a_viewer()) == 401
        told = a_viewer(**{"X-Proxy-Secret": SECRET.decode()})
        assert await asked(address, tls, **told) == 200
        other = trusting(hospital, hospital.issue("proxy-3", names="DNS:three.example"))
        assert await asked(address, other, **told) == 401


def test_a_certificate_is_believed_from_listed_networks_alone() -> None:
    """A proxy's certificate that was taken elsewhere opens nothing there."""
    sign_in = ByHeader([ip_network("10.1.2.3")], None, frozenset({"proxy-1"}))
    names = frozenset({"proxy-1"})
    assert sign_in.reader(Asking(a_viewer(), "10.1.2.3", names)).user == "n.jansen"
    with pytest.raises(NotSignedIn):
        sign_in.reader(Asking(a_viewer(), "10.1.2.4", names))


def test_names_that_nobody_verifies_are_refused() -> None:
    """Without an authority any certificate could say anything."""
    with pytest.raises(BadAccess, match="--tls-client-ca"):
        Entrance.of(BoardSettings(access="header", proxies=LOOPBACK, proxy_names=("proxy-1",)))


async def test_without_tls_there_is_no_name() -> None:
    """A connection in the clear proves nothing, whatever it sends."""
    async with browser(RECORDS, T(7)) as one:
        one.site.sign_in = ByHeader(LOOPBACK, None, frozenset({"proxy-1"}))
        assert (await one.client.get("/", headers=Browser.headers("viewer"))).status == 401
