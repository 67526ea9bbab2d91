"""TLS and mutual TLS on loopback, with certificates made for the test."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.peers import BadTls, is_allowed, tls_context
from tests.certificates import Authority, hospital, stranger, trusting
from tests.unit.feeds.mllp.desk import Desk, a_desk, a_message

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(scope="module")
def gateway(hospital: Authority) -> dict[str, Path]:
    """Return the gateway's settings of TLS."""
    certificate, key = hospital.issue("gateway")
    return {"tls_cert": certificate, "tls_key": key}


async def is_answered(desk: Desk, tls: ssl.SSLContext | None) -> bool:
    """Return whether a sender gets through; with TLS 1.3 a refusal comes after its handshake."""
    try:
        sender = await desk.sender(tls)
        await sender.send(a_message("G1"))
        return await sender.answer() == ("AA", "G1")
    except (ConnectionError, EOFError, ssl.SSLError):
        return False


async def test_messages_go_over_tls(hospital: Authority, gateway: dict[str, Path]) -> None:
    """The sender knows whom it talks to; long frames and many go through as without."""
    async with a_desk(**gateway) as desk:
        sender = await desk.sender(trusting(hospital))
        await sender.send(*(a_message(number, pad=10_000) for number in range(100)))
        answers = [await sender.answer() for _ in range(100)]
        assert answers == [("AA", str(number)) for number in range(100)]
        sender.close()
        await desk.until(lambda: desk.server.connections == 0)


async def test_over_tls_reading_stops_too(hospital: Authority, gateway: dict[str, Path]) -> None:
    """Back-pressure holds whatever the transport."""
    async with a_desk(**gateway, buffer_bytes=100_000) as desk:
        desk.commit.is_away = True
        sender = await desk.sender(trusting(hospital))
        for number in range(50):
            sender.writer.write(b"\x0b" + a_message(number, pad=100_000) + b"\x1c\r")
        await desk.until(lambda: desk.value("paused_connections") == 1)
        assert desk.value("waiting_bytes") < 1_000_000
        desk.commit.come_back()
        assert [(await sender.answer())[1] for _ in range(50)] == [str(n) for n in range(50)]


async def test_a_sender_who_trusts_another_authority_sends_nothing(
    gateway: dict[str, Path], stranger: Authority
) -> None:
    """It cannot be sure that we are the gateway."""
    async with a_desk(**gateway) as desk:
        assert not await is_answered(desk, trusting(stranger))
        await desk.until(lambda: desk.value("refused_peers_total", reason="tls") == 1)
        await desk.until(lambda: desk.server.connections == 0)
        assert desk.commit.kept == []


async def test_a_sender_without_tls_is_turned_away(gateway: dict[str, Path]) -> None:
    """No message in the clear where TLS is on."""
    async with a_desk(**gateway) as desk:
        assert not await is_answered(desk, None)
        await desk.until(lambda: desk.value("refused_peers_total", reason="tls") == 1)
        assert desk.commit.kept == []


@pytest.mark.parametrize(
    ("shows", "through"), [("own", True), ("nothing", False), ("stranger's", False)]
)
async def test_with_mutual_tls_only_certified_senders_get_through(
    hospital: Authority,
    stranger: Authority,
    gateway: dict[str, Path],
    shows: str,
    *,
    through: bool,
) -> None:
    """The gateway knows whom it talks to as well."""
    own = {"own": hospital, "stranger's": stranger}.get(shows)
    tls = trusting(hospital, own.issue("sender") if own else None)
    async with a_desk(**gateway, tls_client_ca=hospital.certificate) as desk:
        assert await is_answered(desk, tls) is through
        assert len(desk.commit.kept) == through
        refused = 0 if through else 1
        await desk.until(lambda: desk.value("refused_peers_total", reason="tls") == refused)


async def test_a_handshake_that_never_ends_holds_no_place(gateway: dict[str, Path]) -> None:
    """Whoever connects and says nothing is counted, and let go."""
    async with a_desk(**gateway, handshake_s=0.1, max_connections=1) as desk:
        mute = await desk.sender()
        await desk.until(lambda: desk.server.connections == 1)
        assert await mute.hears_nothing_more()
        await desk.until(lambda: desk.server.connections == 0)
        assert desk.value("refused_peers_total", reason="tls") == 1


def test_a_key_may_have_a_password(hospital: Authority, tmp_path: Path) -> None:
    """From a file; a wrong one is said without being repeated."""
    certificate, key = hospital.issue("hidden", password="Zebrafinch")  # noqa: S106 - of the test
    password = tmp_path / "password"
    password.write_text("Zebrafinch\n")
    given = {"tls_cert": certificate, "tls_key": key, "tls_key_password_file": password}
    assert tls_context(FeedsSettings.model_validate(given)) is not None
    password.write_text("Housefinch")
    with pytest.raises(BadTls, match="wrong password") as refused:
        tls_context(FeedsSettings.model_validate(given))
    assert "Housefinch" not in str(refused.value)


def test_files_that_hold_something_else_are_named(
    gateway: dict[str, Path], hospital: Authority, tmp_path: Path
) -> None:
    """The setting, not what the file holds."""
    other = tmp_path / "other.pem"
    other.write_text("Zebrafinch")
    with pytest.raises(BadTls, match="tls_cert, tls_key"):
        tls_context(FeedsSettings.model_validate({**gateway, "tls_key": other}))
    with pytest.raises(BadTls, match="tls_client_ca"):
        tls_context(FeedsSettings.model_validate({**gateway, "tls_client_ca": other}))
    with pytest.raises(FileNotFoundError):
        missing = hospital.folder / "missing"
        tls_context(FeedsSettings.model_validate({**gateway, "tls_cert": missing}))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.1.2.3", True),
        ("10.1.3.3", False),
        ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
    ],
)
def test_peers_are_listed_by_network(address: str, *, allowed: bool) -> None:
    """IPv4 in IPv6's clothes is the same peer."""
    settings = FeedsSettings.model_validate({"allow": "10.1.2.0/24, fe80::/10"})
    assert is_allowed(address, settings.allow) is allowed
    assert is_allowed(address, ())
