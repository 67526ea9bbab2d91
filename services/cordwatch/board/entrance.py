"""Who is let in, and how they are known: put together from the settings, or refused where that would let in anybody."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cordwatch.board.cds.caller import ByEhr
from cordwatch.board.cds.setup import CdsHooks
from cordwatch.board.keys import KeyFile, Keys, KeysByAddress, KeySet, NoKeys
from cordwatch.board.settings import BadAccess, BoardSettings
from cordwatch.board.signing import Anybody, ByHeader, ByToken, SignIn
from cordwatch.runtime.addresses import is_secure
from cordwatch.runtime.tls_files import trusting, trusting_the_system


@dataclass(frozen=True, slots=True)
class Entrance:
    """How people, and the record system, are known."""

    sign_in: SignIn
    cds: CdsHooks | None
    fetched: Mapping[str, KeysByAddress]
    """Keys that are fetched from an address, by whose they are: `staff`, `ehr`."""

    @classmethod
    def of(cls, settings: BoardSettings) -> Entrance:
        """
        Return the entrance that *settings* describe.

        Raises:
            BadAccess: something is missing, or nobody would have to sign in beyond this machine.
            OSError: a file cannot be read.
        """
        sign_in = _sign_in(settings)
        cds = _cds(settings, sign_in)
        used = {"staff": sign_in, "ehr": cds.sign_in if cds else None}
        fetched = {
            of: one.keys
            for of, one in used.items()
            if isinstance(one, ByToken | ByEhr) and isinstance(one.keys, KeysByAddress)
        }
        return cls(sign_in, cds, fetched)


def _sign_in(settings: BoardSettings) -> SignIn:
    if settings.proxy_names and settings.tls_client_ca is None:
        raise BadAccess("--proxy-names takes --tls-client-ca, by which certificates are verified")
    if settings.access == "none":
        if not ip_address(settings.host).is_loopback:
            raise BadAccess("--access none is for loopback alone: choose header or jwt")
        if settings.wards_from is not None:
            raise BadAccess("--wards-from takes --access header or jwt: nobody says who asks")
        return Anybody()
    if settings.access == "header":
        return _by_header(settings)
    if not (settings.jwt_issuer and settings.jwt_audience):
        raise BadAccess("--access jwt takes --jwt-issuer and --jwt-audience")
    keys = _keys(settings, settings.jwt_keys_file, settings.jwt_keys_url, "jwt")
    return ByToken(
        settings.jwt_issuer,
        settings.jwt_audience,
        keys,
        settings.jwt_kind,
        wards_claim=settings.wards_from,
    )


def _by_header(settings: BoardSettings) -> ByHeader:
    if settings.proxy_secret_file is None and not settings.proxy_names:
        raise BadAccess("--access header takes --proxy-secret-file or --proxy-names")
    path = settings.proxy_secret_file
    secret = None if path is None else path.read_bytes().strip()
    try:
        names = frozenset(settings.proxy_names)
        return ByHeader(settings.proxies, secret, names, wards_header=settings.wards_from)
    except ValueError as error:
        raise BadAccess(f"--access header: {error}") from None


def _keys(settings: BoardSettings, path: Path | None, url: str | None, whose: str) -> Keys:
    if (path is None) == (url is None):
        raise BadAccess(f"of --{whose}-keys-file and --{whose}-keys-url it takes one")
    if path is not None:
        try:
            KeySet.read(path.read_bytes())
        except NoKeys:
            raise BadAccess(f"--{whose}-keys-file: there are no keys (JWKS) in it") from None
        return KeyFile(path, settings.rsa_bits_min)
    if url is None or not is_secure(url):
        raise BadAccess(f"--{whose}-keys-url is an https address (http: loopback only)")
    authorities = _believing(settings.keys_ca)
    return KeysByAddress(url, settings.clock, authorities, settings.rsa_bits_min)


def _believing(path: Path | None) -> ssl.SSLContext:
    if path is None:
        return trusting_the_system()
    path.open("rb").close()
    try:
        return trusting(path)
    except ssl.SSLError:
        raise BadAccess("--keys-ca: there is no certificate in it") from None


def _cds(settings: BoardSettings, sign_in: SignIn) -> CdsHooks | None:
    told = (settings.cds_issuers, settings.cds_keys_file, settings.cds_keys_url)
    if not settings.patient_system:
        if any(told) or settings.cds_ids_are_numbers:
            raise BadAccess("CDS Hooks takes --patient-system")
        return None
    url = (settings.url or "").rstrip("/")
    parts = urlsplit(url)
    if not is_secure(url) or parts.path or parts.query or parts.username:
        raise BadAccess("CDS Hooks takes --url: the board's own https address, without a path")
    caller: SignIn
    if settings.cds_issuers:
        keys = _keys(settings, settings.cds_keys_file, settings.cds_keys_url, "cds")
        caller = ByEhr(settings.cds_issuers, url, keys)
    elif any(told) or settings.access == "jwt":
        raise BadAccess("CDS Hooks takes --cds-issuers, and where their keys are")
    else:
        # The proxy says that it is the record system; on loopback anybody may be it.
        caller = Anybody("ehr") if settings.access == "none" else sign_in
    return CdsHooks(url, settings.patient_system, caller, settings.cds_ids_are_numbers)
