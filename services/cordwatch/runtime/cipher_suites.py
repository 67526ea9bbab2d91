"""
By which words of TLS everything of ours speaks, wherever it listens and whomever it asks: said once.

Recommended suites alone (RFC 9325, and IANA's column "Recommended"), the
strongest first, each with forward secrecy and authenticated encryption. Those
of TLS 1.3 are OpenSSL's own, which are all of that kind; Python sets none.
"""

from __future__ import annotations

import ssl
from typing import Final

from cordwatch.runtime.security_events import SECURITY

RECOMMENDED: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
"""Of TLS 1.2, by OpenSSL's names: those that it has of them, in this order."""
SUITES: Final = ":".join(RECOMMENDED)


def harden(context: ssl.SSLContext) -> None:
    """Let *context* speak TLS 1.2 and 1.3 by recommended suites, choose by its own order, and tell what fails."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Keys of RSA below 2048 bits, and what else is weak, however OpenSSL is set on this machine.
    context.set_ciphers(f"{SUITES}:@SECLEVEL=2")
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.sslobject_class = _ToldObject
    context.sslsocket_class = _ToldSocket


def _tell(error: ssl.SSLError, *, is_listening: bool) -> None:
    """Say that a handshake failed: by OpenSSL's word for it, which holds nothing of what was sent."""
    if not isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
        why = error.reason or type(error).__name__
        SECURITY.tell("tls-failed", at="listening" if is_listening else "asking", why=why)


class _ToldObject(ssl.SSLObject):
    """A connection of asyncio, whose loop says nothing of a handshake that fails."""

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            _tell(error, is_listening=bool(self.server_side))
            raise


class _ToldSocket(ssl.SSLSocket):
    """A connection by a socket."""

    def do_handshake(self, block: bool = False) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake(block)
        except ssl.SSLError as error:
            _tell(error, is_listening=self.server_side)
            raise
