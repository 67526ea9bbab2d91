"""Who may connect, and how that is proved."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Protocol

from cordwatch.runtime.cipher_suites import harden
from cordwatch.runtime.tls_files import RenewedContext

_PROBES = 4


class BadTls(ValueError):
    """Certificate, key or CA cannot be used; names the setting, never what the file holds."""


class CannotListen(RuntimeError):
    """The address is taken, or not this machine's."""


def is_allowed(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Return whether a peer's *address* is in one of *networks*; without any, everyone is."""
    if not networks:
        return True
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


class TlsFiles(Protocol):
    """The settings of whoever listens with TLS."""

    @property
    def tls_cert(self) -> Path | None: ...  # noqa: D102 - said where they are set
    @property
    def tls_key(self) -> Path | None: ...  # noqa: D102
    @property
    def tls_key_password_file(self) -> Path | None: ...  # noqa: D102
    @property
    def tls_client_ca(self) -> Path | None: ...  # noqa: D102


def tls_context(settings: TlsFiles) -> RenewedContext | None:
    """
    Return how connections are secured, each as the files are when it begins; None where they are not.

    Raises:
        BadTls: a file does not hold what it should.
        OSError: a file cannot be read.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
    password_file = settings.tls_key_password_file

    def load(context: ssl.SSLContext) -> None:
        _load(context, cert, key, password_file)
        if client_ca is not None:
            _want_certificates(context, client_ca)

    paths = (cert, key, password_file, client_ca)
    return RenewedContext.of(ssl.PROTOCOL_TLS_SERVER, paths, load)


def _load(context: ssl.SSLContext, cert: Path, key: Path, password_file: Path | None) -> None:
    harden(context)
    password = password_file.read_bytes().strip() if password_file is not None else b""
    for path in (cert, key):
        path.open("rb").close()
    try:
        # Given as a function, so that an encrypted key never asks at the terminal.
        context.load_cert_chain(cert, key, lambda: password)
    except (ssl.SSLError, ValueError):
        raise BadTls(
            "tls_cert, tls_key: not a certificate and its key, or a wrong password"
        ) from None


def _want_certificates(context: ssl.SSLContext, client_ca: Path) -> None:
    client_ca.open("rb").close()
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError:
        raise BadTls("tls_client_ca: no certificate in it") from None
    context.verify_mode = ssl.CERT_REQUIRED


def watch_for_death(one: socket.socket, keepalive_s: int) -> None:
    """Let the kernel find out about a peer that vanished without a word (half-open)."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Named only where the platform has them.
    for name, value in (
        ("TCP_KEEPIDLE", keepalive_s),
        ("TCP_KEEPINTVL", max(1, keepalive_s // _PROBES)),
        ("TCP_KEEPCNT", _PROBES),
        # For answers that nobody acknowledges; keepalive probes only silence.
        ("TCP_USER_TIMEOUT", keepalive_s * 2 * 1000),
    ):
        if hasattr(socket, name):
            one.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
