"""What the board needs to be told: where to listen, who may look, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import jwt

from cordwatch.board.signing import Anybody, ByHeader, ByToken, KeyFile, SignIn
from cordwatch.runtime.wall_clock import WallClock

AccessMode = Literal["none", "header", "jwt"]


class BadAccess(ValueError):
    """The way to know who asks is not complete, or not for where the board listens."""


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """Settings of one board; the defaults are for a look at it on one's own machine."""

    pack: str = "mescc-lymphoma"
    name: str = "board"
    """Its audit chain is kept under it: two boards must not share one."""
    host: str = "127.0.0.1"
    port: int = 8080
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9467
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    access: AccessMode = "none"
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    proxy_secret_file: Path | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_keys_file: Path | None = None
    downtime_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    synthetic: bool = False
    clock: WallClock = field(default_factory=WallClock)

    def sign_in(self) -> SignIn:
        """
        Return how the board knows who asks.

        Raises:
            BadAccess: something is missing, or nobody would have to sign in beyond this machine.
            OSError: a file cannot be read.
        """
        if self.access == "none":
            if not ip_address(self.host).is_loopback:
                raise BadAccess("--access none is for loopback alone: choose header or jwt")
            return Anybody()
        if self.access == "header":
            if self.proxy_secret_file is None:
                raise BadAccess("--access header takes --proxy-secret-file")
            secret = self.proxy_secret_file.read_bytes().strip()
            try:
                return ByHeader(self.proxies, secret)
            except ValueError as error:
                raise BadAccess(f"--access header: {error}") from None
        if not (self.jwt_issuer and self.jwt_audience and self.jwt_keys_file):
            raise BadAccess("--access jwt takes --jwt-issuer, --jwt-audience and --jwt-keys-file")
        keys = KeyFile(self.jwt_keys_file)
        try:
            keys.find("")
        except jwt.PyJWTError:
            raise BadAccess("--jwt-keys-file: there are no keys (JWKS) in it") from None
        return ByToken(self.jwt_issuer, self.jwt_audience, keys)
