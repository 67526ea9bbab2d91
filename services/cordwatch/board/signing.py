"""Three ways to know who asks: a signed token, a header of a trusted proxy, or, on loopback alone, nobody."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final, Protocol

import jwt

from cordwatch.board.access import NotSignedIn, Reader, roles_in

Networks = Sequence[IPv4Network | IPv6Network]
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
"""Signatures with a public key. None is `none`, and none shares a secret."""
LEEWAY_S: Final = 30
USER_MAX: Final = 120
SECRET_BYTES_MIN: Final = 16


class SignIn(Protocol):
    """Knows who sent a request."""

    def reader(self, headers: Mapping[str, str], peer: str) -> Reader:
        """
        Return who asks.

        Raises:
            NotSignedIn: it cannot be verified.
        """


@dataclass(frozen=True, slots=True)
class Anybody:
    """Nobody signs in: for a demo on loopback; shows no names, since nobody answers for seeing them."""

    def reader(self, headers: Mapping[str, str], peer: str) -> Reader:  # noqa: ARG002 - all the same
        """Return somebody unknown who may answer."""
        return Reader("demo", frozenset({"coordinator"}), is_known=False)


@dataclass(frozen=True, slots=True)
class ByHeader:
    """The hospital's proxy says who it is: from listed networks, with a secret that only it knows."""

    proxies: Networks
    secret: bytes
    user_header: str = "X-Remote-User"
    groups_header: str = "X-Remote-Groups"
    secret_header: str = "X-Proxy-Secret"  # noqa: S105 - the name of a header

    def __post_init__(self) -> None:
        """Refuse what would believe anybody."""
        if not self.proxies:
            raise ValueError("no proxy is listed: anybody could say who they are")
        if len(self.secret) < SECRET_BYTES_MIN:
            raise ValueError(f"the proxy's secret is shorter than {SECRET_BYTES_MIN} bytes")

    def reader(self, headers: Mapping[str, str], peer: str) -> Reader:
        """Return whom the proxy names."""
        address = ip_address(peer)
        if not any(address in network for network in self.proxies):
            raise NotSignedIn("not from a listed proxy")
        given = _once(headers, self.secret_header).encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.secret):
            raise NotSignedIn("without the proxy's secret")
        groups = _once(headers, self.groups_header).split(",")
        return _known(_once(headers, self.user_header), [one.strip() for one in groups])


def _once(headers: Mapping[str, str], name: str) -> str:
    """Return a header; one that stands there twice was perhaps the browser's own, before the proxy's."""
    found = [value for key, value in headers.items() if key.lower() == name.lower()]
    if len(found) > 1:
        raise NotSignedIn("a header stands there twice")
    return found[0] if found else ""


@dataclass(slots=True)
class KeyFile:
    """The identity provider's public keys (JWKS) in a file, read anew when it changes."""

    path: Path
    _read_at: float = -1.0
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict)

    def find(self, kid: str) -> jwt.PyJWK | None:
        """
        Return the key of this id.

        Raises:
            PyJWTError: the file holds no keys.
        """
        try:
            changed_at = self.path.stat().st_mtime
            if changed_at != self._read_at:
                found = jwt.PyJWKSet.from_dict(json.loads(self.path.read_bytes()))
                self._keys = {key.key_id: key for key in found.keys if key.key_id}
                self._read_at = changed_at
        except (OSError, ValueError):
            raise jwt.PyJWKSetError("the keys cannot be read") from None
        return self._keys.get(kid)


@dataclass(frozen=True, slots=True)
class ByToken:
    """A token that the identity provider signed (JWT), checked here: issuer, audience, expiry, algorithm, key."""

    issuer: str
    audience: str
    keys: KeyFile
    header: str = "Authorization"
    user_claim: str = "preferred_username"
    groups_claim: str = "groups"

    def reader(self, headers: Mapping[str, str], peer: str) -> Reader:  # noqa: ARG002 - the token is enough
        """Return whom the token names."""
        scheme, _, token = headers.get(self.header, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn("without a token")
        try:
            claims = self._claims(token.strip())
        except jwt.PyJWTError as error:
            raise NotSignedIn(f"the token does not hold: {type(error).__name__}") from None
        groups = claims.get(self.groups_claim, ())
        named = groups if isinstance(groups, list) else [groups]
        return _known(str(claims.get(self.user_claim) or claims["sub"]), named, claims["exp"])

    def _claims(self, token: str) -> dict[str, Any]:
        told = jwt.get_unverified_header(token)
        key = self.keys.find(str(told.get("kid", "")))
        if key is None or told.get("alg") not in ALGORITHMS or key.algorithm_name != told["alg"]:
            raise jwt.InvalidKeyError
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )


def _known(user: str, groups: Sequence[object], until: float | None = None) -> Reader:
    if not user or len(user) > USER_MAX or not user.isprintable():
        raise NotSignedIn("without a name")
    return Reader(user, roles_in(groups), until)
