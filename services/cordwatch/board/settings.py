"""What the board needs to be told: where to listen, who may look, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from cordwatch.board.token_kinds import TokenKind
from cordwatch.runtime.strength import RSA_BITS_MIN
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
    proxy_names: tuple[str, ...] = ()
    """Names in the certificates of the proxies."""
    forwarded_by: tuple[IPv4Network | IPv6Network, ...] = ()
    """Proxies that are believed about where a reader sits, for the audit trail and the limits."""
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_kind: TokenKind = "access"
    jwt_keys_file: Path | None = None
    jwt_keys_url: str | None = None
    rsa_bits_min: int = RSA_BITS_MIN
    """Shorter keys of RSA are not believed (`Environment.rsa_bits_min`)."""
    keys_ca: Path | None = None
    """By what the addresses of keys are verified; None: by the system's authorities."""
    wards_from: str | None = None
    """Claim or header that names the wards whose patients somebody may see; None: everybody sees all."""
    url: str | None = None
    """Of the board, as browsers and the record system know it; https there means TLS, wherever it ends."""
    patient_system: str | None = None
    """`Identifier.system` of the patient numbers. Turns CDS Hooks on."""
    cds_issuers: tuple[str, ...] = ()
    cds_keys_file: Path | None = None
    cds_keys_url: str | None = None
    cds_ids_are_numbers: bool = False
    downtime_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_key_password_file: Path | None = None
    tls_client_ca: Path | None = None
    synthetic: bool = False
    clock: WallClock = field(default_factory=WallClock)

    @property
    def is_secure(self) -> bool:
        """Return whether browsers come over TLS alone: it ends here, or before, as the board's address says."""
        return self.tls_cert is not None or (self.url or "").lower().startswith("https://")
