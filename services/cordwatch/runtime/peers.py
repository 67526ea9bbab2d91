"""Who may connect, and how that is proved."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Protocol

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


def tls_context(settings: TlsFiles) -> ssl.SSLContext | None:
    """
    Return how connections are secured, None where they are not.

    Raises:
        BadTls: a file does not hold what it should.
        OSError: a file cannot be read.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    password = b""
    if settings.tls_key_password_file is not None:
        password = settings.tls_key_password_file.read_bytes().strip()
    for path in (settings.tls_cert, settings.tls_key):
        path.open("rb").close()
    try:
        # Given as a function, so that an encrypted key never asks at the terminal.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, lambda: password)
    except (ssl.SSLError, ValueError):
        raise BadTls(
            "tls_cert, tls_key: not a certificate and its key, or a wrong password"
        ) from None
    if settings.tls_client_ca is not None:
        settings.tls_client_ca.open("rb").close()
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except ssl.SSLError:
            raise BadTls("tls_client_ca: no certificate in it") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


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
