"""How connections are secured, wherever cordwatch listens: real handshakes, in memory."""

from __future__ import annotations

import shutil
import ssl
import warnings

import pytest

from cordwatch.board.settings import BoardSettings
from cordwatch.runtime.peers import tls_context
from tests.certificates import Authority, hospital, trusting
from tests.handshakes import shaken

__all__ = ["hospital"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

WEAK = "ALL:@SECLEVEL=0"
"""Lets OpenSSL itself speak every version, so that only our setting decides."""


def spoken(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost") -> str | None:
    """Return in which version the two agree to speak, where the server is asked for by *name*."""
    return shaken(server, client, name).version()


@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_no_version_of_tls_below_1_2_is_spoken(
    hospital: Authority, version: ssl.TLSVersion, is_spoken: bool
) -> None:
    """A peer that speaks an older one alone is refused, however weak OpenSSL is set on either side."""
    certificate, key = hospital.issue("listener")
    server = tls_context(BoardSettings(tls_cert=certificate, tls_key=key))
    assert server is not None
    client = trusting(hospital)
    server.set_ciphers(WEAK)
    client.set_ciphers(WEAK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = version
    if is_spoken:
        assert spoken(server, client) == version.name.replace("_", ".")
    else:
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
            spoken(server, client)
