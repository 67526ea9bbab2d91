"""
Which kind a token is of, and whether it is for what it is used for. Pure.

A provider signs tokens of several kinds with the same keys. Each says by other
words of which it is (RFC 9068 and RFC 8417 in `typ` of the header; Keycloak by a
claim `typ`, Cognito by `token_use`), and some say nothing. What a token says of
itself must fit; and whatever only another kind has must not be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cordwatch.board.access import NotSignedIn

TokenKind = Literal["access", "at+jwt", "id", "call"]
"""`access`: says so, or nothing; `at+jwt`: says so as RFC 9068 has it; `id`: of a sign-in; `call`: CDS Hooks."""

MEDIA: Final = "application/"
ACCESS_HEADER: Final = "at+jwt"
PLAIN: Final = frozenset({"", "jwt"})
"""`typ` of a header that says nothing of the kind."""


@dataclass(frozen=True, slots=True)
class _Words:
    """By what a kind of token is known."""

    headers: frozenset[str]
    """What `typ` of the header may be, in small letters and without `application/`."""
    types: frozenset[str]
    """What the claims `typ` and `token_use` may be, in small letters."""
    never: frozenset[str]
    """Claims that only tokens of other kinds have."""


_OF_EVENTS: Final = frozenset({"events"})
"""A security event, as one that signs somebody out (RFC 8417, OpenID Connect Back-Channel Logout)."""
_OF_SIGN_IN: Final = frozenset({"at_hash", "c_hash", "s_hash"})
"""They tie an ID token to what was given with it: no other kind has one."""
_OF_A_PAGE: Final = frozenset({"nonce"})
"""Of an ID token; old providers put it into access tokens too, which then say that they are such."""

_KINDS: Final[Mapping[TokenKind, _Words]] = {
    "access": _Words(
        PLAIN | {ACCESS_HEADER}, frozenset({"bearer", "access"}), _OF_EVENTS | _OF_SIGN_IN
    ),
    "at+jwt": _Words(
        frozenset({ACCESS_HEADER}), frozenset({"bearer", "access"}), _OF_EVENTS | _OF_SIGN_IN
    ),
    "id": _Words(PLAIN, frozenset({"id"}), _OF_EVENTS),
    "call": _Words(PLAIN, frozenset(), _OF_EVENTS | _OF_SIGN_IN | _OF_A_PAGE),
}


def check_kind(kind: TokenKind, header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """
    Refuse a token that is of another kind than *kind*, by its verified *header* and *claims*.

    Raises:
        NotSignedIn: by what it shows that it is another, nothing else of the token.
    """
    words = _KINDS[kind]
    said = str(header.get("typ") or "").lower().removeprefix(MEDIA)
    if said not in words.headers:
        raise NotSignedIn("the token is of another kind, by the type in its header")
    types = {str(claims[name]).lower() for name in ("typ", "token_use") if claims.get(name)}
    if not types <= words.types:
        raise NotSignedIn("the token is of another kind, by what it claims to be")
    never = words.never
    if kind == "access" and said in PLAIN and not types:
        never |= _OF_A_PAGE
    found = sorted(never & claims.keys())
    if found:
        raise NotSignedIn(f"the token is of another kind: it claims {', '.join(found)}")
