"""Three ways to know who asks: a signed token, a header of a trusted proxy, or, on loopback alone, nobody."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Protocol

import jwt

from cordwatch.board.access import NotSignedIn, Reader, Role, roles_in
from cordwatch.board.keys import Keys
from cordwatch.board.limits import WardLimit
from cordwatch.board.token_kinds import TokenKind, check_kind
from cordwatch.runtime.peers import is_allowed
from cordwatch.runtime.strength import SECRET_BYTES_MIN

Networks = Sequence[IPv4Network | IPv6Network]
LEEWAY_S: Final = 30
USER_MAX: Final = 120
SUBJECT_MAX: Final = 255
"""As OpenID Connect has it."""


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
    wards_header: str | None = None
    """Names the wards, with commas; None: nobody is limited."""

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
        who = known(_once(headers, self.user_header), [one.strip() for one in groups])
        if self.wards_header is None:
            return who
        wards = _once(headers, self.wards_header).split(",")
        return replace(who, limit=WardLimit.of(wards))


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
    kind: TokenKind = "access"
    user_claim: str = "preferred_username"
    """The name for people. It may be given to somebody else one day: who is meant for good are issuer and subject."""
    groups_claim: str = "groups"
    wards_claim: str | None = None
    """Names the wards, as a list or with commas; None: nobody is limited."""

    def reader(self, asking: Asking) -> Reader:
        """Return whom the token names."""
        claims = claims_of(
            asking, self.keys, [self.issuer], [self.audience], ("sub",), kind=self.kind
        )
        subject = claims["sub"]
        if not _is_line(subject, SUBJECT_MAX):
            raise NotSignedIn("the token has no subject")
        who = known(
            str(claims.get(self.user_claim) or subject),
            _listed(claims.get(self.groups_claim)),
            claims["exp"],
        )
        who = replace(who, issuer=self.issuer, subject=subject)
        if self.wards_claim is None:
            return who
        return replace(who, limit=WardLimit.of(_listed(claims.get(self.wards_claim))))


def _listed(claim: object) -> list[object]:
    """Return what a claim lists; a text is a list with commas."""
    if isinstance(claim, str):
        return list(claim.split(","))
    return claim if isinstance(claim, list) else []


def claims_of(
    asking: Asking,
    keys: Keys,
    issuers: Sequence[str],
    audiences: Sequence[str],
    more: Sequence[str],
    *,
    kind: TokenKind,
) -> dict[str, Any]:
    """
    Return what the token of a request claims, once it holds and is of this *kind*; it must claim *more* besides the usual.

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
        claims: dict[str, Any] = jwt.decode(
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
    check_kind(kind, told, claims)
    return claims


def known(user: str, groups: Sequence[object], until: float | None = None) -> Reader:
    """
    Return somebody who was verified.

    Raises:
        NotSignedIn: there is no name, or one that would break a line.
    """
    if not _is_line(user, USER_MAX):
        raise NotSignedIn("without a name")
    return Reader(user, roles_in(groups), until)


def _is_line(text: object, most: int) -> bool:
    """Return whether *text* says something, in one line."""
    return isinstance(text, str) and 0 < len(text) <= most and text.isprintable()
