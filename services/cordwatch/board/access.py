"""
Who is asking, and what that allows: roles and capabilities, for every route the same way.

Signing in is the business of the hospital's identity provider. The board
believes only what it can verify (see `signing`), and knows five roles of people
and one of the hospital's record system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from cordwatch.board.limits import WardLimit

Role = Literal["wall", "viewer", "clinician", "coordinator", "administrator", "ehr"]
Capability = Literal[
    "see-wall",
    "see-board",
    "see-names",
    "acknowledge",
    "classify",
    "stand-down",
    "export",
    "ask-cards",
]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
ROLE_PREFIX: Final = "cordwatch-"
"""Groups of the identity provider that count are called `cordwatch-<role>`."""

ALLOWS: Final[dict[Role, frozenset[Capability]]] = {
    "wall": frozenset({"see-wall"}),
    "viewer": frozenset({"see-wall", "see-board"}),
    "clinician": frozenset({"see-wall", "see-board", "see-names", "acknowledge", "classify"}),
    "coordinator": frozenset(get_args(Capability)) - {"ask-cards"},
    # Runs the system, answers for no patient: sees no names and closes no clock.
    "administrator": frozenset({"see-wall", "see-board", "export"}),
    # The record system, for cards beside one patient's record: sees no list of patients.
    "ehr": frozenset({"ask-cards"}),
}
"""What each role may do."""


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token that is good for one call: a digest by which it is known, and when it ends."""

    token: str
    until_s: float
    """Seconds since 1970, after which it is refused for its age."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who asks: a name or staff id, and roles."""

    user: str
    roles: frozenset[Role]
    until: float | None = None
    """Unix time at which the proof of who they are ends."""
    is_known: bool = True
    """False: nobody signed in, so that nobody is shown a name."""
    token: TokenUse | None = None
    """The proof, where it is good for this call alone."""
    limit: WardLimit | None = None
    """To the wards whose patients they may see; None: all."""
    issuer: str = ""
    subject: str = ""
    """Who is meant for good: `sub` of a token, which its issuer gives to nobody else; empty: the name is."""

    @property
    def identity(self) -> str:
        """Return what no other person ever is: a name may be given to somebody else one day."""
        return f"{self.issuer} {self.subject}" if self.subject else self.user

    @property
    def sees_nobody(self) -> bool:
        """Return whether they are limited to wards, and none is named."""
        return self.limit is not None and not self.limit.wards

    def may(self, capability: Capability) -> bool:
        """Return whether one of the roles allows it."""
        return any(capability in ALLOWS[role] for role in self.roles)

    @property
    def sees_names(self) -> bool:
        """Return whether names and numbers of patients may be shown."""
        return self.is_known and self.may("see-names")


class NotSignedIn(Exception):
    """Nobody that the board can verify; says which proof is missing, not what was sent."""


def roles_in(groups: Iterable[object]) -> frozenset[Role]:
    """Return the roles among *groups* of an identity provider; all others mean nothing here."""
    named = {group for group in groups if isinstance(group, str)}
    return frozenset(role for role in ROLES if f"{ROLE_PREFIX}{role}" in named)
