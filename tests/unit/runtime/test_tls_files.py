"""Certificates that are replaced while a process runs: real handshakes, in memory."""

from __future__ import annotations

import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cordwatch.board.settings import BoardSettings
from cordwatch.runtime.kafka_security import KafkaSecurity, renewal_of, tls_context
from cordwatch.runtime.peers import tls_context as listening_context
from cordwatch.runtime.tls_files import RenewedContext, trusting
from tests.certificates import Authority, hospital, replace, stranger
from tests.certificates import trusting as trusting_only
from tests.unit.runtime.test_peers import spoken

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@dataclass
class Desk:
    """Two authorities, and the files that a process was told of."""

    old: Authority
    new: Authority
    folder: Path

    def write(self, authority: Authority, *names: str) -> None:
        """Put what *authority* issued into the files of *names*, each at once."""
        cert, key = authority.issue("shown")
        contents = {"ca": authority.certificate, "cert": cert, "key": key}
        for name in names:
            replace(self.folder / name, contents[name])

    @property
    def security(self) -> KafkaSecurity:
        """Return the files as a client of Kafka has them."""
        ca, cert, key = (self.folder / one for one in ("ca", "cert", "key"))
        return KafkaSecurity("ssl", ca=ca, cert=cert, key=key)

    def listening(self) -> RenewedContext:
        """Return the side that listens, which wants certificates of others too."""
        ca, cert, key = (self.folder / one for one in ("ca", "cert", "key"))
        found = listening_context(BoardSettings(tls_cert=cert, tls_key=key, tls_client_ca=ca))
        assert found is not None
        return found


@pytest.fixture
def desk(hospital: Authority, stranger: Authority, tmp_path: Path) -> Desk:
    """Return files of the hospital's authority."""
    found = Desk(hospital, stranger, tmp_path)
    found.write(hospital, "ca", "cert", "key")
    return found


def agree(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    """Return whether a connection comes about."""
    try:
        return spoken(server, client) is not None
    except ssl.SSLError:
        return False


def test_a_listener_shows_and_asks_for_what_the_files_hold_now(desk: Desk) -> None:
    """A new authority on both sides, without a word to the process; of the old one nobody is let in any more."""
    server = desk.listening()
    old = trusting_only(desk.old, desk.old.issue("sender"))
    new = trusting_only(desk.new, desk.new.issue("sender"))
    assert (agree(server, old), agree(server, new)) == (True, False)
    desk.write(desk.new, "ca", "cert", "key")
    assert (agree(server, old), agree(server, new)) == (False, True)
    assert agree(server, new)


def test_a_client_shows_and_trusts_what_the_files_hold_now(desk: Desk) -> None:
    """As kafka-python and aiokafka have it: one context, made at the start."""
    client = tls_context(desk.security)
    old, new = (Desk(one, one, desk.folder / one.name) for one in (desk.old, desk.new))
    servers = []
    for one in (old, new):
        one.folder.mkdir()
        one.write(one.old, "ca", "cert", "key")
        servers.append(one.listening())
    assert [agree(one, client) for one in servers] == [True, False]
    desk.write(desk.new, "ca", "cert", "key")
    assert [agree(one, client) for one in servers] == [False, True]


@pytest.mark.parametrize("half", ["cert", "key"])
def test_half_a_pair_leaves_the_old_one_in_force(desk: Desk, half: str) -> None:
    """Who writes file by file shows nobody a broken pair; it is told, by the setting and not by what is in it."""
    server, client = desk.listening(), trusting_only(desk.old, desk.old.issue("sender"))
    with capture_logs() as logs:
        desk.write(desk.new, half)
        assert agree(server, client)
        assert agree(server, client)
    faults = [one["fault"] for one in logs if one["log_level"] == "error"]
    assert faults == ["tls_cert, tls_key: not a certificate and its key, or a wrong password"]
    desk.write(desk.new, "cert", "key")
    trusting_new = trusting_only(desk.new, desk.old.issue("sender"))
    assert agree(server, trusting_new)


def test_a_link_that_leads_elsewhere_counts(desk: Desk, tmp_path: Path) -> None:
    """As Kubernetes replaces a mounted secret: no file of it is touched."""
    for authority in (desk.old, desk.new):
        cert, key = authority.issue("mounted")
        (tmp_path / authority.name).mkdir()
        replace(tmp_path / authority.name / "cert", cert)
        replace(tmp_path / authority.name / "key", key)
    data = tmp_path / "data"
    data.symlink_to(tmp_path / desk.old.name)
    server = listening_context(BoardSettings(tls_cert=data / "cert", tls_key=data / "key"))
    assert server is not None
    assert agree(server, trusting_only(desk.old))
    (tmp_path / "fresh").symlink_to(tmp_path / desk.new.name)
    (tmp_path / "fresh").replace(data)
    assert agree(server, trusting_only(desk.new))


def test_a_client_that_must_be_made_anew_is_told_and_not_of_half_a_pair(desk: Desk) -> None:
    """By librdkafka files are read when a client is made, and never again."""
    renewal = renewal_of(desk.security)
    assert not renewal.is_due()
    desk.write(desk.new, "cert")
    assert not renewal.is_due()
    desk.write(desk.new, "cert", "key")
    assert [renewal.is_due(), renewal.is_due()] == [True, True]
    assert not renewal_of(desk.security).is_due()
    (desk.folder / "key").unlink()
    assert not renewal.is_due()


def test_whom_a_client_without_a_certificate_trusts_is_read_anew_too(desk: Desk) -> None:
    """Destinations of pages, FHIR servers and keys of sign-ins are verified by a file as well."""
    client = trusting(desk.folder / "ca")
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_REQUIRED, True)
    cert, key = desk.new.issue("destination")
    server = listening_context(BoardSettings(tls_cert=cert, tls_key=key))
    assert server is not None
    assert not agree(server, client)
    desk.write(desk.new, "ca")
    assert agree(server, client)
