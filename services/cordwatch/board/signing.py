"""Three ways to know who asks: a signed token, a header of a trusted proxy, or, on loopback alone, nobody."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Protocol

import jwt

from cordwatch.board.access import NotSignedIn, Reader, Role, roles_in
from cordwatch.board.keys import Keys
from cordwatch.runtime.peers import is_allowed

Networks = Sequence[IPv4Network | IPv6Network]
LEEWAY_S: Final = 30
USER_MAX: Final = 120
SECRET_BYTES_MIN: Final = 16


@dataclass(frozen=True, slots=True)
class Asking:
    """A request, as far as it says who sends it."""

    headers: Mapping[str, str]
    address: str = ""
    """Of the peer, without its port."""
    names: frozenset[str] = frozenset()
    """In the certificate that the peer showed and that was verified: its common name and its alternative names."""
    path: str = ""


class SignIn(Protocol):
    """Knows who sent a request."""

    def reader(self, asking: Asking) -> Reader:
        """
        Return who asks.

        Raises:
            NotSignedIn: it cannot be verified.
        """


class UnknownKey(NotSignedIn):
    """Signed with a key that is not known: perhaps a new one."""

    def __init__(self, keys: Keys) -> None:
        """Say where the key was looked for."""
        super().__init__("the token is signed with a key that is not known")
        self.keys = keys


async def who_asks(sign_in: SignIn, asking: Asking) -> Reader:
    """
    Return who asks; a key that is not known is looked for anew.

    Raises:
        NotSignedIn: it cannot be verified.
    """
    try:
        return sign_in.reader(asking)
    except UnknownKey as error:
        await error.keys.renew()
        return sign_in.reader(asking)


@dataclass(frozen=True, slots=True)
class Anybody:
    """Nobody signs in: for a demo on loopback; shows no names, since nobody answers for seeing them."""

    role: Role = "coordinator"

    def reader(self, asking: Asking) -> Reader:  # noqa: ARG002 - all the same
        """Return somebody unknown who may answer."""
        return Reader("demo", frozenset({self.role}), is_known=False)


@dataclass(frozen=True, slots=True)
class ByHeader:
    """
    The hospital's proxy says who it is: from listed networks, and it proves that it is the proxy.

    By a secret that only it knows, by its certificate, or by both: what is set
    is asked for.
    """

    proxies: Networks
    secret: bytes | None
    names: frozenset[str] = frozenset()
    """Common or alternative names of the proxies' certificates; empty: no certificate is asked for."""
    user_header: str = "X-Remote-User"
    groups_header: str = "X-Remote-Groups"
    secret_header: str = "X-Proxy-Secret"  # noqa: S105 - the name of a header

    def __post_init__(self) -> None:
        """Refuse what would believe anybody."""
        if not self.proxies:
            raise ValueError("no proxy is listed: anybody could say who they are")
        if self.secret is None and not self.names:
            raise ValueError("the proxy proves nothing: neither by a secret nor by a certificate")
        if self.secret is not None and len(self.secret) < SECRET_BYTES_MIN:
            raise ValueError(f"the proxy's secret is shorter than {SECRET_BYTES_MIN} bytes")

    def reader(self, asking: Asking) -> Reader:
        """Return whom the proxy names."""
        if not asking.address or not is_allowed(asking.address, self.proxies):
            raise NotSignedIn("not from a listed proxy")
        if self.names and not self.names & asking.names:
            raise NotSignedIn("without the certificate of a listed proxy")
        headers = asking.headers
        given = _once(headers, self.secret_header).encode("utf-8", "replace")
        if self.secret is not None and not hmac.compare_digest(given, self.secret):
            raise NotSignedIn("without the proxy's secret")
        groups = _once(headers, self.groups_header).split(",")
        return known(_once(headers, self.user_header), [one.strip() for one in groups])


def _once(headers: Mapping[str, str], name: str) -> str:
    """Return a header; one that stands there twice was perhaps the browser's own, before the proxy's."""
    found = [value for key, value in headers.items() if key.lower() == name.lower()]
    if len(found) > 1:
        raise NotSignedIn("a header stands there twice")
    return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class ByToken:
    """A token that the identity provider signed (JWT), checked here: issuer, audience, expiry, algorithm, key."""

    issuer: str
    audience: str
    keys: Keys
    user_claim: str = "preferred_username"
    groups_claim: str = "groups"

    def reader(self, asking: Asking) -> Reader:
        """Return whom the token names."""
        claims = claims_of(asking, self.keys, [self.issuer], [self.audience], ("sub",))
        groups = claims.get(self.groups_claim, ())
        named = groups if isinstance(groups, list) else [groups]
        return known(str(claims.get(self.user_claim) or claims["sub"]), named, claims["exp"])


def claims_of(
    asking: Asking,
    keys: Keys,
    issuers: Sequence[str],
    audiences: Sequence[str],
    more: Sequence[str],
) -> dict[str, Any]:
    """
    Return what the token of a request claims, once it holds; it must claim *more* besides the usual.

    Raises:
        NotSignedIn: there is none, or it does not hold; says which kind of fault, nothing of the token.
    """
    scheme, _, token = _once(asking.headers, "Authorization").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn("without a token")
    try:
        told = jwt.get_unverified_header(token.strip())
        algorithm = str(told.get("alg", ""))
        key = keys.find(str(told.get("kid", "")), algorithm)
        if key is None:
            raise UnknownKey(keys)
        return jwt.decode(
            token.strip(),
            key,
            algorithms=[algorithm],
            audience=list(audiences),
            issuer=list(issuers),
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "aud", *more]},
        )
    except jwt.PyJWTError as error:
        raise NotSignedIn(f"the token does not hold: {type(error).__name__}") from None


def known(user: str, groups: Sequence[object], until: float | None = None) -> Reader:
    """
    Return somebody who was verified.

    Raises:
        NotSignedIn: there is no name, or one that would break a line.
    """
    if not user or len(user) > USER_MAX or not user.isprintable():
        raise NotSignedIn("without a name")
    return Reader(user, roles_in(groups), until)
